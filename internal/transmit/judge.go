package transmit

import (
	"strings"
	"time"
	"unicode"
)

// Verdict says how a try to hand an item over ended.
type Verdict uint8

// The verdicts.
const (
	// Taken: the receiver has it.
	Taken Verdict = iota + 1
	// Refused: the receiver does not take this item, and never will.
	Refused
	// Failed: this item was not taken, which may be about it.
	Failed
	// Down: nothing can be handed over at present.
	Down
)

func (v Verdict) String() string {
	return [...]string{"", "taken", "refused", "failed", "down"}[v]
}

// Outcome is what came of one try. Reason is in words for people, without a
// secret or an address.
type Outcome struct {
	Verdict Verdict
	Reason  string
	// RetryAfter is how long the receiver asks to be left alone; 0 for nothing
	// asked.
	RetryAfter time.Duration
}

const (
	// patience is how long an item, or a receiver, may fail: then the item is
	// put aside, the stream paused.
	patience = 24 * time.Hour
	// fewTries is how often an item is tried at least before it is put aside.
	fewTries = 10
	// pauseAfter is after how many failures in a row the receiver is left alone
	// for a while, though each may have been about its item.
	pauseAfter = 5
	// mostReason bounds what is kept of why.
	mostReason = 500
)

// landing is a try that ended.
type landing struct {
	item    Item
	outcome Outcome
}

// moment is when something is judged, by how the server's dice fell.
type moment struct {
	now    time.Time
	jitter float64
}

// judge says what comes of a try: for the item, for how its stream fares, and
// how long the receiver is left alone.
func judge(l landing, f Fare, m moment) (Result, Fare, time.Duration) {
	r := Result{Number: l.item.Number, Reason: cut(oneLine(l.outcome.Reason)), Tries: l.item.Tries, FailedAt: l.item.FailedAt}
	switch l.outcome.Verdict {
	case Taken:
		r.Taken = true
		return r, Fare{DeliveredAt: m.now}, 0
	case Refused:
		// It answers, and well: the receiver is fine.
		r.Dead = true
		return r, Fare{DeliveredAt: f.DeliveredAt, LastError: r.Reason}, 0
	}
	if f.Failures++; f.FailingSince.IsZero() {
		f.FailingSince = m.now
	}
	f.LastError = r.Reason
	var hold time.Duration
	if l.outcome.Verdict == Down || f.Failures >= pauseAfter {
		hold = max(backoff(f.Failures, m.jitter), min(l.outcome.RetryAfter, mostWait))
	}
	lost := !m.now.Before(f.FailingSince.Add(patience))
	if l.outcome.Verdict == Down {
		// What is about the stream alone does not wait for ever.
		r.Dead = lost && l.item.Control()
		return r, f, hold
	}
	if r.Tries++; r.FailedAt.IsZero() {
		r.FailedAt = m.now
	}
	r.NextAt = m.now.Add(backoff(r.Tries, m.jitter))
	// Where nothing at all is taken, the stream is paused and keeps it.
	r.Dead = r.Tries >= fewTries && !m.now.Before(r.FailedAt.Add(patience)) && (!lost || l.item.Control())
	return r, f, hold
}

// lost says whether a receiver has failed for so long that its stream is paused.
func (f *Fare) lost(now time.Time) bool {
	return f.Failures > 0 && !now.Before(f.FailingSince.Add(patience))
}

// oneLine makes words of any origin fit for both databases and for a line.
func oneLine(words string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words, "\uFFFD"))
}

// cut bounds a reason, at a whole character.
func cut(reason string) string {
	n := 0
	for at := range reason {
		if n++; n > mostReason {
			return reason[:at]
		}
	}
	return reason
}
