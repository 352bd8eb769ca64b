package appprotect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
)

func TestApplyPolicy(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		loose, strict := specOf(t, nil), specOf(t, sayings("launch.rooted=block"))
		steps := []struct {
			spec     Spec
			expected uint64
			dryRun   bool
			change   Change
			revision uint64
			want     error
		}{
			{spec: loose, expected: 1, want: ErrRevisionMoved}, // never was
			{spec: loose, dryRun: true, change: Created, revision: 1},
			{spec: loose, change: Created, revision: 1},
			{spec: loose, change: Unchanged, revision: 1},
			{spec: strict, expected: 2, want: ErrRevisionMoved},
			{spec: strict, expected: 1, dryRun: true, change: Revised, revision: 2},
			{spec: strict, expected: 1, change: Revised, revision: 2},
			{spec: strict, expected: 1, change: Unchanged, revision: 2}, // a retry
			{spec: loose, change: Revised, revision: 3},
		}
		for i, step := range steps {
			w.pass(time.Minute)
			from, rung := w.store.recorded(), w.rungAll
			p, change, err := w.s.ApplyPolicy(w.admin(), "work", step.spec, step.expected, step.dryRun)
			wantFault(t, err, step.want)
			if change != step.change || p.Revision != step.revision {
				t.Errorf("step %d: change %d, revision %d, want %d, %d", i, change, p.Revision, step.change, step.revision)
			}
			wrote := step.want == nil && !step.dryRun && change != Unchanged
			if (w.store.recorded() > from) != wrote || (w.rungAll > rung) != wrote {
				t.Errorf("step %d: %q recorded, %d rings", i, w.store.said(from), w.rungAll-rung)
			}
		}
		got, err := w.s.GetPolicy(t.Context(), "work", 2)
		must(t, err)
		want := Policy{
			Name: "work", Revision: 2, Spec: strict.Canonical(),
			CreatedAt: t0.Add(3 * time.Minute), RevisedAt: t0.Add(7 * time.Minute), RevisedBy: "admin:alice",
		}
		if !want.Spec.Equal(got.Spec) {
			t.Errorf("spec %+v", got.Spec)
		}
		got.Spec, want.Spec = Spec{}, Spec{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("revision 2 (-want +got):\n%s", diff)
		}
	})
}

func TestDeletePolicy(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("other", "")
		w.policy("work", "launch.rooted=block")
		a := w.joined(bob)
		if got := a.standing(rooted); got != "block launch.rooted" {
			t.Fatal(got)
		}
		wantFault(t, w.s.DeletePolicy(w.admin(), "none", 0), ErrNoPolicy)
		wantFault(t, w.s.DeletePolicy(w.admin(), "work", 2), ErrRevisionMoved)
		from := w.store.recorded()
		for range 2 {
			must(t, w.s.DeletePolicy(w.admin(), "work", 1))
		}
		if diff := cmp.Diff([]string{"admin:alice appprotect.policy.delete app-policy/work: at revision 1"}, w.store.said(from)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		if got := a.standing(rooted); got != "ok " {
			t.Errorf("without it: %s", got)
		}
		_, err := w.s.GetPolicy(t.Context(), "work", 0)
		wantFault(t, err, ErrNoPolicy)
		if p, err := w.s.GetPolicy(t.Context(), "work", 1); err != nil || p.Revision != 1 {
			t.Errorf("its revision: %+v, %v", p, err)
		}
		left, err := w.s.ListPolicies(t.Context(), "", 10)
		if err != nil || len(left) != 1 || left[0].Name != "other" {
			t.Errorf("left: %+v, %v", left, err)
		}
		// It comes back as it was, and goes on counting.
		p, change, err := w.s.ApplyPolicy(w.admin(), "work", specOf(t, sayings("launch.rooted=block")), 0, false)
		if err != nil || change != Created || p.Revision != 2 || !p.CreatedAt.Equal(p.RevisedAt) {
			t.Errorf("again: %+v, %d, %v", p, change, err)
		}
	})
}

// TestPersonsInLowerCase: a policy for Bob is for bob.
func TestPersonsInLowerCase(t *testing.T) {
	w := newWorld(t, true)
	w.apply("bob", Spec{Target: Target{
		AppGroups: []string{AllAppsGroup}, Include: Audience{Users: []string{"BOB@example.COM", "Eve@example.com"}},
		Exclude: Audience{Users: []string{"EVE@example.com"}},
	}})
	w.joined(bob)
	wantFault(t, w.mail(Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"}).register(), ErrAppNotAllowed)
}

func TestApplyPolicyRefuses(t *testing.T) {
	w := newWorld(t, true)
	twoApps := Target{
		Apps:    []TargetApp{{mailApp, []string{signer}}, {notesApp, []string{signer}}},
		Include: Audience{Everyone: true},
	}
	one := twoApps
	one.Apps = one.Apps[:1]
	server := apprules.Config{Values: map[string][]string{"server": {"imap.example.com"}}}
	for name, spec := range map[string]Spec{
		"of an app that is not known": {Target: one, Config: server},
		"of every app":                {Target: everyone(), Config: server},
	} {
		if _, _, err := w.s.ApplyPolicy(w.admin(), "p", spec, 0, false); err == nil {
			t.Errorf("a value %s is taken", name)
		}
	}
	_, _, err := w.s.ApplyPolicy(w.admin(), "p", Spec{}, 0, false)
	wantInvalid(t, err, "spec.target")

	_, _, err = w.s.ApplyApp(w.admin(), mailKnown(), false)
	must(t, err)
	w.apply("one", Spec{Target: one, Config: server})
	if _, _, err := w.s.ApplyPolicy(w.admin(), "two", Spec{Target: twoApps, Config: server}, 0, false); err == nil {
		t.Error("a value that one of two apps does not have is taken")
	}
	must(t, w.s.DeleteApp(w.admin(), mailApp))
	if _, _, err := w.s.ApplyPolicy(w.admin(), "three", Spec{Target: one, Config: server}, 0, false); err == nil {
		t.Error("a value of an app that was deleted is taken")
	}
	w.store.fail("App", errBroken)
	if _, _, err := w.s.ApplyPolicy(w.admin(), "four", Spec{Target: one, Config: server}, 0, false); err == nil {
		t.Error("a value is taken unseen")
	}
}

// TestPolicyRace: who does not say what the change was made from does not mind.
func TestPolicyRace(t *testing.T) {
	w := newWorld(t, true)
	w.store.fail("SavePolicy", ErrMoved)
	_, _, err := w.s.ApplyPolicy(w.admin(), "p", specOf(t, nil), 0, false)
	wantFault(t, err, ErrMoved)
	if got := w.store.count()["SavePolicy"]; got != fault.Attempts {
		t.Errorf("tried %d times", got)
	}
}

// mailKnown is what is known of the mail app.
func mailKnown() KnownApp {
	return KnownApp{
		Package: mailApp, Title: "Mail", SignerSHA256: []string{signer}, Groups: []string{"core"}, Schema: mailSchema,
	}
}

func TestApplyApp(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		plain, grouped := mailKnown(), mailKnown()
		plain.Groups = []string{}
		grouped.Groups = []string{"core", "core"}
		steps := []struct {
			app     KnownApp
			dryRun  bool
			change  Change
			version uint64
		}{
			{plain, true, Created, 1},
			{plain, false, Created, 1},
			{plain, false, Unchanged, 1},
			{grouped, true, Revised, 2},
			{grouped, false, Revised, 2},
			{grouped, false, Unchanged, 2},
		}
		for i, step := range steps {
			from := w.store.recorded()
			a, change, err := w.s.ApplyApp(w.admin(), step.app, step.dryRun)
			must(t, err)
			if change != step.change || a.Version != step.version || a.ChangedBy != "admin:alice" || !a.ChangedAt.Equal(t0) {
				t.Errorf("step %d: change %d, %+v", i, change, a)
			}
			if wrote := !step.dryRun && change != Unchanged; (w.store.recorded() > from) != wrote {
				t.Errorf("step %d: %q recorded", i, w.store.said(from))
			}
		}
		for range 2 {
			must(t, w.s.DeleteApp(w.admin(), mailApp))
		}
		_, err := w.s.GetApp(t.Context(), mailApp)
		wantFault(t, err, ErrNoApp)
		wantFault(t, w.s.DeleteApp(w.admin(), notesApp), ErrNoApp)
		a, change, err := w.s.ApplyApp(w.admin(), grouped, false)
		if err != nil || change != Created || a.Version != 3 {
			t.Errorf("again: %+v, %d, %v", a, change, err)
		}
		listed, err := w.s.ListApps(t.Context(), "", 10)
		if err != nil || len(listed) != 1 || listed[0].Package != mailApp {
			t.Errorf("listed %+v, %v", listed, err)
		}
		got, err := w.s.GetApp(t.Context(), mailApp)
		must(t, err)
		if diff := cmp.Diff([]string{"core"}, got.Groups); diff != "" {
			t.Error(diff)
		}
	})
}

func TestApplyAppRefuses(t *testing.T) {
	w := newWorld(t, true)
	for field, edit := range map[string]func(*KnownApp){
		"package":               func(a *KnownApp) { a.Package = "mail" },
		"spec.title":            func(a *KnownApp) { a.Title = "a\nb" },
		"spec.signer_sha256":    func(a *KnownApp) { a.SignerSHA256 = nil },
		"spec.signer_sha256[0]": func(a *KnownApp) { a.SignerSHA256 = []string{"AB"} },
		"spec.groups[0]":        func(a *KnownApp) { a.Groups = []string{"Core"} },
		"spec.schema.days": func(a *KnownApp) {
			a.Schema = &apprules.Schema{Items: []apprules.Item{{Key: "days"}}}
		},
	} {
		a := mailKnown()
		edit(&a)
		_, _, err := w.s.ApplyApp(w.admin(), a, false)
		wantInvalid(t, err, field)
	}
	a := mailKnown()
	a.Groups = []string{AllAppsGroup}
	_, _, err := w.s.ApplyApp(w.admin(), a, false)
	wantInvalid(t, err, "spec.groups[0]")
}

// TestAppGroups: an app is in its groups only as signed by one of its signers.
func TestAppGroups(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.apply("core", Spec{
			Target: Target{AppGroups: []string{"core"}, Include: Audience{Everyone: true}},
		})
		wantFault(t, w.mail(bob).register(), ErrAppNotAllowed)
		_, _, err := w.s.ApplyApp(w.admin(), mailKnown(), false)
		must(t, err)
		a := w.joined(bob)
		if got := a.standing(); got != "ok " {
			t.Errorf("in the group: %s", got)
		}
		forged := w.mail(bob)
		forged.signer, forged.tag = otherSigner, otherTag
		wantFault(t, forged.register(), ErrAppNotAllowed)
		must(t, w.s.DeleteApp(w.admin(), mailApp))
		if got := a.standing(); got != "block policy" {
			t.Errorf("out of the group: %s", got)
		}
	})
}

// otherSigner signs what is not the real app.
const otherSigner = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
