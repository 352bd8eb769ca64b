package directorydb_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/directory"
	"ringfence/internal/directory/directorydb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func isFault(err, want error) bool { return errors.Is(err, want) }

func TestUsers(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, u := f.t.Context(), user(1)
		got, err := f.User(ctx, u.ID)
		must(f.t, err)
		check(f.t, "User", u, got)
		check(f.t, "Standing", directory.Standing{Known: true, Active: true}, f.standing("user1@example.com"))
		check(f.t, "Standing of nobody", directory.Standing{}, f.standing("user9@example.com"))

		_, err = f.User(ctx, "u09")
		check(f.t, "no user", true, isFault(err, directory.ErrNoUser))
		f.fails("a name that differs in case", directory.ErrUserExists, func() error {
			again := user(9)
			again.UserName = strings.ToUpper(u.UserName)
			return f.CreateUser(ctx, again, entry("directory.user.create"))
		})
		f.fails("renamed to another's name", directory.ErrUserExists, func() error {
			other := user(2)
			other.UserName, other.Version = u.UserName, 2
			_, err := f.SaveUser(ctx, other, entry("directory.user.update"))
			return err
		})
		f.fails("an old version", directory.ErrMoved, func() error {
			_, err := f.SaveUser(ctx, u, entry("directory.user.update"))
			return err
		})
		f.fails("deleted in an old version", directory.ErrMoved, func() error {
			old := u
			old.Version = 7
			_, err := f.DeleteUser(ctx, old, noon, entry("directory.user.delete"))
			return err
		})

		u.Version, u.Active, u.DisplayName, u.ExternalID, u.UpdatedAt = 2, false, "", "", noon.Add(time.Hour)
		names, err := f.SaveUser(ctx, u, entry("directory.user.disable"))
		must(f.t, err)
		check(f.t, "names", []string{"user1@example.com"}, names)
		got, err = f.User(ctx, u.ID)
		must(f.t, err)
		check(f.t, "saved", u, got)
		check(f.t, "Standing of who is disabled", directory.Standing{Known: true}, f.standing("user1@example.com"))
	})
}

// TestRename: who is renamed keeps the standing under every name, until
// somebody else takes one.
func TestRename(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, u := f.t.Context(), user(1)
		u.UserName, u.Version = "New.Name@example.com", 2
		names, err := f.SaveUser(ctx, u, entry("directory.user.update"))
		must(f.t, err)
		check(f.t, "names", []string{"new.name@example.com", "user1@example.com"}, names)
		u.Active, u.Version = false, 3
		_, err = f.SaveUser(ctx, u, entry("directory.user.disable"))
		must(f.t, err)
		for _, name := range names {
			check(f.t, "Standing of "+name, directory.Standing{Known: true}, f.standing(name))
		}
		other := user(9)
		other.UserName = "user1@example.com"
		must(f.t, f.CreateUser(ctx, other, entry("directory.user.create")))
		check(f.t, "the old name's new owner", directory.Standing{Known: true, Active: true}, f.standing("user1@example.com"))
		check(f.t, "the new name", directory.Standing{Known: true}, f.standing("new.name@example.com"))
		u.Active, u.Version = true, 4
		names, err = f.SaveUser(ctx, u, entry("directory.user.enable"))
		must(f.t, err)
		check(f.t, "names in the end", []string{"new.name@example.com"}, names)
	})
}

// TestDelete: the name stays known, and is free.
func TestDelete(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, u := f.t.Context(), user(1)
		g := group(1)
		_, err := f.CreateGroup(ctx, g, []string{"u01", "u02"}, entry("directory.group.create"))
		must(f.t, err)
		names, err := f.DeleteUser(ctx, u, noon.Add(time.Hour), entry("directory.user.delete"))
		must(f.t, err)
		check(f.t, "names", []string{"user1@example.com"}, names)
		check(f.t, "Standing", directory.Standing{Known: true}, f.standing("user1@example.com"))
		_, err = f.User(ctx, u.ID)
		check(f.t, "no user", true, isFault(err, directory.ErrNoUser))
		all, total, err := f.ListUsers(ctx, directory.Query{Limit: 10})
		must(f.t, err)
		check(f.t, "those who are left", []any{2, []directory.User{user(2), user(3)}}, []any{total, all})
		left, err := f.Members(ctx, g.ID)
		must(f.t, err)
		check(f.t, "members", []string{"u02"}, left)
		got, err := f.Group(ctx, g.ID)
		must(f.t, err)
		g.Version, g.UpdatedAt = 2, noon.Add(time.Hour)
		check(f.t, "the group", g, got)
		f.fails("deleted again", directory.ErrMoved, func() error {
			u.Version = 2
			_, err := f.DeleteUser(ctx, u, noon, entry("directory.user.delete"))
			return err
		})
		f.fails("saved again", directory.ErrMoved, func() error {
			u.Version = 3
			_, err := f.SaveUser(ctx, u, entry("directory.user.update"))
			return err
		})
		f.fails("joins a group", directory.ErrNoMember, func() error {
			_, _, err := f.SaveGroup(ctx, change(got, got.GroupSpec, func(m *directory.Membership) { m.Add("u01") }))
			return err
		})

		again := user(1)
		again.ID = "u99"
		must(f.t, f.CreateUser(ctx, again, entry("directory.user.create")))
		check(f.t, "Standing of the new one", directory.Standing{Known: true, Active: true}, f.standing("user1@example.com"))
		_, err = f.DeleteUser(ctx, again, noon.Add(time.Hour), entry("directory.user.delete"))
		must(f.t, err)
		check(f.t, "Standing after both are deleted", directory.Standing{Known: true}, f.standing("user1@example.com"))

		var personal int64
		must(f.t, f.db.Read(ctx).Table("directory_users").Where("deleted_at IS NOT NULL AND (external_id <> '' OR display_name <> '')").Count(&personal).Error)
		check(f.t, "rows that keep more than the name", int64(0), personal)
	})
}

func TestGroups(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, g := f.t.Context(), group(1)
		names, err := f.CreateGroup(ctx, g, []string{"u01", "u02"}, entry("directory.group.create"))
		must(f.t, err)
		check(f.t, "names", []string{"user1@example.com", "user2@example.com"}, names)
		got, err := f.Group(ctx, g.ID)
		must(f.t, err)
		check(f.t, "Group", g, got)
		check(f.t, "Standing", directory.Standing{Known: true, Active: true, Groups: []string{"gruppe süd 1"}}, f.standing("user1@example.com"))
		_, err = f.Group(ctx, "g09")
		check(f.t, "no group", true, isFault(err, directory.ErrNoGroup))
		f.fails("a name that differs in case", directory.ErrGroupExists, func() error {
			again := group(9)
			again.DisplayName = "GRUPPE SÜD 1"
			_, err := f.CreateGroup(ctx, again, nil, entry("directory.group.create"))
			return err
		})
		f.fails("a member who is nobody", directory.ErrNoMember, func() error {
			_, err := f.CreateGroup(ctx, group(9), []string{"u01", "u77"}, entry("directory.group.create"))
			return err
		})

		saved := func(what string, c directory.GroupChange, wantNames, wantMembers []string, wantDetail string) directory.Group {
			f.t.Helper()
			after, names, err := f.SaveGroup(ctx, c)
			must(f.t, err)
			check(f.t, what+": names", wantNames, names)
			members, err := f.Members(ctx, g.ID)
			must(f.t, err)
			check(f.t, what+": members", wantMembers, members)
			stored, err := f.Group(ctx, g.ID)
			must(f.t, err)
			check(f.t, what+": the group", after, stored)
			if wantDetail != "" {
				check(f.t, what+": version", c.Before.Version+1, after.Version)
				entries := f.dump()["audit_entries"]
				check(f.t, what+": detail", wantDetail, fmt.Sprint(entries[len(entries)-1]["detail"]))
			}
			return after
		}
		after := saved("add and remove", change(g, g.GroupSpec, func(m *directory.Membership) {
			m.Add("u03", "u01")
			m.Remove("u02", "u77")
		}), []string{"user2@example.com", "user3@example.com"}, []string{"u01", "u03"}, "[user3@example.com] [user2@example.com]")
		f.fails("an old version", directory.ErrMoved, func() error {
			_, _, err := f.SaveGroup(ctx, change(g, g.GroupSpec, func(m *directory.Membership) { m.Add("u02") }))
			return err
		})
		f.fails("nothing new", nil, func() error {
			_, _, err := f.SaveGroup(ctx, change(after, after.GroupSpec, func(m *directory.Membership) { m.Replace("u03", "u01") }))
			return err
		})
		f.fails("adds nobody", directory.ErrNoMember, func() error {
			_, _, err := f.SaveGroup(ctx, change(after, after.GroupSpec, func(m *directory.Membership) { m.Add("u77") }))
			return err
		})
		spec := after.GroupSpec
		spec.DisplayName = "Nord"
		after = saved("rename and remove", change(after, spec, func(m *directory.Membership) { m.Remove("u01") }),
			[]string{"user1@example.com", "user3@example.com"}, []string{"u03"}, "[] [user1@example.com]")
		after = saved("replace", change(after, after.GroupSpec, func(m *directory.Membership) { m.Replace("u01", "u02") }),
			[]string{"user1@example.com", "user2@example.com", "user3@example.com"}, []string{"u01", "u02"}, "[user1@example.com user2@example.com] [user3@example.com]")
		spec.ExternalID = "other"
		after = saved("another external id", change(after, spec, func(*directory.Membership) {}), nil, []string{"u01", "u02"}, "[] []")

		_, err = f.CreateGroup(ctx, group(2), nil, entry("directory.group.create"))
		must(f.t, err)
		f.fails("another's name", directory.ErrGroupExists, func() error {
			spec.DisplayName = "gruppe SÜD 2"
			_, _, err := f.SaveGroup(ctx, change(after, spec, func(*directory.Membership) {}))
			return err
		})
		f.fails("deleted in an old version", directory.ErrMoved, func() error {
			_, err := f.DeleteGroup(ctx, g, entry("directory.group.delete"))
			return err
		})
		names, err = f.DeleteGroup(ctx, after, entry("directory.group.delete"))
		must(f.t, err)
		check(f.t, "names of who was in", []string{"user1@example.com", "user2@example.com"}, names)
		check(f.t, "Standing in the end", directory.Standing{Known: true, Active: true}, f.standing("user1@example.com"))
		f.fails("deleted again", directory.ErrNoGroup, func() error {
			_, err := f.DeleteGroup(ctx, after, entry("directory.group.delete"))
			return err
		})
	})
}

// TestManyMembers: more than one statement holds.
func TestManyMembers(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.t.Context()
		var rows []map[string]any
		var ids []string
		for n := range 1200 {
			id := fmt.Sprintf("m%04d", n)
			ids = append(ids, id)
			rows = append(rows, map[string]any{
				"id": id, "user_name": id, "user_key": id, "external_id": "", "display_name": "", "display_key": "",
				"active": 1, "version": 1, "created_at": 1, "updated_at": 1,
			})
		}
		must(f.t, f.db.Write(ctx, func(tx *sqldb.Tx) error { return tx.Gorm().Table("directory_users").CreateInBatches(rows, 500).Error }))
		g := group(1)
		_, err := f.CreateGroup(ctx, g, ids[:700], entry("directory.group.create"))
		must(f.t, err)
		after, _, err := f.SaveGroup(ctx, change(g, g.GroupSpec, func(m *directory.Membership) {
			m.Add(ids...)
			m.Remove(ids[:600]...)
		}))
		must(f.t, err)
		got, err := f.Members(ctx, g.ID)
		must(f.t, err)
		check(f.t, "members", ids[600:], got)
		_, err = f.DeleteGroup(ctx, after, entry("directory.group.delete"))
		must(f.t, err)
	})
}

func TestTokens(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.t.Context()
		k := directory.Token{ID: "k1", Name: "okta", Lookup: "0123456789ab", CreatedAt: noon, CreatedBy: "server"}
		k.Secret[0] = 7
		must(f.t, f.CreateToken(ctx, k, entry("directory.token.create")))
		got, err := f.TokenByLookup(ctx, k.Lookup)
		must(f.t, err)
		check(f.t, "token", k, got)
		_, err = f.TokenByLookup(ctx, "' OR 1=1 --0")
		check(f.t, "no token", true, isFault(err, directory.ErrNoToken))
		again := k
		again.ID, again.Lookup = "k2", "0123456789ac"
		f.fails("the same name", directory.ErrTokenExists, func() error { return f.CreateToken(ctx, again, entry("directory.token.create")) })
		f.fails("no such name", directory.ErrNoToken, func() error {
			_, err := f.RevokeToken(ctx, "entra", noon, entry("directory.token.revoke"))
			return err
		})
		k.RevokedAt = noon.Add(time.Hour)
		got, err = f.RevokeToken(ctx, "okta", k.RevokedAt, entry("directory.token.revoke"))
		must(f.t, err)
		check(f.t, "revoked", k, got)
		must(f.t, f.CreateToken(ctx, again, entry("directory.token.create")))
		all, err := f.ListTokens(ctx)
		must(f.t, err)
		check(f.t, "all", []directory.Token{k, again}, all)
	})
}

// TestTwoServers: of those who change one thing at once, one does, and the
// others learn it. Nobody who was deleted is left in a group.
func TestTwoServers(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		stores := []*directorydb.Store{directorydb.New(a), directorydb.New(b)}
		ctx := t.Context()
		for n := range 4 {
			must(t, stores[0].CreateUser(ctx, user(n), entry("directory.user.create")))
		}
		_, err := stores[0].CreateGroup(ctx, group(1), nil, entry("directory.group.create"))
		must(t, err)
		n := 0
		service := func(s *directorydb.Store) *directory.Service {
			return directory.New(directory.Config{Store: s, Now: func() time.Time { return noon.Add(time.Hour) }, NewID: func() string { n++; return fmt.Sprint(n) }})
		}
		one, two := service(stores[0]), service(stores[1])
		var all sync.WaitGroup
		for i := range 4 {
			id := user(i).ID
			all.Go(func() {
				_, err := one.ChangeGroup(ctx, group(1).ID, 0, func(s directory.GroupSpec) (directory.GroupSpec, directory.Membership, error) {
					var m directory.Membership
					m.Add(id)
					return s, m, nil
				})
				if err != nil && !errors.Is(err, directory.ErrNoMember) {
					t.Error(err)
				}
			})
			all.Go(func() {
				if i%2 == 0 {
					if err := two.DeleteUser(ctx, id, 0); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		members, err := one.Members(ctx, group(1).ID)
		must(t, err)
		check(t, "members", []string{user(1).ID, user(3).ID}, members)
	})
}

// TestMostMembers: a full group takes nobody in unless somebody leaves.
func TestMostMembers(t *testing.T) {
	db := dbtest.Open(t, dbtest.DSN(t, sqldb.Postgres))
	f := &fixture{t, db, directorydb.New(db)}
	ctx, g := t.Context(), group(1)
	must(t, f.CreateUser(ctx, user(1), entry("directory.user.create")))
	_, err := f.CreateGroup(ctx, g, nil, entry("directory.group.create"))
	must(t, err)
	must(t, db.Write(ctx, func(tx *sqldb.Tx) error {
		const count = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) `
		if _, err := tx.Exec(count+`INSERT INTO directory_users (id, user_name, user_key, external_id, display_name, display_key, active, version, created_at, updated_at)
SELECT 'm' || i, 'm' || i, 'm' || i, '', '', '', 1, 1, 1, 1 FROM n`, directory.MaxMembers); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO directory_members (group_id, user_id) SELECT 'g01', id FROM directory_users WHERE id LIKE 'm%'`)
		return err
	}))
	_, _, err = f.SaveGroup(ctx, change(g, g.GroupSpec, func(m *directory.Membership) { m.Add("u01") }))
	check(t, "one more", true, isFault(err, directory.ErrTooManyMembers))
	_, _, err = f.SaveGroup(ctx, change(g, g.GroupSpec, func(m *directory.Membership) {
		m.Add("u01")
		m.Remove("m7")
	}))
	must(t, err)
}
