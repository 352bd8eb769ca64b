package appprotect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
)

func TestExplain(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, _, err := w.s.ApplyApp(w.admin(), mailKnown(), false)
		must(t, err)
		w.policy("all", "launch.rooted=block")
		w.apply("staff", Spec{
			Target:   Target{AppGroups: []string{"core"}, Include: Audience{Groups: []string{"staff"}}},
			Settings: apprules.Say(apprules.Rooted.Is(apprules.ActionWipe)),
		})
		w.setAccount("bob@example.com", Account{Known: true, Active: true, Groups: []string{"staff"}})
		ask := ExplainRequest{User: "Bob@example.com", Package: mailApp, Level: apprules.Unenrolled}
		for name, tt := range map[string]struct {
			edit func(*ExplainRequest)
			want []string
		}{
			"as he is":         {func(*ExplainRequest) {}, []string{"all", "staff"}},
			"in another group": {func(r *ExplainRequest) { r.Groups = []string{"guests"} }, []string{"all"}},
			"another person":   {func(r *ExplainRequest) { r.User = "eve@example.com" }, []string{"all"}},
			"another signer":   {func(r *ExplainRequest) { r.SignerSHA256 = otherSigner }, []string{"all"}},
		} {
			r := ask
			tt.edit(&r)
			got, err := w.s.Explain(t.Context(), r)
			must(t, err)
			if diff := cmp.Diff(tt.want, got.Policies); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		got, err := w.s.Explain(t.Context(), ask)
		must(t, err)
		if diff := cmp.Diff([]Source{{Key: "launch.rooted", Policies: []string{"staff"}}}, got.Sources); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}
	})
}

func TestExplainRefuses(t *testing.T) {
	w := newWorld(t, true)
	for field, edit := range map[string]func(*ExplainRequest){
		"user":          func(r *ExplainRequest) { r.User = "" },
		"package":       func(r *ExplainRequest) { r.Package = "mail" },
		"level":         func(r *ExplainRequest) { r.Level = 9 },
		"signer_sha256": func(*ExplainRequest) {},
	} {
		r := ExplainRequest{User: "bob", Package: mailApp, Level: apprules.Unenrolled}
		edit(&r)
		_, err := w.s.Explain(t.Context(), r)
		wantInvalid(t, err, field)
	}
}

// TestGetRegistration: it is judged as things are now, and nothing is stored.
func TestGetRegistration(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		_, _, err := w.s.ApplyApp(w.admin(), mailKnown(), false)
		must(t, err)
		w.policy("all", "launch.rooted=block; launch.offline.block=1d; config.custom.greeting={{user_id}}")
		p := bob
		p.Subject = "sub bob " + mailApp
		a := w.joined(p)
		d, err := w.s.GetRegistration(t.Context(), a.admitted.ID)
		must(t, err)
		if got := checksOf(&d.Standing.State.Verdict, apprules.ActionBlock); got != "report" {
			t.Errorf("before its first report: %s", got)
		}
		if got := a.standing(); got != "ok " {
			t.Fatal(got)
		}
		kept := a.kept()
		w.pass(25 * time.Hour)
		d, err = w.s.GetRegistration(t.Context(), a.admitted.ID)
		must(t, err)
		if got := checksOf(&d.Standing.State.Verdict, apprules.ActionBlock); got != "launch.offline" {
			t.Errorf("a day later: %s", got)
		}
		if diff := cmp.Diff([]string{"all"}, d.Explanation.Policies); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(kept, a.kept()); diff != "" {
			t.Errorf("it was stored:\n%s", diff)
		}
		must(t, w.s.Leave(t.Context(), a.caller, nil))
		d, err = w.s.GetRegistration(t.Context(), a.admitted.ID)
		if err != nil || d.Standing.Registration.End == nil || d.Standing.State.Number != 0 {
			t.Errorf("when it has ended: %+v, %v", d, err)
		}
		_, err = w.s.GetRegistration(t.Context(), "00000000000000000000000000000099")
		wantFault(t, err, ErrNoRegistration)
	})
}

// TestWhatOneDoesNotGet: a token without a value leaves its text out, and that is
// told.
func TestWhatOneDoesNotGet(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "config.custom.one={{user_id}}; config.custom.two=two")
	p := bob
	for range 300 {
		p.Subject += "x"
	}
	a := w.joined(p)
	d, err := w.s.GetRegistration(t.Context(), a.admitted.ID)
	must(t, err)
	if len(d.Explanation.Conflicts) != 1 || d.Explanation.Conflicts[0].Key != "custom.one" {
		t.Errorf("conflicts %+v", d.Explanation.Conflicts)
	}
	shared, err := w.s.Explain(t.Context(), ExplainRequest{User: "bob@example.com", Package: mailApp, SignerSHA256: signer, Level: apprules.Unenrolled})
	if err != nil || len(shared.Conflicts) != 0 {
		t.Errorf("everybody is told of it: %+v, %v", shared.Conflicts, err)
	}
}

// TestRooms is what other rooms ask.
func TestRooms(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		eve := w.joined(Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"})
		his, err := w.s.SelectByUser(t.Context(), "BOB@example.com", 10)
		if err != nil || len(his) != 1 || his[0].ID != a.admitted.ID {
			t.Errorf("Bob's: %+v, %v", his, err)
		}
		both, err := w.s.ByIDs(t.Context(), []device.ID{eve.admitted.ID, a.admitted.ID, "none"})
		if err != nil || len(both) != 2 {
			t.Errorf("by ids: %+v, %v", both, err)
		}
		_, err = a.checkIn(func(r *apprules.Report) { r.UnsyncedChanges = 3 })
		must(t, err)
		standings, err := w.s.Standings(t.Context(), []device.ID{eve.admitted.ID, a.admitted.ID, "none", a.admitted.ID})
		must(t, err)
		got := map[device.ID]uint32{}
		for _, st := range standings {
			got[st.Registration.ID] = 0
			if st.State.Report != nil {
				got[st.Registration.ID] = st.State.Report.UnsyncedChanges
			}
		}
		if diff := cmp.Diff(map[device.ID]uint32{a.admitted.ID: 3, eve.admitted.ID: 0}, got); diff != "" || len(standings) != 2 {
			t.Errorf("unsynced changes of %d (-want +got):\n%s", len(standings), diff)
		}
		listed, err := w.s.ListRegistrations(t.Context(), Query{User: "Bob@Example.com", Limit: 10})
		if err != nil || len(listed) != 1 || listed[0].Registration.ID != a.admitted.ID {
			t.Errorf("listed: %+v, %v", listed, err)
		}
		for _, step := range []struct {
			pass time.Duration
			want int
		}{{0, 2}, {59 * time.Second, 2}, {time.Second, 1}} {
			w.pass(step.pass)
			if got, err := w.s.Count(t.Context()); err != nil || got != step.want {
				t.Errorf("after %v: counted %d, %v", step.pass, got, err)
			}
			if eve.s != nil {
				must(t, w.s.Leave(t.Context(), eve.caller, nil))
				eve.s = nil
			}
		}
		w.store.fail("Count", errBroken)
		w.pass(time.Hour)
		if _, err := w.s.Count(t.Context()); err == nil {
			t.Error("an old number is given for a new one")
		}
	})
}
