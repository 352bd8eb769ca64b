package appprotectdb

import (
	"fmt"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// Times are in microseconds, absent for none; spans in nanoseconds; values of
// enumerations are their numbers.

type reportForm struct {
	ObservedAt       *int64           `json:"observed_at,omitempty"`
	AppliedRevision  string           `json:"applied_revision,omitempty"`
	AppVersion       apprules.Version `json:"app_version,omitzero"`
	SDKVersion       apprules.Version `json:"sdk_version,omitzero"`
	AgentVersion     apprules.Version `json:"agent_version,omitzero"`
	AgentUpdateWaits *time.Duration   `json:"agent_update_waits,omitempty"`
	OSVersion        apprules.Version `json:"os_version,omitzero"`
	Patch            apprules.Patch   `json:"patch,omitempty"`
	Manufacturer     string           `json:"manufacturer,omitempty"`
	Model            string           `json:"model,omitempty"`

	Lock        apprules.Lock         `json:"lock,omitempty"`
	RootChecked bool                  `json:"root_checked,omitempty"`
	RootSignals apprules.RootSignals  `json:"root_signals,omitempty"`
	Integrity   integrityForm         `json:"integrity,omitzero"`
	AppScan     apprules.AppScanState `json:"app_scan,omitempty"`
	Knox        apprules.Attestation  `json:"knox,omitempty"`
	Defender    apprules.Threat       `json:"defender,omitempty"`
	ThirdParty  apprules.Threat       `json:"third_party,omitempty"`

	PINSet       bool     `json:"pin_set,omitempty"`
	PINFailures  uint32   `json:"pin_failures,omitempty"`
	PendingWipes []string `json:"pending_wipes,omitempty"`
	DoneWipes    []string `json:"done_wipes,omitempty"`

	UnsyncedChanges uint32 `json:"unsynced_changes,omitempty"`
}

type integrityForm struct {
	Verdict    apprules.Integrity  `json:"verdict,omitempty"`
	Evaluation apprules.Evaluation `json:"evaluation,omitempty"`
	At         *int64              `json:"at,omitempty"`
}

// encodeReport refuses a report that would not be read back.
func encodeReport(r *apprules.Report) (string, error) {
	if err := r.Validate(); err != nil {
		return "", err
	}
	return encode(reportForm{
		ObservedAt: sqldb.NullMicros(r.ObservedAt), AppliedRevision: r.AppliedRevision,
		AppVersion: r.AppVersion, SDKVersion: r.SDKVersion, AgentVersion: r.AgentVersion, AgentUpdateWaits: r.AgentUpdateWaits,
		OSVersion: r.OSVersion, Patch: r.Patch, Manufacturer: r.Manufacturer, Model: r.Model,
		Lock: r.Lock, RootChecked: r.RootChecked, RootSignals: r.RootSignals,
		Integrity: integrityForm{r.Integrity.Verdict, r.Integrity.Evaluation, sqldb.NullMicros(r.Integrity.At)},
		AppScan:   r.AppScan, Knox: r.Knox, Defender: r.Defender, ThirdParty: r.ThirdParty,
		PINSet: r.PIN.Set, PINFailures: r.PIN.Failures, PendingWipes: r.PendingWipes, DoneWipes: r.DoneWipes,
		UnsyncedChanges: r.UnsyncedChanges,
	}, maxState)
}

func decodeReport(raw string) (*apprules.Report, error) {
	f, err := decode[reportForm](raw, maxState)
	if err != nil {
		return nil, err
	}
	r := &apprules.Report{
		ObservedAt: sqldb.FromNullMicros(f.ObservedAt), AppliedRevision: f.AppliedRevision,
		AppVersion: f.AppVersion, SDKVersion: f.SDKVersion, AgentVersion: f.AgentVersion, AgentUpdateWaits: f.AgentUpdateWaits,
		OSVersion: f.OSVersion, Patch: f.Patch, Manufacturer: f.Manufacturer, Model: f.Model,
		Lock: f.Lock, RootChecked: f.RootChecked, RootSignals: f.RootSignals,
		Integrity: apprules.IntegrityReport{Verdict: f.Integrity.Verdict, Evaluation: f.Integrity.Evaluation, At: sqldb.FromNullMicros(f.Integrity.At)},
		AppScan:   f.AppScan, Knox: f.Knox, Defender: f.Defender, ThirdParty: f.ThirdParty,
		PIN: apprules.PINState{Set: f.PINSet, Failures: f.PINFailures}, PendingWipes: f.PendingWipes, DoneWipes: f.DoneWipes,
		UnsyncedChanges: f.UnsyncedChanges,
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return r, nil
}

type verdictForm struct {
	Standing    apprules.Standing `json:"standing"`
	Findings    []findingForm     `json:"findings,omitempty"`
	EvaluatedAt *int64            `json:"evaluated_at,omitempty"`
	EvidenceAt  *int64            `json:"evidence_at,omitempty"`
	Since       *int64            `json:"since,omitempty"`
	ChangesAt   *int64            `json:"changes_at,omitempty"`
}

type findingForm struct {
	Check       apprules.Key    `json:"check"`
	Threshold   string          `json:"threshold,omitempty"`
	Actual      string          `json:"actual,omitempty"`
	Action      apprules.Action `json:"action"`
	EvidenceAge time.Duration   `json:"evidence_age,omitempty"`
	Since       *int64          `json:"since,omitempty"`
	RemedyKey   string          `json:"remedy_key,omitempty"`
	Remedy      string          `json:"remedy,omitempty"`
	Link        string          `json:"link,omitempty"`
}

// maxFindings is well above the number of checks.
const maxFindings = 256

func encodeVerdict(v apprules.Verdict) (string, error) {
	if err := checkVerdict(v); err != nil {
		return "", invalid("verdict", err)
	}
	return encode(verdictForm{
		Standing: v.Standing, EvaluatedAt: sqldb.NullMicros(v.EvaluatedAt), EvidenceAt: sqldb.NullMicros(v.EvidenceAt),
		Since: sqldb.NullMicros(v.Since), ChangesAt: sqldb.NullMicros(v.ChangesAt),
		Findings: list(v.Findings, func(f apprules.Finding) findingForm {
			return findingForm{
				Check: f.Check, Threshold: f.Threshold, Actual: f.Actual, Action: f.Action, EvidenceAge: f.EvidenceAge,
				Since: sqldb.NullMicros(f.Since), RemedyKey: f.RemedyKey, Remedy: f.Remedy, Link: f.Link,
			}
		}),
	}, maxState)
}

func decodeVerdict(raw string) (apprules.Verdict, error) {
	form, err := decode[verdictForm](raw, maxState)
	if err != nil {
		return apprules.Verdict{}, err
	}
	v := apprules.Verdict{
		Standing: form.Standing, EvaluatedAt: sqldb.FromNullMicros(form.EvaluatedAt), EvidenceAt: sqldb.FromNullMicros(form.EvidenceAt),
		Since: sqldb.FromNullMicros(form.Since), ChangesAt: sqldb.FromNullMicros(form.ChangesAt),
		Findings: list(form.Findings, func(f findingForm) apprules.Finding {
			return apprules.Finding{
				Check: f.Check, Threshold: f.Threshold, Actual: f.Actual, Action: f.Action, EvidenceAge: f.EvidenceAge,
				Since: sqldb.FromNullMicros(f.Since), RemedyKey: f.RemedyKey, Remedy: f.Remedy, Link: f.Link,
			}
		}),
	}
	return v, checkVerdict(v)
}

// checkVerdict refuses numbers that say nothing.
func checkVerdict(v apprules.Verdict) error {
	if v.Standing < apprules.StandingOK || v.Standing > apprules.StandingWipe || len(v.Findings) > maxFindings {
		return fmt.Errorf("has standing %d and %d findings", uint8(v.Standing), len(v.Findings))
	}
	for _, f := range v.Findings {
		if f.Action > apprules.ActionWipe || f.EvidenceAge < 0 {
			return fmt.Errorf("has action %d on evidence of age %d", uint8(f.Action), f.EvidenceAge)
		}
	}
	return nil
}

// invalid says what is wrong with what was to be stored.
func invalid(field string, err error) error {
	return fault.InvalidField(field, "%v", err).WithCause(err)
}
