package agenttest

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "ringfence/proto/mdm/access/v1"
)

// AssertionFor is the last part of an assertion for an audience; the one before is
// the serial of the certificate that was shown.
func AssertionFor(audience string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(audience))
}

// IssueAssertion gives a statement that anybody can read: whose certificate asked,
// and for whom.
func (s *Server) IssueAssertion(_ context.Context, r *accessv1.IssueAssertionRequest) (*accessv1.IssueAssertionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.GetAudience() == "" {
		return nil, Refusal(codes.InvalidArgument, "", "audience: must be 1 to 512 visible ASCII characters")
	}
	response := &accessv1.IssueAssertionResponse{
		Assertion: strings.Join([]string{"header", s.device.current, AssertionFor(r.GetAudience())}, "."),
		ExpiresAt: timestamppb.New(s.Now().Add(5 * time.Minute)),
	}
	if s.EditAssertion != nil {
		s.EditAssertion(response)
	}
	return response, nil
}
