package enroll

import (
	"context"
	"fmt"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// forget has every other room forget a device up to this epoch. First they
// settle how its epochs ended, for that needs what is then erased.
func (s *Service) forget(ctx context.Context, id device.ID, epoch device.Epoch) error {
	if err := s.settleAll(ctx, id); err != nil {
		return err
	}
	if err := s.c.Forget(ctx, id, epoch); err != nil {
		return fmt.Errorf("have device %s forgotten up to epoch %d: %w", id, epoch, err)
	}
	return nil
}

// settleAll settles the ends of a device that are not settled yet.
func (s *Service) settleAll(ctx context.Context, id device.ID) error {
	for after := (Ending{Device: id}); ; {
		open, err := s.c.Enrolments.Unsettled(ctx, after, 1)
		if err != nil || len(open) == 0 || open[0].Device != id {
			return err
		}
		after = open[0]
		if err := s.settle(ctx, after); err != nil {
			return err
		}
	}
}

// forgetTokens lets tokens forget their users: those that can let nobody in any
// more, and all of whose devices are purged.
func (s *Service) forgetTokens(ctx context.Context) error {
	for after := ""; ; {
		ids, err := s.c.Tokens.Forgettable(ctx, s.clock(), after, sweepPage)
		if err != nil {
			return err
		}
		for _, id := range ids {
			e := audit.Of(ctx, "enroll.token.forget", "token/"+id, "every device that joined with it is purged")
			if err := s.c.Tokens.ForgetToken(ctx, id, e); err != nil {
				return fmt.Errorf("forget the user of token %s: %w", id, err)
			}
		}
		if len(ids) < sweepPage {
			return nil
		}
		after = ids[len(ids)-1]
	}
}
