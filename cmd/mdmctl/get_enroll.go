package main

import (
	"context"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func getDevice(ctx context.Context, c *client, id string) (*enrollv1.Device, error) {
	r, err := c.enroll.GetDevice(ctx, &enrollv1.GetDeviceRequest{Id: id})
	return r.GetDevice(), err
}

func (a *app) getDevices() *cobra.Command {
	filter := &enrollv1.ListDevicesRequest{}
	cmd := &cobra.Command{
		Use:     "devices [ID...]",
		Aliases: []string{"device", "dev"},
		Short:   "The phones, and those that were",
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Group, "group", "", "of this group")
	flags.StringVar(&filter.User, "user", "", "of this user")
	addEnum(cmd, &filter.State, "state", "in this state")
	flags.BoolVar(&filter.ShowDeleted, "deleted", false, "deleted ones too")
	addEnum(cmd, &filter.Ownership, "ownership", "of this ownership")
	addEnum(cmd, &filter.Mode, "mode", "in this mode")
	a.completeArgs(cmd, deviceNames)
	return getListing(a, listing[judgedDevice]{
		cmd:  cmd,
		view: func(a *app) view[judgedDevice] { return devicesView(a.now()) },
		one: func(ctx context.Context, c *client, id string) (judgedDevice, error) {
			d, err := getDevice(ctx, c, id)
			if err != nil {
				return judgedDevice{}, err
			}
			judged, err := a.judged(ctx, c, []*enrollv1.Device{d})
			if err != nil {
				return judgedDevice{}, err
			}
			return judged[0], nil
		},
		list: func(ctx context.Context, c *client, p page) ([]judgedDevice, string, error) {
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.enroll.ListDevices(ctx, filter)
			if err != nil {
				return nil, "", err
			}
			judged, err := a.judged(ctx, c, r.GetDevices())
			return judged, r.GetNextPageToken(), err
		},
	})
}

// judgedDevice is a device with the verdict on it in one word. For programs it is
// the device alone: the verdict has a message of its own.
type judgedDevice struct {
	*enrollv1.Device
	// standing is nil where there is none, or nobody will see it.
	standing *compliancev1.DeviceStanding
}

// word is the standing of an enrolled device; "" for one that is not.
func (d judgedDevice) word() string {
	switch {
	case d.GetState() != enrollv1.DeviceState_DEVICE_STATE_ENROLLED:
		return ""
	case d.standing == nil: // it has not reported
		return enumname.Of(compliancev1.Standing_STANDING_UNKNOWN)
	default:
		return enumname.Of(d.standing.GetStanding())
	}
}

// judged asks for the standings of a page of devices, in one call, where they
// are shown.
func (a *app) judged(ctx context.Context, c *client, devices []*enrollv1.Device) ([]judgedDevice, error) {
	judged := make([]judgedDevice, len(devices))
	asked := new(compliancev1.ListDeviceStandingsRequest)
	for i, d := range devices {
		judged[i] = judgedDevice{Device: d}
		if d.GetState() == enrollv1.DeviceState_DEVICE_STATE_ENROLLED {
			asked.DeviceIds = append(asked.DeviceIds, d.GetId())
		}
	}
	if len(asked.GetDeviceIds()) == 0 || a.forPrograms() || a.format == "name" {
		return judged, nil
	}
	r, err := c.compliance.ListDeviceStandings(ctx, asked)
	if err != nil {
		return nil, err
	}
	standings := make(map[string]*compliancev1.DeviceStanding)
	for _, s := range r.GetStandings() {
		standings[s.GetDeviceId()] = s
	}
	for i := range judged {
		judged[i].standing = standings[judged[i].GetId()]
	}
	return judged, nil
}

func getToken(ctx context.Context, c *client, id string) (*enrollv1.Token, error) {
	r, err := c.enroll.GetToken(ctx, &enrollv1.GetTokenRequest{Id: id})
	return r.GetToken(), err
}

func (a *app) getTokens() *cobra.Command {
	filter := &enrollv1.ListTokensRequest{}
	cmd := &cobra.Command{
		Use:     "tokens [ID...]",
		Aliases: []string{"token", "tok"},
		Short:   "The enrolment tokens, never their secrets",
	}
	cmd.Flags().BoolVar(&filter.UsableOnly, "usable", false, "that can still be redeemed")
	a.completeArgs(cmd, tokenNames)
	return getListing(a, listing[*enrollv1.Token]{
		cmd:  cmd,
		view: func(a *app) view[*enrollv1.Token] { return tokensView(a.now()) },
		one:  getToken,
		list: func(ctx context.Context, c *client, p page) ([]*enrollv1.Token, string, error) {
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.enroll.ListTokens(ctx, filter)
			return r.GetTokens(), r.GetNextPageToken(), err
		},
	})
}
