package wipe

import (
	"context"
	"fmt"

	"ringfence/internal/audit"
	"ringfence/internal/identity"
)

// actions names each event in the record.
var actions = map[EventKind]string{
	Deliver:     "wipe.deliver",
	Acknowledge: "wipe.acknowledge",
	NotNow:      "wipe.not_now",
	Finish:      "wipe.done",
	Fail:        "wipe.fail",
	Refuse:      "wipe.refuse",
	Cancel:      "wipe.cancel",
	Expire:      "wipe.expire",
	End:         "wipe.expire",
}

// ordered is the entry for a new order. It alone names every app.
func ordered(ctx context.Context, o Order) audit.Entry {
	return entry(ctx, "wipe.order", o, fmt.Sprintf("order %s for epoch %d (%s): %s", o.ID, o.Epoch, o.Scope.Full(), o.Reason))
}

// happened is the entry for an order that an event has changed.
func happened(ctx context.Context, o Order, e Event) audit.Entry {
	action, why := actions[e.Kind], o.Outcome
	switch e.Kind {
	case Deliver:
		why = "ordered because: " + o.Reason
	case Acknowledge:
		why = "ordered because: " + o.Reason
		if o.Commitment != nil {
			action, why = "wipe.commit", o.Commitment.String()+"; "+why
		}
	case Refuse:
		why = fmt.Sprintf("the device refuses what it was given as this order, for the %d. time: %s", o.Refusals, o.Refusal)
	case NotNow:
		why = fmt.Sprintf("not now, for the %d. time: %s", o.NotNow, tamed(e.Reason))
	case Finish:
		why = o.Receipt.String() + "; ordered because: " + o.Reason
	case End:
		if o.State == Done {
			action, why = "wipe.settle", "the enrolment it was to end has ended"
			if o.App != "" {
				why = "the registration it was to end has ended"
			}
		}
		if e.Reason != "" {
			why += " (" + tamed(e.Reason) + ")"
		}
	}
	return entry(ctx, action, o, fmt.Sprintf("order %s (%s): %s", o.ID, o.Scope, why))
}

func entry(ctx context.Context, action string, o Order, detail string) audit.Entry {
	if o.App != "" {
		return record(ctx, action, "registration/"+string(o.Device), detail)
	}
	return record(ctx, action, "device/"+string(o.Device), detail)
}

// record makes an entry in the caller's name; without a caller it is the server's
// own deed.
func record(ctx context.Context, action, target, detail string) audit.Entry {
	if identity.From(ctx).Is(identity.Anonymous) {
		return audit.Server(action, target, detail)
	}
	return audit.By(ctx, action, target, detail)
}
