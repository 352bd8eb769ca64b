package session

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"

	"google.golang.org/grpc"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// timed bounds the calls that other packages make.
type timed struct {
	wipe       wipev1.WipeServiceClient
	compliance compliancev1.ComplianceServiceClient
	key        crypto.Signer // of the certificate that wipe shows
}

// SignAsDevice signs content with the device key.
func (t timed) SignAsDevice(content []byte) ([]byte, error) {
	digest := sha256.Sum256(content)
	return t.key.Sign(rand.Reader, digest[:], crypto.SHA256)
}

func (t timed) ReportOrder(ctx context.Context, r *wipev1.ReportOrderRequest, o ...grpc.CallOption) (*wipev1.ReportOrderResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return t.wipe.ReportOrder(ctx, r, o...)
}

func (t timed) IssueCertificate(ctx context.Context, r *compliancev1.IssueCertificateRequest, o ...grpc.CallOption) (*compliancev1.IssueCertificateResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return t.compliance.IssueCertificate(ctx, r, o...)
}

func (t timed) FetchLease(ctx context.Context, r *wipev1.FetchLeaseRequest, o ...grpc.CallOption) (*wipev1.FetchLeaseResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return t.wipe.FetchLease(ctx, r, o...)
}
