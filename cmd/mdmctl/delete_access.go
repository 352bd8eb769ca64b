package main

import (
	"context"

	"github.com/spf13/cobra"

	accessv1 "ringfence/proto/mdm/access/v1"
)

func (a *app) deleteAccessPolicy() *cobra.Command {
	var revision uint64
	cmd := &cobra.Command{
		Use:     "access-policy NAME...",
		Aliases: []string{"access-policies"},
		Short:   "Take policies of conditional access away: what they shut is open again",
		Args:    someNames,
	}
	cmd.Flags().Uint64Var(&revision, "revision", 0, "only if this is the latest revision (default any)")
	a.completeArgs(cmd, accessPolicyNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		if revision != 0 && len(args) > 1 {
			return usagef("--revision is of one policy: name only one")
		}
		return a.each(args, "access-policy", "deleted", func(name string) error {
			_, err := c.access.DeleteAccessPolicy(ctx, &accessv1.DeleteAccessPolicyRequest{Name: name, ExpectedRevision: revision})
			return err
		})
	})
	return cmd
}

func (a *app) deleteLocation() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "location NAME...",
		Aliases: []string{"locations"},
		Short:   "Take locations away that no policy names any more",
		Args:    someNames,
	}
	a.completeArgs(cmd, locationNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		return a.each(args, "location", "deleted", func(name string) error {
			_, err := c.access.DeleteLocation(ctx, &accessv1.DeleteLocationRequest{Name: name})
			return err
		})
	})
	return cmd
}
