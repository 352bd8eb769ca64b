package chaos

import (
	"context"
	"slices"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// someone gives the device of some phone; "" before it has one.
func (a *administrator) someone() string {
	id, _ := pick(a.dice, a.world.phones).enrolled()
	return id
}

func (a *administrator) someScope() *wipev1.Scope {
	switch throw := a.dice.n(100); {
	case throw < 45:
		return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: []string{pick(a.dice, workApps)}}}}
	case throw < 80:
		return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}
	case throw < 90:
		return &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}}
	default:
		return &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}
	}
}

func (a *administrator) order(ctx context.Context) error {
	id := a.someone()
	if id == "" {
		return errNothing
	}
	in := &wipev1.CreateWipeRequest{RequestKey: newKey(), DeviceId: id, Scope: a.someScope(), Reason: "chaos: one"}
	r, err := retried(ctx, func() (*wipev1.CreateWipeResponse, error) { return a.wipe.CreateWipe(ctx, in) })
	return a.remember(r.GetRequest(), err)
}

func (a *administrator) bulk(ctx context.Context) error {
	var ids []string
	for range 2 + a.dice.n(7) {
		if id := a.someone(); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return errNothing
	}
	target := &wipev1.Target{Target: &wipev1.Target_Devices{Devices: &wipev1.DeviceList{Ids: ids}}}
	scope := a.someScope()
	plan, err := a.ask.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: target, Scope: scope})
	if err != nil {
		return err
	}
	in := &wipev1.CreateWipesRequest{
		RequestKey: newKey(), Target: target, Scope: scope, Reason: "chaos: several", PlanDigest: plan.GetPlanDigest(),
	}
	r, err := retried(ctx, func() (*wipev1.CreateWipesResponse, error) { return a.ask.CreateWipes(ctx, in) })
	return a.remember(r.GetRequest(), err)
}

func (a *administrator) wipeUser(ctx context.Context) error {
	if !a.dice.percent(20) {
		return errNothing
	}
	user := pick(a.dice, a.world.phones).user
	plan, err := a.ask.PlanWipes(ctx, &wipev1.PlanWipesRequest{
		Target: &wipev1.Target{Target: &wipev1.Target_User{User: user}},
		Scope:  &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}},
	})
	if err != nil {
		return err
	}
	in := &wipev1.WipeUserRequest{RequestKey: newKey(), User: user, Reason: "chaos: a person", PlanDigest: plan.GetPlanDigest()}
	r, err := retried(ctx, func() (*wipev1.WipeUserResponse, error) { return a.ask.WipeUser(ctx, in) })
	return a.remember(r.GetRequest(), err)
}

func (a *administrator) wipeWhole(ctx context.Context) error {
	h := pick(a.dice, a.world.phones)
	id, _ := h.enrolled()
	if id == "" || !a.dice.percent(30) {
		return errNothing
	}
	r, err := a.whole.WipeWholeDevice(ctx, &wipev1.WipeWholeDeviceRequest{
		RequestKey: newKey(), CompanyDeviceId: id, Reason: "chaos: all of it", PersonalSide: true,
	})
	if err == nil && h.ownership == "personal" {
		return broken("a personal device was asked for as a whole: %v", r)
	}
	if err == nil && r.GetRequest().GetState() != wipev1.RequestState_REQUEST_STATE_WAITING {
		return broken("a whole device did not wait for a second person: %v", r)
	}
	return a.remember(r.GetRequest(), err)
}

// pending gives some request that waits.
func (a *administrator) pending(ctx context.Context) (*wipev1.WipeRequest, error) {
	in := &wipev1.ListRequestsRequest{State: wipev1.RequestState_REQUEST_STATE_WAITING, PageSize: 50}
	if a.dice.percent(40) { // what keeps all others waiting
		in.Kind = wipev1.RequestKind_REQUEST_KIND_RESUME
	}
	r, err := a.ask.ListRequests(ctx, in)
	if err == nil && len(r.GetRequests()) == 0 {
		err = errNothing
	}
	return pick(a.dice, r.GetRequests()), err
}

func (a *administrator) approve(ctx context.Context) error {
	r, err := a.pending(ctx)
	if err != nil {
		return err
	}
	own := r.GetCreatedBy() == "admin:"+a.name
	_, err = a.ask.ApproveRequest(ctx, &wipev1.ApproveRequestRequest{Id: r.GetId(), Comment: "chaos: yes"})
	if own && err == nil {
		return broken("%s approved what is its own: %v", a.name, r)
	}
	return err
}

func (a *administrator) reject(ctx context.Context) error {
	r, err := a.pending(ctx)
	if err != nil {
		return err
	}
	if !a.dice.percent(30) {
		return errNothing
	}
	_, err = a.ask.RejectRequest(ctx, &wipev1.RejectRequestRequest{Id: r.GetId(), Reason: "chaos: no"})
	return err
}

// stop stops what was executed, which may still be cooling off, or what waits.
func (a *administrator) stop(ctx context.Context) error {
	states := []wipev1.RequestState{wipev1.RequestState_REQUEST_STATE_EXECUTED, wipev1.RequestState_REQUEST_STATE_WAITING}
	r, err := a.ask.ListRequests(ctx, &wipev1.ListRequestsRequest{State: pick(a.dice, states), PageSize: 5})
	one := pick(a.dice, r.GetRequests())
	if err != nil {
		return err
	}
	if one == nil {
		return errNothing
	}
	_, err = a.ask.StopRequest(ctx, &wipev1.StopRequestRequest{Id: one.GetId(), Reason: "chaos: stop"})
	if err == nil {
		a.mu.Lock()
		a.stopped = append(a.stopped, one.GetId())
		a.mu.Unlock()
	}
	return err
}

func (a *administrator) cancel(ctx context.Context) error {
	r, err := a.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{PageSize: 20})
	one := pick(a.dice, r.GetOrders())
	if err != nil {
		return err
	}
	if one == nil {
		return errNothing
	}
	_, err = a.wipe.CancelWipe(ctx, &wipev1.CancelWipeRequest{Id: one.GetId(), Reason: "chaos: cancel"})
	if err == nil {
		a.mu.Lock()
		a.cancelled = append(a.cancelled, one.GetId())
		a.mu.Unlock()
	}
	return err
}

func (a *administrator) lift(ctx context.Context) error {
	if !a.dice.percent(20) {
		return errNothing
	}
	return a.liftSome(ctx, 1)
}

// liftSome lifts standing wipes of persons, at most so many.
func (a *administrator) liftSome(ctx context.Context, most int) error {
	r, err := a.ask.ListRequests(ctx, &wipev1.ListRequestsRequest{
		State: wipev1.RequestState_REQUEST_STATE_EXECUTED, Kind: wipev1.RequestKind_REQUEST_KIND_USER_WIPE, PageSize: 1000,
	})
	for _, one := range r.GetRequests() {
		if one.GetLiftedAt() != nil {
			continue
		}
		if _, err := a.ask.LiftUserWipe(ctx, &wipev1.LiftUserWipeRequest{Id: one.GetId(), Reason: "chaos: lifted"}); err != nil {
			return err
		}
		if most--; most == 0 {
			break
		}
	}
	return err
}

func (a *administrator) closeBreaker(ctx context.Context) error {
	_, err := a.ask.CloseBreaker(ctx, &wipev1.CloseBreakerRequest{
		RequestKey: newKey(), CancelAll: a.dice.percent(20), Reason: "chaos: go on",
	})
	return err
}
