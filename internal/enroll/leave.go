package enroll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Leave ends the caller's enrolment by its own word.
func (s *Service) Leave(ctx context.Context, caller identity.Caller) error {
	return s.End(ctx, caller.Device, caller.Epoch, Left, "the device left")
}

// RetireDevice ends a device's enrolment by an administrator's word, and gives
// the device as it is then. Epoch 0 means the latest. A device that is not
// enrolled stays as it is.
//
// Errors: [ErrNoDevice] (also one beyond the administrator's groups), [ErrEpochMoved], Invalid (the reason), [ErrMoved].
func (s *Service) RetireDevice(ctx context.Context, id device.ID, epoch device.Epoch, reason string) (Device, error) {
	if err := checkText("reason", reason, maxReason); err != nil {
		return Device{}, err
	}
	d, err := s.end(ctx, departure{id: id, event: Event{Verb: Retire, Epoch: epoch}, reason: reason, may: mustReach})
	if errors.Is(err, ErrEnrollmentEnded) {
		return d, nil
	}
	return d, err
}

// End ends one epoch of a device: its certificates stop working, open streams
// are rung, and the end is settled. cause is Left, Retired or Wiped. It is nil
// once the end is durable, also if it was before.
//
// Errors: [ErrNoDevice], [ErrEpochMoved] (there is no such epoch yet),
// [ErrMoved].
func (s *Service) End(ctx context.Context, id device.ID, epoch device.Epoch, cause State, reason string) error {
	verb, err := verbOf(cause)
	if err != nil {
		return err
	}
	d, err := s.end(ctx, departure{id: id, event: Event{Verb: verb, Epoch: epoch}, reason: reason})
	switch {
	case errors.Is(err, ErrEnrollmentEnded):
		return nil
	case errors.Is(err, ErrEpochMoved) && epoch < d.Epoch:
		return nil // the next epoch ended it
	default:
		return err
	}
}

func verbOf(cause State) (Verb, error) {
	for verb, state := range ended {
		if state == cause {
			return verb, nil
		}
	}
	return "", fmt.Errorf("end an enrolment: %q is not how one ends", cause)
}

// actions names the ends in the record.
var actions = map[State]string{Left: "enroll.leave", Retired: "enroll.retire", Wiped: "enroll.wiped"}

// departure is an event that is to end an epoch of a device, and why.
type departure struct {
	id     device.ID
	event  Event
	reason string
	// may, where given, says whether the caller may at all.
	may func(context.Context, Device) error
}

// end ends an epoch. With a refusal it gives the device as it is.
func (s *Service) end(ctx context.Context, l departure) (Device, error) {
	var (
		d    Device
		over *Ending
	)
	err := fault.Retry(ErrMoved, func() error {
		before, err := s.c.Devices.Device(ctx, l.id)
		if err != nil {
			return err
		}
		if l.may != nil {
			if err := l.may(ctx, before); err != nil {
				return err
			}
		}
		if d, err = before.Apply(l.event, s.clock()); err != nil {
			return err
		}
		over = &Ending{
			Device: l.id, Epoch: d.Epoch, Cause: d.State, Reason: oneLine(l.reason), EndedAt: d.EndedAt, TokenID: d.TokenID,
		}
		detail := fmt.Sprintf("epoch %d: %s", d.Epoch, over.Reason)
		return s.save(ctx, before, Change{
			Device: d, Ending: over, Entry: audit.Of(ctx, actions[d.State], target(l.id), detail),
		})
	})
	if err != nil {
		return d, err
	}
	s.finish(ctx, *over)
	return d, nil
}

// oneLine makes a reason of any origin fit for both databases and for a line of
// a listing.
func oneLine(reason string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(reason, "\uFFFD"))
}
