package wiperpc

import (
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	"ringfence/internal/wire"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// toScope takes what is one of the scopes of the wire and refuses all else.
func toScope(s *wipev1.Scope) (wipe.Scope, error) {
	switch is := s.GetScope().(type) {
	case *wipev1.Scope_WorkProfile:
		return wipe.OfWorkProfile(), nil
	case *wipev1.Scope_AppData:
		return wipe.OfAppData(is.AppData.GetPackages())
	case *wipev1.Scope_Relinquish:
		return wipe.OfRelinquish(), nil
	case *wipev1.Scope_Lock:
		return wipe.OfLock(), nil
	default:
		return wipe.Scope{}, fault.InvalidField("scope", "is required")
	}
}

// fromScope gives the wire form of a scope. That of a whole device has none: see
// fromWhole.
func fromScope(s wipe.Scope) (*wipev1.Scope, error) {
	switch s.Kind() {
	case wipe.WorkProfile:
		return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}, nil
	case wipe.AppData:
		return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: s.Packages()}}}, nil
	case wipe.Relinquish:
		return &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}}, nil
	case wipe.Lock:
		return &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}, nil
	default:
		return nil, fmt.Errorf("no wire form of scope %q", s.Kind())
	}
}

// fromWhole gives what stands in the place of the scope where the whole device
// goes; nil for every other scope.
func fromWhole(s wipe.Scope) *wipev1.WholeDevice {
	if s.Kind() != wipe.WholeDevice {
		return nil
	}
	return &wipev1.WholeDevice{PersonalSide: s.PersonalSide()}
}

var wireStates = map[wipe.State]wipev1.State{
	wipe.Pending:      wipev1.State_STATE_PENDING,
	wipe.Delivered:    wipev1.State_STATE_DELIVERED,
	wipe.Acknowledged: wipev1.State_STATE_ACKNOWLEDGED,
	wipe.Done:         wipev1.State_STATE_DONE,
	wipe.Failed:       wipev1.State_STATE_FAILED,
	wipe.Cancelled:    wipev1.State_STATE_CANCELLED,
	wipe.Expired:      wipev1.State_STATE_EXPIRED,
}

var wireSources = map[wipe.Source]wipev1.Source{
	"":                   wipev1.Source_SOURCE_UNSPECIFIED, // from before there were sources
	wipe.ByAdministrator: wipev1.Source_SOURCE_ADMINISTRATOR,
	wipe.ByUserWipe:      wipev1.Source_SOURCE_USER,
	wipe.ByLease:         wipev1.Source_SOURCE_LEASE,
	wipe.ByPolicy:        wipev1.Source_SOURCE_POLICY,
}

// fromOrder shows an order as it stands while the breaker is as given.
func fromOrder(o wipe.Order, b wipe.Breaker) (*wipev1.Order, error) {
	w := &wipev1.Order{
		Id: string(o.ID), DeviceId: string(o.Device), Epoch: uint64(o.Epoch),
		State:  wireStates[o.State],
		Reason: o.Reason, CreatedBy: o.CreatedBy,
		CreatedAt:   timestamppb.New(o.CreatedAt),
		ExpiresAt:   timestamppb.New(o.NotAfter),
		ChangedAt:   timestamppb.New(o.ChangedAt),
		NotNowCount: o.NotNow,
		Receipt:     fromReceipt(o.Receipt),
		Outcome:     o.Outcome,

		Confirmation: wireConfirmations[o.Confirmation()],
		Commitment:   fromCommitment(o.Commitment),
		Sequence:     o.Sequence,
		RefusedCount: o.Refusals,
		LastRefusal:  o.Refusal,

		RequestId: string(o.Request), Source: wireSources[o.Source], Group: o.Group,
		HeldUntil: wire.Time(o.HeldUntil), Paused: paused(o, b), Lease: fromLease(o.Lease),
		WholeDevice: fromWhole(o.Scope), Package: o.App,
	}
	if w.WholeDevice != nil {
		return w, nil
	}
	var err error
	w.Scope, err = fromScope(o.Scope)
	return w, err
}

// paused reports whether the breaker keeps the order from its device.
func paused(o wipe.Order, b wipe.Breaker) bool {
	return b.Open() && (o.State == wipe.Pending || o.State == wipe.Delivered) && o.Scope.Kind() != wipe.Lock
}

var wireConfirmations = map[wipe.Confirmation]wipev1.Confirmation{
	wipe.Unsigned:  wipev1.Confirmation_CONFIRMATION_UNSPECIFIED,
	wipe.Committed: wipev1.Confirmation_CONFIRMATION_COMMITTED_NOT_CONFIRMED,
	wipe.Confirmed: wipev1.Confirmation_CONFIRMATION_CONFIRMED,
}

func fromCommitment(c *wipe.Commitment) *wipev1.Commitment {
	if c == nil {
		return nil
	}
	return &wipev1.Commitment{
		CommittedAt: timestamppb.New(c.At), Packages: c.Packages,
		Files: c.Files, SizeBytes: c.Bytes, Keys: c.Keys, Certificates: c.Certificates, ReceiptKey: c.Key,
	}
}

func fromReceipt(r *wipe.Receipt) *wipev1.Receipt {
	if r == nil {
		return nil
	}
	return &wipev1.Receipt{
		FinishedAt: timestamppb.New(r.FinishedAt), Packages: r.Packages,
		FilesRemoved: r.Files, BytesRemoved: r.Bytes,
		KeysRemoved: r.Keys, CertificatesRemoved: r.Certificates,
	}
}

func toReceipt(r *wipev1.Receipt) (wipe.Receipt, error) {
	if err := r.GetFinishedAt().CheckValid(); err != nil {
		return wipe.Receipt{}, fault.InvalidField("done.finished_at", "is not a time")
	}
	return wipe.Receipt{
		FinishedAt: r.GetFinishedAt().AsTime(), Packages: r.GetPackages(),
		Files: r.GetFilesRemoved(), Bytes: r.GetBytesRemoved(),
		Keys: r.GetKeysRemoved(), Certificates: r.GetCertificatesRemoved(),
	}, nil
}

// toEvent gives what a device reports. Chain is the certificate of the
// connection it came on, by which its signatures are judged.
func toEvent(r *wipev1.ReportOrderRequest, chain [][]byte) (wipe.Event, error) {
	switch is := r.GetReport().(type) {
	case *wipev1.ReportOrderRequest_Acknowledged:
		return acknowledges(r.GetStatement(), chain)
	case *wipev1.ReportOrderRequest_NotNow:
		return wipe.Event{Kind: wipe.NotNow, Reason: is.NotNow.GetReason()}, nil
	case *wipev1.ReportOrderRequest_Done:
		return finishes(is.Done, r.GetStatement(), chain)
	case *wipev1.ReportOrderRequest_Failed:
		return wipe.Event{Kind: wipe.Fail, Reason: is.Failed.GetReason()}, nil
	case *wipev1.ReportOrderRequest_Refused:
		return refuses(is.Refused)
	default:
		return wipe.Event{}, fault.InvalidField("report", "is required")
	}
}

func toDevice(s string) (device.ID, error) {
	id, err := device.ParseID(s)
	if err != nil {
		return "", fault.InvalidField("device_id", "%v", err)
	}
	return id, nil
}

func fromDeliveries(deliveries []wipe.Delivery) []*wipev1.SignedOrder {
	orders := make([]*wipev1.SignedOrder, 0, len(deliveries))
	for _, d := range deliveries {
		orders = append(orders, &wipev1.SignedOrder{
			OrderId:      string(d.Order.ID),
			SignedData:   d.Signed,
			Acknowledged: d.Order.State == wipe.Acknowledged,
		})
	}
	return orders
}

func fromWholeDeliveries(deliveries []wipe.Delivery) []*wipev1.SignedWholeDeviceOrder {
	orders := make([]*wipev1.SignedWholeDeviceOrder, 0, len(deliveries))
	for _, d := range deliveries {
		orders = append(orders, &wipev1.SignedWholeDeviceOrder{
			OrderId:      string(d.Order.ID),
			SignedData:   d.Signed,
			Acknowledged: d.Order.State == wipe.Acknowledged,
		})
	}
	return orders
}
