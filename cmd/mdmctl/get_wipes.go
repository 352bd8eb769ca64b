package main

import (
	"context"

	"github.com/spf13/cobra"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func getWipe(ctx context.Context, c *client, id string) (*wipev1.Order, error) {
	r, err := c.wipe.GetWipe(ctx, &wipev1.GetWipeRequest{Id: id})
	return r.GetOrder(), err
}

func wipeListing(filter *wipev1.ListWipesRequest) listing[*wipev1.Order] {
	return listing[*wipev1.Order]{
		view: func(a *app) view[*wipev1.Order] { return wipesView(a.now()) },
		one:  getWipe,
		list: func(ctx context.Context, c *client, p page) ([]*wipev1.Order, string, error) {
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.wipe.ListWipes(ctx, filter)
			return r.GetOrders(), r.GetNextPageToken(), err
		},
	}
}

func (a *app) getWipes() *cobra.Command {
	filter := &wipev1.ListWipesRequest{}
	l := wipeListing(filter)
	l.cmd = &cobra.Command{
		Use:     "wipes [ID...]",
		Aliases: []string{"wipe", "orders", "order"},
		Short:   "The wipe orders, newest first",
	}
	l.cmd.Flags().StringVar(&filter.DeviceId, "device", "", "for this device, or registration")
	l.cmd.Flags().StringVar(&filter.RequestId, "request", "", "of this request")
	completeFlag(l.cmd, "request", a.ask(requestNames))
	addEnum(l.cmd, &filter.State, "state", "in this state")
	a.completeArgs(l.cmd, wipeNames)
	a.completeDevice(l.cmd)
	return a.withReceipt(getListing(a, l))
}
