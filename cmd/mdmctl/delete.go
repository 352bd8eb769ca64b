package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func (a *app) deleteCommand() *cobra.Command {
	return groupCommand("delete", "Take something away", a.deletePolicy(), a.deleteAppPolicy(), a.deleteApp(),
		a.deleteAccessPolicy(), a.deleteLocation(),
		a.deleteDevice(), a.revokeToken())
}

func (a *app) deletePolicy() *cobra.Command {
	var revision uint64
	cmd := &cobra.Command{
		Use:     "policy NAME...",
		Aliases: []string{"policies", "pol"},
		Short:   "Take policies off every device",
		Args:    someNames,
	}
	cmd.Flags().Uint64Var(&revision, "revision", 0, "only if this is the latest revision (default any)")
	a.completeArgs(cmd, policyNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		if revision != 0 && len(args) > 1 {
			return usagef("--revision is of one policy: name only one")
		}
		return a.each(args, "policy", "deleted", func(name string) error {
			_, err := c.compliance.DeletePolicy(ctx, &compliancev1.DeletePolicyRequest{Name: name, ExpectedRevision: revision})
			return err
		})
	})
	return cmd
}

// revokeToken is below delete and below revoke: the record stays.
func (a *app) revokeToken() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "token ID...",
		Aliases: []string{"tokens", "tok"},
		Short:   "Stop tokens from being redeemed; devices that joined with them stay",
		Args:    someNames,
	}
	a.completeArgs(cmd, tokenNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		return a.each(args, "token", "revoked", func(id string) error {
			_, err := c.enroll.RevokeToken(ctx, &enrollv1.RevokeTokenRequest{Id: id})
			return err
		})
	})
	return cmd
}

// each does the same to every name, and says so; it stops at the first error.
func (a *app) each(args []string, kind, done string, do func(name string) error) error {
	for _, name := range args {
		if err := do(name); err != nil {
			return fmt.Errorf("%s %q: %w", kind, name, err)
		}
		a.say(kind, name, done)
	}
	return nil
}

// say reports a deed: "policy/sales deleted", or the name alone for programs
// that asked for names.
func (a *app) say(kind, name, done string) {
	if a.format == "name" {
		done = ""
	} else {
		done = " " + done
	}
	fmt.Fprintf(a.out, "%s/%s%s\n", kind, printable(name), printable(done))
}
