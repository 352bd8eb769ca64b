package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) cancelCommand() *cobra.Command {
	return groupCommand("cancel", "Stop something that has not happened yet", a.cancelWipe(), a.cancelAllWipes())
}

func (a *app) cancelWipe() *cobra.Command {
	in := &wipev1.CancelWipeRequest{}
	cmd := &cobra.Command{
		Use:     "wipe ID",
		Aliases: []string{"wipes", "order"},
		Short:   "Stop a wipe that the device has not promised yet",
		Args:    oneName,
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why, for the record")
	mustHave(cmd, "reason")
	a.completeArgs(cmd, wipeNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		in.Id = args[0]
		r, err := c.wipe.CancelWipe(ctx, in)
		if err != nil {
			return fmt.Errorf("wipe %q: %w", args[0], err)
		}
		if a.forPrograms() {
			return a.writeMessage(r.GetOrder())
		}
		a.say("wipe", r.GetOrder().GetId(), "cancelled")
		return nil
	})
	return cmd
}
