package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// maxTargets is how many registrations one request can name.
const maxTargets = 10000

func (a *app) wipeRegistrations() *cobra.Command {
	var choice registrationFlags
	var f orderFlags
	cmd := &cobra.Command{
		Use:     "registrations",
		Aliases: []string{"registration", "reg"},
		Short:   "Order a wipe of a person's work accounts in apps",
		Long: "Order a wipe of a person's work accounts in apps, on phones that nobody has to\n" +
			"enrol. The apps stay, and so do personal accounts in them; a registration ends\n" +
			"when its app says that the data is gone. Each app is one request, planned, shown\n" +
			"and confirmed by itself, since an order names the app that it is for. What the\n" +
			"person registers later is left alone: mdmctl wipe user stands until it is lifted.",
		Example: `  mdmctl wipe registrations --user maria@example.com --reason "left the company" --dry-run
  mdmctl wipe registrations --user maria@example.com --tag TAG --reason "phone is lost" --yes --wait
  mdmctl wipe registrations --user maria@example.com --package com.example.mail --reason "left the project"`,
		Args: cobra.NoArgs,
	}
	f.add(cmd)
	f.addExpires(cmd)
	choice.add(a, cmd)
	mustHave(cmd, "user")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if f.wait {
			f.limit = a.waitLimit(cmd)
		}
		return a.waiting(func(ctx context.Context, c *client, _ []string) error {
			return a.wipeChosen(ctx, c, choice, f)
		})(cmd, args)
	}
	return cmd
}

// wipeChosen makes one request for each app that the person has an account in.
func (a *app) wipeChosen(ctx context.Context, c *client, choice registrationFlags, f orderFlags) error {
	list, err := registrationListing(func() *appprotectv1.ListRegistrationsRequest {
		in := choice.request()
		in.State = appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE
		return in
	}).all(ctx, c, 0)
	if err != nil {
		return wrapped(err, "user", choice.user)
	}
	byPackage := map[string][]string{}
	for _, m := range list {
		byPackage[m.GetPackage()] = append(byPackage[m.GetPackage()], m.GetId())
	}
	packages := slices.Sorted(maps.Keys(byPackage))
	single := f.plan != "" || f.key != "" || a.forPrograms()
	switch {
	case len(packages) == 0:
		return notFoundError{fmt.Errorf("user %q: no active registration is so\nhint: see mdmctl get registrations --user %s",
			choice.user, choice.user)}
	case len(packages) > 1 && single:
		return usagef("--plan, --request-key and -o json|yaml are of one request: name the app with --package (there are: %s)",
			strings.Join(packages, ", "))
	}
	for _, pkg := range packages {
		d := accounts{pkg: pkg, ids: byPackage[pkg]}
		if len(d.ids) > maxTargets {
			return usagef("%s in %s are more than one request can name: choose fewer with --tag", count(len(d.ids), "registration"), pkg)
		}
		if err := a.carryOut(ctx, c, d, f); err != nil {
			return wrapped(err, "app", pkg)
		}
	}
	return nil
}

// accounts are work accounts in one app.
type accounts struct {
	pkg string
	ids []string
}

func (d accounts) scope() *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: []string{d.pkg}}}}
}

func (d accounts) plan(ctx context.Context, c *client, now time.Time) (planned, error) {
	r, err := c.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: devicesTarget(d.ids), Scope: d.scope()})
	if err != nil {
		return planned{}, err
	}
	return planned{
		message: r, digest: r.GetPlanDigest(), nothing: r.GetIncluded() == 0,
		question: fmt.Sprintf("Order this wipe of %s in %s?", count(r.GetIncluded(), "work account"), printable(d.pkg)),
		show: func(w io.Writer) error {
			fmt.Fprintf(w, "Work accounts in %s\n\n", printable(d.pkg))
			return writePlans(w, r, now)
		},
	}, nil
}

func (d accounts) order(ctx context.Context, c *client, in consent) (outcome, error) {
	r, err := c.requests.CreateWipes(ctx, &wipev1.CreateWipesRequest{
		RequestKey: requestKey(in.flags.key), Target: devicesTarget(d.ids), Scope: d.scope(), Reason: in.flags.reason,
		PlanDigest: in.digest, Lifetime: in.flags.lifetime(),
	})
	return outcome{request: r.GetRequest(), paused: r.GetPaused()}, err
}
