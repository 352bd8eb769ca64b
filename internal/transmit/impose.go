package transmit

import (
	"context"
	"errors"

	"ringfence/internal/fault"
)

// impose changes a stream's status by the server's own decision, from the one on
// which it was decided, and tells the receiver. A stream that is gone, or in
// another status by now, stays as it is.
func (s *Service) impose(ctx context.Context, id string, from Status, w statusWord) error {
	return fault.Retry(ErrMoved, func() error {
		st, err := s.c.Store.Stream(ctx, id)
		switch {
		case errors.Is(err, ErrNoStream):
			return nil
		case err != nil || st.Status != from:
			return err
		}
		_, err = s.setStatus(ctx, st, w.status, w.reason, s.updated(&st, w.status, w.reason))
		return err
	})
}
