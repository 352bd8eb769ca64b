package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ringfence/internal/pki"
)

// auditCommand prints what others need to check the audit record.
func auditCommand(cfg *Config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "What others need to check the audit record",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "key",
		Short: "Print the key that verifies the audit record's signatures",
		Long: "Print the key that verifies the audit record's signatures, for mdmctl audit\n" +
			"verify --key. The key itself stays in the data folder. Works beside a running\n" +
			"server; on a folder that has no key yet, it makes one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := makeData(*cfg); err != nil {
				return err
			}
			authority, err := pki.OpenAuthority(filepath.Join(cfg.Data, "pki"), func() time.Time { return time.Now().UTC() })
			if err != nil {
				return err
			}
			key, err := authority.AuditKey(cfg.AuditName)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), key.Verifier)
			return err
		},
	})
	return cmd
}
