package apprules

import (
	"crypto/sha256"
	"encoding/hex"
)

// Effective is what holds for one person in one app at one level: what the
// server merged, and what the app was sent. It does not change once it is made.
type Effective struct {
	Settings Settings
	Config   Config
	governed bool
	revision string
}

// Seal makes an Effective of merged settings and configuration. Governed tells
// whether any policy applies: without one the app is nobody's to open, whatever
// the settings are.
func Seal(s Settings, c Config, governed bool) *Effective {
	e := &Effective{Settings: s, Config: c.Canonical(), governed: governed}
	b := append([]byte("ringfence app protection 1\x00"), flagByte(e.governed))
	sum := sha256.Sum256(e.Config.appendTo(e.Settings.appendTo(b)))
	e.revision = hex.EncodeToString(sum[:])
	return e
}

// Restore makes an Effective of what a governed app was sent or has kept, so
// that it can compare the revision and hold to it.
func Restore(s Settings, c Config) *Effective { return Seal(s, c, true) }

// Revision is the hash of what the app is sent: 64 hexadecimal digits. Who made
// it so, and the names of policies, do not count; that there is a policy does.
func (e *Effective) Revision() string { return e.revision }

// Governed reports whether any policy applies.
func (e *Effective) Governed() bool { return e.governed }
