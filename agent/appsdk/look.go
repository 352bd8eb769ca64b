package appsdk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"ringfence/agent/answer"
)

// errFinished says that the registration is over, and why is written down.
var errFinished = errors.New("the registration is over")

// Sync does everything that is due with the server, and returns. Nil also where
// the registration came to its end: see Decide. ErrNotRegistered without one.
func (s *SDK) Sync() error {
	s.talk.Lock()
	defer s.talk.Unlock()
	if s.life.Err() != nil {
		return ErrClosed
	}
	err := s.conclude(s.lookOnce())
	s.changed()
	if errors.Is(err, errFinished) {
		return nil
	}
	if err != nil && !errors.Is(err, ErrNotRegistered) {
		return fmt.Errorf("the server: %s", answer.Text(err))
	}
	return err
}

// look does everything that is due: first what ends the registration, then
// orders, then the report, then the certificate. The caller holds talk.
func (s *SDK) look(ctx context.Context, conn *grpc.ClientConn) error {
	if err := s.recoverHere(); err != nil {
		return err
	}
	if err := s.leave(ctx, conn); err != nil {
		return err
	}
	if err := s.orders(ctx, conn); err != nil {
		return err
	}
	if gone := s.going(); gone {
		return s.leave(ctx, conn)
	}
	waiting, reported := s.checkIn(ctx, conn)
	if reported != nil && over(reported) {
		return reported
	}
	if waiting {
		if err := s.orders(ctx, conn); err != nil || s.going() {
			return err
		}
	}
	if err := s.renew(ctx, conn); err != nil {
		return errors.Join(reported, err)
	}
	return reported
}

// over reports whether an error ends a look.
func over(err error) bool {
	return answer.Ended(err) || answer.Unknown(err) || errors.Is(err, errReconnect)
}

// going reports whether the account's data goes, or has gone.
func (s *SDK) going() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Gone != nil
}

// recoverHere goes on with a destruction that failed.
func (s *SDK) recoverHere() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.st.Gone == nil || s.st.Gone.Done {
		return nil
	}
	return s.destroy(s.st.Gone.Cause)
}

// conclude ends what the server says is over. The caller holds talk.
func (s *SDK) conclude(err error) error {
	if err == nil || !answer.Ended(err) {
		return err
	}
	if err := s.wiper.EnrollmentEnded(s.life); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.st.Gone; g != nil {
		return errors.Join(s.destroy(g.Cause), s.forget(g.Cause), errFinished)
	}
	if s.st.Registration == nil {
		return errFinished
	}
	// The server's word shuts the account and takes nothing: the lease goes on,
	// and takes it in its time. Whoever registers anew loses it at once.
	err = s.change(func(st *state) error {
		at := s.wallNow()
		st.Ended, st.Spent = &at, append(st.Spent, st.Registration.identityKeys()...)
		st.PIN, st.Opened = pinState{}, opened{}
		return nil
	})
	return errors.Join(err, s.closeFiles(), s.destroySpent(), errFinished)
}
