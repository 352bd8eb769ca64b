package appprotect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

const endAction = "appprotect.end"

func endDetail(epoch device.Epoch, why EndReason, detail string) string {
	text := fmt.Sprintf("epoch %d: %s", epoch, why)
	if detail != "" {
		text += ", " + detail
	}
	return text
}

// Leave ends the caller's epoch: the person has signed out, or, with w, the app
// has wiped the account by itself and says so signed.
//
// Errors: Invalid (the wipe is not the caller's, or its signature does not hold),
// [ErrEnded], [ErrMoved].
func (s *Service) Leave(ctx context.Context, caller identity.Caller, w *SelfWipe) error {
	d := departure{id: caller.Device, epoch: caller.Epoch, end: End{Why: EndSignedOut}}
	if w != nil {
		kept, err := w.confirmed(caller)
		if err != nil {
			return err
		}
		d.end.Why, d.end.SelfWipe = EndSelfWiped, &kept
	}
	d.entry = byApp(caller, endAction, endDetail(caller.Epoch, d.end.Why, ""))
	_, err := s.depart(ctx, d)
	if errors.Is(err, ErrEpochMoved) {
		return ErrEnded
	}
	return err
}

// Retire ends an epoch by an administrator's word, and gives the registration as
// it is then. Epoch 0 means the present one. A registration that has ended stays
// as it is.
//
// Errors: Invalid (the reason), [ErrNoRegistration], [ErrEpochMoved], [ErrMoved].
func (s *Service) Retire(ctx context.Context, id device.ID, epoch device.Epoch, reason string) (Registration, error) {
	const longest = 500
	if n := utf8.RuneCountInString(reason); n == 0 || n > longest || !apprules.PlainText(reason, longest*utf8.UTFMax) {
		return Registration{}, fault.InvalidField("reason", "must be plain text of 1 to %d characters", longest)
	}
	r, err := s.depart(ctx, departure{id: id, epoch: epoch, end: End{Why: EndRetired, Detail: reason}})
	if errors.Is(err, ErrEnded) {
		return r, nil
	}
	return r, err
}

// End ends an epoch for another room. To end what has ended is no error.
//
// Errors: [ErrNoRegistration], [ErrEpochMoved] (there is no such epoch yet),
// [ErrMoved].
func (s *Service) End(ctx context.Context, id device.ID, epoch device.Epoch, reason EndReason, detail string) error {
	if epoch == 0 {
		return fault.New(fault.Internal, "", "end registration %s: no epoch is named", id)
	}
	r, err := s.depart(ctx, departure{id: id, epoch: epoch, end: End{Why: reason, Detail: oneLine(detail)}})
	if errors.Is(err, ErrEnded) || errors.Is(err, ErrEpochMoved) && epoch < r.Epoch {
		return nil
	}
	return err
}

// departure is the end of an epoch, 0 for the present one.
type departure struct {
	id    device.ID
	epoch device.Epoch
	end   End
	// entry is made in the name of the caller where it has none.
	entry audit.Entry
}

// depart ends an epoch. With a refusal it gives the registration as it is:
// ErrEpochMoved where it is in another epoch, ErrEnded where the epoch is over.
func (s *Service) depart(ctx context.Context, d departure) (Registration, error) {
	var r Registration
	err := fault.Retry(ErrMoved, func() error {
		var err error
		if r, err = s.c.Registrations.Registration(ctx, d.id); err != nil {
			return err
		}
		switch {
		case d.epoch != 0 && d.epoch != r.Epoch:
			return ErrEpochMoved
		case !r.Lasts():
			return ErrEnded
		}
		end := d.end
		end.At = s.clock()
		r.End = &end
		r.Version++
		e := d.entry
		if e.Action == "" {
			e = audit.Of(ctx, endAction, target(r.ID), endDetail(r.Epoch, end.Why, end.Detail))
		}
		err = s.c.Registrations.Finish(ctx, r, e)
		s.forget(r.ID)
		return err
	})
	if err == nil {
		s.ended(ctx, &r, d.end.Why)
	}
	return r, err
}

// endTimeout bounds how long an end waits for others to hear of it.
const endTimeout = 10 * time.Second

// ended does what follows the durable end of an epoch. It cannot fail: the end is
// the truth already, and who does not hear of it finds it by looking.
func (s *Service) ended(ctx context.Context, r *Registration, why EndReason) {
	s.c.Bell.Ring(r.ID)
	// Also if the caller hangs up now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	_ = s.c.Orders.EnrollmentEnded(ctx, r.ID, r.Epoch, string(why))
}

// oneLine makes words of any origin fit for both databases and for a line of a
// listing.
func oneLine(words string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words, "\uFFFD"))
}
