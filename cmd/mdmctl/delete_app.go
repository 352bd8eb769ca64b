package main

import (
	"context"

	"github.com/spf13/cobra"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func (a *app) deleteAppPolicy() *cobra.Command {
	var revision uint64
	cmd := &cobra.Command{
		Use:     "app-policy NAME...",
		Aliases: []string{"app-policies"},
		Short:   "Take app protection policies off every app",
		Long: "Take app protection policies off every app. Where no other policy is for a person\n" +
			"in an app, the work account stays shut from then on.",
		Args: someNames,
	}
	cmd.Flags().Uint64Var(&revision, "revision", 0, "only if this is the latest revision (default any)")
	a.completeArgs(cmd, appPolicyNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		if revision != 0 && len(args) > 1 {
			return usagef("--revision is of one policy: name only one")
		}
		return a.each(args, "app-policy", "deleted", func(name string) error {
			_, err := c.apps.DeleteAppPolicy(ctx, &appprotectv1.DeleteAppPolicyRequest{Name: name, ExpectedRevision: revision})
			return err
		})
	})
	return cmd
}

func (a *app) deleteApp() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "app PACKAGE...",
		Aliases: []string{"apps"},
		Short:   "Forget what is known of apps: they are in no group then",
		Args:    someNames,
	}
	a.completeArgs(cmd, appNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		return a.each(args, "app", "deleted", func(name string) error {
			_, err := c.apps.DeleteApp(ctx, &appprotectv1.DeleteAppRequest{Package: name})
			return err
		})
	})
	return cmd
}
