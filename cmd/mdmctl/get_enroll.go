package main

import (
	"context"

	"github.com/spf13/cobra"

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
	addEnum(cmd, &filter.Ownership, "ownership", "of this ownership")
	addEnum(cmd, &filter.Mode, "mode", "in this mode")
	a.completeArgs(cmd, deviceNames)
	return getListing(a, listing[*enrollv1.Device]{
		cmd:  cmd,
		view: func(a *app) view[*enrollv1.Device] { return devicesView(a.now()) },
		one:  getDevice,
		list: func(ctx context.Context, c *client, p page) ([]*enrollv1.Device, string, error) {
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.enroll.ListDevices(ctx, filter)
			return r.GetDevices(), r.GetNextPageToken(), err
		},
	})
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
