package auditdb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"ringfence/internal/audit/ledger"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// ErrBroken is the fault of a log that does not contain what was signed of it
// before, or whose signed heads are not of this server's key: the database was
// changed behind the server's back, or restored. Nothing more is signed.
var ErrBroken = fault.New(fault.Refused, "AUDIT_LOG_BROKEN", "the record does not contain what was signed of it before")

// Signer signs the log's heads and keeps them. It is safe for concurrent use, and
// several servers with one key may sign one log.
type Signer struct {
	store    *Store
	key      note.Signer
	verifier note.Verifier
	text     string

	mu   sync.Mutex  // guards last
	last ledger.Head // the newest that this server signed or has seen
}

// NewSigner makes a Signer. verifier is the public key as text.
func NewSigner(store *Store, key note.Signer, verifier string) (*Signer, error) {
	v, err := note.NewVerifier(verifier)
	if err != nil {
		return nil, fmt.Errorf("audit key: %w", err)
	}
	return &Signer{
		store: store, key: key, verifier: v, text: verifier,
		last: ledger.Head{Root: new(ledger.Tree).Root()},
	}, nil
}

// VerifierKey is the public key as text.
func (s *Signer) VerifierKey() string { return s.text }

// headRow is a signed head.
type headRow struct {
	Size     int64 `gorm:"primaryKey"`
	Note     string
	SignedAt int64
}

// TableName names the table.
func (headRow) TableName() string { return "audit_heads" }

// Head gives a signed head that covers every entry there is now: the newest, or
// a new one if the log has grown since. Before it signs, it makes sure that the
// log contains what was signed before, in the database and by this server.
// Errors: ErrBroken.
func (s *Signer) Head(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, signed, err := s.newest(ctx)
	if err != nil {
		return "", err
	}
	size, err := logSize(s.store.db.Read(ctx))
	if err != nil {
		return "", err
	}
	hashes := hashReader(s.store.db.Read(ctx))
	for _, known := range []ledger.Head{before, s.last} {
		if err := contains(hashes, size, known); err != nil {
			return "", err
		}
	}
	if signed != "" && size == before.Size {
		s.last = before
		return signed, nil
	}
	root, err := tlog.TreeHash(int64(size), hashes)
	if err != nil {
		return "", ErrBroken.WithCause(err)
	}
	head := ledger.Head{Size: size, Root: root}
	if signed, err = head.Sign(s.key); err != nil {
		return "", err
	}
	if err := s.keep(ctx, head, signed); err != nil {
		return "", err
	}
	s.last = head
	return signed, nil
}

// newest gives the newest head in the database; the empty one where there is
// none.
func (s *Signer) newest(ctx context.Context) (ledger.Head, string, error) {
	var rows []headRow
	if err := s.store.db.Read(ctx).Order("size DESC").Limit(1).Find(&rows).Error; err != nil {
		return ledger.Head{}, "", sqldb.Fault(err)
	}
	if len(rows) == 0 {
		return ledger.Head{Root: new(ledger.Tree).Root()}, "", nil
	}
	head, err := ledger.OpenHead(rows[0].Note, s.verifier)
	if err == nil && head.Size != uint64(rows[0].Size) {
		err = errors.New("a signed head was moved")
	}
	if err != nil {
		return ledger.Head{}, "", ErrBroken.WithCause(err)
	}
	return head, rows[0].Note, nil
}

// contains makes sure that the log of so many entries has gone through a head.
func contains(hashes tlog.HashReader, size uint64, known ledger.Head) error {
	if known.Size > size {
		return ErrBroken.WithCause(fmt.Errorf("it has %d entries, %d were signed", size, known.Size))
	}
	root, err := tlog.TreeHash(int64(known.Size), hashes)
	if err != nil {
		return ErrBroken.WithCause(err)
	}
	if root != known.Root {
		return ErrBroken.WithCause(fmt.Errorf("its first %d entries are not those that were signed", known.Size))
	}
	return nil
}

// keep stores a head, unless another server was faster: the same log and key
// make the same note.
func (s *Signer) keep(ctx context.Context, head ledger.Head, signed string) error {
	return s.store.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO audit_heads (size, note, signed_at) VALUES (?, ?, ?) ON CONFLICT (size) DO NOTHING`,
			int64(head.Size), signed, tx.Now().UnixMicro())
		return err
	})
}
