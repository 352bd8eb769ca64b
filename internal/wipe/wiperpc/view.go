package wiperpc

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	"ringfence/internal/wire"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

var wireRequestKinds = map[wipe.RequestKind]wipev1.RequestKind{
	wipe.Wipe:         wipev1.RequestKind_REQUEST_KIND_WIPE,
	wipe.UserWipe:     wipev1.RequestKind_REQUEST_KIND_USER_WIPE,
	wipe.ChangeLimits: wipev1.RequestKind_REQUEST_KIND_LIMITS,
	wipe.Resume:       wipev1.RequestKind_REQUEST_KIND_RESUME,
	wipe.CancelAll:    wipev1.RequestKind_REQUEST_KIND_CANCEL_ALL,
	wipe.ChangeLease:  wipev1.RequestKind_REQUEST_KIND_LEASE,
}

var wireRequestStates = map[wipe.RequestState]wipev1.RequestState{
	wipe.Waiting:    wipev1.RequestState_REQUEST_STATE_WAITING,
	wipe.Executed:   wipev1.RequestState_REQUEST_STATE_EXECUTED,
	wipe.Rejected:   wipev1.RequestState_REQUEST_STATE_REJECTED,
	wipe.RequestEnd: wipev1.RequestState_REQUEST_STATE_EXPIRED,
	wipe.Stopped:    wipev1.RequestState_REQUEST_STATE_STOPPED,
	wipe.Void:       wipev1.RequestState_REQUEST_STATE_VOID,
}

// toWord gives the domain's word for one of the wire, "" for the unspecified one.
func toWord[D ~string, W ~int32](words map[D]W, w W, field string) (D, error) {
	if w == 0 {
		return "", nil
	}
	for word, value := range words {
		if value == w {
			return word, nil
		}
	}
	return "", fault.InvalidField(field, "is not one of those there are")
}

// view shows what the service gives as administrators see it.
type view struct{ service *wipe.Service }

// orders shows orders as they stand now.
func (v view) orders(ctx context.Context, orders ...wipe.Order) ([]*wipev1.Order, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	b, err := v.service.Breaker(ctx)
	if err != nil {
		return nil, err
	}
	shown := make([]*wipev1.Order, 0, len(orders))
	for _, o := range orders {
		w, err := fromOrder(o, b)
		if err != nil {
			return nil, err
		}
		shown = append(shown, w)
	}
	return shown, nil
}

// order shows one.
func (v view) order(ctx context.Context, o wipe.Order) (*wipev1.Order, error) {
	shown, err := v.orders(ctx, o)
	if err != nil {
		return nil, err
	}
	return shown[0], nil
}

// paused reports whether the breaker holds any of the orders now.
func (v view) paused(ctx context.Context, orders []wipe.Order) (bool, error) {
	if len(orders) == 0 {
		return false, nil
	}
	b, err := v.service.Breaker(ctx)
	return slices.ContainsFunc(orders, func(o wipe.Order) bool { return paused(o, b) }), err
}

// made shows a request and what has just come of it.
func (v view) made(ctx context.Context, r wipe.Request, orders []wipe.Order) (shown *wipev1.WipeRequest, held bool, err error) {
	if shown, err = v.request(ctx, r); err != nil {
		return nil, false, err
	}
	held, err = v.paused(ctx, orders)
	return shown, held, err
}

// request shows a request, and says what to do next with it.
func (v view) request(ctx context.Context, r wipe.Request) (*wipev1.WipeRequest, error) {
	w, err := fromRequest(r)
	if err != nil {
		return nil, err
	}
	w.Hint, err = v.service.Hint(ctx, r)
	return w, err
}

// fromRequest shows a request, all but its hint.
func fromRequest(r wipe.Request) (*wipev1.WipeRequest, error) {
	w := &wipev1.WipeRequest{
		Id: string(r.ID), Kind: wireRequestKinds[r.Kind], State: wireRequestStates[r.State],
		Reason: r.Reason, CreatedBy: r.By.Actor, CreatedAt: timestamppb.New(r.CreatedAt), ExpiresAt: wire.Time(r.ExpiresAt),
		DecidedBy: r.Decided.By, DecidedAt: wire.Time(r.Decided.At), Decision: r.Decided.Words,
		Summary: r.Summary(), Needs: r.Needs, Devices: count(len(r.Devices)), PlanDigest: r.Plan, Outcome: r.Outcome,
		HeldUntil: wire.Time(r.HeldUntil), User: r.User, LiftedAt: wire.Time(r.LiftedAt),
	}
	if k := r.Scope.Kind(); k == "" || k == wipe.WholeDevice {
		return w, nil
	}
	var err error
	w.Scope, err = fromScope(r.Scope)
	return w, err
}

func fromEnrollments(devices []wipe.Enrollment) []*wipev1.RequestedDevice {
	return wire.Each(devices, func(d wipe.Enrollment) *wipev1.RequestedDevice {
		return &wipev1.RequestedDevice{DeviceId: string(d.Device), Epoch: uint64(d.Epoch)}
	})
}

// maxLines bounds what is said of one device among thousands.
const maxLines = 10

// fromPlanOfOne shows the plan of one device, which is in it, or there was an
// error. If it would get no order, that is the answer.
func fromPlanOfOne(p wipe.Preview) (*wipev1.PlanWipeResponse, error) {
	d := p.Devices[0]
	if d.Excluded != nil {
		return nil, d.Excluded
	}
	return &wipev1.PlanWipeResponse{
		DeviceId: string(d.Facts.ID), Epoch: uint64(d.Facts.Epoch),
		Removes: d.Outlook.Removes, Keeps: d.Outlook.Keeps, EndsEnrollment: d.Outlook.EndsEnrollment,
		PlanDigest: p.Digest, Device: fromPlanned(d), Needs: p.Needs,
	}, nil
}

// fromPlanned shows one device of a plan. One that would get no order says why,
// and loses nothing.
func fromPlanned(p wipe.Planned) *wipev1.PlannedDevice {
	w := &wipev1.PlannedDevice{
		DeviceId: string(p.Facts.ID), Epoch: uint64(p.Facts.Epoch), User: p.Facts.User, Group: p.Facts.Group,
		Ownership: string(p.Facts.Ownership), Mode: string(p.Facts.Mode), Package: p.Facts.App, LastContact: wire.Time(p.Facts.LastContact),
	}
	if p.Excluded != nil {
		w.Excluded = p.Excluded.Error()
		return w
	}
	w.Removes = p.Outlook.Removes
	if more := len(w.Removes) - maxLines; more > 0 {
		w.Removes = append(slices.Clone(w.Removes[:maxLines]), fmt.Sprintf("and %d more", more))
	}
	for _, a := range p.Unsynced {
		w.Unsynced = append(w.Unsynced, &wipev1.UnsyncedApp{Package: a.Package, Changes: a.Changes})
	}
	return w
}

// count gives a count that is never negative nor near the bounds of either type.
func count[N int | int64](n N) uint32 { return uint32(max(n, 0)) }
