package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/enumname"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
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

// oneDevice is an order for one device.
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
		now, err := getDevice(ctx, c, d.id)
		if err != nil {
			return outcome{}, fmt.Errorf("device %q: %w", d.id, err)
		}
		in.epoch = now.GetEpoch()
	}
	r, err := c.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{
		RequestKey: requestKey(in.flags.key), DeviceId: d.id, Scope: d.scope, Reason: in.flags.reason,
		Epoch: in.epoch, PlanDigest: in.digest, Lifetime: in.flags.lifetime(),
	})
	if err != nil {
		return outcome{}, fmt.Errorf("device %q: %w", d.id, err)
	}
	return outcome{r.GetOrder(), r.GetRequest()}, nil
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
	return outcome{request: r.GetRequest()}, about(d.target, err)
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
	r, err := c.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: target, Scope: workProfileScope()})
	if err != nil {
		return planned{}, about(target, err)
	}
	return planned{
		message: r, digest: r.GetPlanDigest(), question: fmt.Sprintf("Wipe everything of %s?", printable(d.user)),
		show: func(w io.Writer) error {
			if err := writePlans(w, r, now); err != nil {
				return err
			}
			if r.GetIncluded() > 0 { // without a phone to begin with the server refuses
				fmt.Fprintf(w, "It stands until it is lifted: what %s enrols until then is wiped too.\n", printable(d.user))
			}
			return nil
		},
	}, nil
}

func (d person) order(ctx context.Context, c *client, in consent) (outcome, error) {
	r, err := c.requests.WipeUser(ctx, &wipev1.WipeUserRequest{
		RequestKey: requestKey(in.flags.key), User: d.user, Reason: in.flags.reason, PlanDigest: in.digest,
	})
	return outcome{request: r.GetRequest()}, wrapped(err, "user", d.user)
}

// wholeDevice sends one phone of the company back to how it left the factory.
// The server plans nothing for it: the device itself is shown.
type wholeDevice struct {
	id           string
	personalSide bool // it is known that a personal side goes too
}

func (d wholeDevice) plan(ctx context.Context, c *client, now time.Time) (planned, error) {
	m, err := getDevice(ctx, c, d.id)
	switch {
	case err != nil:
		return planned{}, fmt.Errorf("device %q: %w", d.id, err)
	case m.GetOwnership() != enrollv1.Ownership_OWNERSHIP_COMPANY:
		return planned{}, notFoundError{fmt.Errorf("device %q: no such company-owned device: of a personal one nothing goes beyond its work side", d.id)}
	case hasPersonalSide(m) && !d.personalSide:
		return planned{}, refusedError{fmt.Errorf("device %q: the device has a personal side, which would go too\nhint: %s",
			d.id, hintOfReason["PERSONAL_SIDE_WOULD_GO"])}
	}
	removes := []string{"everything on the device: it goes back to how it left the factory"}
	if hasPersonalSide(m) {
		removes = append(removes, "THE PERSONAL SIDE TOO: photos, messages and apps of the person")
	}
	r := &wipev1.PlanWipeResponse{
		DeviceId: m.GetId(), Epoch: m.GetEpoch(), Device: plannedDevice(m), Removes: removes, EndsEnrollment: true,
		Needs: []string{"a second person: a wipe of a whole device"},
	}
	return planned{
		message: r, epoch: r.GetEpoch(), question: "To ask for this, type the device's id:", typed: d.id,
		show: func(w io.Writer) error { return writePlan(w, r, now) },
	}, nil
}

// hasPersonalSide reports whether somebody keeps a life of their own on the
// device beside the work profile.
func hasPersonalSide(m *enrollv1.Device) bool { return m.GetMode() == enrollv1.Mode_MODE_WORK_PROFILE }

// plannedDevice shows a device's record as a plan would.
func plannedDevice(m *enrollv1.Device) *wipev1.PlannedDevice {
	return &wipev1.PlannedDevice{
		DeviceId: m.GetId(), Epoch: m.GetEpoch(), User: m.GetUser(), Group: m.GetGroup(),
		Ownership: enumname.Of(m.GetOwnership()), Mode: enumname.Of(m.GetMode()), LastContact: m.GetLastSeenAt(),
	}
}

func (d wholeDevice) order(ctx context.Context, c *client, in consent) (outcome, error) {
	r, err := c.company.WipeWholeDevice(ctx, &wipev1.WipeWholeDeviceRequest{
		RequestKey: requestKey(in.flags.key), CompanyDeviceId: d.id, Reason: in.flags.reason,
		Epoch: in.epoch, PersonalSide: d.personalSide, Lifetime: in.flags.lifetime(),
	})
	return outcome{request: r.GetRequest()}, wrapped(err, "device", d.id)
}
