package main

import (
	"context"

	"github.com/spf13/cobra"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) setCommand() *cobra.Command {
	return groupCommand("set", "Change what bounds everybody", a.setLimits(), a.setLease())
}

func (a *app) resumeCommand() *cobra.Command {
	return groupCommand("resume", "Let go on what the breaker has paused", a.closeBreaker(&cobra.Command{
		Use:     "wipes",
		Aliases: []string{"wipe", "orders"},
		Short:   "Ask that the breaker closes and paused orders go on",
		Long: "Ask that the breaker closes and paused orders go on. It always waits for a second\n" +
			"person. See mdmctl get wipes for what is paused.",
		Example: `  mdmctl resume wipes --reason "the branch in Ulm does close"`,
	}, false))
}

func (a *app) cancelAllWipes() *cobra.Command {
	return a.closeBreaker(&cobra.Command{
		Use:   "all-wipes",
		Short: "Ask that the breaker closes and every paused order is cancelled",
		Long: "Ask that the breaker closes and every paused order is cancelled. It always waits\n" +
			"for a second person; until then nothing paused goes on.",
		Example: `  mdmctl cancel all-wipes --reason "a credential was stolen"`,
	}, true)
}

func (a *app) closeBreaker(cmd *cobra.Command, cancelAll bool) *cobra.Command {
	in := &wipev1.CloseBreakerRequest{CancelAll: cancelAll}
	addReason(cmd, &in.Reason)
	addRequestKey(cmd, &in.RequestKey)
	cmd.Args = cobra.NoArgs
	cmd.RunE = a.calling(func(ctx context.Context, c *client, _ []string) error {
		in.RequestKey = requestKey(in.GetRequestKey())
		r, err := c.requests.CloseBreaker(ctx, in)
		if err != nil {
			return err
		}
		return a.tellRequest(r.GetRequest())
	})
	return cmd
}
