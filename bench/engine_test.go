package bench

import (
	"fmt"
	"slices"
	"testing"

	"ringfence/internal/access"
	"ringfence/internal/access/accesstest"
)

// question is a sign-in in the words that all engines know.
type question struct {
	user                   string
	groups                 []string
	app                    string
	platform, client       string
	signInRisk, userRisk   string
	mfa, compliant         bool
	managed, appProtection bool
}

func questionOf(in access.SignIn, facts access.Facts) question {
	return question{
		user: in.Person.Name, groups: in.Person.Groups, app: in.App, platform: in.Platform.String(), client: in.Client.String(),
		signInRisk: in.SignInRisk.String(), userRisk: in.UserRisk.String(), mfa: in.MFA,
		appProtection: facts.Registration != nil,
	}
}

// met tells whether the sign-in meets a control.
func (q *question) met(c access.Control) bool {
	switch c {
	case access.MFA:
		return q.mfa
	case access.CompliantDevice:
		return q.compliant
	case access.ManagedDevice:
		return q.managed
	case access.AppProtection:
		return q.appProtection
	default:
		return false
	}
}

// engine is another engine. Prepare turns a sign-in into what it reads, which is
// not measured; decide gives the policies, by number, that apply and are not
// satisfied.
type engine interface {
	prepare(q question) any
	decide(prepared any) []int
}

// answer is what every engine must agree on.
type answer struct {
	outcome access.Outcome
	owed    string
}

// fold makes an answer of the policies that are not satisfied.
func fold(policies []access.Policy, q *question, failed []int) answer {
	var choices []access.ControlSet
	for _, i := range failed {
		g := policies[i].Spec.Grant
		var unmet []access.ControlSet
		for _, c := range g.Controls {
			if c == access.Block {
				return answer{outcome: access.Deny}
			}
			if !q.met(c) {
				unmet = append(unmet, 1<<(c-access.MFA))
			}
		}
		if g.Operator != access.AnyOf {
			choices = append(choices, unmet...)
			continue
		}
		var all access.ControlSet
		for _, u := range unmet {
			all |= u
		}
		choices = append(choices, all)
	}
	var needed []access.ControlSet
	for _, c := range choices {
		if !slices.ContainsFunc(choices, func(o access.ControlSet) bool { return o != c && o&c == o }) {
			needed = append(needed, c)
		}
	}
	slices.Sort(needed)
	needed = slices.Compact(needed)
	switch {
	case len(needed) == 0:
		return answer{outcome: access.Allow}
	case q.client == "active-sync" || q.client == "other":
		return answer{outcome: access.Deny}
	default:
		return answer{access.AllowWith, fmt.Sprint(needed)}
	}
}

// ringfenceAnswer is the answer of the product.
func ringfenceAnswer(s *access.Snapshot, in *access.SignIn, facts *access.Facts) answer {
	d := access.Decide(s, in, facts, accesstest.Now)
	if d.Outcome != access.AllowWith {
		return answer{outcome: d.Outcome}
	}
	choices := d.Owed.Choices()
	slices.Sort(choices)
	return answer{d.Outcome, fmt.Sprint(choices)}
}

var engines = []struct {
	name  string
	build func(testing.TB, []access.Policy) engine
}{
	{"mapset", newMapset}, {"cel", newCEL}, {"cedar", newCedar}, {"opa", newOPA},
}

func compiled(t testing.TB, policies []access.Policy) *access.Snapshot {
	t.Helper()
	s, err := access.Compile(access.Ruleset{Policies: policies})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEnginesAgree on 300 sign-ins.
func TestEnginesAgree(t *testing.T) {
	policies := accesstest.Policies(50)
	s := compiled(t, policies)
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			other := e.build(t, policies)
			for i := range 300 {
				agree(t, s, policies, other, i)
			}
		})
	}
}

func agree(t testing.TB, s *access.Snapshot, policies []access.Policy, other engine, i int) {
	t.Helper()
	in, facts, row := accesstest.Variation(i)
	q := questionOf(in, facts)
	got := fold(policies, &q, other.decide(other.prepare(q)))
	if want := ringfenceAnswer(s, &in, &facts); got != want {
		t.Fatalf("%s: the engine says %v, the product %v", row, got, want)
	}
}

// BenchmarkDecide50 decides the one sign-in on fifty policies.
func BenchmarkDecide50(b *testing.B) {
	policies := accesstest.Policies(50)
	s := compiled(b, policies)
	in, facts := accesstest.SignIn()
	b.Run("ringfence", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			access.Decide(s, &in, &facts, accesstest.Now)
		}
	})
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			other := e.build(b, policies)
			agree(b, s, policies, other, 0)
			prepared := other.prepare(questionOf(in, facts))
			b.ReportAllocs()
			for b.Loop() {
				other.decide(prepared)
			}
		})
	}
}

// BenchmarkDecideGrowth decides the one sign-in on ever more policies.
func BenchmarkDecideGrowth(b *testing.B) {
	for _, n := range []int{50, 500, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			policies := accesstest.Policies(n)
			s := compiled(b, policies)
			agree(b, s, policies, newMapset(b, policies), 0)
			in, facts := accesstest.SignIn()
			b.ReportAllocs()
			for b.Loop() {
				access.Decide(s, &in, &facts, accesstest.Now)
			}
		})
	}
}

// texts gives the names of values.
func texts[T fmt.Stringer](values []T) []string {
	var all []string
	for _, v := range values {
		all = append(all, v.String())
	}
	return all
}
