package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"ringfence/internal/enumname"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func (a *app) retireCommand() *cobra.Command {
	return groupCommand("retire", "End an enrolment, or the registration of an app", a.retireDevice(), a.retireRegistration())
}

func (a *app) retireDevice() *cobra.Command {
	in := &enrollv1.RetireDeviceRequest{}
	var yes bool
	cmd := &cobra.Command{
		Use:     "device ID",
		Aliases: []string{"devices", "dev"},
		Short:   "End a device's enrolment; removes nothing from the phone",
		Long: "End a device's enrolment: its certificates stop working at once. This removes\n" +
			"nothing from the phone, and nothing can reach it afterwards: where work data\n" +
			"must go, order a wipe first and wait for it.",
		Args: oneName,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Reason, "reason", "", "why, for the record")
	flags.Uint64Var(&in.Epoch, "epoch", 0, "only this enrolment (default the one shown)")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	mustHave(cmd, "reason")
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = a.waiting(func(ctx context.Context, c *client, args []string) error {
		id := args[0]
		d, err := getDevice(ctx, c, id)
		if err != nil {
			return fmt.Errorf("device %q: %w", id, err)
		}
		if d.GetState() != enrollv1.DeviceState_DEVICE_STATE_ENROLLED {
			return a.alreadyEnded(d)
		}
		fmt.Fprintf(a.err, "Device %s (%s, user %s) will be cut off at once.\nNothing is removed from the phone: order a wipe first where work data must go.\n",
			printable(d.GetId()), printable(d.GetModel()), orDash(printable(d.GetUser())))
		if err := a.confirm(ctx, "Retire it?", yes); err != nil {
			return err
		}
		// What was shown is what is retired, even if it enrols again meanwhile.
		if in.Epoch == 0 {
			in.Epoch = d.GetEpoch()
		}
		in.Id = id
		r, err := c.enroll.RetireDevice(ctx, in)
		if err != nil {
			return fmt.Errorf("device %q: %w", id, err)
		}
		if a.forPrograms() {
			return a.writeMessage(r.GetDevice())
		}
		a.say("device", id, "retired; nothing was removed from the phone")
		return nil
	})
	return cmd
}

// alreadyEnded reports a device that is not enrolled: retiring it again is no
// error, and must not read as if it had been done now.
func (a *app) alreadyEnded(d *enrollv1.Device) error {
	if a.forPrograms() {
		return a.writeMessage(d)
	}
	a.say("device", d.GetId(), "is "+enumname.Of(d.GetState())+" already; nothing was done")
	return nil
}
