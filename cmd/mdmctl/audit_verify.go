package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	auditv1 "ringfence/proto/mdm/audit/v1"
)

const verifyLong = `Check that the record is whole: that no entry was edited, dropped, put elsewhere
or slipped in since it was signed, and that it continues what was seen before.

With --file an export is checked, without a server. Otherwise the server's record
is: every entry is fetched and hashed, and the signed head is remembered beside
the configuration, so that a record which was rewound or rewritten since the last
time is found out. The first time, the server's key is taken on trust unless --key
is given.`

// auditCheck is what verify is asked.
type auditCheck struct {
	file, key, head string
	quick           bool
}

func (a *app) auditVerify() *cobra.Command {
	var in auditCheck
	cmd := &cobra.Command{
		Use:         "verify",
		Short:       "Check that the record was not changed",
		Long:        verifyLong,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: "text"},
	}
	flags := cmd.Flags()
	flags.StringVar(&in.file, "file", "", "check this export; no server is asked")
	flags.StringVar(&in.key, "key", "", "the record's key, as mdm-server audit key prints it (default the remembered one)")
	flags.StringVar(&in.head, "head", "", "`file` with a signed head that was kept, which the record must continue")
	flags.BoolVar(&in.quick, "quick", false, "check that the signed heads continue each other, without fetching the entries")
	cmd.MarkFlagsMutuallyExclusive("file", "quick")
	online := a.waiting(func(ctx context.Context, c *client, _ []string) error { return a.verifyServer(ctx, c, in) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if in.file != "" {
			return a.verifyFile(in)
		}
		return online(cmd, args)
	}
	return cmd
}

// verifyFile checks an export.
func (a *app) verifyFile(in auditCheck) error {
	t, err := a.offline(in.key)
	if err != nil {
		return err
	}
	var remembered []ledger.Head
	if in.head != "" {
		head, err := headFile(in.head, t.key)
		if err != nil {
			return err
		}
		remembered = append(remembered, head)
	}
	f, err := os.Open(in.file)
	if err != nil {
		return usageError{err}
	}
	defer func() { _ = f.Close() }() // only read from
	var last audit.Entry
	head, _, err := ledger.VerifyExport(f, t.key, func(e audit.Entry) { last = e }, remembered...)
	if errors.Is(err, ledger.ErrFile) {
		return usagef("%s: %w", in.file, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", in.file, err)
	}
	a.sayWhole(t, head, last)
	return nil
}

// verifyServer checks what the server has, and remembers it.
func (a *app) verifyServer(ctx context.Context, c *client, in auditCheck) error {
	t, err := a.trust(c.context.Name, in.key)
	if err != nil {
		return err
	}
	trusted := t.key != nil
	head, signed, err := t.head(ctx, c)
	if err != nil {
		return t.explain(err)
	}
	remembered, err := t.remembered()
	if err != nil {
		return err
	}
	if in.head != "" {
		kept, err := headFile(in.head, t.key)
		if err != nil {
			return err
		}
		remembered = append(remembered, kept)
	}
	if err := continues(ctx, c, head, remembered); err != nil {
		return t.explain(err)
	}
	var last audit.Entry
	if !in.quick {
		checker := ledger.NewChecker(remembered...)
		err := leaves(ctx, c, head, func(leaf []byte) error {
			last, err = checker.Add(leaf)
			return err
		})
		if err == nil {
			err = checker.Done(head)
		}
		if err != nil {
			return t.explain(err)
		}
	}
	if !trusted {
		fmt.Fprintf(a.err, "warning: the record's key was taken on trust: compare it with what mdm-server audit key prints\n  %s\n", printable(t.keyText))
	}
	a.sayWhole(t, head, last)
	return t.remember(signed)
}

// continues checks a head against remembered ones by the server's proofs.
func continues(ctx context.Context, c *client, head ledger.Head, remembered []ledger.Head) error {
	for _, r := range remembered {
		var wire [][]byte
		if r.Size > 0 && r.Size < head.Size {
			answer, err := c.audit.GetConsistencyProof(ctx, &auditv1.GetConsistencyProofRequest{OldSize: r.Size, NewSize: head.Size})
			if err != nil {
				return err
			}
			wire = answer.GetHashes()
		}
		proof, err := proofOf(wire)
		if err != nil {
			return err
		}
		if err := ledger.CheckContinues(r, head, proof); err != nil {
			return err
		}
	}
	return nil
}

// explain adds what to do where the record is not what was remembered.
func (t *trust) explain(err error) error {
	for _, known := range []error{ledger.ErrHead, ledger.ErrRewound, ledger.ErrForked} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w\nhint: if the database was restored, or the server set up anew, on purpose: take %q out of %s", err, t.context, t.path)
		}
	}
	return err
}

func (a *app) sayWhole(t *trust, head ledger.Head, last audit.Entry) {
	fmt.Fprintf(a.out, "the record %s is whole: %d entries, root %s\n", printable(t.key.Name()), head.Size, head.Root)
	if last.Sequence > 0 {
		fmt.Fprintf(a.out, "last entry: %s %s by %s\n", clock(last.Time), printable(last.Action), printable(last.Actor))
	}
}
