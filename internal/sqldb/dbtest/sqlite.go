package dbtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ringfence/internal/sqldb"
	"ringfence/migrations"
)

// schema gives an empty SQLite database of today's schema. Migrating takes longer
// than most tests, above all under the race detector: it is done once, and kept
// among the temporary files for the tests of other packages.
var schema = sync.OnceValues(func() ([]byte, error) {
	hash, err := schemaHash(migrations.SQLite)
	if err != nil {
		return nil, err
	}
	kept := filepath.Join(os.TempDir(), "ringfence-schema-"+hash+".db")
	if made, err := os.ReadFile(kept); err == nil {
		return made, nil
	}
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
	made, err := os.ReadFile(path)
	if err == nil {
		_ = os.Rename(path, kept) // whole, or not there
	}
	return made, err
})

// Remove takes away the schema of a database that DSN made, for tests that make
// an older one.
func Remove(tb testing.TB, dsn string) {
	tb.Helper()
	path, isFile := strings.CutPrefix(dsn, "sqlite:")
	var err error
	if isFile {
		err = os.Remove(path)
	} else {
		err = onCluster(dsn, `DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
	}
	if err != nil {
		tb.Fatalf("remove the schema: %v", err)
	}
}

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
