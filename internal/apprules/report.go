package apprules

import (
	"fmt"
	"slices"
	"time"

	"ringfence/internal/fault"
)

// Report is what an app says of itself and its phone. The zero value of a field
// is "not reported". There is nothing in it that names the phone or the PIN,
// and nothing of the personal side.
type Report struct {
	// ObservedAt is when the app looked.
	ObservedAt time.Time
	// AppliedRevision is the revision the app holds to; empty for none.
	AppliedRevision string

	AppVersion, SDKVersion, AgentVersion Version
	// AgentUpdateWaits is for how long an update of the agent has been waiting;
	// nil where the phone does not say.
	AgentUpdateWaits *time.Duration

	OSVersion    Version
	Patch        Patch
	Manufacturer string
	Model        string

	Lock Lock
	// RootChecked: the app has looked for the signals that follow.
	RootChecked bool
	RootSignals RootSignals

	Integrity IntegrityReport
	AppScan   AppScanState
	Knox      Attestation
	// Defender and ThirdParty are what threat defence apps say.
	Defender, ThirdParty Threat

	PIN PINState
	// PendingWipes and DoneWipes are the orders the app knows of, by their ids.
	PendingWipes, DoneWipes []string

	// UnsyncedChanges counts the changes of work data that the app's own server
	// does not have yet, up to MaxUnsynced: what a wipe would lose. It is left out
	// of JSON where it is 0: what knows a report by its JSON knows it as before.
	UnsyncedChanges uint32 `json:",omitempty"`
}

// IntegrityReport is Play Integrity's verdict. It serves for a day.
type IntegrityReport struct {
	Verdict    Integrity
	Evaluation Evaluation
	// At is when it was reached.
	At time.Time
}

// PINState is how the app's PIN is; never what it is.
type PINState struct {
	Set bool
	// Failures counts the wrong PINs since the last right one.
	Failures uint32
}

// RootSignals is a set of signs that the phone's own guards are off.
type RootSignals uint8

// The signs.
const (
	SignRooted RootSignals = 1 << iota
	SignBootloaderUnlocked
	SignROMModified
)

// Attestation is how an attestation went. Zero is "not reported".
type Attestation uint8

// The outcomes. Unsupported: the phone has no such attestation.
const (
	AttestationPassed Attestation = iota + 1
	AttestationFailed
	AttestationUnsupported
)

func (a Attestation) String() string { return nameOf(attestationNames, a) }

// AppScanState is whether Play Protect scans apps. Zero is "not reported".
type AppScanState uint8

// The states.
const (
	AppScanOn AppScanState = iota + 1
	AppScanOff
)

func (s AppScanState) String() string { return nameOf(appScanNames, s) }

// Bounds of a report.
const (
	maxReported = 128
	maxWipes    = 64
)

// MaxUnsynced is the most unsynced changes that a report tells of: an app with
// more says this many.
const MaxUnsynced = 1_000_000

// Validate checks what a stranger sent. Its error is an Invalid fault.
func (r *Report) Validate() error {
	switch {
	case r.ObservedAt.IsZero():
		return fault.InvalidField("report.observed_at", "is missing")
	case r.AppliedRevision != "" && !ValidDigest(r.AppliedRevision):
		return fault.InvalidField("report.applied_revision", "is no revision")
	case r.AgentUpdateWaits != nil && (*r.AgentUpdateWaits < 0 || *r.AgentUpdateWaits > longest):
		return fault.InvalidField("report.agent_update_waits", "is no time of up to ten years")
	case int(r.Lock) >= len(lockNames), int(r.Integrity.Verdict) >= len(integrityNames),
		int(r.Integrity.Evaluation) >= len(evaluationNames), int(r.AppScan) >= len(appScanNames),
		int(r.Knox) >= len(attestationNames), int(r.Defender) >= len(threatNames),
		int(r.ThirdParty) >= len(threatNames), r.RootSignals >= 1<<len(rootSignalNames):
		return fault.InvalidField("report", "has a value that is none")
	case r.UnsyncedChanges > MaxUnsynced:
		return fault.InvalidField("report.unsynced_changes", "are more than %d", MaxUnsynced)
	}
	if r.Patch != "" {
		if _, err := ParsePatch(string(r.Patch)); err != nil {
			return fault.InvalidField("report.patch", "%v", err)
		}
	}
	for field, text := range map[string]string{"manufacturer": r.Manufacturer, "model": r.Model} {
		if !PlainText(text, maxReported) {
			return fault.InvalidField("report."+field, "must be plain text of at most %d bytes", maxReported)
		}
	}
	return validateWipes(append(slices.Clone(r.PendingWipes), r.DoneWipes...))
}

func validateWipes(ids []string) error {
	if len(ids) > maxWipes {
		return fault.InvalidField("report.wipes", "are more than %d", maxWipes)
	}
	for i, id := range ids {
		if id == "" || !PlainText(id, maxReported) {
			return fault.InvalidField(fmt.Sprintf("report.wipes[%d]", i), "is no id")
		}
	}
	return nil
}

// Received gives the report as it is judged and stored: times in UTC and in
// microseconds, and none of them after it came in, so that a clock that is
// ahead gains nothing.
func (r Report) Received(now time.Time) Report {
	now = storedTime(now)
	r.ObservedAt = earlier(storedTime(r.ObservedAt), now)
	r.Integrity.At = earlier(storedTime(r.Integrity.At), now)
	r.PendingWipes, r.DoneWipes = sortedSet(r.PendingWipes), sortedSet(r.DoneWipes)
	return r
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// storedTime is a time as the database keeps it.
func storedTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Registration is what the server knows of one app, and does not take from it.
type Registration struct {
	// OnlineAt is when the app and the server last spoke with each other.
	OnlineAt time.Time
	// AccountDisabled: the person's account is disabled or deleted.
	AccountDisabled bool
	// ClockedOutAt is since when the person has clocked out; zero: they have
	// not, or nobody says.
	ClockedOutAt time.Time
}
