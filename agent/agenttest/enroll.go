package agenttest

import (
	"context"
	"crypto/x509/pkix"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/pki"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

const life = 90 * 24 * time.Hour

// DeviceID is the phone's id, in every epoch.
const DeviceID = "0123456789abcdef0123456789abcdef"

func (s *Server) issue(p pki.Purpose, csr []byte) ([][]byte, string, error) {
	request, err := pki.ParseCSR(csr)
	if err != nil {
		return nil, "", status.Error(codes.InvalidArgument, err.Error())
	}
	now := s.Now()
	chain, leaf, err := s.Authority.Issue(p, pki.Template{
		PublicKey: request.PublicKey, Subject: pkix.Name{CommonName: DeviceID},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(life),
	})
	if err != nil {
		return nil, "", status.Error(codes.Internal, err.Error())
	}
	return chain, pki.FormatSerial(leaf.SerialNumber), nil
}

// Join lets a phone in with Token, once, or again with the same request.
func (s *Server) Join(_ context.Context, r *enrollv1.JoinRequest) (*enrollv1.JoinResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.GetToken() != Token:
		return nil, Refusal(codes.NotFound, "TOKEN_UNKNOWN", "no such token")
	case s.answer != nil && s.request == string(r.GetCertificateRequest()):
		return s.edited(s.answer), nil
	case s.answer != nil && !s.device.ended:
		return nil, Refusal(codes.FailedPrecondition, "TOKEN_USED_UP", "the token has been used")
	}
	chain, serial, err := s.issue(pki.Device, r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	s.epoch++
	s.device = &enrolled{id: DeviceID, current: serial}
	s.request = string(r.GetCertificateRequest())
	s.answer = &enrollv1.JoinResponse{
		DeviceId: DeviceID, Epoch: s.epoch, CertificateChain: chain, TrustBundle: s.Authority.Roots(),
		RenewAfter: timestamppb.New(s.Now().Add(s.RenewAfter)), Ownership: s.Ownership, Mode: s.Mode,
	}
	return s.edited(s.answer), nil
}

func (s *Server) edited(r *enrollv1.JoinResponse) *enrollv1.JoinResponse {
	r = proto.CloneOf(r)
	if s.EditJoin != nil {
		s.EditJoin(r)
	}
	return r
}

// Renew issues the next certificate.
func (s *Server) Renew(_ context.Context, r *enrollv1.RenewRequest) (*enrollv1.RenewResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chain, serial, err := s.issue(pki.Device, r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	s.device.next = serial
	response := &enrollv1.RenewResponse{
		CertificateChain: chain, TrustBundle: s.Authority.Roots(),
		RenewAfter: timestamppb.New(s.Now().Add(60 * 24 * time.Hour)),
	}
	if s.EditRenew != nil {
		s.EditRenew(response)
	}
	return response, nil
}

// Leave ends the enrolment.
func (s *Server) Leave(context.Context, *enrollv1.LeaveRequest) (*enrollv1.LeaveResponse, error) {
	s.EndEnrollment()
	return &enrollv1.LeaveResponse{}, nil
}

// Watch rings.
func (s *Server) Watch(_ *compliancev1.WatchRequest, stream compliancev1.ComplianceService_WatchServer) error {
	c := make(chan struct{}, 1)
	s.Do(func() { s.streams[c] = true })
	defer s.Do(func() {
		delete(s.streams, c)
		delete(s.drained, c)
	})
	for {
		s.mu.Lock()
		ended, drained, revision := s.device.ended, s.drained[c], s.revision
		s.mu.Unlock()
		if drained {
			return Refusal(codes.Unavailable, "DRAINING", "the server is stopping: reconnect")
		}
		if ended {
			return Refusal(codes.Unauthenticated, "ENROLLMENT_ENDED", "the enrolment is over")
		}
		if err := stream.Send(&compliancev1.WatchResponse{ManifestRevision: revision}); err != nil {
			return err
		}
		select {
		case <-c:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// GetManifest gives what SetManifest set.
func (s *Server) GetManifest(_ context.Context, r *compliancev1.GetManifestRequest) (*compliancev1.GetManifestResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.GetKnownRevision() == s.revision {
		return &compliancev1.GetManifestResponse{Revision: s.revision}, nil
	}
	return &compliancev1.GetManifestResponse{Revision: s.revision, Manifest: s.manifest}, nil
}

// CheckIn keeps the report and calls the phone compliant if all is applied.
func (s *Server) CheckIn(_ context.Context, r *compliancev1.CheckInRequest) (*compliancev1.CheckInResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if r.GetObservedAt().AsTime().After(now.Add(5 * time.Minute)) {
		return nil, status.Error(codes.InvalidArgument, "observed_at is ahead of the server's clock")
	}
	s.CheckIns = append(s.CheckIns, r)
	standing := compliancev1.Standing_STANDING_COMPLIANT
	for _, result := range r.GetResults() {
		if result.GetStatus() != compliancev1.ApplyStatus_APPLY_STATUS_APPLIED {
			standing = compliancev1.Standing_STANDING_NON_COMPLIANT
		}
	}
	return &compliancev1.CheckInResponse{
		Verdict:          &compliancev1.Verdict{Standing: standing, EvaluatedAt: timestamppb.New(now)},
		ManifestRevision: s.revision, NextCheckIn: timestamppb.New(now.Add(time.Hour)), ServerTime: timestamppb.New(now),
	}, nil
}

// IssueCertificate issues what the manifest asks for; the same for the same
// request.
func (s *Server) IssueCertificate(_ context.Context, r *compliancev1.IssueCertificateRequest) (*compliancev1.IssueCertificateResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.issued[string(r.GetCertificateRequest())]; known != nil {
		return known, nil
	}
	asked := false
	for _, p := range s.manifest.GetClientCertificates() {
		asked = asked || p.GetAlias() == r.GetAlias()
	}
	if !asked {
		return nil, status.Error(codes.NotFound, "no such alias")
	}
	chain, _, err := s.issue(pki.Profile, r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	response := &compliancev1.IssueCertificateResponse{CertificateChain: chain}
	if s.EditIssue != nil {
		s.EditIssue(response)
	}
	s.issued[string(r.GetCertificateRequest())] = response
	return response, nil
}
