package appsdk

import "ringfence/internal/apprules"

// Decision is what the app shall do, and why.
type Decision struct {
	// Outcome is Proceed, Warn, NeedPIN, Block or Wiped.
	Outcome string
	// MessageKey says why, as a key for translations; empty for Proceed.
	MessageKey string
	// Link is where the remedy is to be had; may be empty.
	Link string
	// ConnectVPN: bring the phone's VPN up first.
	ConnectVPN bool
	// RecheckSeconds is after how long at rest the person is asked again.
	RecheckSeconds int64
	// TriesLeft is how many wrong PINs are borne yet; less than 0 where nothing
	// follows.
	TriesLeft int

	prompts  []apprules.Prompt
	findings []apprules.Finding
}

// Prompts tells how many prompts there are.
func (d *Decision) Prompts() int { return len(d.prompts) }

// Prompt gives one of them: "sign-in", "pin", "biometric", "set-pin", "change-pin"
// or "reset-pin"; "" where there is none.
func (d *Decision) Prompt(i int) string {
	if i < 0 || i >= len(d.prompts) {
		return ""
	}
	return d.prompts[i].String()
}

// Findings tells how many checks do not hold.
func (d *Decision) Findings() int { return len(d.findings) }

// Finding gives one of them, the strictest first; nil where there is none.
func (d *Decision) Finding(i int) *Finding {
	if i < 0 || i >= len(d.findings) {
		return nil
	}
	f := d.findings[i]
	return &Finding{
		Check: string(f.Check), Threshold: f.Threshold, Actual: f.Actual, Action: f.Action.String(),
		RemedyKey: f.RemedyKey, Remedy: f.Remedy, Link: f.Link,
	}
}

// Finding is one launch check that does not hold.
type Finding struct {
	Check string
	// Threshold is what was asked, Actual what was seen.
	Threshold string
	Actual    string
	// Action is "warn", "block" or "wipe".
	Action string
	// RemedyKey is for translations of Remedy, which is English.
	RemedyKey string
	Remedy    string
	Link      string
}
