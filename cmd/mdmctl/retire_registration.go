package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func (a *app) retireRegistration() *cobra.Command {
	in := &appprotectv1.RetireRegistrationRequest{}
	var yes bool
	cmd := &cobra.Command{
		Use:     "registration ID",
		Aliases: []string{"registrations", "reg"},
		Short:   "End the registration of a work account in an app; removes nothing from the phone",
		Long: "End the registration of a work account in an app: its certificates stop working at\n" +
			"once. This removes nothing from the phone, and nothing can reach the app\n" +
			"afterwards: where work data must go, order a wipe first (mdmctl wipe\n" +
			"registrations) and wait for it.",
		Args: oneName,
	}
	flags := cmd.Flags()
	addReason(cmd, &in.Reason)
	flags.Uint64Var(&in.Epoch, "epoch", 0, "only this epoch (default the one shown)")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	a.completeArgs(cmd, registrationNames)
	cmd.RunE = a.waiting(func(ctx context.Context, c *client, args []string) error {
		id := args[0]
		d, err := getRegistration(ctx, c, id)
		if err != nil {
			return wrapped(err, "registration", id)
		}
		m := d.GetRegistration()
		if m.GetState() == appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED {
			return a.tellRegistration(m, "has ended already ("+m.GetEndedWhy()+"); nothing was done")
		}
		fmt.Fprintf(a.err, "The work account of %s in %s will be cut off at once.\n"+
			"Nothing is removed from the phone: order a wipe first where work data must go.\n",
			printable(m.GetUser()), printable(m.GetPackage()))
		if err := a.confirm(ctx, "Retire it?", yes); err != nil {
			return err
		}
		// What was shown is what is retired, even if it registers again meanwhile.
		if in.Epoch == 0 {
			in.Epoch = m.GetEpoch()
		}
		in.RegistrationId = id
		r, err := c.apps.RetireRegistration(ctx, in)
		if err != nil {
			return wrapped(err, "registration", id)
		}
		return a.tellRegistration(r.GetRegistration(), "retired; nothing was removed from the phone")
	})
	return cmd
}

func (a *app) tellRegistration(m *appprotectv1.Registration, done string) error {
	if a.forPrograms() {
		return a.writeMessage(m)
	}
	a.say("registration", m.GetId(), done)
	return nil
}
