package access_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/identity"
)

// TestApplyPolicy: created, revised, unchanged, deleted, created again; a dry run
// changes nothing, and neither does who has looked at an older revision.
func TestApplyPolicy(t *testing.T) {
	f := newFake()
	rung := 0
	c := access.Config{
		Policies: f, Samples: f, History: f, Directory: f, Phones: f, Apps: f, Filters: plainRules{},
		Now: func() time.Time { return f.now }, Changed: func() { rung++ },
	}
	s := access.New(c)
	ctx := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice"})
	mfa, block := asking(access.On, access.MFA), asking(access.On, access.Block)
	wordy := mfa
	wordy.IncludePeople.Users, wordy.Conditions.Flows = []string{}, []access.Flow{}
	broken := mfa
	broken.Conditions.Custom = "broken"
	lost := mfa
	lost.Conditions.ExcludeLocations.Names = []string{"atlantis"}
	for i, tt := range []struct {
		name     string
		spec     access.Spec
		expected uint64
		dry      bool
		delete   bool
		change   access.Change
		revision uint64
		fails    string
	}{
		{name: "p", spec: mfa, expected: 1, fails: "changed meanwhile"},
		{name: "p", spec: mfa, dry: true, change: access.Created, revision: 1},
		{name: "p", spec: mfa, change: access.Created, revision: 1},
		{name: "p", spec: wordy, expected: 9, change: access.Unchanged, revision: 1},
		{name: "p", spec: block, expected: 2, fails: "changed meanwhile"},
		{name: "p", spec: block, expected: 1, change: access.Revised, revision: 2},
		{name: "p", spec: access.Spec{}, fails: "spec.state"},
		{name: "p", spec: broken, fails: "spec.conditions.custom"},
		{name: "p", spec: lost, fails: "there is no location"},
		{name: "p\n", spec: mfa, fails: "name"},
		{name: strings.Repeat("p", 257), spec: mfa, fails: "name"},
		{name: "p", expected: 1, delete: true, fails: "changed meanwhile"},
		{name: "q", delete: true, fails: "no such access policy"},
		{name: "p", expected: 2, delete: true},
		{name: "p", delete: true},
		{name: "p", spec: block, dry: true, change: access.Created, revision: 3},
		{name: "p", spec: block, change: access.Created, revision: 3},
	} {
		var p access.Policy
		var change access.Change
		var err error
		f.now = f.now.Add(time.Minute)
		if tt.delete {
			err = s.DeletePolicy(ctx, tt.name, tt.expected)
		} else {
			p, change, err = s.ApplyPolicy(ctx, tt.name, tt.spec, tt.expected, tt.dry)
		}
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%d. %v, want %q", i, err, tt.fails)
			}
			continue
		}
		if err != nil || change != tt.change || p.Revision != tt.revision {
			t.Errorf("%d. %v, revision %d, %v", i, change, p.Revision, err)
		}
	}
	var did []string
	for _, s := range f.steps {
		did = append(did, fmt.Sprintf("%s %s %s: %s", s.Entry.Actor, s.Entry.Action, s.Entry.Target, s.Entry.Detail))
	}
	want := []string{
		"admin:alice access.policy.apply access-policy/p: revision 1, on",
		"admin:alice access.policy.apply access-policy/p: revision 2, on",
		"admin:alice access.policy.delete access-policy/p: at revision 2",
		"admin:alice access.policy.apply access-policy/p: revision 3, on",
	}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if rung != len(want) {
		t.Errorf("rung %d times", rung)
	}
	p, err := s.Policy(ctx, "p", 0)
	if err != nil || p.Revision != 3 || p.RevisedBy != "admin:alice" || p.CreatedAt != p.RevisedAt {
		t.Errorf("latest: %+v, %v", p, err)
	}
	if p, err = s.Policy(ctx, "p", 2); err != nil || !p.RevisedAt.After(p.CreatedAt) {
		t.Errorf("revised: %+v, %v", p, err)
	}
	if all, err := s.ListPolicies(ctx, "", 5); err != nil || len(all) != 1 {
		t.Errorf("listed: %v, %v", all, err)
	}
}

// TestApplyLocation: a location is not taken away from under a policy.
func TestApplyLocation(t *testing.T) {
	f := newFake()
	s := f.service(true)
	ctx := t.Context()
	hq := access.Location{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}}
	turned := hq
	turned.Networks = []netip.Prefix{hq.Networks[1], hq.Networks[0]}
	apply := func(l access.Location, dry bool, want access.Change, version uint64) {
		t.Helper()
		if made, change, err := s.ApplyLocation(ctx, l, dry); err != nil || change != want || made.Version != version {
			t.Errorf("applied: %v, version %d, %v", change, made.Version, err)
		}
	}
	if err := s.DeleteLocation(ctx, "hq"); !errors.Is(err, access.ErrNoLocation) {
		t.Errorf("deleted before: %v", err)
	}
	apply(hq, true, access.Created, 1)
	apply(hq, false, access.Created, 1)
	apply(turned, false, access.Unchanged, 1)
	if _, _, err := s.ApplyLocation(ctx, access.Location{Name: "HQ", UnknownCountry: true}, false); len(fieldsOf(err)) != 1 {
		t.Errorf("the same name in capitals: %v", err)
	}
	for i := range 7 {
		applied(t, s, fmt.Sprint("p", i), access.Off, func(s *access.Spec) {
			s.Conditions.ExcludeLocations.Names = []string{"Hq"}
		})
	}
	err := s.DeleteLocation(ctx, "hq")
	if !errors.Is(err, access.ErrLocationUsed) || !strings.Contains(err.Error(), `"p4", 2 others`) {
		t.Errorf("deleted while it is used: %v", err)
	}
	turned.Trusted = true
	apply(turned, false, access.Revised, 2)
	for i := range 7 {
		if err := s.DeletePolicy(ctx, fmt.Sprint("p", i), 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.DeleteLocation(ctx, "hq"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Location(ctx, "hq"); !errors.Is(err, access.ErrNoLocation) {
		t.Errorf("deleted: %v", err)
	}
	apply(hq, false, access.Created, 3)
	if l, err := s.Location(ctx, "hq"); err != nil || l.Version != 3 || l.CreatedAt != l.ChangedAt {
		t.Errorf("created again: %+v, %v", l, err)
	}
	if all, err := s.ListLocations(ctx, "", 5); err != nil || len(all) != 1 {
		t.Errorf("listed: %v, %v", all, err)
	}
}

// TestLostRace: whoever loses a race decides anew, by what the winner has done.
func TestLostRace(t *testing.T) {
	f := newFake()
	s, other := f.service(false), f.service(false)
	hq := access.Location{Name: "hq", UnknownCountry: true}
	if _, _, err := s.ApplyLocation(t.Context(), hq, false); err != nil {
		t.Fatal(err)
	}
	named := asking(access.On, access.MFA)
	named.Conditions.IncludeLocations.Names = []string{"hq"}
	f.before = func() {
		if err := other.DeleteLocation(t.Context(), "hq"); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := s.ApplyPolicy(t.Context(), "p", named, 0, false); len(fieldsOf(err)) != 1 {
		t.Errorf("a policy that names what has gone: %v", err)
	}
	if _, _, err := s.ApplyLocation(t.Context(), hq, false); err != nil {
		t.Fatal(err)
	}
	f.before = func() {
		if _, _, err := other.ApplyPolicy(t.Context(), "p", named, 0, false); err != nil {
			t.Error(err)
		}
	}
	if err := s.DeleteLocation(t.Context(), "hq"); !errors.Is(err, access.ErrLocationUsed) {
		t.Errorf("a location that has come into use: %v", err)
	}
	f.before = func() { applied(t, other, "p", access.Off) }
	if _, _, err := s.ApplyPolicy(t.Context(), "p", named, 1, false); err != nil {
		// The same spec is there already: revision 1 has it.
		t.Errorf("what is there already: %v", err)
	}
	f.before = func() { applied(t, other, "p", access.Off) }
	if _, _, err := s.ApplyPolicy(t.Context(), "p", asking(access.On, access.Block), 1, false); !errors.Is(err, access.ErrRevisionMoved) {
		t.Errorf("what was revised meanwhile: %v", err)
	}
}
