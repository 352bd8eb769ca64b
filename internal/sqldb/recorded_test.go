package sqldb_test

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
)

// TestRecorded: whoever follows the record hears of each commit that has added to
// it, once it can be read, and of no other.
func TestRecorded(t *testing.T) {
	var heard atomic.Int64
	db, err := sqldb.Open(t.Context(), sqldb.Config{
		DSN: "sqlite:" + filepath.Join(t.TempDir(), "a.db"), Now: time.Now, Recorded: func() { heard.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	start := heard.Load()
	for _, step := range []struct {
		name string
		fn   func(tx *sqldb.Tx) error
		want int64
	}{
		{"nothing recorded", func(*sqldb.Tx) error { return nil }, 0},
		{"recorded", func(tx *sqldb.Tx) error { return tx.Record(audit.Server("a.b", "c/d", "e")) }, 1},
		{"undone", func(tx *sqldb.Tx) error {
			return errors.Join(tx.Record(audit.Server("a.b", "c/d", "e")), errors.New("no"))
		}, 1},
		{"recorded again", func(tx *sqldb.Tx) error { return tx.Record(audit.Server("a.b", "c/d", "e")) }, 2},
	} {
		_ = db.Write(t.Context(), step.fn)
		if got := heard.Load() - start; got != step.want {
			t.Errorf("%s: heard %d times, want %d", step.name, got, step.want)
		}
	}
}
