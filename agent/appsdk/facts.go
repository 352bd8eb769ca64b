package appsdk

import (
	"errors"
	"fmt"
	"time"

	"ringfence/internal/apprules"
)

// How the phone is managed.
const (
	Unenrolled   = int(apprules.Unenrolled)
	WorkProfile  = int(apprules.WorkProfile)
	FullyManaged = int(apprules.FullyManaged)
)

// What the phone's own lock is. LockSet is one whose strength it does not say.
const (
	LockUnknown = 0
	LockNone    = int(apprules.LockNone)
	LockSet     = int(apprules.LockSet)
	LockLow     = int(apprules.LockLow)
	LockMedium  = int(apprules.LockMedium)
	LockHigh    = int(apprules.LockHigh)
)

// What Play Integrity says.
const (
	IntegrityUnknown   = 0
	IntegrityFailed    = int(apprules.IntegrityFailed)
	IntegrityBasic     = int(apprules.IntegrityBasic)
	IntegrityCertified = int(apprules.IntegrityCertified)

	EvaluationUnknown  = 0
	EvaluationBasic    = int(apprules.EvaluationBasic)
	EvaluationHardware = int(apprules.EvaluationHardware)
)

// Whether Play Protect scans apps, and how Samsung's attestation went.
const (
	AppScanUnknown = 0
	AppScanOn      = int(apprules.AppScanOn)
	AppScanOff     = int(apprules.AppScanOff)

	AttestationUnknown     = 0
	AttestationPassed      = int(apprules.AttestationPassed)
	AttestationFailed      = int(apprules.AttestationFailed)
	AttestationUnsupported = int(apprules.AttestationUnsupported)
)

// What a threat defence app says.
const (
	ThreatUnknown = 0
	ThreatSecured = int(apprules.ThreatSecured)
	ThreatLow     = int(apprules.ThreatLow)
	ThreatMedium  = int(apprules.ThreatMedium)
	ThreatHigh    = int(apprules.ThreatHigh)
)

// Sorts of biometrics.
const (
	NoBiometric = 0
	Fingerprint = int(apprules.Fingerprint)
	Face        = int(apprules.Face)
	Iris        = int(apprules.Iris)
)

// Facts are the phone as it is now. What is not known is the zero value. Nothing
// here names the phone.
type Facts struct {
	// Level is how the phone is managed; zero is Unenrolled.
	Level     int
	OSVersion string
	// SecurityPatch is YYYY-MM-DD.
	SecurityPatch string
	Manufacturer  string
	Model         string
	Lock          int
	// Encrypted: the phone encrypts all of its storage.
	Encrypted bool

	// RootChecked: the app has looked for the signs that follow.
	RootChecked        bool
	Rooted             bool
	BootloaderUnlocked bool
	ROMModified        bool

	Integrity           int
	IntegrityEvaluation int
	// IntegrityAt is when the verdict was reached, by the wall clock in
	// microseconds.
	IntegrityAt int64
	AppScan     int
	Knox        int
	Defender    int
	ThirdParty  int

	// AgentVersion is the work agent's; empty without one. AgentUpdateKnown says
	// that the phone knows for how long an update of it has been waiting, in
	// seconds.
	AgentVersion      string
	AgentUpdateKnown  bool
	AgentUpdateWaits  int64
	Biometric         int
	BiometricClass    int
	BiometricEnrolled string // names the set of enrolled biometrics: another set, another name
}

// enum gives a value of an enumeration, zero for what is none: not known.
func enum[T ~uint8](v int, most T) T {
	if v < 0 || v > int(most) {
		return 0
	}
	return T(v)
}

// facts looks at the phone. A phone that gives nothing is not known.
func (s *SDK) facts() (*Facts, error) {
	f, err := s.o.Phone.Look()
	if err == nil && f == nil {
		err = errors.New("there is nothing to see")
	}
	if err != nil {
		return nil, fmt.Errorf("look at the phone: %w", err)
	}
	return f, nil
}

func (f *Facts) level() apprules.Level {
	return max(enum(f.Level, apprules.FullyManaged), apprules.Unenrolled)
}

func (f *Facts) locked() bool { return f.Lock > LockNone && f.Lock <= LockHigh }

// unsynced counts what the app has not sent. No lock is held.
func (s *SDK) unsynced() uint32 {
	if s.o.Work == nil {
		return 0
	}
	return uint32(min(max(s.o.Work.UnsyncedChanges(), 0), apprules.MaxUnsynced))
}

// moments are one instant by the server's clock, as far as the app can tell, and
// by the phone's.
type moments struct{ now, wall time.Time }

// report makes a report of the facts.
func (s *SDK) report(f *Facts, at moments) apprules.Report {
	version := func(text string) apprules.Version {
		v, err := apprules.ParseVersion(text)
		if err != nil {
			return apprules.Version{}
		}
		return v
	}
	r := apprules.Report{
		ObservedAt: at.now, AppVersion: version(s.o.AppVersion), SDKVersion: version(s.sdkVersion), AgentVersion: version(f.AgentVersion),
		OSVersion: version(f.OSVersion), Manufacturer: plain(f.Manufacturer), Model: plain(f.Model),
		Lock: enum(f.Lock, apprules.LockHigh), RootChecked: f.RootChecked, RootSignals: f.signs(),
		AppScan: enum(f.AppScan, apprules.AppScanOff), Knox: enum(f.Knox, apprules.AttestationUnsupported),
		Defender: enum(f.Defender, apprules.ThreatHigh), ThirdParty: enum(f.ThirdParty, apprules.ThreatHigh),
		PIN: apprules.PINState{Set: len(s.st.PIN.History) > 0, Failures: s.st.PIN.Failures},
	}
	if e, err := s.policy(); err == nil {
		r.AppliedRevision = e.Revision()
	}
	if p, err := apprules.ParsePatch(f.SecurityPatch); err == nil {
		r.Patch = p
	}
	if f.AgentUpdateKnown {
		waits := time.Duration(min(max(f.AgentUpdateWaits, 0), 3650*86400)) * time.Second
		r.AgentUpdateWaits = &waits
	}
	if f.Integrity != 0 || f.IntegrityEvaluation != 0 {
		age := max(at.wall.Sub(time.UnixMicro(f.IntegrityAt)), 0)
		r.Integrity = apprules.IntegrityReport{
			Verdict:    enum(f.Integrity, apprules.IntegrityCertified),
			Evaluation: enum(f.IntegrityEvaluation, apprules.EvaluationHardware), At: at.now.Add(-age),
		}
	}
	r.PendingWipes, r.DoneWipes = s.st.wipes()
	return r
}

func (f *Facts) signs() (signs apprules.RootSignals) {
	if f.Rooted {
		signs |= apprules.SignRooted
	}
	if f.BootloaderUnlocked {
		signs |= apprules.SignBootloaderUnlocked
	}
	if f.ROMModified {
		signs |= apprules.SignROMModified
	}
	return signs
}

// plain gives a text that a report may hold; "" for one that it may not.
func plain(text string) string {
	if !apprules.PlainText(text, 128) {
		return ""
	}
	return text
}
