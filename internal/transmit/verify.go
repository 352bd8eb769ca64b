package transmit

import (
	"context"
	"time"
)

// VerifyEvery is how long a receiver waits between two verifications it asks
// for.
const VerifyEvery = 10 * time.Second

// maxState bounds what a receiver has sent back to it.
const maxState = 1000

// Verify has a verification event sent on a client's stream, with the state
// that the client gave; empty for none. Errors: Invalid, ErrNoStream, ErrTooSoon,
// ErrDisabled.
func (s *Service) Verify(ctx context.Context, o Owner, id, state string) error {
	st, err := s.Stream(ctx, o, id)
	if err != nil {
		return err
	}
	return s.verify(ctx, &st, state)
}

func (s *Service) verify(ctx context.Context, st *Stream, state string) error {
	if err := plain("state", state, maxState); err != nil {
		return err
	}
	if st.Status == Disabled {
		return ErrDisabled
	}
	now := s.now()
	e := Event{Type: Verification, Claims: map[string]any{}}
	if state != "" {
		e.Claims["state"] = state
	}
	err := s.c.Store.Verify(ctx, e.item(st.ID, s.c.NewID(), now), now.Add(-VerifyEvery))
	if err == nil {
		s.c.Bells.Ring(st.ID)
	}
	return err
}

// updated is the item that tells a receiver of a status it did not ask for.
func (s *Service) updated(st *Stream, status Status, reason string) Item {
	return updated(st.ID, s.c.NewID(), s.now(), statusWord{status, reason})
}

// statusWord is a status and why.
type statusWord struct {
	status Status
	reason string
}

func updated(stream, jti string, now time.Time, w statusWord) Item {
	e := Event{Type: StreamUpdated, Claims: map[string]any{"status": string(w.status)}}
	if w.reason != "" {
		e.Claims["reason"] = w.reason
	}
	return e.item(stream, jti, now)
}
