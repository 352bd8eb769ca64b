package agenttest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
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
	// WholeDevice is true of an order for the whole device; it has no Scope.
	WholeDevice bool
	// Commitment is what the phone signed before it removed what its enrolment
	// goes with.
	Commitment []byte
	receiptKey crypto.PublicKey
}

// ends reports whether the enrolment goes with the order.
func (o *Order) ends() bool {
	return o.WholeDevice || o.Scope.GetWorkProfile() != nil || o.Scope.GetRelinquish() != nil
}

// WorkProfile is the scope of a work profile.
func WorkProfile() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}
}

// Relinquish is the scope of a work profile whose phone the company gives up.
func Relinquish() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}}
}

// Lock is the scope of a lock.
func Lock() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}
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
	return s.add(&Order{ID: id, Signed: s.sign(m), Scope: scope, State: wipev1.State_STATE_PENDING})
}

func (s *Server) add(o *Order) *Order {
	s.orders = append(s.orders, o)
	s.ring()
	s.wake()
	return o
}

// sign signs the content of an order.
func (s *Server) sign(m proto.Message) []byte {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	signed, err := s.Authority.SignOrder(content)
	if err != nil {
		panic(err)
	}
	return signed
}

// FetchOrders gives every order that has not ended, but those for the whole
// device.
func (s *Server) FetchOrders(context.Context, *wipev1.FetchOrdersRequest) (*wipev1.FetchOrdersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	response := &wipev1.FetchOrdersResponse{}
	for _, o := range s.orders {
		if o.State > wipev1.State_STATE_ACKNOWLEDGED || o.WholeDevice {
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
	o := s.find(r.GetOrderId())
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
	case r.GetAcknowledged() != nil && s.Paused && o.State != wipev1.State_STATE_ACKNOWLEDGED:
		return nil, Refusal(codes.FailedPrecondition, "ORDER_PAUSED", "the order is held back")
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
		if o.ends() {
			s.device.ended = true
			s.ring()
		}
	}
	return &wipev1.ReportOrderResponse{State: o.State}, nil
}

// find gives an order, of a lease too.
func (s *Server) find(id string) *Order {
	for _, o := range append(slices.Clone(s.orders), slices.Collect(maps.Values(s.leases))...) {
		if o.ID == id {
			return o
		}
	}
	return nil
}

// commit keeps the first commitment to an order that the enrolment goes with.
func (o *Order) commit(ctx context.Context, s *wipev1.SignedStatement) error {
	if !o.ends() {
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
	if o.ends() {
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
	if fmt.Sprintf("%T", m.GetScope().GetScope()) != fmt.Sprintf("%T", o.Scope.GetScope()) {
		return nil, Refusal(codes.InvalidArgument, "", "the statement names another scope")
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
