package wipe

import (
	"time"

	"ringfence/internal/fault"
)

// move is one cell of the table: where an event leads.
type move struct {
	to     State
	refuse *fault.Error
	// note: the event is noted in the order, whose state stays.
	note bool
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

var noted = move{note: true}

// moves is the whole life of an order. The package comment draws it, a test
// compares the two.
var moves = map[State]map[EventKind]move{
	Pending: {
		Deliver:     until(Delivered),
		Acknowledge: until(Acknowledged), // it holds the order since before it said "not now"
		NotNow:      until(Pending),      // the same report again: counts once
		Finish:      refuse(ErrNotAcknowledged),
		Fail:        until(Failed),
		Refuse:      noted,
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
		Refuse:      noted,
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
		Refuse:      noted,
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
// and the end of the epoch change nothing, what the device does not take for
// the order is noted, all else is refused: an
// administrator hears that it is finished, a device why it must not act.
func final(s State, again EventKind, err *fault.Error) map[EventKind]move {
	row := make(map[EventKind]move)
	for _, k := range EventKinds() {
		row[k] = refuse(err)
	}
	row[Cancel], row[Refuse] = refuse(ErrFinished), noted
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
	case m.note:
		return o.refused(e), nil
	case o.State == m.to:
		return o.again(e, now)
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
		c, err := e.Statement.commits(o)
		if err != nil {
			return before, err
		}
		o.AcknowledgedAt, o.Commitment = now, c
	case Done:
		r, err := e.Statement.confirms(o)
		if err != nil {
			return before, err
		}
		o.Receipt = r
	case Failed:
		o.Outcome = tamed(e.Reason)
	case Cancelled:
		o.Outcome = e.Reason
	case Expired:
		o.Outcome = expiredBy(e.Kind, before)
	}
	if next.Final() && (next != Done || !o.ends()) {
		o.SettledAt = now
	}
	return o, nil
}

// again answers what leads to the state the order is in already: the same
// report once more, or the end of the enrolment, or the registration, that a wipe
// was to end.
func (o Order) again(e Event, now time.Time) (Order, error) {
	c := o.Commitment
	switch {
	case e.Kind == Acknowledge && c != nil && (e.Statement == nil || DigestOf(e.Statement.Proof.Content) != c.Digest):
		// The receipt will have to be signed by the key of the one that is kept.
		return o, ErrCommitted
	case e.Kind == End && o.State == Done && !o.settled():
		o.SettledAt = now
		o.Version++
	}
	return o, nil
}

// refused notes that the device does not take what it was given for the order.
func (o Order) refused(e Event) Order {
	if o.Refusals < MaxRefusals {
		o.Refusals++
		o.Refusal = tamed(e.Reason)
		o.Version++
	}
	return o
}

func expiredBy(k EventKind, was Order) string {
	ended := outcomeEnded
	if was.App != "" {
		ended = outcomeAppEnded
	}
	switch {
	case k == Expire:
		return outcomeOverdue(was.NotAfter)
	case was.Commitment != nil:
		return outcomeCommitted
	case was.State == Acknowledged:
		return outcomeUnconfirmed(ended)
	default:
		return ended
	}
}
