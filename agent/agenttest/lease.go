package agenttest

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// OrderWholeDevice orders that the whole device goes back to how it left the
// factory, and rings. Edit, if any, changes the content before it is signed. On
// a server of personal phones it is given to nobody, but signed all the same.
func (s *Server) OrderWholeDevice(personalSide bool, edit ...func(*wipev1.WholeDeviceOrderToSign)) *Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	m := &wipev1.WholeDeviceOrderToSign{
		Format:  "ringfence.wipe.whole-device-order.v1",
		OrderId: fmt.Sprintf("order-%08d", len(s.orders)+1), DeviceId: DeviceID, Epoch: s.epoch, Sequence: s.sequence,
		IssuedAt: timestamppb.New(s.Now()), NotAfter: timestamppb.New(s.Now().Add(24 * time.Hour)), PersonalSide: personalSide,
	}
	id := m.OrderId
	for _, e := range edit {
		e(m)
	}
	return s.add(&Order{ID: id, Signed: s.sign(m), State: wipev1.State_STATE_PENDING, WholeDevice: true})
}

// FetchWholeDeviceOrders gives every order for the whole device that has not
// ended, to a phone that is the company's.
func (s *Server) FetchWholeDeviceOrders(context.Context, *wipev1.FetchWholeDeviceOrdersRequest) (*wipev1.FetchWholeDeviceOrdersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Ownership != enrollv1.Ownership_OWNERSHIP_COMPANY {
		return nil, Refusal(codes.PermissionDenied, "NOT_COMPANY_OWNED", "the device is not the company's")
	}
	response := &wipev1.FetchWholeDeviceOrdersResponse{}
	for _, o := range s.orders {
		if o.State <= wipev1.State_STATE_ACKNOWLEDGED && o.WholeDevice {
			response.Orders = append(response.Orders, &wipev1.SignedWholeDeviceOrder{
				OrderId: o.ID, SignedData: o.Signed, Acknowledged: o.State == wipev1.State_STATE_ACKNOWLEDGED,
			})
		}
	}
	return response, nil
}

// SetLease puts a lease into the manifest, and rings; number 0 takes it out, and
// a zero time leaves that one absent.
func (s *Server) SetLease(number uint64, lockAfter, wipeAfter time.Duration) {
	s.mu.Lock()
	m := &compliancev1.Manifest{}
	if s.manifest != nil {
		m = proto.CloneOf(s.manifest)
	}
	s.mu.Unlock()
	m.Lease = nil
	if number > 0 {
		m.Lease = &compliancev1.Lease{Number: number, LockAfter: duration(lockAfter), WipeAfter: duration(wipeAfter)}
	}
	s.SetManifest(m)
}

func duration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// FetchLease gives the order for the lease of the manifest.
func (s *Server) FetchLease(_ context.Context, r *wipev1.FetchLeaseRequest) (*wipev1.FetchLeaseResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lease := s.manifest.GetLease()
	switch {
	case lease.GetNumber() != r.GetNumber():
		return nil, Refusal(codes.FailedPrecondition, "LEASE_MOVED", "another lease holds")
	case lease.GetWipeAfter() == nil:
		return nil, Refusal(codes.FailedPrecondition, "LEASE_NEVER_WIPES", "the lease has no wipe")
	}
	o := s.leases[r.GetNumber()]
	if o == nil {
		o = s.leaseOrder(lease)
		s.leases[r.GetNumber()] = o
	}
	return &wipev1.FetchLeaseResponse{Order: &wipev1.SignedOrder{OrderId: o.ID, SignedData: o.Signed}}, nil
}

func (s *Server) leaseOrder(lease *compliancev1.Lease) *Order {
	s.sequence++
	m := &wipev1.OrderToSign{
		OrderId: fmt.Sprintf("lease-%08d", lease.GetNumber()), DeviceId: DeviceID, Epoch: s.epoch, Sequence: s.sequence,
		Scope: WorkProfile(), IssuedAt: timestamppb.New(s.Now()), NotAfter: timestamppb.New(s.Now().Add(24 * time.Hour)),
		Lease: &wipev1.Lease{Number: lease.GetNumber(), LockAfter: lease.GetLockAfter(), WipeAfter: lease.GetWipeAfter()},
	}
	id := m.OrderId
	if s.EditLease != nil {
		s.EditLease(m)
	}
	return &Order{ID: id, Signed: s.sign(m), Scope: m.Scope, State: wipev1.State_STATE_DELIVERED}
}

// LeaseOrder gives the order that was given out for a lease; nil before.
func (s *Server) LeaseOrder(number uint64) *Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[number]
}
