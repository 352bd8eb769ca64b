package wipe

import (
	"time"

	"ringfence/internal/fault"
)

// move is one cell of the table: where an event leads.
type move struct {
	to     State
	refuse *fault.Error
	// when limits the move to one side of NotAfter.
	when side
}

type side uint8

const (
	always side = iota
	inTime      // refused as expired once the time is over
	late        // nothing happens until the time is over
)

func to(s State) move              { return move{to: s} }
func until(s State) move           { return move{to: s, when: inTime} }
func after(s State) move           { return move{to: s, when: late} }
func refuse(err *fault.Error) move { return move{refuse: err} }

// moves is the whole life of an order. The package comment draws it, a test
// compares the two.
var moves = map[State]map[EventKind]move{
	Pending: {
		Deliver:     until(Delivered),
		Acknowledge: until(Acknowledged), // it holds the order since before it said "not now"
		NotNow:      until(Pending),      // the same report again: counts once
		Finish:      refuse(ErrNotAcknowledged),
		Fail:        until(Failed),
		Cancel:      to(Cancelled),
		Expire:      after(Expired),
		End:         to(Expired),
	},
	Delivered: {
		Deliver:     until(Delivered),
		Acknowledge: until(Acknowledged),
		NotNow:      until(Pending),
		Finish:      refuse(ErrNotAcknowledged),
		Fail:        until(Failed),
		Cancel:      to(Cancelled),
		Expire:      after(Expired),
		End:         to(Expired),
	},
	// The promise has no time limit. Only the device's own word, or the end of
	// the epoch in which it could give it, ends what it has begun. It cannot
	// be put back either: something may be gone already, and a pending order
	// could be cancelled as if nothing were.
	Acknowledged: {
		Deliver:     to(Acknowledged),
		Acknowledge: to(Acknowledged),
		NotNow:      refuse(ErrAcknowledged),
		Finish:      to(Done),
		Fail:        to(Failed),
		Cancel:      refuse(ErrAcknowledged),
		Expire:      to(Acknowledged),
		End:         to(Expired),
	},
	Done:      final(Done, Finish, ErrFinished),
	Failed:    final(Failed, Fail, ErrFinished),
	Cancelled: final(Cancelled, Cancel, ErrCancelled),
	Expired:   final(Expired, Expire, ErrExpired),
}

// final is the row of a final state: what led there may be said again, time
// and the end of the epoch change nothing, all else is refused: an
// administrator hears that it is finished, a device why it must not act.
func final(s State, again EventKind, err *fault.Error) map[EventKind]move {
	row := make(map[EventKind]move)
	for _, k := range EventKinds() {
		row[k] = refuse(err)
	}
	row[Cancel] = refuse(ErrFinished)
	row[Expire], row[End], row[again] = to(s), to(s), to(s)
	return row
}

// Apply gives the order after an event, with Version one higher, or the very
// same order if the event changes nothing. Its errors are this package's
// faults; the order is then as it was.
func (o Order) Apply(e Event, now time.Time) (Order, error) {
	m, ok := moves[o.State][e.Kind]
	switch {
	case !ok:
		return o, fault.New(fault.Internal, "", "no move from state %q by event %q", o.State, e.Kind)
	case m.refuse != nil:
		return o, m.refuse
	case m.when == inTime && o.overdue(now):
		return o, ErrExpired
	case m.when == late && !o.overdue(now):
		return o, nil
	case o.State == m.to:
		return o.settle(e, now), nil
	case e.Kind == NotNow && o.NotNow >= MaxNotNow:
		return o, nil
	}
	return o.enter(m.to, e, now)
}

// enter takes the order into another state.
func (o Order) enter(next State, e Event, now time.Time) (Order, error) {
	before := o
	o.State, o.ChangedAt = next, now
	o.Version++
	switch next {
	case Pending:
		o.NotNow++
	case Acknowledged:
		o.AcknowledgedAt = now
	case Done:
		r, err := e.Receipt.checked(o.Scope)
		if err != nil {
			return before, err
		}
		o.Receipt = &r
	case Failed:
		o.Outcome = tamed(e.Reason)
	case Cancelled:
		o.Outcome = e.Reason
	case Expired:
		o.Outcome = expiredBy(e.Kind, before.State, o.NotAfter)
	}
	if next.Final() && (next != Done || !o.Scope.EndsEnrollment()) {
		o.SettledAt = now
	}
	return o, nil
}

// settle notes that the enrolment which a wipe was to end has ended.
func (o Order) settle(e Event, now time.Time) Order {
	if e.Kind == End && o.State == Done && !o.settled() {
		o.SettledAt = now
		o.Version++
	}
	return o
}

func expiredBy(k EventKind, was State, notAfter time.Time) string {
	switch {
	case k == Expire:
		return outcomeOverdue(notAfter)
	case was == Acknowledged:
		return outcomeUnconfirmed
	default:
		return outcomeEnded
	}
}
