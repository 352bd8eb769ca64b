package main

import (
	"context"

	"github.com/spf13/cobra"

	auditv1 "ringfence/proto/mdm/audit/v1"
)

func (a *app) getAudit() *cobra.Command {
	filter := &auditv1.ListEntriesRequest{}
	var device string
	cmd := &cobra.Command{
		Use:     "audit",
		Aliases: []string{"audits", "entries"},
		Short:   "The record of what was done, newest first",
		Args:    cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Target, "target", "", "about this target, for example policy/sales")
	flags.StringVar(&filter.Actor, "actor", "", "by this actor, for example admin:alice")
	flags.StringVar(&device, "device", "", "about this device")
	cmd.MarkFlagsMutuallyExclusive("target", "device")
	a.completeDevice(cmd)
	return getListing(a, listing[*auditv1.Entry]{
		cmd: cmd,
		// A fleet writes many a day, and they are kept for good.
		usual: 100,
		view:  func(a *app) view[*auditv1.Entry] { return auditView(a.now()) },
		list: func(ctx context.Context, c *client, p page) ([]*auditv1.Entry, string, error) {
			if device != "" {
				filter.Target = "device/" + device
			}
			filter.PageSize, filter.PageToken = p.size, p.token
			r, err := c.audit.ListEntries(ctx, filter)
			return r.GetEntries(), r.GetNextPageToken(), err
		},
	})
}
