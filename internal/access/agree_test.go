package access_test

import (
	"flag"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ringfence/internal/access"
)

const (
	// signInsEach is how many sign-ins are tried on one set of policies.
	signInsEach = 10
	defaultRuns = 30_000
	// casesVariable says how many cases are tried, if not defaultRuns.
	casesVariable = "ACCESS_CASES"
)

// TestAgreesWithReference decides random sign-ins on random policies, and
// compares with the reference. Counter-examples are kept in testdata/rapid, and
// tried first.
func TestAgreesWithReference(t *testing.T) {
	cases := defaultRuns
	if text := os.Getenv(casesVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < signInsEach {
			t.Fatalf("%s=%q is no number of cases", casesVariable, text)
		}
		cases = n
	}
	setFlag(t, "rapid.checks", strconv.Itoa(cases/signInsEach))
	rapid.Check(t, func(t *rapid.T) {
		d := &dice{t: t}
		c := d.config()
		s, err := access.Compile(c)
		if err != nil {
			t.Fatalf("compile: %v", err)
		}
		for i := range signInsEach {
			r := reference{config: c, in: d.signIn(), facts: d.facts(), now: noon}
			compare(t, s, r, i == 0)
		}
	})
}

// setFlag sets a flag of rapid for one test: it has no other way to be told.
func setFlag(t *testing.T, name, value string) {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := flag.Set(name, before); err != nil {
			t.Error(err)
		}
	})
}

// compare holds one decision, and if asked its explanation, against the
// reference.
func compare(t *rapid.T, s *access.Snapshot, r reference, explain bool) {
	rulings := r.rulings()
	outcome, owed := r.outcome(rulings, access.On)
	reporting, _ := r.outcome(rulings, access.On, access.ReportOnly)
	got := access.Decide(s, r.in, r.facts, r.now)
	choices := got.Owed.Choices()
	slices.Sort(choices)
	if got.Outcome != outcome || got.WithReportOnly != reporting || !slices.Equal(choices, owed) {
		t.Fatalf("got %v %v, with report-only %v; want %v %v, %v\n%+v\n%+v\n%+v",
			got.Outcome, choices, got.WithReportOnly, outcome, owed, reporting, r.config.Policies, r.in, r.facts)
	}
	if outcome != access.Deny {
		if diff := cmp.Diff(r.session(rulings), got.Session()); diff != "" {
			t.Fatalf("session (-want +got):\n%s", diff)
		}
	}
	keeps(t, s, r, &got)
	if explain {
		explains(t, got.Explain(), rulings)
	}
}

// keeps checks that time alone does not change an answer while it may be
// cached.
func keeps(t *rapid.T, s *access.Snapshot, r reference, d *access.Decision) {
	limit := r.now.Add(r.config.CacheFor)
	if d.CachedUntil.After(limit) || !d.CachedUntil.After(r.now) {
		t.Fatalf("may be cached until %s; now is %s, the limit %s", d.CachedUntil, r.now, limit)
	}
	for _, at := range []time.Time{d.CachedUntil.Add(-1), r.now.Add(d.CachedUntil.Sub(r.now) / 2)} {
		r.now = at
		later := access.Decide(s, r.in, r.facts, at)
		want, _ := r.outcome(r.rulings(), access.On)
		if later.Outcome != d.Outcome || later.Owed != d.Owed || want != d.Outcome {
			t.Fatalf("%v %v may be cached until %s, but is %v %v at %s (reference: %v)",
				d.Outcome, d.Owed.Choices(), d.CachedUntil, later.Outcome, later.Owed.Choices(), at, want)
		}
	}
}

// explains compares what is said of each policy.
func explains(t *rapid.T, e access.Explanation, want []ruling) {
	var got []ruling
	for _, p := range e.Policies {
		one := ruling{name: p.Name, state: p.State, result: p.Result}
		for _, u := range p.Unmet {
			one.unmet = append(one.unmet, u.Condition.String())
			excluded := slices.ContainsFunc(p.Matched, func(m access.Match) bool { return m.Condition == u.Condition && m.Excluded })
			if excluded != u.Excluded {
				t.Fatalf("%s: %+v does not go with what matched: %+v", p.Name, u, p.Matched)
			}
		}
		for _, c := range p.Controls {
			if !c.Met() {
				one.controls = append(one.controls, c.Control.String()+": "+c.Reason.String())
			}
			if c.Reason == access.NotFit && len(c.Findings) == 0 {
				t.Fatalf("%s: %v is unfit for no reason", p.Name, c.Control)
			}
		}
		slices.Sort(one.controls)
		got = append(got, one)
	}
	for i := range want {
		want[i].choices = nil
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ruling{})); diff != "" {
		t.Fatalf("policies (-want +got):\n%s", diff)
	}
}

// TestOnlyEverShuts: neither one policy more nor time alone opens anything.
func TestOnlyEverShuts(t *testing.T) {
	strictness := []access.Outcome{access.Allow, access.AllowWith, access.Deny}
	setFlag(t, "rapid.checks", "2000")
	rapid.Check(t, func(t *rapid.T) {
		d := &dice{t: t}
		c := d.config()
		before, err := access.Compile(c)
		if err != nil {
			t.Fatalf("compile: %v", err)
		}
		c.Policies = append(c.Policies, access.Policy{Name: "one more", Spec: d.spec()})
		after, err := access.Compile(c)
		if err != nil {
			t.Fatalf("compile: %v", err)
		}
		in, facts := d.signIn(), d.facts()
		was := access.Decide(before, in, facts, noon).Outcome
		more := access.Decide(after, in, facts, noon).Outcome
		later := access.Decide(before, in, facts, noon.Add(one(d, time.Minute, time.Hour, 48*time.Hour))).Outcome
		for what, is := range map[string]access.Outcome{"one policy more": more, "later": later} {
			if slices.Index(strictness, is) < slices.Index(strictness, was) {
				t.Fatalf("%s: %v became %v", what, was, is)
			}
		}
	})
}
