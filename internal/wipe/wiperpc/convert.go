package wiperpc

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// toScope takes what is one of the two scopes and refuses all else.
func toScope(s *wipev1.Scope) (wipe.Scope, error) {
	switch is := s.GetScope().(type) {
	case *wipev1.Scope_WorkProfile:
		return wipe.OfWorkProfile(), nil
	case *wipev1.Scope_AppData:
		return wipe.OfAppData(is.AppData.GetPackages())
	default:
		return wipe.Scope{}, fault.InvalidField("scope", "is required")
	}
}

func fromScope(s wipe.Scope) (*wipev1.Scope, error) {
	switch s.Kind() {
	case wipe.WorkProfile:
		return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}, nil
	case wipe.AppData:
		return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: s.Packages()}}}, nil
	default:
		return nil, fmt.Errorf("no wire form of scope %q", s.Kind())
	}
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

// toState gives the state to filter by; "" for an unspecified one.
func toState(s wipev1.State) (wipe.State, error) {
	if s == wipev1.State_STATE_UNSPECIFIED {
		return "", nil
	}
	for state, wire := range wireStates {
		if wire == s {
			return state, nil
		}
	}
	return "", fault.InvalidField("state", "is not a state of an order")
}

func fromOrder(o wipe.Order) (*wipev1.Order, error) {
	scope, err := fromScope(o.Scope)
	if err != nil {
		return nil, err
	}
	return &wipev1.Order{
		Id: string(o.ID), DeviceId: string(o.Device), Epoch: uint64(o.Epoch),
		Scope: scope, State: wireStates[o.State],
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
	}, nil
}

func fromOrders(orders []wipe.Order) ([]*wipev1.Order, error) {
	wire := make([]*wipev1.Order, 0, len(orders))
	for _, o := range orders {
		w, err := fromOrder(o)
		if err != nil {
			return nil, err
		}
		wire = append(wire, w)
	}
	return wire, nil
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

func toRequest(r *wipev1.CreateWipeRequest) (wipe.Request, error) {
	id, err := toDevice(r.GetDeviceId())
	if err != nil {
		return wipe.Request{}, err
	}
	scope, err := toScope(r.GetScope())
	if err != nil {
		return wipe.Request{}, err
	}
	lifetime, err := toLifetime(r)
	if err != nil {
		return wipe.Request{}, err
	}
	return wipe.Request{
		Key: r.GetRequestKey(), Device: id, Epoch: device.Epoch(r.GetEpoch()),
		Scope: scope, Reason: r.GetReason(), Lifetime: lifetime,
	}, nil
}

// toLifetime gives 0 for an absent lifetime only: a lifetime of 0 is wrong, not
// the default.
func toLifetime(r *wipev1.CreateWipeRequest) (time.Duration, error) {
	if r.GetLifetime() == nil {
		return 0, nil
	}
	d := r.GetLifetime().AsDuration()
	if r.GetLifetime().CheckValid() != nil || d < wipe.MinLifetime {
		return 0, fault.InvalidField("lifetime", "must be between one minute and 365 days")
	}
	return d, nil
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

// fromCursor writes a place in the listing as text; "" for none.
func fromCursor(c wipe.Cursor) string {
	if c == (wipe.Cursor{}) {
		return ""
	}
	return fmt.Sprintf("%d/%s", c.CreatedAt.UnixMicro(), c.ID)
}

func toCursor(s string) (wipe.Cursor, error) {
	if s == "" {
		return wipe.Cursor{}, nil
	}
	at, id, ok := strings.Cut(s, "/")
	us, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || id == "" {
		return wipe.Cursor{}, fault.InvalidField("page_token", "is not a page token of this server")
	}
	return wipe.Cursor{CreatedAt: time.UnixMicro(us).UTC(), ID: wipe.ID(id)}, nil
}
