package appsdktest

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Order is an order on the server.
type Order struct {
	ID     string
	Signed []byte
	State  wipev1.State
	// Reports are what the app said of it, in its order.
	Reports []*wipev1.ReportOrderRequest
}

func (o *Order) waits() bool { return o.State <= wipev1.State_STATE_ACKNOWLEDGED }

// Apps is the scope of named apps.
func Apps(packages ...string) *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: packages}}}
}

// Order orders a wipe for the present registration, and rings. Edit, if any,
// changes the content before it is signed.
func (s *Server) Order(scope *wipev1.Scope, edit ...func(*wipev1.OrderToSign)) *Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	id := fmt.Sprintf("order-%08d", s.sequence)
	m := &wipev1.OrderToSign{
		Sequence: s.sequence, OrderId: id, DeviceId: s.reg.id, Epoch: s.reg.epoch, Scope: scope,
		IssuedAt: timestamppb.New(s.Now()), NotAfter: timestamppb.New(s.Now().Add(24 * time.Hour)),
	}
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
	o := &Order{ID: id, Signed: signed, State: wipev1.State_STATE_PENDING}
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
		if !o.waits() {
			continue
		}
		response.Orders = append(response.Orders, &wipev1.SignedOrder{
			OrderId: o.ID, SignedData: o.Signed, Acknowledged: o.State == wipev1.State_STATE_ACKNOWLEDGED,
		})
	}
	return response, nil
}

// ReportOrder moves an order on. A receipt ends the registration.
func (s *Server) ReportOrder(ctx context.Context, r *wipev1.ReportOrderRequest) (*wipev1.ReportOrderResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var o *Order
	for _, each := range s.orders {
		if each.ID == r.GetOrderId() {
			o = each
		}
	}
	if o == nil {
		return nil, Refusal(codes.NotFound, "", "no such order")
	}
	o.Reports = append(o.Reports, r)
	switch {
	case r.GetRefused() != nil:
	case o.State == wipev1.State_STATE_CANCELLED:
		return nil, Refusal(codes.FailedPrecondition, "ORDER_CANCELLED", "the order was cancelled")
	case r.GetAcknowledged() != nil:
		o.State = wipev1.State_STATE_ACKNOWLEDGED
	case r.GetFailed() != nil:
		o.State = wipev1.State_STATE_FAILED
	case r.GetDone() != nil:
		w := r.GetStatement()
		if !signedBy(ctx, w.GetContent(), w.GetSignature()) {
			return nil, Refusal(codes.InvalidArgument, "", "the statement's signature does not hold")
		}
		o.State, s.reg.ended = wipev1.State_STATE_DONE, true
		s.ring()
	}
	return &wipev1.ReportOrderResponse{State: o.State}, nil
}

// signedBy reports whether the key of the certificate that a call came with has
// signed content.
func signedBy(ctx context.Context, content, signature []byte) bool {
	c := peerCertificate(ctx)
	if c == nil {
		return false
	}
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	digest := sha256.Sum256(content)
	return ok && ecdsa.VerifyASN1(key, digest[:], signature)
}
