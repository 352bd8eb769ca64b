package appsdk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"ringfence/agent/answer"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const selfWipeFormat = "ringfence.appprotect.selfwipe.v1"

// SignOut destroys the account's data, and then tells the server. Untold is true
// when the server did not answer: it will be told at the next contact. No error
// without a registration.
func (s *SDK) SignOut() (untold bool, err error) {
	s.talk.Lock()
	defer s.talk.Unlock()
	if s.life.Err() != nil {
		return false, ErrClosed
	}
	if err := s.signOutHere(); err != nil {
		return false, err
	}
	defer s.changed()
	if _, err := s.registration(); err != nil {
		return false, nil
	}
	if err := s.conclude(s.lookOnce()); err != nil && !isFinished(err) {
		s.line("signed out, the server does not know yet: " + answer.Text(err))
		return true, nil
	}
	return false, nil
}

func (s *SDK) signOutHere() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.vault == nil {
		return s.reset()
	}
	if s.st.Registration == nil {
		return errors.Join(s.erase(), s.dropBeginningHere())
	}
	if err := s.destroy(signedOut); err != nil {
		return err
	}
	if s.st.Ended != nil {
		return s.forget(signedOut)
	}
	return nil
}

// leave ends the registration on the server, if the account's data has gone and
// no order's report does it. errFinished once the server knows.
func (s *SDK) leave(ctx context.Context, conn *grpc.ClientConn) error {
	s.mu.Lock()
	g, underWay := s.st.Gone, s.st.Journal.Current != nil
	r, err := s.st.lasting()
	s.mu.Unlock()
	if err != nil || g == nil || g.Cause == ordered || underWay {
		return err
	}
	request, err := s.leaving(r, g)
	if err != nil {
		return err
	}
	bounded, cancel := call(ctx)
	defer cancel()
	s.progress("before leave")
	_, err = appprotectv1.NewAppServiceClient(conn).Leave(bounded, request)
	s.progress("after leave")
	if err != nil && !answer.Ended(err) {
		return fmt.Errorf("leave: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.forget(g.Cause), errFinished)
}

// leaving says why, signed where the app has wiped the account by itself.
func (s *SDK) leaving(r registration, g *gone) (*appprotectv1.LeaveRequest, error) {
	causes := map[string]appprotectv1.SelfWipeCause{
		ranOut: appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_LEASE, wrongPINs: appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_PIN,
	}
	cause, self := causes[g.Cause]
	if !self {
		return &appprotectv1.LeaveRequest{Why: &appprotectv1.LeaveRequest_SignedOut{SignedOut: &appprotectv1.SignedOut{}}}, nil
	}
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(&appprotectv1.SelfWipe{
		Format: selfWipeFormat, RegistrationId: r.ID, Epoch: r.Epoch, Cause: cause,
		LeaseNumber: g.LeaseNumber, PolicyRevision: g.Revision, FinishedAt: wireTime(g.At),
		FilesRemoved: g.Tally.Files, BytesRemoved: g.Tally.Bytes,
	})
	if err != nil {
		return nil, err
	}
	key, err := s.signer(r.Current.Key)
	if err != nil {
		return nil, err
	}
	signature, err := key.statement(content)
	if err != nil {
		return nil, fmt.Errorf("the key store: %w", err)
	}
	return &appprotectv1.LeaveRequest{Why: &appprotectv1.LeaveRequest_SelfWipe{
		SelfWipe: &appprotectv1.SignedSelfWipe{Content: content, Signature: signature},
	}}, nil
}
