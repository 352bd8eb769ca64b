package dbtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"ringfence/internal/sqldb"
)

// schema gives an empty SQLite database of today's schema, made once: migrating
// takes longer than most tests, above all under the race detector.
var schema = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "mdm-schema-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "mdm.db")
	db, err := sqldb.Open(context.Background(), sqldb.Config{DSN: "sqlite:" + path, Now: Now})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// sqlite makes a migrated SQLite file in the test's folder.
func sqlite(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "mdm.db")
	empty, err := schema()
	if err == nil {
		err = os.WriteFile(path, empty, 0o600)
	}
	if err != nil {
		tb.Fatalf("make a SQLite database: %v", err)
	}
	return "sqlite:" + path
}
