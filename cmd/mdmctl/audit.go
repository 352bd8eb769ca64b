package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ringfence/internal/audit/ledger"
	"ringfence/internal/ctlconfig"
	auditv1 "ringfence/proto/mdm/audit/v1"
)

func (a *app) auditCommand() *cobra.Command {
	list := a.getAudit()
	list.Use, list.Aliases = "list", nil
	cmd := groupCommand("audit", "List, export and check the record of what was done",
		list, a.auditHead(), a.auditExport(), a.auditVerify(), a.auditProve())
	cmd.Example = `  mdmctl audit verify
  mdmctl audit export -o record.txt
  mdmctl audit verify --file record.txt --key "$(cat verifier.key)" --head remembered.txt
  mdmctl audit prove 17 > proof.txt`
	return cmd
}

// trust is what a record is checked against: the key, and the head that was
// seen last.
type trust struct {
	path    string // of the memory
	memory  ctlconfig.AuditMemory
	context string
	keyText string
	key     note.Verifier // nil where none is known yet
}

// trust reads what is remembered of a context's record. A given key goes before
// the remembered one.
func (a *app) trust(contextName, given string) (*trust, error) {
	path, err := a.path()
	if err != nil {
		return nil, err
	}
	t := &trust{path: ctlconfig.AuditMemoryPath(path), context: contextName}
	if t.memory, err = ctlconfig.LoadAuditMemory(t.path); err != nil {
		return nil, usageError{err}
	}
	t.keyText = given
	if given == "" {
		t.keyText = t.memory.Contexts[contextName].Key
	}
	if t.keyText == "" {
		return t, nil
	}
	if t.key, err = note.NewVerifier(t.keyText); err != nil {
		return nil, usagef("the record's key %q: %w", t.keyText, err)
	}
	return t, nil
}

// offline is trust for a file: a key must be known, a server need not.
func (a *app) offline(given string) (*trust, error) {
	name := a.contextName
	if _, config, err := a.load(); err == nil && name == "" {
		current, _ := config.Current() // none where there is no configuration
		name = current.Name
	}
	t, err := a.trust(name, given)
	if err != nil {
		return nil, err
	}
	if t.key == nil {
		return nil, usagef("no key is known for this record: give the server's with --key (mdm-server audit key prints it)")
	}
	return t, nil
}

// head asks for a signed head. The first time, the server's word is taken for
// its key.
func (t *trust) head(ctx context.Context, c *client) (ledger.Head, string, error) {
	r, err := c.audit.GetHead(ctx, &auditv1.GetHeadRequest{})
	if err != nil {
		return ledger.Head{}, "", err
	}
	if t.key == nil {
		t.keyText = r.GetVerifierKey()
		if t.key, err = note.NewVerifier(t.keyText); err != nil {
			return ledger.Head{}, "", fmt.Errorf("the server's key: %w", err)
		}
	}
	head, err := ledger.OpenHead(r.GetNote(), t.key)
	if err != nil {
		return ledger.Head{}, "", fmt.Errorf("the server's signed head: %w", err)
	}
	return head, r.GetNote(), nil
}

// remembered gives the head that was seen last, if its key is the present one.
func (t *trust) remembered() ([]ledger.Head, error) {
	seen, ok := t.memory.Contexts[t.context]
	if !ok || seen.Key != t.keyText {
		return nil, nil
	}
	head, err := ledger.OpenHead(seen.Head, t.key)
	if err != nil {
		return nil, usagef("%s: %w", t.path, err)
	}
	return []ledger.Head{head}, nil
}

// remember keeps a head for the next time.
func (t *trust) remember(signed string) error {
	t.memory.Contexts[t.context] = ctlconfig.SeenRecord{Key: t.keyText, Head: signed}
	return ctlconfig.SaveAuditMemory(t.path, t.memory)
}

// headFile reads a signed head that somebody kept.
func headFile(path string, key note.Verifier) (ledger.Head, error) {
	f, err := os.Open(path)
	if err != nil {
		return ledger.Head{}, usageError{err}
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, ledger.MaxNote+1))
	if err != nil {
		return ledger.Head{}, err
	}
	head, err := ledger.OpenHead(string(text), key)
	if err != nil {
		return ledger.Head{}, fmt.Errorf("%s: %w", path, err)
	}
	return head, nil
}

// leaves hands every leaf of a head's tree to add, in order.
func leaves(ctx context.Context, c *client, head ledger.Head, add func(leaf []byte) error) error {
	for n := uint64(0); n < head.Size; {
		r, err := c.audit.ExportEntries(ctx, &auditv1.ExportEntriesRequest{After: n, TreeSize: head.Size})
		if err != nil {
			return err
		}
		if len(r.GetLeaves()) == 0 {
			return fmt.Errorf("%w: the server has no entry %d", ledger.ErrChanged, n+1)
		}
		for _, leaf := range r.GetLeaves() {
			if err := add(leaf); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

var errHashes = errors.New("the server's proof is not made of hashes")

// proofOf reads the hashes of a proof.
func proofOf(wire [][]byte) ([]tlog.Hash, error) {
	proof := make([]tlog.Hash, len(wire))
	for i, b := range wire {
		if len(b) != tlog.HashSize {
			return nil, errHashes
		}
		proof[i] = tlog.Hash(b)
	}
	return proof, nil
}

func (a *app) auditHead() *cobra.Command {
	return &cobra.Command{
		Use:     "head",
		Short:   "Print a signed head of the record, to be remembered elsewhere",
		Example: "  mdmctl audit head > remembered.txt",
		Args:    cobra.NoArgs,
		RunE: a.calling(func(ctx context.Context, c *client, _ []string) error {
			t, err := a.trust(c.context.Name, "")
			if err != nil {
				return err
			}
			_, signed, err := t.head(ctx, c)
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.out, signed)
			return err
		}),
	}
}
