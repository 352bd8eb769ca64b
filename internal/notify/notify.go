package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"ringfence/internal/audit"
)

// The actions of the record that are told.
const (
	ActionRequest = "wipe.request" // a wipe, or a change of limits or lease, waits for approval
	ActionApprove = "wipe.approve" // a waiting wipe was approved
	ActionReject  = "wipe.reject"  // a waiting request was rejected
	ActionStop    = "wipe.stop"    // a request was stopped
	ActionBudget  = "wipe.budget"  // a budget is exhausted
	ActionBreaker = "wipe.breaker" // the breaker opened
	ActionResume  = "wipe.resume"  // the breaker was closed
	ActionLimits  = "wipe.limits"  // budgets or thresholds were changed
	ActionLease   = "wipe.lease"   // the offline lease was changed
)

// Kind says what a notice is about, for programs.
type Kind string

// The kinds, one an action.
const (
	Approval Kind = "approval"
	Approved Kind = "approved"
	Rejected Kind = "rejected"
	Stopped  Kind = "stopped"
	Budget   Kind = "budget"
	Breaker  Kind = "breaker"
	Resumed  Kind = "resumed"
	Limits   Kind = "limits"
	Lease    Kind = "lease"
)

// Alert says whether the kind means that something is wrong now.
func (k Kind) Alert() bool { return k == Budget || k == Breaker }

// told is every action that is told, with what it means in words.
var told = []struct {
	action   string
	kind     Kind
	headline string
	advice   string
}{
	{ActionRequest, Approval, "A request waits for approval", "Somebody other than who asked must decide. Look at what it would do first."},
	{ActionApprove, Approved, "A waiting wipe was approved", "Whatever it ordered is on its way. If this surprises you, stop it now."},
	{ActionReject, Rejected, "A waiting request was rejected", ""},
	{ActionStop, Stopped, "A request was stopped", ""},
	{ActionBudget, Budget, "ALERT: a wipe budget is exhausted", "Somebody ordered as many wipes as they may. If it was not meant, revoke the credential."},
	{ActionBreaker, Breaker, "ALERT: the wipe breaker opened", "Too much of the fleet was to be wiped: everything pending is paused until two people decide."},
	{ActionResume, Resumed, "The wipe breaker was closed", "The detail says whether what was pending goes on or is cancelled."},
	{ActionLimits, Limits, "Wipe limits were changed", "If this surprises you, put them back and revoke the credential."},
	{ActionLease, Lease, "The offline lease was changed", "Phones out of contact lock and wipe their work side by it."},
}

// Actions gives the actions that are told.
func Actions() []string {
	actions := make([]string, len(told))
	for i, t := range told {
		actions[i] = t.action
	}
	return actions
}

// Notice is what one entry of the record tells people. It has no other words
// than the entry, and not all of them: neither from where nor with which
// credential something was done.
type Notice struct {
	Kind     Kind
	Sequence uint64 // of the entry, and of the notice within a channel
	Time     time.Time
	Action   string
	Actor    string
	Target   string
	Detail   string
	// RequestID names the call that caused it; empty for the server's own.
	RequestID string

	headline, advice string
}

// Of gives the notice of an entry, and false for an entry that is not told.
func Of(e audit.Entry) (Notice, bool) {
	for _, t := range told {
		if t.action == e.Action {
			return Notice{
				Kind: t.kind, Sequence: e.Sequence, Time: e.Time,
				Action: e.Action, Actor: e.Actor, Target: e.Target, Detail: e.Detail, RequestID: e.RequestID,
				headline: t.headline, advice: t.advice,
			}, true
		}
	}
	return Notice{}, false
}

// leftOut is the detail of a bare notice.
const leftOut = "left out, because the receiver refused the whole notice: read the entry in the record"

// Bare gives the notice without the words that people chose.
func (n Notice) Bare() Notice {
	n.Actor, n.Target, n.RequestID, n.Detail = "", "", "", leftOut
	return n
}

// ID names the notice among those of every installation: the sequence, "-" and
// 16 hex digits. It is the same however often and by whichever channel the
// notice is sent. An entry that takes another's sequence after an old database
// was restored has another id.
func (n Notice) ID(installation string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %d", installation, n.Sequence, n.Time.UnixMicro()))
	return fmt.Sprintf("%d-%s", n.Sequence, hex.EncodeToString(sum[:8]))
}
