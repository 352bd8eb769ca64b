package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func (a *app) deleteDevice() *cobra.Command {
	in := &enrollv1.DeleteDeviceRequest{}
	var yes bool
	cmd := &cobra.Command{
		Use:     "device ID",
		Aliases: []string{"devices", "dev"},
		Short:   "Delete a device's record; loses no order and removes nothing from the phone",
		Long: "Delete a device's record: its enrolment ends as by retire, and the user, the\n" +
			"model, the system version and the hardware tag are erased. Where orders wait for\n" +
			"the device, all of that waits for them, and the phone keeps working until they\n" +
			"are settled; a phone that enrols again meanwhile lifts the deletion.",
		Args: oneName,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Reason, "reason", "", "why, for the record")
	flags.Uint64Var(&in.Epoch, "epoch", 0, "only while this is the latest enrolment (default the one shown)")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	mustHave(cmd, "reason")
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = a.waiting(func(ctx context.Context, c *client, args []string) error {
		id := args[0]
		d, err := getDevice(ctx, c, id)
		if err != nil {
			return fmt.Errorf("device %q: %w", id, err)
		}
		if d.GetPurgedAt() != nil {
			return a.sayDeleted(d, "is deleted already; nothing was done")
		}
		fmt.Fprintf(a.err, "The record of device %s (%s, user %s) will be erased and its enrolment ended, once no order waits for it.\n"+
			"Nothing is removed from the phone: order a wipe first where work data must go.\n",
			printable(d.GetId()), printable(d.GetModel()), orDash(printable(d.GetUser())))
		if err := a.confirm(ctx, "Delete it?", yes); err != nil {
			return err
		}
		// What was shown is what is deleted, even if it enrols again meanwhile.
		if in.Epoch == 0 {
			in.Epoch = d.GetEpoch()
		}
		in.Id = id
		r, err := c.enroll.DeleteDevice(ctx, in)
		if err != nil {
			return fmt.Errorf("device %q: %w", id, err)
		}
		if r.GetDevice().GetPurgedAt() == nil {
			return a.sayDeleted(r.GetDevice(), "is deleted when its orders are settled")
		}
		return a.sayDeleted(r.GetDevice(), "deleted; nothing was removed from the phone")
	})
	return cmd
}

// sayDeleted reports how far a deletion has come.
func (a *app) sayDeleted(d *enrollv1.Device, done string) error {
	if a.forPrograms() {
		return a.writeMessage(d)
	}
	a.say("device", d.GetId(), done)
	return nil
}
