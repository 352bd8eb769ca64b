package main

import (
	"context"

	"github.com/spf13/cobra"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func getRequest(ctx context.Context, c *client, id string) (*wipev1.GetRequestResponse, error) {
	return c.requests.GetRequest(ctx, &wipev1.GetRequestRequest{Id: id})
}

func (a *app) getRequests() *cobra.Command {
	filter := &wipev1.ListRequestsRequest{}
	cmd := &cobra.Command{
		Use:     "requests [ID...]",
		Aliases: []string{"request", "req"},
		Short:   "What administrators asked for, newest first, and what came of it",
		Long: "What administrators asked for, newest first: wipes, and what else needs two of\n" +
			"them. A request is executed at once, or waits for a second person.",
		Example: `  mdmctl get requests --state waiting
  mdmctl get requests --kind user-wipe -o wide`,
	}
	addEnum(cmd, &filter.State, "state", "in this state")
	addEnum(cmd, &filter.Kind, "kind", "of this kind")
	a.completeArgs(cmd, requestNames)
	return getListing(a, listing[*wipev1.WipeRequest]{
		cmd: cmd,
		// They are kept for good.
		usual: 100,
		view:  func(a *app) view[*wipev1.WipeRequest] { return requestsView(a.now()) },
		one: func(ctx context.Context, c *client, id string) (*wipev1.WipeRequest, error) {
			r, err := getRequest(ctx, c, id)
			return r.GetRequest(), err
		},
		list: func(ctx context.Context, c *client, p page) ([]*wipev1.WipeRequest, string, error) {
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.requests.ListRequests(ctx, filter)
			return r.GetRequests(), r.GetNextPageToken(), err
		},
	})
}
