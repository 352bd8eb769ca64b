package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc/codes"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	auditv1 "ringfence/proto/mdm/audit/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// wholeRecord fetches the record as an administrator, checks that it is whole
// and continues the remembered heads, and gives its entries and head.
func (a *admin) wholeRecord(tb testing.TB, remembered ...ledger.Head) ([]audit.Entry, ledger.Head) {
	tb.Helper()
	r, err := a.audit.GetHead(tb.Context(), &auditv1.GetHeadRequest{})
	if err != nil {
		tb.Fatal(err)
	}
	key, err := note.NewVerifier(r.GetVerifierKey())
	if err != nil {
		tb.Fatal(err)
	}
	head, err := ledger.OpenHead(r.GetNote(), key)
	if err != nil {
		tb.Fatal(err)
	}
	c := ledger.NewChecker(remembered...)
	var entries []audit.Entry
	for c.Size() < head.Size {
		page, err := a.audit.ExportEntries(tb.Context(), &auditv1.ExportEntriesRequest{After: c.Size(), TreeSize: head.Size})
		if err != nil || len(page.GetLeaves()) == 0 {
			tb.Fatalf("the record ends after %d of %d entries: %v", c.Size(), head.Size, err)
		}
		for _, leaf := range page.GetLeaves() {
			e, err := c.Add(leaf)
			if err != nil {
				tb.Fatal(err)
			}
			entries = append(entries, e)
		}
	}
	if err := c.Done(head); err != nil {
		tb.Error(err)
	}
	return entries, head
}

// callLog calls everything that the log has.
func callLog(t *testing.T, a *admin) {
	t.Helper()
	_, head := a.wholeRecord(t)
	must[*auditv1.GetInclusionProofResponse](t)(a.audit.GetInclusionProof(t.Context(),
		&auditv1.GetInclusionProofRequest{Sequence: 1, TreeSize: head.Size}))
	must[*auditv1.GetConsistencyProofResponse](t)(a.audit.GetConsistencyProof(t.Context(),
		&auditv1.GetConsistencyProofRequest{OldSize: 1, NewSize: head.Size}))
}

// TestRecordSaysWhence: an administrator's entry says from where and with which
// certificate; a phone's says the certificate, and never where it is.
func TestRecordSaysWhence(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	a := s.admin(t)
	h := s.join(t, a.token(t))
	if _, err := h.enroll.Leave(t.Context(), &enrollv1.LeaveRequest{}); err != nil {
		t.Fatal(err)
	}
	entries, _ := a.wholeRecord(t)
	admins, phones := 0, 0
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Actor, "admin:"):
			if admins++; e.Peer != "127.0.0.1" && e.Peer != "::1" || e.Credential == "" {
				t.Errorf("entry %d of %s: from %q with %q", e.Sequence, e.Actor, e.Peer, e.Credential)
			}
		case strings.HasPrefix(e.Actor, "device:"):
			if phones++; e.Peer != "" {
				t.Errorf("entry %d keeps a phone's address: %q", e.Sequence, e.Peer)
			}
			if e.Action == "enroll.leave" && e.Credential == "" {
				t.Errorf("entry %d of a phone has no credential", e.Sequence)
			}
		}
	}
	if admins == 0 || phones == 0 {
		t.Errorf("%d entries of administrators and %d of phones: %v", admins, phones, entries)
	}
}

// TestHeadsOutliveServers: a head is signed at shutdown, and the next server, or
// another beside it, continues it with the same key.
func TestHeadsOutliveServers(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		i := install(t, dsn, nil)
		s := i.start(t)
		a := s.admin(t)
		a.token(t)
		_, first := a.wholeRecord(t)
		a.token(t)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		db := dbtest.Open(t, dsn)
		var signed int64
		if err := db.Read(t.Context()).Table("audit_heads").Select("max(size)").Scan(&signed).Error; err != nil {
			t.Fatal(err)
		}
		if signed != int64(first.Size)+1 {
			t.Errorf("the last head is of %d entries, want %d", signed, first.Size+1)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		next := i.start(t)
		_, second := next.admin(t).wholeRecord(t, first)
		if db.Dialect() == sqldb.Postgres {
			beside := i.start(t)
			next.admin(t).token(t)
			_, third := beside.admin(t).wholeRecord(t, first, second)
			next.admin(t).wholeRecord(t, first, second, third)
		}
	})
}

// TestAuditCalls: what the edge refuses of the log's calls.
func TestAuditCalls(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	a := s.admin(t)
	a.token(t)
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"no sequence": func() error {
			_, err := a.audit.GetInclusionProof(ctx, &auditv1.GetInclusionProofRequest{TreeSize: 1})
			return err
		},
		"after the tree": func() error {
			_, err := a.audit.GetInclusionProof(ctx, &auditv1.GetInclusionProofRequest{Sequence: 2, TreeSize: 1})
			return err
		},
		"beyond the log": func() error {
			_, err := a.audit.GetInclusionProof(ctx, &auditv1.GetInclusionProofRequest{Sequence: 1, TreeSize: 1 << 62})
			return err
		},
		"backwards": func() error {
			_, err := a.audit.GetConsistencyProof(ctx, &auditv1.GetConsistencyProofRequest{OldSize: 2, NewSize: 1})
			return err
		},
		"from nothing": func() error {
			_, err := a.audit.GetConsistencyProof(ctx, &auditv1.GetConsistencyProofRequest{NewSize: 1})
			return err
		},
		"endless": func() error {
			_, err := a.audit.GetConsistencyProof(ctx, &auditv1.GetConsistencyProofRequest{OldSize: 1, NewSize: 1<<64 - 1})
			return err
		},
		"too many": func() error {
			_, err := a.audit.ExportEntries(ctx, &auditv1.ExportEntriesRequest{TreeSize: 1, PageSize: 1001})
			return err
		},
		"no tree": func() error { _, err := a.audit.ExportEntries(ctx, &auditv1.ExportEntriesRequest{}); return err },
	} {
		wantStatus(t, name, call(), codes.InvalidArgument, "")
	}
}

// TestAuditKeyCommand prints the key that the server signs with, beside it.
func TestAuditKeyCommand(t *testing.T) {
	i := install(t, dbtest.DSN(t, sqldb.SQLite), nil)
	r, err := i.start(t).admin(t).audit.GetHead(t.Context(), &auditv1.GetHeadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	if err := run(context.Background(), []string{"audit", "key", "--data", i.data}, &out, &errOut); err != nil {
		t.Fatal(err)
	}
	if out.String() != r.GetVerifierKey()+"\n" {
		t.Errorf("printed %q, the server signs with %q", out.String(), r.GetVerifierKey())
	}
	if err := run(context.Background(), []string{"audit", "key", "--data", i.data, "--audit-name", "other"}, &out, &errOut); err == nil {
		t.Error("another name was taken")
	}
}
