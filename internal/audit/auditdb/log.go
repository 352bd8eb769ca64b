package auditdb

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"gorm.io/gorm"

	"ringfence/internal/audit/ledger"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// answerBytes is about how much of the record is given at once.
const answerBytes = 2 << 20

// Leaves gives the encodings of entries after a sequence, in order, up to the
// end of the tree of so many entries: at most most of them, and fewer where
// they are large. They are made of the entries as they stand; whether they are
// those that were signed is for the reader to check. A size beyond the log is
// an Invalid fault.
func (s *Store) Leaves(ctx context.Context, after, size uint64, most int) ([][]byte, error) {
	if err := s.within(ctx, "tree_size", size); err != nil {
		return nil, err
	}
	var rows []row
	err := s.db.Read(ctx).Where("sequence > ? AND sequence <= ?", int64(after), int64(size)).
		Order("sequence").Limit(most).Find(&rows).Error
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	var leaves [][]byte
	total := 0
	for _, r := range rows {
		leaf := ledger.Leaf(r.entry())
		if total += len(leaf); total > answerBytes && len(leaves) > 0 {
			break
		}
		leaves = append(leaves, leaf)
	}
	return leaves, nil
}

// Inclusion gives an entry's leaf and the proof that the tree of so many
// entries contains it. A size beyond the log is an Invalid fault.
func (s *Store) Inclusion(ctx context.Context, sequence, size uint64) ([]byte, []tlog.Hash, error) {
	leaves, err := s.Leaves(ctx, sequence-1, size, 1)
	if err != nil {
		return nil, nil, err
	}
	if len(leaves) == 0 {
		return nil, nil, fault.New(fault.Internal, "", "an entry of the record is missing")
	}
	proof, err := tlog.ProveRecord(int64(size), int64(sequence-1), hashReader(s.db.Read(ctx)))
	return leaves[0], proof, sqldb.Fault(err)
}

// Consistency gives the proof that the tree of older entries is the beginning
// of the tree of newer ones. A size beyond the log is an Invalid fault.
func (s *Store) Consistency(ctx context.Context, older, newer uint64) ([]tlog.Hash, error) {
	if err := s.within(ctx, "new_size", newer); err != nil {
		return nil, err
	}
	proof, err := tlog.ProveTree(int64(newer), int64(older), hashReader(s.db.Read(ctx)))
	return proof, sqldb.Fault(err)
}

// within refuses a size that the log does not have.
func (s *Store) within(ctx context.Context, field string, size uint64) error {
	has, err := logSize(s.db.Read(ctx))
	if err != nil {
		return err
	}
	if size > has {
		return fault.InvalidField(field, "the log has %d entries", has)
	}
	return nil
}

// logSize is the number of entries of the log.
func logSize(q *gorm.DB) (uint64, error) {
	var size int64
	err := q.Table("audit_log").Where("id = 1").Select("size").Take(&size).Error
	return uint64(size), sqldb.Fault(err)
}

// hashRow is a row of stored hashes: see ledger.FirstHash.
type hashRow struct {
	Sequence int64 `gorm:"primaryKey"`
	Hashes   []byte
}

// TableName names the table.
func (hashRow) TableName() string { return "audit_hashes" }

// hashReader reads the log's stored hashes through q. What was read is kept for
// the next index, which is often in the same row.
func hashReader(q *gorm.DB) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		var kept hashRow
		for i, index := range indexes {
			owner := ledger.HashOwner(index)
			if h, ok := kept.hash(index); ok {
				hashes[i] = h
				continue
			}
			kept = hashRow{}
			err := q.Session(&gorm.Session{}).Where("sequence <= ?", int64(owner)).
				Order("sequence DESC").Limit(1).Take(&kept).Error
			if err != nil {
				return nil, fmt.Errorf("read the hashes of entry %d: %w", owner, err)
			}
			h, ok := kept.hash(index)
			if !ok {
				return nil, fmt.Errorf("the hashes of entry %d are missing", owner)
			}
			hashes[i] = h
		}
		return hashes, nil
	})
}

// hash gives one of the row's hashes, if it is there.
func (r hashRow) hash(index int64) (h tlog.Hash, ok bool) {
	if r.Sequence == 0 {
		return h, false
	}
	at := (index - ledger.FirstHash(uint64(r.Sequence))) * tlog.HashSize
	if at < 0 || at+tlog.HashSize > int64(len(r.Hashes)) {
		return h, false
	}
	return tlog.Hash(r.Hashes[at : at+tlog.HashSize]), true
}
