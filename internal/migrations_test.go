package internal_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/migrations"
)

var (
	migrationName = regexp.MustCompile(`^(\d{4})_([a-z]+)[a-z0-9_]*\.sql$`)
	createTable   = regexp.MustCompile(`(?im)^\s*CREATE TABLE\s+(\w+)`)
	renameTable   = regexp.MustCompile(`(?im)^\s*ALTER TABLE\s+(\w+)\s+RENAME TO\s+(\w+)`)
)

// TestMigrationsInStep: both dialects have the same steps and the same tables,
// numbered without a gap, and no way down.
func TestMigrationsInStep(t *testing.T) {
	sqlite, postgres := steps(t, migrations.SQLite), steps(t, migrations.Postgres)
	if diff := cmp.Diff(sqlite, postgres); diff != "" {
		t.Errorf("the dialects' migrations differ: give both the same files and tables (-sqlite +postgres):\n%s", diff)
	}
}

// step is what must be the same in both dialects.
type step struct {
	Name   string
	Tables []string
}

func steps(t *testing.T, dialect string) []step {
	t.Helper()
	entries, err := fs.ReadDir(migrations.Files, dialect)
	if err != nil {
		t.Fatalf("read migrations: %v", err)
	}
	var all []step
	for i, entry := range entries {
		name := dialect + "/" + entry.Name()
		parts := migrationName.FindStringSubmatch(entry.Name())
		if parts == nil {
			t.Errorf("%s: want NNNN_slice.sql or NNNN_slice_what.sql in small letters", name)
			continue
		}
		if want := fmt.Sprintf("%04d", i+1); parts[1] != want {
			t.Errorf("%s: want number %s: they count up from 0001 without a gap, and a released one never changes", name, want)
		}
		raw, err := fs.ReadFile(migrations.Files, name)
		if err != nil {
			t.Fatalf("read migrations: %v", err)
		}
		all = append(all, step{Name: entry.Name(), Tables: tables(t, name, parts[2], string(raw))})
	}
	return all
}

// tables gives the tables that a migration makes, sorted. Each is named for
// the slice that owns it.
func tables(t *testing.T, name, slice, sql string) []string {
	t.Helper()
	if !strings.Contains(sql, "-- +goose Up") || strings.Contains(sql, "+goose Down") {
		t.Errorf("%s: want one part `-- +goose Up` and no way down: a mistake is mended by the next migration", name)
	}
	names := []string{}
	for _, match := range createTable.FindAllStringSubmatch(sql, -1) {
		names = append(names, match[1])
		if !strings.HasPrefix(match[1], slice+"_") {
			t.Errorf("%s: table %s: want a name that begins with %s_, the slice that owns it", name, match[1], slice)
		}
	}
	// SQLite changes a table by making it anew: drop, then rename. That is no
	// table more.
	for _, match := range renameTable.FindAllStringSubmatch(sql, -1) {
		if !regexp.MustCompile(`(?im)^\s*DROP TABLE\s+` + match[2] + `\s*;`).MatchString(sql) {
			t.Errorf("%s: table %s takes a name that this migration has not made free", name, match[2])
		}
		names = slices.DeleteFunc(names, func(made string) bool { return made == match[1] })
	}
	slices.Sort(names)
	return names
}
