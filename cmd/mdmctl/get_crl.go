package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func (a *app) getCRL() *cobra.Command {
	return &cobra.Command{
		Use:         "crl",
		Short:       "The revocation list of client certificates",
		Example:     "  mdmctl get crl -o pem > clients.crl",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: "text|pem|der|json|yaml"},
		RunE: a.calling(func(ctx context.Context, c *client, _ []string) error {
			r, err := c.compliance.GetRevocationList(ctx, &compliancev1.GetRevocationListRequest{})
			if err != nil {
				return err
			}
			switch a.format {
			case "der":
				_, err := a.out.Write(r.GetCrl())
				return err
			case "pem":
				return pem.Encode(a.out, &pem.Block{Type: "X509 CRL", Bytes: r.GetCrl()})
			case "text":
				return a.writeCRL(r.GetCrl())
			default:
				return a.writeMessage(r)
			}
		}),
	}
}

func (a *app) writeCRL(der []byte) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("the server's revocation list: %w", err)
	}
	now := a.now()
	s := sheet{w: a.out}
	s.field("Issuer", list.Issuer.String())
	s.field("Number", list.Number.String())
	s.field("Made", clock(list.ThisUpdate))
	next := clock(list.NextUpdate)
	if now.After(list.NextUpdate) {
		next += " (OVERDUE)"
	}
	s.field("Next", next)
	s.field("Revoked", count(len(list.RevokedCertificateEntries), "certificate"))
	if err := s.flush(); err != nil || len(list.RevokedCertificateEntries) == 0 {
		return err
	}
	fmt.Fprintln(a.out)
	type entry = x509.RevocationListEntry
	return writeTable(a.out, []column[entry]{
		{"SERIAL", false, func(e entry) string { return fmt.Sprintf("%x", e.SerialNumber) }},
		{"REVOKED", false, func(e entry) string { return clock(e.RevocationTime.Truncate(time.Second)) }},
	}, list.RevokedCertificateEntries, !a.noHeaders)
}
