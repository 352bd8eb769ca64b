package access_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/access/accesstest"
	"ringfence/internal/device"
)

var update = flag.Bool("update", false, "write the table of decisions again, by the reference")

// For a policy that is for everybody and every app.
func forAll(change func(*access.Spec)) access.Spec {
	s := access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
		Grant: access.Grant{Controls: []access.Control{access.MFA}},
	}
	change(&s)
	return s
}

func compile(t testing.TB, specs ...access.Spec) *access.Snapshot {
	t.Helper()
	c := access.Ruleset{Locations: locations, Filters: plainRules{}, Generation: 7}
	for i, s := range specs {
		c.Policies = append(c.Policies, access.Policy{Name: fmt.Sprintf("p%d", i), Revision: 1, Spec: s})
	}
	s, err := access.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asks(o access.Operator, c ...access.Control) func(*access.Spec) {
	return func(s *access.Spec) { s.Grant = access.Grant{Operator: o, Controls: c} }
}

func fitPhone(age time.Duration) *access.Facts {
	return &access.Facts{Device: &access.Device{
		ID: "device-one", Epoch: 3, Ownership: device.Company, Mode: device.FullyManaged, Platform: access.Android, Version: 5,
		Compliance: access.Verdict{Fitness: access.Fit, EvidenceAt: noon.Add(-age), Version: 6},
	}}
}

// TestOutcome has what administrators expect, one sentence a row.
func TestOutcome(t *testing.T) {
	ada := access.SignIn{Person: access.Person{Name: "ada", Groups: []string{"sales"}}, App: "mail", Client: access.Browser}
	with := func(change func(*access.SignIn)) access.SignIn {
		in := ada
		change(&in)
		return in
	}
	mfa := with(func(in *access.SignIn) { in.MFA = true })
	old := with(func(in *access.SignIn) { in.Client = access.ActiveSync })
	block := asks(0, access.Block)
	for _, test := range []struct {
		name  string
		specs []access.Spec
		in    access.SignIn
		facts *access.Facts
		want  string
	}{
		{"no policy: come in", nil, ada, nil, "allow"},
		{"a control is owed", []access.Spec{forAll(asks(0, access.MFA))}, ada, nil, "allow-with mfa"},
		{"a control is met", []access.Spec{forAll(asks(0, access.MFA))}, mfa, nil, "allow"},
		{
			"every policy must be satisfied",
			[]access.Spec{forAll(asks(0, access.MFA)), forAll(asks(0, access.CompliantDevice))},
			mfa, nil, "allow-with compliant-device",
		},
		{
			"block wins", []access.Spec{forAll(asks(0, access.MFA)), forAll(block)}, mfa, nil, "deny",
		},
		{
			"a choice is kept", []access.Spec{forAll(asks(access.AnyOf, access.CompliantDevice, access.AppProtection))},
			ada, nil, "allow-with compliant-device or app-protection",
		},
		{
			"one of a choice will do", []access.Spec{forAll(asks(access.AnyOf, access.CompliantDevice, access.AppProtection))},
			ada, fitPhone(time.Hour), "allow",
		},
		{
			"what another policy owes anyway is no choice",
			[]access.Spec{forAll(asks(access.AnyOf, access.CompliantDevice, access.MFA)), forAll(asks(0, access.MFA))},
			ada, nil, "allow-with mfa",
		},
		{
			"all are owed, each", []access.Spec{forAll(asks(access.AllOf, access.CompliantDevice, access.MFA))},
			ada, nil, "allow-with mfa, compliant-device",
		},
		{"nobody can ask a legacy client", []access.Spec{forAll(asks(0, access.MFA))}, old, nil, "deny"},
		{"a legacy client that owes nothing", []access.Spec{forAll(asks(0, access.CompliantDevice))}, old, fitPhone(0), "allow"},
		{
			"exclude beats include", []access.Spec{forAll(func(s *access.Spec) {
				block(s)
				s.ExcludePeople.Groups = []string{"Sales"}
			})}, ada, nil, "allow",
		},
		{
			"an app that nobody has heard of is one of all", []access.Spec{forAll(block)},
			with(func(in *access.SignIn) { in.App = "new" }), nil, "deny",
		},
		{
			"an action is no app", []access.Spec{forAll(block)},
			with(func(in *access.SignIn) { in.Action = access.RegisterDevice }), nil, "allow",
		},
		{
			"report-only decides nothing", []access.Spec{forAll(func(s *access.Spec) {
				block(s)
				s.State = access.ReportOnly
			})}, ada, nil, "allow; with report-only deny",
		},
		{
			"off does nothing", []access.Spec{forAll(func(s *access.Spec) {
				block(s)
				s.State = access.Off
			})}, ada, nil, "allow",
		},
		{"fresh evidence", []access.Spec{forAll(asks(0, access.CompliantDevice))}, ada, fitPhone(24*time.Hour - 1), "allow"},
		{
			"stale evidence", []access.Spec{forAll(asks(0, access.CompliantDevice))}, ada, fitPhone(24 * time.Hour),
			"allow-with compliant-device",
		},
		{
			"a rule that fails lets nobody past", []access.Spec{forAll(func(s *access.Spec) {
				block(s)
				s.Conditions.DeviceFilter = access.DeviceFilter{Rule: "fails", Exclude: true}
			})}, ada, fitPhone(0), "deny",
		},
		{
			"an attested platform outranks what is claimed", []access.Spec{forAll(func(s *access.Spec) {
				block(s)
				s.Conditions.IncludePlatforms = []access.Platform{access.Android}
			})}, with(func(in *access.SignIn) { in.Platform = access.IOS }), fitPhone(0), "deny",
		},
		{
			"a number that means nothing is unknown", []access.Spec{forAll(func(s *access.Spec) {
				block(s)
				s.Conditions.SignInRisks = []access.Risk{access.UnknownRisk}
			})}, with(func(in *access.SignIn) { in.SignInRisk = 77 }), nil, "deny",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := access.Decide(compile(t, test.specs...), &test.in, test.facts, noon)
			if got := inWords(&d); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// inWords says a decision in one line.
func inWords(d *access.Decision) string {
	text := d.Outcome.String()
	for i, choice := range d.Owed.Choices() {
		text += []string{" ", ", "}[min(i, 1)] + choice.String()
	}
	if d.WithReportOnly != d.Outcome {
		text += "; with report-only " + d.WithReportOnly.String()
	}
	return text
}

// TestZeroDecision: what was never decided shuts, and explains itself.
func TestZeroDecision(t *testing.T) {
	var d access.Decision
	if e := d.Explain(); d.Outcome != access.Deny || e.Outcome != access.Deny || len(e.Policies) > 0 {
		t.Errorf("got %v, %+v", d.Outcome, e)
	}
	if s := d.Session(); s.EverySignIn || len(s.Labels) > 0 {
		t.Errorf("got session %+v", s)
	}
}

// TestDecisionTable compares with what the reference has decided of the fifty
// policies, so that both do not change together unseen.
func TestDecisionTable(t *testing.T) {
	policies := accesstest.Policies(50)
	s, err := access.Compile(access.Ruleset{Policies: policies})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("testdata", "decisions.txt")
	var table strings.Builder
	table.WriteString("# user group+n app platform client sign-in-risk user-risk mfa app-protection => decision: policies that apply\n")
	for i := range 60 {
		in, facts, row := accesstest.Variation(i)
		r := reference{config: access.Ruleset{Policies: policies}, in: &in, facts: &facts, now: accesstest.Now}
		rulings := r.rulings()
		outcome, owed := r.outcome(rulings, access.On)
		var applied []string
		for _, one := range rulings {
			if one.result != access.NotApplied {
				applied = append(applied, one.name)
			}
		}
		text := outcome.String()
		for _, choice := range owed {
			text += ", " + choice.String()
		}
		fmt.Fprintf(&table, "%s => %s: %s\n", row, text, strings.Join(applied, " "))
		compareRow(t, s, r, outcome)
	}
	if *update {
		if err := os.WriteFile(name, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var want []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		want = append(want, lines.Text())
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(table.String()), "\n")); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}

func compareRow(t *testing.T, s *access.Snapshot, r reference, want access.Outcome) {
	t.Helper()
	if got := access.Decide(s, r.in, r.facts, r.now); got.Outcome != want {
		t.Errorf("%+v: got %v, the reference says %v", r.in, got.Outcome, want)
	}
}

// TestAllocatesNothing: on fifty policies and on five thousand.
func TestAllocatesNothing(t *testing.T) {
	for _, n := range []int{50, 5000} {
		s, err := access.Compile(access.Ruleset{Policies: accesstest.Policies(n)})
		if err != nil {
			t.Fatal(err)
		}
		in, facts := accesstest.SignIn()
		if got := testing.AllocsPerRun(100, func() { access.Decide(s, &in, &facts, accesstest.Now) }); got >= 1 {
			t.Errorf("on %d policies: %v allocations", n, got)
		}
	}
}

// TestManyPolicies: sets of more than one word, and more demands than are
// remembered, decide as the reference does.
func TestManyPolicies(t *testing.T) {
	policies := accesstest.Policies(1500)
	for i := range policies {
		policies[i].Spec.MaxAge.Compliance = time.Hour + time.Duration(i%100)*time.Minute
		if i%7 == 0 {
			policies[i].Spec.State = access.ReportOnly
		}
	}
	s, err := access.Compile(access.Ruleset{Policies: policies})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		in, facts, row := accesstest.Variation(i)
		facts.Device = &access.Device{ID: "device-one", Compliance: access.Verdict{
			Fitness: access.Fit, EvidenceAt: accesstest.Now.Add(-time.Duration(i) * 4 * time.Minute),
		}}
		r := reference{config: access.Ruleset{Policies: policies}, in: &in, facts: &facts, now: accesstest.Now}
		rulings := r.rulings()
		want, owed := r.outcome(rulings, access.On)
		reporting, _ := r.outcome(rulings, access.On, access.ReportOnly)
		got := access.Decide(s, &in, &facts, accesstest.Now)
		if got.Outcome != want || got.WithReportOnly != reporting || len(got.Owed.Choices()) != len(owed) {
			t.Errorf("%s: got %s, want %v %v, with report-only %v", row, inWords(&got), want, owed, reporting)
		}
	}
}

// TestAtOnce: one snapshot serves many, also where room is lent.
func TestAtOnce(t *testing.T) {
	s, err := access.Compile(access.Ruleset{Policies: accesstest.Policies(5000)})
	if err != nil {
		t.Fatal(err)
	}
	var want [20]string
	decide := func(i int) string {
		in, facts, _ := accesstest.Variation(i)
		d := access.Decide(s, &in, &facts, accesstest.Now)
		return inWords(&d)
	}
	for i := range want {
		want[i] = decide(i)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range want {
				if got := decide(i); got != want[i] {
					t.Errorf("%d: got %s, want %s", i, got, want[i])
				}
			}
		})
	}
	all.Wait()
}

// TestManyRules: more rules than a decision remembers the answers of.
func TestManyRules(t *testing.T) {
	var specs []access.Spec
	for i := range 200 {
		specs = append(specs, forAll(func(s *access.Spec) {
			s.Conditions.DeviceFilter.Rule = fmt.Sprintf("model:%d", i%150)
			s.Session.SignInFrequency = time.Hour + time.Duration(i%150)*time.Minute
			s.Grant = access.Grant{}
		}))
	}
	s := compile(t, specs...)
	for i := range 150 {
		facts := &access.Facts{Device: &access.Device{Model: fmt.Sprint(i)}}
		d := access.Decide(s, &access.SignIn{}, facts, noon)
		if got, want := d.Session().SignInFrequency, time.Hour+time.Duration(i)*time.Minute; got != want {
			t.Errorf("model %d: got %v, want %v", i, got, want)
		}
	}
}
