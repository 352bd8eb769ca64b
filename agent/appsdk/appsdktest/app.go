package appsdktest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/apprules"
	"ringfence/internal/pki"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const life = 200 * 24 * time.Hour

func peerCertificate(ctx context.Context) *x509.Certificate {
	state := caller(ctx)
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// IDToken is what an issuer gives to who signs in: it is not signed.
func IDToken(subject, nonce string, expires time.Time) string {
	payload, err := json.Marshal(map[string]any{
		"iss": IssuerURL, "sub": subject, "aud": ClientID, "nonce": nonce, "exp": expires.Unix(),
	})
	if err != nil {
		panic(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "." + encode([]byte("signature"))
}

func (s *Server) issue(csr []byte) ([][]byte, string, error) {
	request, err := pki.ParseCSR(csr)
	if err != nil {
		return nil, "", status.Error(codes.InvalidArgument, err.Error())
	}
	now := s.Now()
	chain, leaf, err := s.Authority.Issue(pki.App, pki.Template{
		PublicKey: request.PublicKey, Subject: pkix.Name{CommonName: "app"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
	})
	if err != nil {
		return nil, "", status.Error(codes.Internal, err.Error())
	}
	return chain, pki.FormatSerial(leaf.SerialNumber), nil
}

// BeginRegistration gives a challenge.
func (s *Server) BeginRegistration(context.Context, *appprotectv1.BeginRegistrationRequest) (*appprotectv1.BeginRegistrationResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	challenge := make([]byte, 32)
	_, _ = rand.Read(challenge) // never fails
	s.challenges[string(challenge)] = nil
	return &appprotectv1.BeginRegistrationResponse{
		Challenge: challenge, ExpiresAt: timestamppb.New(s.Now().Add(10 * time.Minute)),
		Issuers: []*appprotectv1.Issuer{{Url: IssuerURL, ClientIds: []string{ClientID}}},
	}, nil
}

// Register lets in whoever's token is bound to the challenge and the key.
func (s *Server) Register(_ context.Context, r *appprotectv1.RegisterRequest) (*appprotectv1.RegisterResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Registers = append(s.Registers, r)
	answer, known := s.challenges[string(r.GetChallenge())]
	request := string(r.GetCertificateRequest()) + r.GetIdToken()
	switch {
	case !known || answer != nil && s.requests[string(r.GetChallenge())] != request:
		return nil, Refusal(codes.FailedPrecondition, "CHALLENGE_EXPIRED", "begin again")
	case answer != nil:
		return answer, nil
	case !bound(r):
		return nil, Refusal(codes.PermissionDenied, "SIGN_IN_REFUSED", "the ID token is not for this")
	}
	chain, serial, err := s.issue(r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	s.registered++
	s.reg = &registered{id: fmt.Sprintf("%032x", s.registered), epoch: uint64(s.registered), current: serial}
	s.orders, s.Left = nil, nil
	answer = &appprotectv1.RegisterResponse{
		RegistrationId: s.reg.id, Epoch: s.reg.epoch, User: User, CertificateChain: chain,
		TrustBundle: s.Authority.Roots(), RenewAfter: timestamppb.New(s.Now().Add(s.RenewAfter)),
	}
	s.challenges[string(r.GetChallenge())], s.requests[string(r.GetChallenge())] = answer, request
	return answer, nil
}

// bound reports whether the token has the nonce of challenge and key.
func bound(r *appprotectv1.RegisterRequest) bool {
	csr, err := x509.ParseCertificateRequest(r.GetCertificateRequest())
	parts := strings.Split(r.GetIdToken(), ".")
	if err != nil || len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct{ Nonce, Sub string }
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return false
	}
	spki := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	sum := sha256.Sum256(slices.Concat([]byte("ringfence.appprotect.nonce.v1\x00"), r.GetChallenge(), spki[:]))
	return c.Nonce == base64.RawURLEncoding.EncodeToString(sum[:]) && c.Sub == Subject
}

// Renew issues the next certificate.
func (s *Server) Renew(_ context.Context, r *appprotectv1.RenewRequest) (*appprotectv1.RenewResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chain, serial, err := s.issue(r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	s.reg.next = serial
	return &appprotectv1.RenewResponse{CertificateChain: chain, RenewAfter: timestamppb.New(s.Now().Add(150 * 24 * time.Hour))}, nil
}

// CheckIn hears a report, and gives a lease.
func (s *Server) CheckIn(_ context.Context, r *appprotectv1.CheckInRequest) (*appprotectv1.CheckInResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.GetNumber() <= s.reg.number {
		return nil, Refusal(codes.FailedPrecondition, "REPORT_OVERTAKEN", "a later report was heard")
	}
	s.reg.number = r.GetNumber()
	s.CheckIns = append(s.CheckIns, r)
	now := timestamppb.New(s.Now())
	answer := &appprotectv1.CheckInResponse{
		Verdict:        &appprotectv1.Verdict{Standing: s.Standing, Findings: s.Findings, EvaluatedAt: now},
		PolicyRevision: s.policy.Revision(), NextCheckIn: durationpb.New(30 * time.Minute), ServerTime: now,
		OrdersWaiting: slices.ContainsFunc(s.orders, (*Order).waits),
		Lease:         &appprotectv1.SignedLease{SignedData: s.SignLease(s.lease(r.GetNumber()))},
	}
	if r.GetKnownRevision() != s.policy.Revision() {
		answer.Policy = Wire(s.policy)
	}
	if s.EditCheckIn != nil {
		s.EditCheckIn(answer)
	}
	return answer, nil
}

// lease is the answer's.
func (s *Server) lease(number uint64) *appprotectv1.LeaseToSign {
	m := &appprotectv1.LeaseToSign{
		Format: "ringfence.appprotect.lease.v1", RegistrationId: s.reg.id, Epoch: s.reg.epoch, Number: number,
		IssuedAt: timestamppb.New(s.Now()), PolicyRevision: s.policy.Revision(), Standing: s.Standing,
	}
	block, wipe := s.BlockAfter, s.WipeAfter
	if block < 0 {
		block = apprules.Offline.Block.Of(s.policy.Settings)
	}
	if wipe < 0 {
		wipe = apprules.Offline.Wipe.Of(s.policy.Settings)
	}
	if block > 0 {
		m.BlockAfter = durationpb.New(block)
	}
	if wipe > 0 {
		m.WipeAfter = durationpb.New(wipe)
	}
	if s.EditLease != nil {
		s.EditLease(m)
	}
	return m
}

// SignLease signs a lease.
func (s *Server) SignLease(m *appprotectv1.LeaseToSign) []byte {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	signed, err := s.Authority.SignLease(content)
	if err != nil {
		panic(err)
	}
	return signed
}

// Wire gives a policy as it is sent.
func Wire(e *apprules.Effective) *appprotectv1.EffectivePolicy {
	m := &appprotectv1.EffectivePolicy{Revision: e.Revision(), Governed: e.Governed(), Config: &appprotectv1.AppConfiguration{
		ConnectedApps: e.Config.ConnectedApps,
	}}
	for key, values := range e.Settings.Plain() {
		m.Settings = append(m.Settings, &appprotectv1.Setting{Key: string(key), Values: values})
	}
	for key, values := range e.Config.Values {
		m.Config.Values = append(m.Config.Values, &appprotectv1.Setting{Key: key, Values: values})
	}
	for key, value := range e.Config.Custom {
		m.Config.Custom = append(m.Config.Custom, &appprotectv1.Setting{Key: key, Values: []string{value}})
	}
	for key, grant := range e.Config.Permissions {
		m.Config.Permissions = append(m.Config.Permissions, &appprotectv1.Setting{Key: key, Values: []string{grant.String()}})
	}
	return m
}

// Leave ends the registration.
func (s *Server) Leave(ctx context.Context, r *appprotectv1.LeaveRequest) (*appprotectv1.LeaveResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := r.GetSelfWipe(); w != nil && !signedBy(ctx, w.GetContent(), w.GetSignature()) {
		return nil, Refusal(codes.InvalidArgument, "", "the signature does not hold")
	}
	s.Left, s.reg.ended = r, true
	s.ring()
	return &appprotectv1.LeaveResponse{}, nil
}
