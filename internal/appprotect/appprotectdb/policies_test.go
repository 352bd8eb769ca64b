package appprotectdb_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
)

// spec has every field set.
func spec(t testing.TB) appprotect.Spec {
	t.Helper()
	settings, err := apprules.ParseSettings(map[apprules.Key][]string{
		"data.send_to": {"managed-apps"}, "data.storage_locations": {"nowhere"}, "data.exempt_apps": {"com.a.b=Fair <é> '?", "com.c.d"},
		"launch.os_version.wipe": {"12.1"}, "launch.offline.wipe": {"30d12h"}, "launch.manufacturers.block": {},
	})
	ok(t, err)
	connected := false
	return appprotect.Spec{
		Description: `'; DROP TABLE appprotect_policies; -- ? "\ é <b>` + "\n",
		Target: appprotect.Target{
			Apps: []appprotect.TargetApp{{Package: "com.example.mail", SignerSHA256: []string{signer}}}, AppGroups: []string{"office"},
			Include: appprotect.Audience{Everyone: true, Users: []string{"ada"}, Groups: []string{"sales"}},
			Exclude: appprotect.Audience{Users: []string{"bob"}, Groups: []string{"board"}},
			Levels:  []apprules.Level{apprules.Unenrolled, apprules.FullyManaged},
		},
		Fallback: true,
		Settings: settings,
		Config: apprules.Config{
			Values: map[string][]string{"domains": {"a", "b"}, "server": {"{{user}}"}, "none": nil}, Custom: map[string]string{"k": "v\n?"},
			Permissions: map[string]apprules.Grant{"android.permission.CAMERA": apprules.GrantDeny}, ConnectedApps: &connected,
		},
	}
}

func policy(t testing.TB, name string, revision uint64) appprotect.Policy {
	t.Helper()
	return appprotect.Policy{
		Name: name, Revision: revision, Spec: spec(t), CreatedAt: t0, RevisedAt: t0.Add(time.Duration(revision) * time.Hour), RevisedBy: "admin:ann",
	}
}

func wantGeneration(t testing.TB, s *appprotectdb.Store, want uint64) {
	t.Helper()
	if got, err := s.Generation(t.Context()); err != nil || got != want {
		t.Errorf("generation %d, %v, want %d", got, err, want)
	}
}

func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		_, _, err := s.Policy(ctx, "a", 0)
		wants(t, "none", err, appprotect.ErrNoPolicy)
		wants(t, "delete none", s.DeletePolicy(ctx, "a", 0, entry("no")), appprotect.ErrNoPolicy)
		for _, p := range []appprotect.Policy{policy(t, "b", 1), policy(t, "a", 1), policy(t, "a", 2)} {
			ok(t, s.SavePolicy(ctx, p, entry(fmt.Sprint(p.Name, p.Revision))))
		}
		wantGeneration(t, s, 3)
		before := dump(t, db)
		for _, revision := range []uint64{0, 1, 2, 4, math.MaxUint64} {
			wants(t, "moved", s.SavePolicy(ctx, policy(t, "a", revision), entry("moved")), appprotect.ErrMoved)
		}
		wants(t, "delete an old revision", s.DeletePolicy(ctx, "a", 1, entry("moved")), appprotect.ErrMoved)
		wants(t, "delete no revision", s.DeletePolicy(ctx, "a", math.MaxUint64, entry("moved")), appprotect.ErrMoved)
		unchanged(t, "what was refused", db, before)
		wantPolicy(t, s, policy(t, "a", 2), 0, false)
		wantPolicy(t, s, policy(t, "a", 1), 1, false)
		_, _, err = s.Policy(ctx, "a", math.MaxUint64)
		wants(t, "no such revision", err, appprotect.ErrNoPolicy)

		ok(t, s.DeletePolicy(ctx, "a", 2, entry("a deleted")))
		before = dump(t, db)
		ok(t, s.DeletePolicy(ctx, "a", 2, entry("again")))
		ok(t, s.DeletePolicy(ctx, "a", 9, entry("again")))
		unchanged(t, "deleting again", db, before)
		wantPolicy(t, s, policy(t, "a", 2), 0, true)
		wantPolicy(t, s, policy(t, "a", 1), 1, true)
		all, apps, generation, err := s.Current(ctx)
		ok(t, err)
		same(t, "in force", []appprotect.Policy{policy(t, "b", 1)}, all)
		if len(apps) != 0 || generation != 4 {
			t.Errorf("%d apps at generation %d", len(apps), generation)
		}
		wants(t, "begin anew", s.SavePolicy(ctx, policy(t, "a", 1), entry("moved")), appprotect.ErrMoved)
		ok(t, s.SavePolicy(ctx, policy(t, "a", 3), entry("a3")))
		wantPolicy(t, s, policy(t, "a", 3), 0, false)
		wantGeneration(t, s, 5)
		same(t, "record", []string{"b1", "a1", "a2", "a deleted", "a3"}, recorded(t, db))
	})
}

func wantPolicy(t testing.TB, s *appprotectdb.Store, want appprotect.Policy, revision uint64, deleted bool) {
	t.Helper()
	got, gone, err := s.Policy(t.Context(), want.Name, revision)
	ok(t, err)
	same(t, "policy", want, got)
	if gone != deleted {
		t.Errorf("policy %s, revision %d: deleted %v", want.Name, revision, gone)
	}
}

// names walks a listing in pages of two.
func names(t testing.TB, page func(after string, limit int) ([]string, error)) (all []string) {
	t.Helper()
	for after := ""; ; after = all[len(all)-1] {
		some, err := page(after, 2)
		ok(t, err)
		if len(some) == 0 {
			return all
		}
		all = append(all, some...)
	}
}

// TestListings: names sort by byte on both dialects.
func TestListings(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, _ *sqldb.DB) {
		want := []string{"a", "a-1", "a1", "b", "b-x"}
		for _, i := range []int{3, 0, 4, 2, 1} {
			ok(t, s.SavePolicy(t.Context(), policy(t, want[i], 1), entry("")))
			ok(t, s.SaveApp(t.Context(), app(want[i], 1), entry("")))
		}
		same(t, "policies", want, names(t, func(after string, limit int) (page []string, err error) {
			policies, err := s.ListPolicies(t.Context(), after, limit)
			for _, p := range policies {
				page = append(page, p.Name)
			}
			return page, err
		}))
		same(t, "apps", want, names(t, func(after string, limit int) (page []string, err error) {
			apps, err := s.ListApps(t.Context(), after, limit)
			for _, a := range apps {
				page = append(page, a.Package)
			}
			return page, err
		}))
	})
}

// app has every field set.
func app(pkg string, version uint64) appprotect.KnownApp {
	return appprotect.KnownApp{
		Package: pkg, Title: "Mail '?", SignerSHA256: []string{signer}, Groups: []string{"office"}, Version: version,
		ChangedAt: t0.Add(time.Duration(version) * time.Hour), ChangedBy: "admin:ann",
		Schema: &apprules.Schema{Package: "com.example.mail", OEMConfig: true, Items: []apprules.Item{
			{
				Key: "days", Title: "Days", Description: "to <keep>", Kind: apprules.ItemInteger, Merge: apprules.MergeLeast,
				Min: math.MinInt64, Max: math.MaxInt64, Default: []string{"7"}, Hidden: true,
			},
			{Key: "mode", Kind: apprules.ItemChoice, Choices: []string{"push", "poll"}},
			{Key: "vpn", Kind: apprules.ItemBundle, Items: []apprules.Item{{Key: "port", Kind: apprules.ItemInteger}}},
		}},
	}
}

func TestApps(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx, pkg := t.Context(), "com.example.mail"
		_, _, err := s.App(ctx, pkg)
		wants(t, "none", err, appprotect.ErrNoApp)
		wants(t, "delete none", s.DeleteApp(ctx, pkg, entry("no")), appprotect.ErrNoApp)
		ok(t, s.SaveApp(ctx, app(pkg, 1), entry("1")))
		ok(t, s.SaveApp(ctx, app(pkg, 2), entry("2")))
		bare := appprotect.KnownApp{Package: "com.example.bare", Version: 1, ChangedAt: t0, ChangedBy: "server"}
		ok(t, s.SaveApp(ctx, bare, entry("bare")))
		before := dump(t, db)
		for _, version := range []uint64{0, 1, 2, 4} {
			wants(t, "moved", s.SaveApp(ctx, app(pkg, version), entry("moved")), appprotect.ErrMoved)
		}
		unchanged(t, "what was refused", db, before)
		_, apps, generation, err := s.Current(ctx)
		ok(t, err)
		same(t, "apps", []appprotect.KnownApp{bare, app(pkg, 2)}, apps)
		if generation != 3 {
			t.Errorf("generation %d", generation)
		}
		got, deleted, err := s.App(ctx, pkg)
		ok(t, err)
		same(t, "app", app(pkg, 2), got)
		if deleted {
			t.Error("the app is deleted")
		}

		ok(t, s.DeleteApp(ctx, pkg, entry("deleted")))
		before = dump(t, db)
		ok(t, s.DeleteApp(ctx, pkg, entry("again")))
		unchanged(t, "deleting again", db, before)
		got, deleted, err = s.App(ctx, pkg)
		ok(t, err)
		gone := appprotect.KnownApp{Package: pkg, Version: 2, ChangedAt: app(pkg, 2).ChangedAt, ChangedBy: "admin:ann"}
		same(t, "deleted app", gone, got)
		if !deleted {
			t.Error("the app is not deleted")
		}
		page, err := s.ListApps(ctx, "", 10)
		ok(t, err)
		same(t, "listed", []appprotect.KnownApp{bare}, page)
		wants(t, "begin anew", s.SaveApp(ctx, app(pkg, 1), entry("moved")), appprotect.ErrMoved)
		ok(t, s.SaveApp(ctx, app(pkg, 3), entry("3")))
		wantGeneration(t, s, 5)
		same(t, "record", []string{"1", "2", "bare", "deleted", "3"}, recorded(t, db))
	})
}

// TestPolicyRace: of many who make the same next revision, or change an app, one
// wins; each change that was made counts.
func TestPolicyRace(t *testing.T) {
	two(t, func(t *testing.T, stores []*appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		for n := uint64(1); n <= 3; n++ {
			race(t, 6, func(i int) error { return stores[i%2].SavePolicy(ctx, policy(t, "a", n), entry("policy")) }, appprotect.ErrMoved)
			race(t, 6, func(i int) error { return stores[i%2].SaveApp(ctx, app("com.example.mail", n), entry("app")) }, appprotect.ErrMoved)
		}
		wantGeneration(t, stores[1], 6)
		if got := len(recorded(t, db)); got != 6 {
			t.Errorf("%d entries, want 6", got)
		}
	})
}

// TestTooLong: what could not be read back is not stored.
func TestTooLong(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		before := dump(t, db)
		p := policy(t, "a", 1)
		p.Spec.Description = string(make([]byte, 3<<20)) // six times as long in JSON
		a := app("com.example.mail", 1)
		a.Schema.Items[0].Kind = 99
		for what, save := range map[string]func(audit.Entry) error{
			"a long policy":         func(e audit.Entry) error { return s.SavePolicy(t.Context(), p, e) },
			"a schema that is none": func(e audit.Entry) error { return s.SaveApp(t.Context(), a, e) },
		} {
			wantKind(t, what, save(entry(what)))
		}
		unchanged(t, "what was refused", db, before)
	})
}
