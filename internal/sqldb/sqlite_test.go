package sqldb_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestSQLiteFiles(t *testing.T) {
	// What a path may hold must not become part of the driver's name.
	folder := filepath.Join(t.TempDir(), "new folder?mode=memory&x=%2F#1")
	path := filepath.Join(folder, "mdm 100%.db")
	db := dbtest.Open(t, "sqlite:"+path)
	if !db.Exclusive() || db.Dialect() != sqldb.SQLite {
		t.Errorf("Exclusive = %v, Dialect = %q", db.Exclusive(), db.Dialect())
	}
	withThings(t, db)
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v: want mode 0700", info, err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		got[strings.TrimPrefix(e.Name(), "mdm 100%.db")] = info.Mode().String()
	}
	const private = "-rw-------"
	want := map[string]string{"": private, "-shm": private, "-wal": private, ".lock": private}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestSQLiteHasOneServer(t *testing.T) {
	folder := t.TempDir()
	path, link := filepath.Join(folder, "mdm.db"), filepath.Join(folder, "other.db")
	db := dbtest.Open(t, "sqlite:"+path)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		second, err := sqldb.Open(t.Context(), sqldb.Config{DSN: "sqlite:" + name, Now: dbtest.Now})
		if fault.ReasonOf(err) != "DATABASE_IN_USE" || !strings.Contains(err.Error(), "another mdm-server has "+path+" open") {
			t.Errorf("%s: got %v, %v: want a refusal", name, second, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	dbtest.Open(t, "sqlite:"+link)
}

func TestSQLiteSettings(t *testing.T) {
	db := dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite))
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "trusted_schema": "0",
	}
	reads, writes := map[string]string{}, map[string]string{}
	for name := range want {
		var value string
		if err := db.Read(t.Context()).Raw("PRAGMA " + name).Row().Scan(&value); err != nil {
			t.Fatal(err)
		}
		reads[name] = value
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow("PRAGMA "+name, nil, &value) })
		if err != nil {
			t.Fatal(err)
		}
		writes[name] = value
	}
	if diff := cmp.Diff(want, writes); diff != "" {
		t.Errorf("the writer's settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, reads); diff != "" {
		t.Errorf("the readers' settings (-want +got):\n%s", diff)
	}
	// Not even a reader that asks for it may write.
	err := db.Read(t.Context()).Exec("PRAGMA query_only = 0; DELETE FROM audit_entries").Error
	if err == nil {
		t.Error("a reader wrote")
	}
}
