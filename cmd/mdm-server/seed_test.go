package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
	db, err := sqldb.Open(context.Background(), sqldb.Config{DSN: "sqlite:" + path, Now: time.Now})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// seed puts the schema where a server will make its SQLite database.
func seed(tb testing.TB, dsn string) {
	tb.Helper()
	path, isFile := strings.CutPrefix(dsn, "sqlite:")
	if _, err := os.Stat(path); !isFile || !os.IsNotExist(err) {
		return
	}
	empty, err := schema()
	if err == nil {
		err = os.WriteFile(path, empty, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}
