package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) wipeCommand() *cobra.Command {
	return groupCommand("wipe", "Take the company's data back from a phone", a.wipeDevice())
}

// wipeFlags is what the command line says of one wipe.
type wipeFlags struct {
	scope    string
	packages []string
	reason   string
	key      string
	expires  lifetime
	dryRun   bool
	yes      bool
	wait     bool
	interval time.Duration
}

func (a *app) wipeDevice() *cobra.Command {
	var f wipeFlags
	cmd := &cobra.Command{
		Use:     "device ID --scope work-profile|app-data",
		Aliases: []string{"devices", "dev"},
		Short:   "Order a wipe of the work profile, or of the work data of named apps",
		Long: "Order a wipe of the work profile, or of the work data of named apps. Nothing\n" +
			"wider exists: the personal side is out of reach. The plan is shown first. The\n" +
			"order is for the device's present enrolment only and ends when the device says\n" +
			"that it is done.",
		Example: `  mdmctl wipe device ID --scope work-profile --reason "phone is sold" --dry-run
  mdmctl wipe device ID --scope app-data --package com.example.mail --reason "left the project" --yes --wait`,
		Args: oneName,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.scope, "scope", "", "what goes: work-profile|app-data")
	flags.StringSliceVar(&f.packages, "package", nil, "with app-data: an app, by package name (may be repeated)")
	flags.StringVar(&f.reason, "reason", "", "why, for the record")
	flags.StringVar(&f.key, "request-key", "", "makes the call safe to repeat (default a new one)")
	flags.Var(&f.expires, "expires", "how long the device may take to begin, 1m to 365d, for example 12h or 7d (default 30d)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the plan, and order nothing")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.wait, "wait", false, "wait until the device says that it is done")
	flags.DurationVar(&f.interval, "interval", defaultInterval, "with --wait: time between two looks")
	mustHave(cmd, "scope")
	fixedChoices(cmd, "scope", []string{"work-profile", "app-data"})
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		scope, err := f.check()
		if err != nil {
			return err
		}
		var limit time.Duration
		if f.wait {
			limit = a.waitLimit(cmd)
		}
		return a.waiting(func(ctx context.Context, c *client, args []string) error {
			return a.orderWipe(ctx, c, wipeOrder{args[0], scope, f, limit})
		})(cmd, args)
	}
	return cmd
}

func (f wipeFlags) check() (*wipev1.Scope, error) {
	scope, err := f.what()
	switch {
	case err != nil:
		return nil, err
	case f.reason == "" && !f.dryRun:
		return nil, usagef("--reason is missing: it is kept on record")
	case f.interval <= 0:
		return nil, usagef("--interval must be more than 0")
	}
	return scope, nil
}

// what gives the scope that the flags name.
func (f wipeFlags) what() (*wipev1.Scope, error) {
	switch f.scope {
	case "work-profile":
		if len(f.packages) > 0 {
			return nil, usagef("--package goes with --scope app-data")
		}
		return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}, nil
	case "app-data":
		if len(f.packages) == 0 {
			return nil, usagef("--scope app-data needs --package, once for each app")
		}
		return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: f.packages}}}, nil
	default:
		return nil, usagef("--scope %q: choose from: work-profile, app-data", f.scope)
	}
}

type wipeOrder struct {
	device string
	scope  *wipev1.Scope
	flags  wipeFlags
	limit  time.Duration // of the wait; 0 for none
}

func (a *app) orderWipe(ctx context.Context, c *client, w wipeOrder) error {
	plan, err := c.wipe.PlanWipe(ctx, &wipev1.PlanWipeRequest{DeviceId: w.device, Scope: w.scope})
	if err != nil {
		if err = fmt.Errorf("device %q: %w", w.device, err); !w.mayRepeat(err) {
			return err
		}
		return a.repeatWipe(ctx, c, w)
	}
	if w.flags.dryRun {
		if a.forPrograms() {
			return a.writeMessage(plan)
		}
		writePlan(a.out, plan)
		fmt.Fprintln(a.out, "Dry run: nothing was ordered.")
		return nil
	}
	writePlan(a.err, plan)
	if err := a.confirm(ctx, "Order this wipe?", w.flags.yes); err != nil {
		return err
	}
	return a.createWipe(ctx, c, w, plan.GetEpoch()) // what was shown is what is ordered
}

// mayRepeat reports whether a refused plan may be the plan of an order that this
// request has made already: it then stands in its own way, or has ended the
// enrolment.
func (w wipeOrder) mayRepeat(err error) bool {
	return w.flags.key != "" && w.flags.yes && !w.flags.dryRun && exitCode(err) == exitRefused
}

// repeatWipe lets the server decide, which knows what it has answered to the
// request key before; what it has not, it refuses as it has refused the plan.
func (a *app) repeatWipe(ctx context.Context, c *client, w wipeOrder) error {
	d, err := getDevice(ctx, c, w.device)
	if err != nil {
		return fmt.Errorf("device %q: %w", w.device, err)
	}
	return a.createWipe(ctx, c, w, d.GetEpoch())
}

func (a *app) createWipe(ctx context.Context, c *client, w wipeOrder, epoch uint64) error {
	in := &wipev1.CreateWipeRequest{
		RequestKey: requestKey(w.flags.key), DeviceId: w.device, Scope: w.scope, Reason: w.flags.reason, Epoch: epoch,
	}
	if w.flags.expires > 0 {
		in.Lifetime = durationpb.New(time.Duration(w.flags.expires))
	}
	r, err := c.wipe.CreateWipe(ctx, in)
	if err != nil {
		return fmt.Errorf("device %q: %w", w.device, err)
	}
	order := r.GetOrder()
	if w.flags.wait {
		return a.waitForWipe(ctx, c, order, w)
	}
	if a.forPrograms() {
		return a.writeMessage(order)
	}
	a.say("wipe", order.GetId(), "ordered; it is done when the device says so: mdmctl watch wipe "+order.GetId())
	return nil
}

// waitForWipe follows one order to its end and prints it as it then is.
func (a *app) waitForWipe(ctx context.Context, c *client, order *wipev1.Order, w wipeOrder) error {
	progress := *a
	progress.out, progress.format = a.err, "table"
	watch := wipeWatch{app: &progress, c: c, ids: []string{order.GetId()}, until: wipev1.State_STATE_DONE}
	if err := progress.poll(ctx, pollPlan{w.flags.interval, w.limit, true}, watch.look()); err != nil {
		return err
	}
	last, err := getWipe(ctx, c, order.GetId())
	if err != nil {
		return err
	}
	if a.forPrograms() {
		return a.writeMessage(last)
	}
	a.say("wipe", last.GetId(), "done")
	return nil
}

func writePlan(w io.Writer, p *wipev1.PlanWipeResponse) {
	fmt.Fprintf(w, "Device %s, epoch %d\n", printable(p.GetDeviceId()), p.GetEpoch())
	for _, line := range p.GetRemoves() {
		fmt.Fprintf(w, "  removes  %s\n", printable(line))
	}
	for _, line := range p.GetKeeps() {
		fmt.Fprintf(w, "  keeps    %s\n", printable(line))
	}
	if p.GetEndsEnrollment() {
		fmt.Fprintln(w, "  ends     the enrolment: the device's certificates stop working")
	}
}
