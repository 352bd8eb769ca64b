package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc"

	"ringfence/agent/answer"
	"ringfence/agent/trust"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// errReconnect asks for a new connection at once: the credential has changed.
var errReconnect = errors.New("the device certificate has changed: connect again")

// open makes a connection with the newest credential, and reports whether that
// one has never been used.
func (s *Session) open() (conn *grpc.ClientConn, fresh bool, err error) {
	state, err := s.o.Store.LoadState()
	if err != nil {
		return nil, false, err
	}
	e, err := state.active()
	if err != nil {
		return nil, false, err
	}
	now := s.o.Now()
	shown := e.Current
	if e.Next != nil && len(e.Next.Chain) > 0 {
		if _, expired := e.Next.expired(now); !expired {
			shown, fresh = *e.Next, true
		}
	}
	if end, expired := shown.expired(now); expired {
		s.o.Log.Error("the device certificate has expired: if the phone's clock is right, it has to enrol again",
			"expired", end, "clock", now)
	}
	conn, err = s.dial(e, shown)
	return conn, fresh, err
}

// confirm uses a renewed certificate for the first time. Once the server has
// taken it the old one goes; if the server does not know it, it goes itself.
// Silence changes nothing.
func (s *Session) confirm(ctx context.Context, conn *grpc.ClientConn) error {
	revision, err := s.o.Applier.Revision()
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, answered := compliancev1.NewComplianceServiceClient(conn).GetManifest(call,
		&compliancev1.GetManifestRequest{KnownRevision: revision})
	if answered != nil && !answer.Unknown(answered) {
		return answered
	}
	state, err := s.o.Store.LoadState()
	if err != nil {
		return err
	}
	e := state.Enrollment
	if e == nil || e.Next == nil {
		return errReconnect
	}
	if answered == nil {
		e.Spent, e.Current, e.Next = e.Current.Key, *e.Next, nil
		s.o.Log.Info("the renewed device certificate is in use", "renew_after", e.Current.RenewAfter)
	} else {
		e.Spent, e.Next = e.Next.Key, nil
		s.o.Log.Warn("the server does not take the renewed device certificate: back to the old one", "why", answer.Text(answered))
	}
	if err := s.o.Store.SaveState(state); err != nil {
		return err
	}
	if err := s.destroySpent(state); err != nil {
		return err
	}
	if answered != nil {
		return errReconnect
	}
	return nil
}

// destroySpent destroys the key that was replaced.
func (s *Session) destroySpent(state State) error {
	if state.Enrollment == nil || state.Enrollment.Spent == "" {
		return nil
	}
	if err := s.o.Keys.DeleteKey(state.Enrollment.Spent); err != nil {
		return err
	}
	state.Enrollment.Spent = ""
	return s.o.Store.SaveState(state)
}

// renew asks for the next certificate if it is time, with a new key. It returns
// errReconnect when there is one to use.
func (s *Session) renew(ctx context.Context, conn *grpc.ClientConn) error {
	state, err := s.o.Store.LoadState()
	if err != nil {
		return err
	}
	e, err := state.active()
	if err != nil {
		return err
	}
	now := s.o.Now()
	if now.Before(e.Current.RenewAfter) {
		return nil
	}
	if e.Next == nil {
		e.Next = &Credential{Key: newKeyName()}
		state.Enrollment = &e
		if err := s.o.Store.SaveState(state); err != nil {
			return err
		}
	}
	key, request, err := s.keyAndRequest(e.Next.Key)
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := enrollv1.NewEnrollmentServiceClient(conn).Renew(call, &enrollv1.RenewRequest{CertificateRequest: request})
	if err != nil {
		return fmt.Errorf("renew the device certificate: %w", err)
	}
	after, err := trust.CheckChain(response.GetCertificateChain(), key.Public(), response.GetRenewAfter().AsTime(), now)
	if err != nil {
		return err
	}
	e.Next = &Credential{Key: e.Next.Key, Chain: response.GetCertificateChain(), RenewAfter: after}
	e.TrustBundle = s.narrowed(e.TrustBundle, response.GetTrustBundle())
	state.Enrollment = &e
	if err := s.o.Store.SaveState(state); err != nil {
		return err
	}
	return errReconnect
}

// narrowed drops the roots that the server no longer names. It adds none, and
// keeps the old bundle rather than an empty one.
func (s *Session) narrowed(trusted, named [][]byte) [][]byte {
	kept := slices.DeleteFunc(slices.Clone(trusted), func(root []byte) bool {
		return !slices.ContainsFunc(named, func(n []byte) bool { return bytes.Equal(n, root) })
	})
	if len(kept) < len(named) {
		s.o.Log.Warn("the server names roots that this phone did not join under: they are not trusted")
	}
	if len(kept) == 0 {
		return trusted
	}
	return kept
}
