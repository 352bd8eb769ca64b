package auditdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// key is one log's key.
type key struct {
	signer   note.Signer
	verifier note.Verifier
	text     string
}

func newKey(t *testing.T) key {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "log.example.com")
	if err != nil {
		t.Fatal(err)
	}
	k := key{text: public}
	if k.signer, err = note.NewSigner(secret); err != nil {
		t.Fatal(err)
	}
	if k.verifier, err = note.NewVerifier(public); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k key) on(t *testing.T, db *sqldb.DB) *Signer {
	t.Helper()
	s, err := NewSigner(New(db), k.signer, k.text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// head signs and opens a head.
func (k key) head(t *testing.T, s *Signer) ledger.Head {
	t.Helper()
	signed, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	head, err := ledger.OpenHead(signed, k.verifier)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// verify reads the whole log and checks it, as mdmctl does.
func verify(ctx context.Context, db *sqldb.DB, head ledger.Head, remembered ...ledger.Head) error {
	c := ledger.NewChecker(remembered...)
	for c.Size() < head.Size {
		leaves, err := New(db).Leaves(ctx, c.Size(), head.Size, 7)
		if err != nil {
			return err
		}
		for _, leaf := range leaves {
			if _, err := c.Add(leaf); err != nil {
				return err
			}
		}
		if len(leaves) == 0 {
			break
		}
	}
	return c.Done(head)
}

func fill(t *testing.T, db *sqldb.DB, n int) {
	t.Helper()
	for i := range n {
		record(t, db, audit.Server("test.fill", fmt.Sprintf("thing/%d", i), "a test"))
	}
}

func TestLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		k := newKey(t)
		s := k.on(t, db)
		heads := []ledger.Head{k.head(t, s)}
		for n := range 40 {
			fill(t, db, 1)
			if n%3 == 0 {
				// Several entries in one transaction, and one that is undone.
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					for range n {
						if err := tx.Record(audit.Server("test.many", "", "a test")); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				undone := errors.New("undone")
				err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
					return errors.Join(tx.Record(audit.Server("test.undone", "", "a test")), undone)
				})
				if !errors.Is(err, undone) {
					t.Fatal(err)
				}
			}
			heads = append(heads, k.head(t, s))
		}
		last := heads[len(heads)-1]
		if want := uint64(40 + 13*14/2*3); last.Size != want {
			t.Errorf("the log has %d entries, want %d", last.Size, want)
		}
		if err := verify(t.Context(), db, last, heads...); err != nil {
			t.Error(err)
		}
		checkProofs(t, New(db), heads)
	})
}

// checkProofs checks every entry against the last head, and every head against
// the last.
func checkProofs(t *testing.T, s *Store, heads []ledger.Head) {
	t.Helper()
	last := heads[len(heads)-1]
	for n := uint64(1); n <= last.Size; n += 7 {
		leaf, proof, err := s.Inclusion(t.Context(), n, last.Size)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := ledger.CheckIncluded(last, leaf, proof); err != nil || e.Sequence != n {
			t.Errorf("entry %d: %v", n, err)
		}
	}
	for _, h := range heads {
		var proof []tlog.Hash
		if h.Size > 0 {
			var err error
			if proof, err = s.Consistency(t.Context(), h.Size, last.Size); err != nil {
				t.Fatal(err)
			}
		}
		if err := ledger.CheckContinues(h, last, proof); err != nil {
			t.Errorf("head of %d: %v", h.Size, err)
		}
	}
}

func TestBeyondTheLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		fill(t, db, 3)
		s := New(db)
		_, leaves := s.Leaves(t.Context(), 0, 4, 10)
		_, _, inclusion := s.Inclusion(t.Context(), 1, 4)
		_, consistency := s.Consistency(t.Context(), 1, 1<<63)
		for name, err := range map[string]error{"leaves": leaves, "inclusion": inclusion, "consistency": consistency} {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: got %v, want an Invalid fault", name, err)
			}
		}
	})
}

// crowd records from many goroutines at once, some of whose changes fail, while
// heads are signed.
func crowd(t *testing.T, k key, dbs ...*sqldb.DB) []ledger.Head {
	t.Helper()
	const each = 40
	var wg sync.WaitGroup
	for n := range 8 {
		db := dbs[n%len(dbs)]
		wg.Go(func() {
			for i := range each {
				undone := errors.New("undone")
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					err := tx.Record(audit.Server("test.crowd", fmt.Sprintf("worker/%d/%d", n, i), "a test"))
					if i%4 == 3 {
						return errors.Join(err, undone)
					}
					return err
				})
				if err != nil && !errors.Is(err, undone) {
					t.Error(err)
				}
			}
		})
	}
	heads := make([][]ledger.Head, len(dbs))
	for i, db := range dbs {
		s := k.on(t, db)
		wg.Go(func() {
			for range 15 {
				signed, err := s.Head(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				head, err := ledger.OpenHead(signed, k.verifier)
				if err != nil {
					t.Error(err)
				}
				heads[i] = append(heads[i], head)
			}
		})
	}
	wg.Wait()
	var all []ledger.Head
	for _, h := range heads {
		all = append(all, h...)
	}
	last := k.head(t, k.on(t, dbs[0]))
	if want := uint64(8 * each * 3 / 4); last.Size != want {
		t.Errorf("the log has %d entries, want %d", last.Size, want)
	}
	return append(all, last)
}

func TestConcurrent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		heads := crowd(t, newKey(t), db)
		if err := verify(t.Context(), db, heads[len(heads)-1], heads...); err != nil {
			t.Error(err)
		}
	})
}

// TestTwoServers: two servers on one PostgreSQL write and sign one log.
func TestTwoServers(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		heads := crowd(t, newKey(t), a, b)
		last := heads[len(heads)-1]
		for _, db := range []*sqldb.DB{a, b} {
			if err := verify(t.Context(), db, last, heads...); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestSignedByAnother(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		fill(t, db, 2)
		k := newKey(t)
		k.head(t, k.on(t, db))
		if _, err := newKey(t).on(t, db).Head(t.Context()); !errors.Is(err, ErrBroken) {
			t.Errorf("a server with another key: got %v, want ErrBroken", err)
		}
		if _, err := NewSigner(New(db), k.signer, "no key"); err == nil {
			t.Error("a verifier key that is none was taken")
		}
	})
}
