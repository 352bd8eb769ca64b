package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// wording is how a deed speaks of itself.
type wording struct {
	one  string // the question about one device; "" where nothing is lost
	many string // the question about several, with their number
}

var (
	wiping        = wording{"Order this wipe?", "Order this wipe of %s?"}
	locking       = wording{"", "Lock %s?"}
	relinquishing = wording{"Give it up?", "Give up %s?"}
)

// oneDevice is an order for one device, or for one registration of an app.
type oneDevice struct {
	id    string
	scope *wipev1.Scope
	wording
}

func (d oneDevice) plan(ctx context.Context, c *client, now time.Time) (planned, error) {
	r, err := c.wipe.PlanWipe(ctx, &wipev1.PlanWipeRequest{DeviceId: d.id, Scope: d.scope})
	if err != nil {
		return planned{}, fmt.Errorf("device %q: %w", d.id, err)
	}
	return planned{
		message: r, digest: r.GetPlanDigest(), epoch: r.GetEpoch(), question: d.one,
		show: func(w io.Writer) error { return writePlan(w, r, now) },
	}, nil
}

func (d oneDevice) order(ctx context.Context, c *client, in consent) (outcome, error) {
	if in.digest == "" && in.epoch == 0 {
		// Nothing was planned: at least it is for the enrolment there is now.
		var err error
		if in.epoch, err = presentEpoch(ctx, c, d.id); err != nil {
			return outcome{}, fmt.Errorf("device %q: %w", d.id, err)
		}
	}
	r, err := c.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{
		RequestKey: requestKey(in.flags.key), DeviceId: d.id, Scope: d.scope, Reason: in.flags.reason,
		Epoch: in.epoch, PlanDigest: in.digest, Lifetime: in.flags.lifetime(),
	})
	if err != nil {
		return outcome{}, fmt.Errorf("device %q: %w", d.id, err)
	}
	return outcome{order: r.GetOrder(), request: r.GetRequest(), paused: r.GetPaused()}, nil
}

// presentEpoch gives the epoch of a device. Of a registration there is no device:
// an order that was made for it before says its epoch, and 0 lets the server
// choose.
func presentEpoch(ctx context.Context, c *client, id string) (uint64, error) {
	now, err := getDevice(ctx, c, id)
	if status.Code(err) != codes.NotFound {
		return now.GetEpoch(), err
	}
	latest, listed := c.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{DeviceId: id, PageSize: 1})
	switch {
	case listed != nil:
		return 0, listed
	case len(latest.GetOrders()) == 0:
		return 0, err
	default:
		return latest.GetOrders()[0].GetEpoch(), nil
	}
}

// lifetime is --expires; nil where it was not given.
func (f *orderFlags) lifetime() *durationpb.Duration {
	if f.expires == 0 {
		return nil
	}
	return durationpb.New(time.Duration(f.expires))
}

// manyDevices is an order for each device of a target.
type manyDevices struct {
	target *wipev1.Target
	scope  *wipev1.Scope
	wording
}

func (d manyDevices) plan(ctx context.Context, c *client, now time.Time) (planned, error) {
	r, err := c.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: d.target, Scope: d.scope})
	if err != nil {
		return planned{}, about(d.target, err)
	}
	return planned{
		message: r, digest: r.GetPlanDigest(), nothing: r.GetIncluded() == 0,
		question: fmt.Sprintf(d.many, count(r.GetIncluded(), "device")),
		show:     func(w io.Writer) error { return writePlans(w, r, now) },
	}, nil
}

func (d manyDevices) order(ctx context.Context, c *client, in consent) (outcome, error) {
	r, err := c.requests.CreateWipes(ctx, &wipev1.CreateWipesRequest{
		RequestKey: requestKey(in.flags.key), Target: d.target, Scope: d.scope, Reason: in.flags.reason,
		PlanDigest: in.digest, Lifetime: in.flags.lifetime(),
	})
	return outcome{request: r.GetRequest(), paused: r.GetPaused()}, about(d.target, err)
}

// about says which group or user an error is about.
func about(t *wipev1.Target, err error) error {
	switch t := t.GetTarget().(type) {
	case *wipev1.Target_Group:
		return wrapped(err, "group", t.Group)
	case *wipev1.Target_User:
		return wrapped(err, "user", t.User)
	default:
		return err
	}
}

// wrapped says what an error is about; nil stays nil.
func wrapped(err error, kind, name string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", kind, name, err)
}

// person is everything of one person, until it is lifted.
type person struct{ user string }

func (d person) plan(ctx context.Context, c *client, now time.Time) (planned, error) {
	target := &wipev1.Target{Target: &wipev1.Target_User{User: d.user}}
	r, err := c.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: target, Scope: workProfileScope(), Standing: true})
	if err != nil {
		return planned{}, about(target, err)
	}
	return planned{
		message: r, digest: r.GetPlanDigest(), question: fmt.Sprintf("Wipe everything of %s?", printable(d.user)),
		show: func(w io.Writer) error {
			if err := writePlans(w, r, now); err != nil {
				return err
			}
			if r.GetIncluded() > 0 { // without anything to begin with the server refuses
				fmt.Fprintf(w, "It stands until it is lifted: what %s enrols, or signs in to, until then is wiped too.\n", printable(d.user))
			}
			return nil
		},
	}, nil
}

func (d person) order(ctx context.Context, c *client, in consent) (outcome, error) {
	r, err := c.requests.WipeUser(ctx, &wipev1.WipeUserRequest{
		RequestKey: requestKey(in.flags.key), User: d.user, Reason: in.flags.reason, PlanDigest: in.digest,
	})
	return outcome{request: r.GetRequest(), paused: r.GetPaused()}, wrapped(err, "user", d.user)
}

// wholeDevice sends one phone of the company back to how it left the factory.
type wholeDevice struct {
	id           string
	personalSide bool // it is known that a personal side goes too
}

func (d wholeDevice) plan(ctx context.Context, c *client, now time.Time) (planned, error) {
	r, err := c.company.PlanWholeDevice(ctx, &wipev1.PlanWholeDeviceRequest{CompanyDeviceId: d.id})
	switch {
	case err != nil:
		return planned{}, wrapped(err, "device", d.id)
	case r.GetPersonalSide() && !d.personalSide:
		return planned{}, refusedError{fmt.Errorf("device %q: the device has a personal side, which would go too\nhint: %s",
			d.id, hintOfReason["PERSONAL_SIDE_WOULD_GO"])}
	}
	return planned{
		message: r.GetPlan(), digest: r.GetPlan().GetPlanDigest(), epoch: r.GetPlan().GetEpoch(),
		question: "To ask for this, type the device's id:", typed: d.id,
		show: func(w io.Writer) error { return writePlan(w, r.GetPlan(), now) },
	}, nil
}

func (d wholeDevice) order(ctx context.Context, c *client, in consent) (outcome, error) {
	r, err := c.company.WipeWholeDevice(ctx, &wipev1.WipeWholeDeviceRequest{
		RequestKey: requestKey(in.flags.key), CompanyDeviceId: d.id, Reason: in.flags.reason,
		Epoch: in.epoch, PersonalSide: d.personalSide, PlanDigest: in.digest, Lifetime: in.flags.lifetime(),
	})
	return outcome{request: r.GetRequest()}, wrapped(err, "device", d.id)
}
