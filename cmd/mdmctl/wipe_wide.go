package main

import (
	"context"

	"github.com/spf13/cobra"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) wipeUser() *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use:     "user USER",
		Aliases: []string{"users"},
		Short:   "Order a wipe of everything of one person, until it is lifted",
		Long: "Order a wipe of everything of one person: the work side of each device they have\n" +
			"enrolled, the data of each work account they have in an app, and of each of both\n" +
			"that comes until it is lifted. Every order is bound to the enrolment, or to the\n" +
			"registration, it found, so what comes after lifting is left alone.",
		Example: `  mdmctl wipe user maria@example.com --reason "account taken over"
  mdmctl lift user-wipe REQUEST --reason "account is safe again"`,
		Args: oneName,
	}
	f.add(cmd)
	cmd.RunE = a.ordering(&f, func(args []string) (deed, error) { return person{user: args[0]}, nil })
	return cmd
}

func (a *app) wipeWholeDevice() *cobra.Command {
	var f orderFlags
	var personalSide bool
	cmd := &cobra.Command{
		Use:   "whole-device ID",
		Short: "Ask that a phone of the company goes back to how it left the factory",
		Long: "Ask that one phone of the company goes back to how it left the factory. It always\n" +
			"waits for a second person, and who asks types the device's id back. There is\n" +
			"nothing of the kind for a personally owned device. Where a company's device has a\n" +
			"personal side, --personal-side says that it is known that it goes too; mdmctl\n" +
			"relinquish device takes the work side only and leaves the person's.",
		Example: `  mdmctl wipe whole-device ID --reason "kiosk was stolen"
  mdmctl wipe whole-device ID --reason "court order 12/26" --personal-side`,
		Annotations: map[string]string{kindKey: "device"},
		Args:        oneName,
	}
	f.add(cmd)
	f.addExpires(cmd)
	cmd.Flags().BoolVar(&personalSide, "personal-side", false, "it is known that the personal side goes too")
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = a.ordering(&f, func(args []string) (deed, error) {
		return wholeDevice{id: args[0], personalSide: personalSide}, nil
	})
	return cmd
}

func (a *app) liftCommand() *cobra.Command {
	return groupCommand("lift", "End what stands until it is lifted", a.liftUserWipe())
}

func (a *app) liftUserWipe() *cobra.Command {
	in := &wipev1.LiftUserWipeRequest{}
	cmd := &cobra.Command{
		Use:         "user-wipe REQUEST",
		Annotations: map[string]string{kindKey: "request"},
		Short:       "End a wipe of everything of one person: what enrols afterwards is left alone",
		Long: "End a wipe of everything of one person. Orders that no device has promised are\n" +
			"cancelled, and what enrols afterwards is left alone.",
		Example: `  mdmctl get requests --kind user-wipe --state executed
  mdmctl lift user-wipe REQUEST --reason "account is safe again"`,
		Args: oneName,
	}
	addReason(cmd, &in.Reason)
	a.completeArgs(cmd, requestNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		in.Id = args[0]
		r, err := c.requests.LiftUserWipe(ctx, in)
		if err != nil {
			return wrapped(err, "request", in.GetId())
		}
		if a.forPrograms() {
			return a.writeMessage(r)
		}
		a.say("request", r.GetRequest().GetId(), "lifted; "+endedOrders(r))
		return nil
	})
	return cmd
}

// addReason adds a reason that must be given.
func addReason(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "why, for the record")
	mustHave(cmd, "reason")
}
