package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// documentFormats are of things that apply takes, too.
var documentFormats = strings.Join(usualFormats, "|") + "|document"

func (a *app) getAppPolicies() *cobra.Command {
	var revision uint64
	cmd := &cobra.Command{
		Use:     "app-policies [NAME...]",
		Aliases: []string{"app-policy"},
		Short:   "The app protection policies, at their latest revision",
		Long: "The app protection policies, at their latest revision. With -o document: as files\n" +
			"for mdmctl apply.",
		Annotations: map[string]string{formatsKey: documentFormats},
	}
	cmd.Flags().Uint64Var(&revision, "revision", 0, "with a NAME: this revision of it (default the latest)")
	a.completeArgs(cmd, appPolicyNames)
	return getListing(a, listing[*appprotectv1.AppPolicy]{
		cmd: cmd,
		view: func(a *app) view[*appprotectv1.AppPolicy] {
			v := appPoliciesView(a.now())
			v.document = func(policies []*appprotectv1.AppPolicy) error {
				return writeDocuments(a, policies, appPolicyDocument)
			}
			return v
		},
		one: func(ctx context.Context, c *client, name string) (*appprotectv1.AppPolicy, error) {
			return getAppPolicy(ctx, c, name, revision)
		},
		list: func(ctx context.Context, c *client, p page) ([]*appprotectv1.AppPolicy, string, error) {
			if revision != 0 {
				return nil, "", usagef("--revision is of one policy: name it")
			}
			r, err := c.apps.ListAppPolicies(ctx, &appprotectv1.ListAppPoliciesRequest{PageSize: p.size, PageToken: p.token})
			return r.GetPolicies(), r.GetNextPageToken(), err
		},
		pageSize: policyPage,
	})
}

func getAppPolicy(ctx context.Context, c *client, name string, revision uint64) (*appprotectv1.AppPolicy, error) {
	r, err := c.apps.GetAppPolicy(ctx, &appprotectv1.GetAppPolicyRequest{Name: name, Revision: revision})
	return r.GetPolicy(), err
}

func appPolicyDocument(p *appprotectv1.AppPolicy) proto.Message {
	return &appprotectv1.AppPolicyDocument{
		ApiVersion: "ringfence/v1", Kind: "AppProtectionPolicy",
		Metadata: &appprotectv1.AppPolicyDocument_Metadata{Name: p.GetName()}, Spec: p.GetSpec(),
	}
}

func (a *app) getApps() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "apps [PACKAGE...]",
		Aliases: []string{"app"},
		Short:   "The apps that are known: their signers, groups, and what they can be told",
		Long: "The apps that are known: their signers, groups, and what they can be told. With\n" +
			"-o document: as files for mdmctl apply.",
		Annotations: map[string]string{formatsKey: documentFormats},
	}
	a.completeArgs(cmd, appNames)
	return getListing(a, listing[*appprotectv1.App]{
		cmd: cmd,
		view: func(a *app) view[*appprotectv1.App] {
			v := appsView(a.now())
			v.document = func(apps []*appprotectv1.App) error { return writeDocuments(a, apps, appDocument) }
			return v
		},
		one: func(ctx context.Context, c *client, name string) (*appprotectv1.App, error) {
			r, err := c.apps.GetApp(ctx, &appprotectv1.GetAppRequest{Package: name})
			return r.GetApp(), err
		},
		list: func(ctx context.Context, c *client, p page) ([]*appprotectv1.App, string, error) {
			r, err := c.apps.ListApps(ctx, &appprotectv1.ListAppsRequest{PageSize: p.size, PageToken: p.token})
			return r.GetApps(), r.GetNextPageToken(), err
		},
		pageSize: policyPage,
	})
}

func appDocument(m *appprotectv1.App) proto.Message {
	return &appprotectv1.AppDocument{
		ApiVersion: "ringfence/v1", Kind: "App",
		Metadata: &appprotectv1.AppDocument_Metadata{Name: m.GetPackage()}, Spec: m.GetSpec(),
	}
}

// registrationFlags choose registrations.
type registrationFlags struct{ user, tag, pkg string }

func (f *registrationFlags) add(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.user, "user", "", "of this person")
	flags.StringVar(&f.tag, "tag", "", "on the phone with this device tag")
	flags.StringVar(&f.pkg, "package", "", "in this app")
	completeFlag(cmd, "package", a.ask(appNames))
}

func (f *registrationFlags) request() *appprotectv1.ListRegistrationsRequest {
	return &appprotectv1.ListRegistrationsRequest{User: f.user, DeviceTag: f.tag, Package: f.pkg}
}

func (a *app) getRegistrations() *cobra.Command {
	var f registrationFlags
	var state appprotectv1.RegistrationState
	var standing appprotectv1.Standing
	cmd := &cobra.Command{
		Use:     "registrations [ID...]",
		Aliases: []string{"registration", "reg"},
		Short:   "Work accounts in apps, oldest first, with their verdict as last judged",
		Example: `  mdmctl get registrations --user maria@example.com
  mdmctl get registrations --standing block -o wide`,
	}
	f.add(a, cmd)
	addEnum(cmd, &state, "state", "in this state")
	addEnum(cmd, &standing, "standing", "judged so")
	a.completeArgs(cmd, registrationNames)
	l := registrationListing(func() *appprotectv1.ListRegistrationsRequest {
		r := f.request()
		r.State, r.Standing = state, standing
		return r
	})
	l.cmd = cmd
	return getListing(a, l)
}

// registrationListing lists what a request asks for, which is made when the flags
// are known.
func registrationListing(filter func() *appprotectv1.ListRegistrationsRequest) listing[*appprotectv1.Registration] {
	return listing[*appprotectv1.Registration]{
		view: func(a *app) view[*appprotectv1.Registration] { return registrationsView(a.now()) },
		one: func(ctx context.Context, c *client, id string) (*appprotectv1.Registration, error) {
			r, err := getRegistration(ctx, c, id)
			return r.GetRegistration(), err
		},
		list: func(ctx context.Context, c *client, p page) ([]*appprotectv1.Registration, string, error) {
			in := filter()
			in.PageSize, in.PageToken = p.size, p.token
			r, err := c.apps.ListRegistrations(ctx, in)
			return r.GetRegistrations(), r.GetNextPageToken(), err
		},
	}
}

func getRegistration(ctx context.Context, c *client, id string) (*appprotectv1.GetRegistrationResponse, error) {
	return c.apps.GetRegistration(ctx, &appprotectv1.GetRegistrationRequest{RegistrationId: id})
}
