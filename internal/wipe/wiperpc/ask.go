package wiperpc

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// toAsk reads a request for one device.
func toAsk(r *wipev1.CreateWipeRequest) (wipe.Ask, error) {
	id, err := toDevice(r.GetDeviceId())
	if err != nil {
		return wipe.Ask{}, err
	}
	scope, err := toScope(r.GetScope())
	if err != nil {
		return wipe.Ask{}, err
	}
	lifetime, err := toLifetime(r.GetLifetime())
	if err != nil {
		return wipe.Ask{}, err
	}
	return wipe.Ask{
		Key: r.GetRequestKey(), Target: wipe.Target{Devices: []device.ID{id}}, Epoch: device.Epoch(r.GetEpoch()),
		Scope: scope, Reason: r.GetReason(), Lifetime: lifetime, Plan: r.GetPlanDigest(),
	}, nil
}

// toWideAsk reads a request for several devices.
func toWideAsk(r *wipev1.CreateWipesRequest) (wipe.Ask, error) {
	target, err := toTarget(r.GetTarget())
	if err != nil {
		return wipe.Ask{}, err
	}
	scope, err := toScope(r.GetScope())
	if err != nil {
		return wipe.Ask{}, err
	}
	lifetime, err := toLifetime(r.GetLifetime())
	if err != nil {
		return wipe.Ask{}, err
	}
	return wipe.Ask{
		Key: r.GetRequestKey(), Target: target, Scope: scope, Reason: r.GetReason(), Lifetime: lifetime, Plan: r.GetPlanDigest(),
	}, nil
}

// toUserAsk reads a request for everything of one person.
func toUserAsk(r *wipev1.WipeUserRequest) wipe.Ask {
	return wipe.Ask{
		Key: r.GetRequestKey(), Target: wipe.Target{User: r.GetUser()}, Scope: wipe.OfWorkProfile(), Reason: r.GetReason(),
		Plan: r.GetPlanDigest(), Standing: true,
	}
}

// toWholeAsk reads a request for a whole device of the company.
func toWholeAsk(r *wipev1.WipeWholeDeviceRequest) (wipe.WholeAsk, error) {
	id, err := toCompanyDevice(r.GetCompanyDeviceId())
	if err != nil {
		return wipe.WholeAsk{}, err
	}
	lifetime, err := toLifetime(r.GetLifetime())
	if err != nil {
		return wipe.WholeAsk{}, err
	}
	return wipe.WholeAsk{
		Key: r.GetRequestKey(), Device: id, Epoch: device.Epoch(r.GetEpoch()), Reason: r.GetReason(), Lifetime: lifetime,
		Plan: r.GetPlanDigest(), PersonalSide: r.GetPersonalSide(),
	}, nil
}

func toCompanyDevice(s string) (device.ID, error) {
	id, err := device.ParseID(s)
	if err != nil {
		return "", fault.InvalidField("company_device_id", "%v", err)
	}
	return id, nil
}

func toTarget(t *wipev1.Target) (wipe.Target, error) {
	switch is := t.GetTarget().(type) {
	case *wipev1.Target_Devices:
		ids := make([]device.ID, 0, len(is.Devices.GetIds()))
		for _, text := range is.Devices.GetIds() {
			id, err := toDevice(text)
			if err != nil {
				return wipe.Target{}, err
			}
			ids = append(ids, id)
		}
		return wipe.Target{Devices: ids}, nil
	case *wipev1.Target_Group:
		return wipe.Target{Group: is.Group}, nil
	case *wipev1.Target_User:
		return wipe.Target{User: is.User}, nil
	default:
		return wipe.Target{}, fault.InvalidField("target", "is required")
	}
}

// toLifetime gives 0 for an absent lifetime only: a lifetime of 0 is wrong, not
// the default.
func toLifetime(d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	lifetime := d.AsDuration()
	if d.CheckValid() != nil || lifetime < wipe.MinLifetime {
		return 0, fault.InvalidField("lifetime", "must be between one minute and 365 days")
	}
	return lifetime, nil
}
