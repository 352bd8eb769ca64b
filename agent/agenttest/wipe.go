package agenttest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Order is an order on the server.
type Order struct {
	ID     string
	Signed []byte
	Scope  *wipev1.Scope
	State  wipev1.State
	// Reports are what the phone said of it, in its order.
	Reports []*wipev1.ReportOrderRequest
	// Commitment is what the phone signed before it removed a work profile.
	Commitment []byte
	receiptKey crypto.PublicKey
}

// WorkProfile is the scope of a work profile.
func WorkProfile() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}
}

// Apps is the scope of named apps.
func Apps(packages ...string) *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: packages}}}
}

// Order orders a wipe for the present enrolment, and rings. Edit, if any, changes
// the content before it is signed.
func (s *Server) Order(scope *wipev1.Scope, edit ...func(*wipev1.OrderToSign)) *Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	m := &wipev1.OrderToSign{
		Sequence: s.sequence,
		OrderId:  fmt.Sprintf("order-%08d", len(s.orders)+1), DeviceId: DeviceID, Epoch: s.epoch, Scope: scope,
		IssuedAt: timestamppb.New(s.Now()), NotAfter: timestamppb.New(s.Now().Add(24 * time.Hour)),
	}
	id := m.OrderId
	for _, e := range edit {
		e(m)
	}
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	signed, err := s.Authority.SignOrder(content)
	if err != nil {
		panic(err)
	}
	o := &Order{ID: id, Signed: signed, Scope: scope, State: wipev1.State_STATE_PENDING}
	s.orders = append(s.orders, o)
	s.ring()
	s.wake()
	return o
}

// FetchOrders gives every order that has not ended.
func (s *Server) FetchOrders(context.Context, *wipev1.FetchOrdersRequest) (*wipev1.FetchOrdersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	response := &wipev1.FetchOrdersResponse{}
	for _, o := range s.orders {
		if o.State > wipev1.State_STATE_ACKNOWLEDGED {
			continue
		}
		response.Orders = append(response.Orders, &wipev1.SignedOrder{
			OrderId: o.ID, SignedData: o.Signed, Acknowledged: o.State == wipev1.State_STATE_ACKNOWLEDGED,
		})
		if o.State == wipev1.State_STATE_PENDING {
			o.State = wipev1.State_STATE_DELIVERED
		}
	}
	return response, nil
}

// ReportOrder moves an order on.
func (s *Server) ReportOrder(ctx context.Context, r *wipev1.ReportOrderRequest) (*wipev1.ReportOrderResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var o *Order
	for _, known := range s.orders {
		if known.ID == r.GetOrderId() {
			o = known
		}
	}
	if o == nil {
		return nil, Refusal(codes.NotFound, "", "no such order")
	}
	o.Reports = append(o.Reports, r)
	if r.GetRefused() != nil {
		return &wipev1.ReportOrderResponse{State: o.State}, nil
	}
	switch o.State {
	case wipev1.State_STATE_CANCELLED:
		return nil, Refusal(codes.FailedPrecondition, "ORDER_CANCELLED", "the order was cancelled")
	case wipev1.State_STATE_EXPIRED:
		return nil, Refusal(codes.FailedPrecondition, "ORDER_EXPIRED", "the order has expired")
	case wipev1.State_STATE_DONE:
		if r.GetDone() == nil {
			return nil, Refusal(codes.FailedPrecondition, "ORDER_FINISHED", "the order has ended")
		}
		return &wipev1.ReportOrderResponse{State: o.State}, nil
	}
	switch {
	case r.GetAcknowledged() != nil:
		if s.OnAcknowledge != nil {
			s.OnAcknowledge(o.ID)
		}
		if err := o.commit(ctx, r.GetStatement()); err != nil {
			return nil, err
		}
		o.State = wipev1.State_STATE_ACKNOWLEDGED
	case r.GetNotNow() != nil:
		o.State = wipev1.State_STATE_PENDING
	case r.GetFailed() != nil:
		o.State = wipev1.State_STATE_FAILED
	case r.GetDone() != nil:
		if err := o.confirm(ctx, r); err != nil {
			return nil, err
		}
		o.State = wipev1.State_STATE_DONE
		if o.Scope.GetWorkProfile() != nil {
			s.device.ended = true
			s.ring()
		}
	}
	return &wipev1.ReportOrderResponse{State: o.State}, nil
}

// commit keeps the first commitment to a work-profile order.
func (o *Order) commit(ctx context.Context, s *wipev1.SignedStatement) error {
	if o.Scope.GetWorkProfile() == nil {
		return nil
	}
	if o.Commitment != nil && !bytes.Equal(o.Commitment, s.GetContent()) {
		return Refusal(codes.FailedPrecondition, "ORDER_COMMITTED", "another commitment is kept")
	}
	m, err := o.statement(s, deviceKey(ctx))
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(m.GetCommitment().GetReceiptKey())
	if err != nil {
		return Refusal(codes.InvalidArgument, "", "the commitment has no receipt key")
	}
	o.Commitment, o.receiptKey = s.GetContent(), key
	return nil
}

// confirm judges the statement that comes with a receipt.
func (o *Order) confirm(ctx context.Context, r *wipev1.ReportOrderRequest) error {
	key := deviceKey(ctx)
	var commitment []byte
	if o.Scope.GetWorkProfile() != nil {
		digest := sha256.Sum256(o.Commitment)
		key, commitment = o.receiptKey, digest[:]
	}
	m, err := o.statement(r.GetStatement(), key)
	if err != nil {
		return err
	}
	if c := m.GetCompletion(); !proto.Equal(c.GetReceipt(), r.GetDone()) || !bytes.Equal(c.GetCommitmentSha256(), commitment) {
		return Refusal(codes.InvalidArgument, "", "another receipt, or another commitment, is signed")
	}
	return nil
}

// statement gives what the phone signed, if the signature holds.
func (o *Order) statement(s *wipev1.SignedStatement, key crypto.PublicKey) (*wipev1.Statement, error) {
	digest := sha256.Sum256(s.GetContent())
	if pub, ok := key.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(pub, digest[:], s.GetSignature()) {
		return nil, Refusal(codes.InvalidArgument, "", "the statement's signature does not hold")
	}
	m := &wipev1.Statement{}
	if err := proto.Unmarshal(s.GetContent(), m); err != nil || m.GetOrderId() != o.ID || m.GetDeviceId() != DeviceID {
		return nil, Refusal(codes.InvalidArgument, "", "the statement is about something else")
	}
	return m, nil
}

// deviceKey gives the key of the certificate that a call came with.
func deviceKey(ctx context.Context) crypto.PublicKey {
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			return info.State.PeerCertificates[0].PublicKey
		}
	}
	return nil
}
