package access

import (
	"math/bits"
	"slices"
	"time"

	"ringfence/internal/device"
)

// Outcome is a decision in one word. The zero value shuts.
type Outcome uint8

// The outcomes.
const (
	// Deny: nothing that the person can do in this session helps.
	Deny Outcome = iota
	// Allow: come in.
	Allow
	// AllowWith: come in when what is owed is done; until then, stay out.
	AllowWith
)

var outcomeNames = []string{"deny", "allow", "allow-with"}

func (o Outcome) String() string { return nameOf(outcomeNames, o) }

// Decision is the answer to a sign-in. The zero value denies.
type Decision struct {
	Outcome Outcome
	// Owed is what is to be done first; empty but for AllowWith.
	Owed Owed
	// WithReportOnly is what the outcome would be if the policies that only
	// report were on. Nothing follows from it.
	WithReportOnly Outcome
	// CachedUntil is when the answer must be thrown away, if nothing that it was
	// given on changes before: see Versions.
	CachedUntil time.Time

	session  sessionRule
	snapshot *Snapshot
	in       *SignIn
	facts    *Facts
	at       time.Time
}

// Session gives the strictest session controls of all policies that apply:
// whether to sign in each time, else after how long, and every label. A denied
// sign-in has none.
func (d *Decision) Session() Session {
	s := Session{EverySignIn: d.session.every, SignInFrequency: d.session.frequency}
	if s.EverySignIn {
		s.SignInFrequency = 0
	}
	for rest := d.session.labels; rest != 0; rest &= rest - 1 {
		s.Labels = append(s.Labels, d.snapshot.labels[bits.TrailingZeros64(rest)])
	}
	slices.Sort(s.Labels)
	return s
}

// At gives the time of the decision; zero for the zero decision.
func (d *Decision) At() time.Time { return d.at }

// Versions name all that an answer was given on, apart from what the door saw.
// Answers may be cached by them: they can be compared.
type Versions struct {
	// Policies is the snapshot's generation.
	Policies          uint64
	Person            uint64
	DeviceID          device.ID
	DeviceEpoch       device.Epoch
	Device            uint64
	Compliance        uint64
	RegistrationID    device.ID
	RegistrationEpoch device.Epoch
	Registration      uint64
	Protection        uint64
}

// VersionsOf gives the versions by which an answer may be looked up.
func VersionsOf(s *Snapshot, in *SignIn, facts *Facts) Versions {
	v := Versions{Policies: s.generation, Person: in.Person.Version}
	if facts == nil {
		return v
	}
	if d := facts.Device; d != nil {
		v.DeviceID, v.DeviceEpoch, v.Device, v.Compliance = d.ID, d.Epoch, d.Version, d.Compliance.Version
	}
	if r := facts.Registration; r != nil {
		v.RegistrationID, v.RegistrationEpoch, v.Registration, v.Protection = r.ID, r.Epoch, r.Version, r.Protection.Version
	}
	return v
}
