package main

import (
	"slices"

	"github.com/spf13/cobra"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) wipeCommand() *cobra.Command {
	return groupCommand("wipe", "Take the company's data back from phones",
		a.wipeDevice(), a.wipeRegistrations(), a.wipeUser(), a.wipeWholeDevice())
}

// scopes are what "wipe device" can take, the widest first.
var scopes = []string{"work-profile", "app-data", "relinquish"}

func (a *app) wipeDevice() *cobra.Command {
	var scope string
	var packages []string
	cmd := &cobra.Command{
		Use:     "device ID...",
		Aliases: []string{"devices", "dev"},
		Short:   "Order a wipe of the work profile, or of the work data of named apps",
		Long: "Order a wipe of the work profile, or of the work data of named apps. Nothing\n" +
			"wider exists here: the personal side is out of reach. The plan is shown first,\n" +
			"with what apps have not sent to their servers yet, and what is ordered is what\n" +
			"was shown: where it has changed meanwhile, the server refuses. An order is for\n" +
			"the present enrolment only and ends when the device says that it is done.\n\n" +
			"Several devices, a group or a person's devices make one request. Its orders wait\n" +
			"for a while, in which mdmctl stop request ends them, and above a threshold it\n" +
			"waits for a second person: mdmctl approve request. A script plans first, with\n" +
			"--dry-run -o json, and gives the planDigest back with --plan and --yes.",
		Example: `  mdmctl wipe device ID --scope work-profile --reason "phone is sold" --dry-run
  mdmctl wipe device ID --scope app-data --package com.example.mail --reason "left the project" --yes --wait
  mdmctl wipe device --group kiosks --scope app-data --package com.example.pos --reason "shop closed"
  mdmctl wipe device ID1 ID2 --scope work-profile --reason stolen --yes --plan "$digest"`,
	}
	flags := cmd.Flags()
	flags.StringVar(&scope, "scope", "", "what goes: work-profile|app-data|relinquish")
	flags.StringSliceVar(&packages, "package", nil, "with app-data: an app, by package name (may be repeated)")
	mustHave(cmd, "scope")
	fixedChoices(cmd, "scope", scopes)
	return a.orderForDevices(cmd, wiping, func() (*wipev1.Scope, error) { return namedScope(scope, packages) })
}

// namedScope gives the scope that the flags name.
func namedScope(name string, packages []string) (*wipev1.Scope, error) {
	if name != "app-data" && len(packages) > 0 && slices.Contains(scopes, name) {
		return nil, usagef("--package goes with --scope app-data")
	}
	switch name {
	case "work-profile":
		return workProfileScope(), nil
	case "relinquish":
		return relinquishScope(), nil
	case "app-data":
		if len(packages) == 0 {
			return nil, usagef("--scope app-data needs --package, once for each app")
		}
		return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: packages}}}, nil
	default:
		return nil, usagef("--scope %q: choose from: work-profile, app-data, relinquish", name)
	}
}

func workProfileScope() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}
}

func relinquishScope() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}}
}

func lockScope() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}
}

func (a *app) lockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "device ID...",
		Aliases: []string{"devices", "dev"},
		Short:   "Lock the work side of a phone until the person opens it again",
		Long: "Lock the work side of a phone until the person opens it again with its PIN.\n" +
			"Nothing goes, so nobody is asked to confirm the lock of a single phone.",
		Example: `  mdmctl lock device ID --reason "left in a taxi"
  mdmctl lock device --user maria@example.com --reason "account taken over"`,
	}
	return groupCommand("lock", "Lock the work side of phones", a.orderForDevices(cmd, locking,
		func() (*wipev1.Scope, error) { return lockScope(), nil }))
}

func (a *app) relinquishCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "device ID...",
		Aliases: []string{"devices", "dev"},
		Short:   "Give a company's phone to the person: its work side goes, the rest stays",
		Long: "Give a company's phone to the person who carries it: the work profile goes, what\n" +
			"the company restricted on the device is lifted, and the personal side stays as it\n" +
			"is. For company-owned devices with a work profile.",
		Example: `  mdmctl relinquish device ID --reason "bought by Maria"`,
	}
	return groupCommand("relinquish", "Give phones up, with their work side removed", a.orderForDevices(cmd, relinquishing,
		func() (*wipev1.Scope, error) { return relinquishScope(), nil }))
}

// orderForDevices makes a command that orders the same of the devices it names.
func (a *app) orderForDevices(cmd *cobra.Command, w wording, scope func() (*wipev1.Scope, error)) *cobra.Command {
	var f orderFlags
	var group, user string
	f.add(cmd)
	f.addExpires(cmd)
	flags := cmd.Flags()
	flags.StringVar(&group, "group", "", "every enrolled device of this group, instead of IDs")
	flags.StringVar(&user, "user", "", "every enrolled device of this person, instead of IDs")
	completeFlag(cmd, "group", a.ask(groupNames))
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = a.ordering(&f, func(ids []string) (deed, error) {
		target, err := targetOf(cmd, ids, group, user)
		if err != nil {
			return nil, err
		}
		what, err := scope()
		if err != nil {
			return nil, err
		}
		if list := target.GetDevices().GetIds(); len(list) == 1 {
			return oneDevice{id: list[0], scope: what, wording: w}, nil
		}
		return manyDevices{target: target, scope: what, wording: w}, nil
	})
	return cmd
}

// targetOf gives the devices that a command line names in one of three ways.
func targetOf(cmd *cobra.Command, ids []string, group, user string) (*wipev1.Target, error) {
	ways := 0
	for _, given := range []bool{len(ids) > 0, group != "", user != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways == 0:
		return nil, usagef("%s takes at least one ID, or --group, or --user", cmd.CommandPath())
	case ways > 1:
		return nil, usagef("name devices, or give --group, or --user: one of these")
	case group != "":
		return &wipev1.Target{Target: &wipev1.Target_Group{Group: group}}, nil
	case user != "":
		return &wipev1.Target{Target: &wipev1.Target_User{User: user}}, nil
	default:
		return devicesTarget(ids), nil
	}
}

// devicesTarget names every device once.
func devicesTarget(ids []string) *wipev1.Target {
	unique := slices.Compact(slices.Sorted(slices.Values(ids)))
	return &wipev1.Target{Target: &wipev1.Target_Devices{Devices: &wipev1.DeviceList{Ids: unique}}}
}
