package wipe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// MaxTargets bounds how many devices one request names.
const MaxTargets = 10_000

// Target says which devices and registrations: exactly one of its fields is set. A
// group and a person name what is enrolled; a registration is in no group.
type Target struct {
	Devices []device.ID
	Group   string
	User    string
}

func (t Target) check() error {
	given := 0
	for _, is := range []bool{len(t.Devices) > 0, t.Group != "", t.User != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return fault.InvalidField("target", "must name devices, a group or a user")
	}
	if len(t.Devices) > MaxTargets {
		return fault.InvalidField("target.devices", "must name at most %d devices", MaxTargets)
	}
	for _, id := range t.Devices {
		if _, err := device.ParseID(string(id)); err != nil {
			return fault.InvalidField("device_id", "%v", err)
		}
	}
	return nil
}

// one reports whether it names one device.
func (t Target) one() bool { return len(t.Devices) == 1 }

// Ask is what an administrator asks orders for.
type Ask struct {
	// Key makes it safe to repeat.
	Key    string
	Target Target
	// Epoch is the enrolment it is meant for, where the target is one device; 0
	// means the present one.
	Epoch device.Epoch
	Scope Scope
	// Reason is for the record and for the persons.
	Reason string
	// Lifetime is how long the devices may take to begin; 0 means
	// DefaultLifetime.
	Lifetime time.Duration
	// Plan is the digest of the plan that was seen. One device needs none.
	Plan string
	// Standing asks for the work side of everything of one person, until it is
	// lifted; the target is that person.
	Standing bool
}

// How long a device may take to begin.
const (
	DefaultLifetime = 30 * 24 * time.Hour
	MinLifetime     = time.Minute
	MaxLifetime     = 365 * 24 * time.Hour
)

var (
	keyPattern  = regexp.MustCompile(`^[A-Za-z0-9._:-]{8,64}$`)
	planPattern = regexp.MustCompile(`^([0-9a-f]{64})?$`)
)

// lifetime is Lifetime or the default.
func (a Ask) lifetime() time.Duration {
	if a.Lifetime == 0 {
		return DefaultLifetime
	}
	return a.Lifetime
}

func (a Ask) terms() Terms {
	return Terms{Scope: a.Scope, Reason: a.Reason, Lifetime: a.lifetime(), Person: a.Standing}
}

// check says what can never be right about it.
func (a Ask) check() error {
	if err := checkKey(a.Key, a.Reason); err != nil {
		return err
	}
	if err := a.checkTarget(); err != nil {
		return err
	}
	switch {
	case !planPattern.MatchString(a.Plan):
		return fault.InvalidField("plan_digest", "must be the digest that a plan gave")
	case a.Plan == "" && !a.Target.one():
		return fault.InvalidField("plan_digest", "is required for more than one device: plan first")
	}
	return nil
}

// checkTarget is the part of check that a plan needs too.
func (a Ask) checkTarget() error {
	if err := a.Target.check(); err != nil {
		return err
	}
	if d := a.lifetime(); d < MinLifetime || d > MaxLifetime {
		return fault.InvalidField("lifetime", "must be between one minute and 365 days")
	}
	switch {
	case a.Scope.kind == "":
		return fault.InvalidField("scope", "is required")
	case a.Epoch != 0 && !a.Target.one():
		return fault.InvalidField("epoch", "is for one device")
	case a.Standing && a.Target.User == "":
		return fault.InvalidField("user", "is required")
	case a.Standing && a.Scope.kind != WorkProfile:
		return fault.InvalidField("scope", "must be the work profile for everything of one person")
	}
	return nil
}

// checkKey is for every request.
func checkKey(key, reason string) error {
	if !keyPattern.MatchString(key) {
		return fault.InvalidField("request_key", "must match %s", keyPattern)
	}
	return checkReason(reason)
}

// digest is the same for two that ask for the same. Which plan was seen is not
// part of it: who tries again may have planned again.
func (a Ask) digest() string {
	return digestOf("%q %q %q %d %q %t %q %q %d %t", slices.Sorted(slices.Values(a.Target.Devices)), a.Target.Group, a.Target.User,
		a.Epoch, a.Scope.kind, a.Scope.personal, a.Scope.packages, a.Reason, a.lifetime(), a.Standing)
}

func digestOf(format string, args ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	return hex.EncodeToString(sum[:])
}
