package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	auditv1 "ringfence/proto/mdm/audit/v1"
)

func (a *app) auditProve() *cobra.Command {
	var file, key string
	cmd := &cobra.Command{
		Use:   "prove SEQUENCE",
		Short: "Print a proof that an entry is in the record; with --check, check one",
		Long: "Print an entry with the proof that it is in the record: a text that anybody can\n" +
			"check with the record's key and mdmctl audit prove --check, without a server.",
		Example: "  mdmctl audit prove 17 > proof.txt\n" +
			"  mdmctl audit prove --check proof.txt --key ringfence-1a2b3c4d+…",
		Args:        cobra.MaximumNArgs(1),
		Annotations: map[string]string{formatsKey: "text"},
	}
	cmd.Flags().StringVar(&file, "check", "", "check this proof; no server is asked")
	cmd.Flags().StringVar(&key, "key", "", "the record's key, as mdm-server audit key prints it (default the remembered one)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case file != "" && len(args) == 0:
			return a.checkProof(file, key)
		case file == "" && len(args) == 1:
			sequence, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || sequence == 0 {
				return usagef("%q is not the sequence of an entry", args[0])
			}
			prove := func(ctx context.Context, c *client, _ []string) error { return a.prove(ctx, c, sequence, key) }
			return a.calling(prove)(cmd, args)
		default:
			return usagef("name an entry by its sequence, or a proof with --check")
		}
	}
	return cmd
}

// prove asks for a proof, checks it and prints it.
func (a *app) prove(ctx context.Context, c *client, sequence uint64, key string) error {
	t, err := a.trust(c.context.Name, key)
	if err != nil {
		return err
	}
	head, signed, err := t.head(ctx, c)
	if err != nil {
		return t.explain(err)
	}
	if sequence > head.Size {
		return notFoundError{fmt.Errorf("entry %d: the record has %d", sequence, head.Size)}
	}
	r, err := c.audit.GetInclusionProof(ctx, &auditv1.GetInclusionProofRequest{Sequence: sequence, TreeSize: head.Size})
	if err != nil {
		return err
	}
	proof, err := proofOf(r.GetHashes())
	if err != nil {
		return err
	}
	e, err := ledger.CheckIncluded(head, r.GetLeaf(), proof)
	if err != nil {
		return err
	}
	if e.Sequence != sequence {
		return fmt.Errorf("%w: the server proved entry %d", ledger.ErrProof, e.Sequence)
	}
	_, err = a.out.Write(ledger.FormatProof(r.GetLeaf(), proof, signed))
	return err
}

// checkProof checks a proof and prints the entry it is about.
func (a *app) checkProof(file, key string) error {
	t, err := a.offline(key)
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return usageError{err}
	}
	defer func() { _ = f.Close() }() // only read from
	e, head, err := ledger.ReadProof(f, t.key)
	if errors.Is(err, ledger.ErrFile) {
		return usagef("%s: %w", file, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	fmt.Fprintf(a.out, "entry %d is in the record %s, among %d entries\n\n", e.Sequence, printable(t.key.Name()), head.Size)
	return a.showEntry(e)
}

func (a *app) showEntry(e audit.Entry) error {
	s := sheet{w: a.out}
	s.field("Sequence", strconv.FormatUint(e.Sequence, 10))
	s.field("Time", clock(e.Time))
	s.field("Actor", e.Actor)
	s.field("Action", e.Action)
	s.field("Target", e.Target)
	s.field("Detail", e.Detail)
	s.field("Request", e.RequestID)
	s.field("From", e.Peer)
	s.field("Credential", e.Credential)
	return s.flush()
}
