package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ringfence/internal/audit/ledger"
)

func (a *app) auditExport() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the whole record and its signed head to a file",
		Long: "Write the whole record and its signed head to a file, as the server has it:\n" +
			"mdmctl audit verify --file says whether it is whole, on any machine.",
		Example: "  mdmctl audit export -o record.txt",
		Args:    cobra.NoArgs,
	}
	// In place of the output format, which an export does not have.
	cmd.Flags().StringVarP(&path, "output", "o", "-", "`file` to write; - is standard output")
	cmd.RunE = a.waiting(func(ctx context.Context, c *client, _ []string) error {
		t, err := a.trust(c.context.Name, "")
		if err != nil {
			return err
		}
		head, signed, err := t.head(ctx, c)
		if err != nil {
			return err
		}
		err = a.writeFile(path, func(w io.Writer) error {
			out := ledger.NewWriter(w)
			if err := leaves(ctx, c, head, out.Add); err != nil {
				return err
			}
			return out.Close(signed)
		})
		if err == nil && path != "-" {
			fmt.Fprintf(a.err, "%d entries were written to %s\n", head.Size, printable(path))
		}
		return err
	})
	return cmd
}

// writeFile writes a file whole or not at all, readable by its owner only; "-"
// is standard output.
func (a *app) writeFile(path string, write func(io.Writer) error) (err error) {
	if path == "-" {
		return write(a.out)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".mdmctl-*")
	if err != nil {
		return usageError{err}
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err = errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
