package accessrpc

import (
	"context"
	"crypto/sha256"
	"errors"

	"ringfence/internal/access"
	"ringfence/internal/identity"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// Issuer gives assertions; see access.Assertions.
type Issuer interface {
	Issue(ctx context.Context, caller identity.Caller, certSHA256 [sha256.Size]byte, audience string) (access.Assertion, error)
}

var _ Issuer = (*access.Assertions)(nil)

// ChainFunc gives the certificates of the phone or app that calls, DER: first the
// verified one of the very connection, whose key it holds.
type ChainFunc func(ctx context.Context) ([][]byte, error)

// DeviceServer is the phones' side.
type DeviceServer struct {
	accessv1.UnimplementedAccessDeviceServiceServer
	issuer Issuer
	chain  ChainFunc
}

// NewDeviceServer makes the phones' side.
func NewDeviceServer(i Issuer, chain ChainFunc) *DeviceServer {
	return &DeviceServer{issuer: i, chain: chain}
}

// IssueAssertion gives the caller a statement of its own verdict.
func (s *DeviceServer) IssueAssertion(ctx context.Context, r *accessv1.IssueAssertionRequest) (*accessv1.IssueAssertionResponse, error) {
	chain, err := s.chain(ctx)
	if err != nil {
		return nil, err
	}
	if len(chain) == 0 {
		return nil, errors.New("the call came without a client certificate")
	}
	a, err := s.issuer.Issue(ctx, identity.From(ctx), sha256.Sum256(chain[0]), r.GetAudience())
	if err != nil {
		return nil, err
	}
	return &accessv1.IssueAssertionResponse{Assertion: a.Token, ExpiresAt: timeToWire(a.ExpiresAt)}, nil
}
