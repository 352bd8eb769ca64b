package session

import (
	"context"
	"errors"
	"fmt"

	"ringfence/agent/answer"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// Leave ends the enrolment on the server. The phone's own side is the caller's
// to clean up: Leave removes nothing. An enrolment that has ended already is
// fine; ErrNotEnrolled without one.
func (s *Session) Leave(ctx context.Context) error {
	if err := s.o.Wiper.Recover(ctx); err != nil {
		return err
	}
	state, err := s.o.Store.LoadState()
	if err != nil {
		return err
	}
	if state.Enrollment == nil {
		return ErrNotEnrolled
	}
	if state.Enrollment.Ended != nil {
		return s.o.Wiper.EnrollmentEnded(ctx)
	}
	for range 2 { // a renewed certificate that is not taken costs a second connection
		if err = s.leaveOnce(ctx); !errors.Is(err, errReconnect) {
			break
		}
	}
	if err != nil && !answer.Ended(err) {
		return fmt.Errorf("the server did not confirm that the phone left: try again: %s", answer.Text(err))
	}
	return s.o.Wiper.EnrollmentEnded(ctx)
}

func (s *Session) leaveOnce(ctx context.Context) error {
	conn, err := s.ready(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = enrollv1.NewEnrollmentServiceClient(conn).Leave(ctx, &enrollv1.LeaveRequest{})
	return err
}
