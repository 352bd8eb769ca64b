package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func (a *app) revokeCommand() *cobra.Command {
	return groupCommand("revoke", "Make a certificate or token void", a.revokeCertificate(), a.revokeToken())
}

func (a *app) revokeCertificate() *cobra.Command {
	in := &compliancev1.RevokeCertificateRequest{}
	cmd := &cobra.Command{
		Use:     "certificate SERIAL",
		Aliases: []string{"certificates", "cert", "certs"},
		Short:   "Put a client certificate on the revocation list",
		Args:    oneName,
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why, for the record")
	mustHave(cmd, "reason")
	a.completeArgs(cmd, certificateNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		in.Serial = args[0]
		r, err := c.compliance.RevokeCertificate(ctx, in)
		if err != nil {
			return fmt.Errorf("certificate %q: %w", args[0], err)
		}
		if a.forPrograms() {
			return a.writeMessage(r.GetCertificate())
		}
		a.say("certificate", r.GetCertificate().GetSerial(), "revoked")
		return nil
	})
	return cmd
}
