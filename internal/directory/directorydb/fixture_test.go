package directorydb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/directory"
	"ringfence/internal/directory/directorydb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// noon has microseconds, so that losing them would show.
var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

func entry(action string) audit.Entry {
	return audit.Entry{Actor: "scim:okta", Action: action, Target: "x/y", Detail: "why", RequestID: "r1", Peer: "192.0.2.1", Credential: "t1"}
}

// user makes the nth user, with every field set.
func user(n int) directory.User {
	return directory.User{
		ID: fmt.Sprintf("u%02d", n),
		UserSpec: directory.UserSpec{
			UserName: fmt.Sprintf("User%d@Example.com", n), ExternalID: fmt.Sprintf("Ext-%d", n),
			DisplayName: fmt.Sprintf("Zoë User %d", n), Active: true,
		},
		CreatedAt: noon.Add(time.Duration(n) * time.Minute), UpdatedAt: noon.Add(time.Duration(n) * time.Minute), Version: 1,
	}
}

func group(n int) directory.Group {
	return directory.Group{
		ID:        fmt.Sprintf("g%02d", n),
		GroupSpec: directory.GroupSpec{DisplayName: fmt.Sprintf("Gruppe Süd %d", n), ExternalID: fmt.Sprintf("Grp-%d", n)},
		CreatedAt: noon, UpdatedAt: noon, Version: 1,
	}
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// fails checks that an error is the wanted one and that nothing was left.
func (f *fixture) fails(what string, want error, deed func() error) {
	f.t.Helper()
	before := f.dump()
	err := deed()
	if !isFault(err, want) {
		f.t.Errorf("%s: %v, want %v", what, err, want)
	}
	check(f.t, what+" left behind", before, f.dump())
}

type fixture struct {
	t  *testing.T
	db *sqldb.DB
	*directorydb.Store
}

// each runs a test on each dialect, with users 1 to 3 in it.
func each(t *testing.T, run func(f *fixture)) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		f := &fixture{t, db, directorydb.New(db)}
		for n := range 3 {
			must(t, f.CreateUser(t.Context(), user(n+1), entry("directory.user.create")))
		}
		run(f)
	})
}

// dump is all that is stored.
func (f *fixture) dump() map[string][]map[string]any {
	f.t.Helper()
	all := map[string][]map[string]any{}
	for table, order := range map[string]string{
		"directory_users": "id", "directory_names": "name_key", "directory_groups": "id",
		"directory_members": "group_id, user_id", "directory_tokens": "id", "audit_entries": "sequence",
	} {
		rows := []map[string]any{}
		must(f.t, f.db.Read(f.t.Context()).Table(table).Order(order).Find(&rows).Error)
		all[table] = rows
	}
	return all
}

// standing gives the standing of a name.
func (f *fixture) standing(key string) directory.Standing {
	f.t.Helper()
	st, err := f.Standing(f.t.Context(), key)
	must(f.t, err)
	return st
}

// members gives a change of the first group that adds and removes users.
func change(g directory.Group, spec directory.GroupSpec, edit func(*directory.Membership)) directory.GroupChange {
	c := directory.GroupChange{
		Before: g, Spec: spec, At: g.UpdatedAt.Add(time.Second),
		Explain: func(added, removed []string) audit.Entry {
			e := entry("directory.group.update")
			e.Detail = fmt.Sprint(added, removed)
			return e
		},
	}
	edit(&c.Members)
	return c
}
