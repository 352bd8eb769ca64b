package wipe

import (
	"strings"
	"time"
	"unicode"

	"ringfence/internal/fault"
)

// EventKind is what sort of thing happened to an order.
type EventKind string

// The events: five that a device reports, and four that it cannot.
const (
	// Deliver: the device was given the order.
	Deliver EventKind = "deliver"
	// Acknowledge: the device promises to act; for a work profile with its
	// commitment. Reported by the device.
	Acknowledge EventKind = "acknowledge"
	// NotNow: the device puts it back. Reported by the device.
	NotNow EventKind = "not_now"
	// Finish: the device has acted; with its receipt. Reported by the device.
	Finish EventKind = "done"
	// Fail: the device could not and will not. Reported by the device.
	Fail EventKind = "fail"
	// Refuse: the device does not take what it was given for a good order. It
	// may be right, whoever gave it that; it says nothing about the order itself,
	// which stays as it is. Reported by the device.
	Refuse EventKind = "refuse"
	// Cancel: an administrator stops it.
	Cancel EventKind = "cancel"
	// Expire: somebody looked at the clock.
	Expire EventKind = "expire"
	// End: the epoch it was meant for is over.
	End EventKind = "end"
)

// EventKinds gives every kind, in the order of the table in the package comment.
func EventKinds() []EventKind {
	return []EventKind{Deliver, Acknowledge, NotNow, Finish, Fail, Refuse, Cancel, Expire, End}
}

// byDevice reports whether a device may report it.
func (k EventKind) byDevice() bool {
	return k == Acknowledge || k == NotNow || k == Finish || k == Fail || k == Refuse
}

// Event is what happened to an order.
type Event struct {
	Kind EventKind
	// Reason is for NotNow, Fail, Refuse, Cancel and End: why, in words.
	Reason string
	// Statement is for Acknowledge of a work profile, and for Finish: what the
	// device has signed.
	Statement *Statement
}

// proof gives what the device has signed with the event; nil for nothing.
func (e Event) proof() *Proof {
	if e.Statement == nil {
		return nil
	}
	return &e.Statement.Proof
}

// MaxReason bounds a reason, in characters.
const MaxReason = 200

// checkReason refuses what an administrator should not write into the record:
// nothing at all, too much, or characters that no one can see.
func checkReason(reason string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return fault.InvalidField("reason", "is required")
	case len([]rune(reason)) > MaxReason:
		return fault.InvalidField("reason", "must be at most %d characters", MaxReason)
	case strings.ToValidUTF8(reason, "") != reason || strings.ContainsFunc(reason, unicode.IsControl):
		return fault.InvalidField("reason", "must be one line of text")
	}
	return nil
}

// tamed gives a device's words as one bounded line. They are not refused: a
// device that cannot say why must still be able to say that.
func tamed(words string) string {
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(words, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if runes := []rune(line); len(runes) > MaxReason {
		return string(runes[:MaxReason])
	}
	if line == "" {
		return "no reason given"
	}
	return line
}

// What Outcome says when nobody gave a reason.
const (
	outcomeEnded     = "the enrolment ended"
	outcomeAppEnded  = "the registration ended"
	outcomeCommitted = string(Committed) + ": " + outcomeEnded
)

// outcomeUnconfirmed is for what was promised, with no commitment.
func outcomeUnconfirmed(ended string) string {
	return "acknowledged, then " + ended + ": not confirmed"
}

func outcomeOverdue(notAfter time.Time) string {
	return "not acknowledged by " + notAfter.Format(time.RFC3339)
}
