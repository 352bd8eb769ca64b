package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"ringfence/internal/access"
)

// opa has one generated rule for each policy, in Rego.
type opa struct{ query rego.PreparedEvalQuery }

func newOPA(t testing.TB, policies []access.Policy) engine {
	t.Helper()
	var text strings.Builder
	text.WriteString("package access\n\n")
	for i, p := range policies {
		text.WriteString(regoText(i, p.Spec))
	}
	query, err := rego.New(rego.Query("data.access.failed"), rego.Module("access.rego", text.String())).
		PrepareForEval(context.Background())
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	return &opa{query}
}

func regoText(i int, s access.Spec) string {
	c := s.Conditions
	var helpers strings.Builder
	lines := []string{}
	and := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	in := func(attribute string, values []string) {
		if len(values) > 0 {
			and("input.%s in {%s}", attribute, strings.Trim(quotedList(values), "[]"))
		}
	}
	notIn := func(attribute string, values []string) {
		if len(values) > 0 {
			and("not input.%s in {%s}", attribute, strings.Trim(quotedList(values), "[]"))
		}
	}
	anyOf := func(rule string, bodies []string) {
		for _, body := range bodies {
			fmt.Fprintf(&helpers, "%s if %s\n", rule, body)
		}
	}
	in("app", s.Apps.Include)
	notIn("app", s.Apps.Exclude)
	in("client", texts(c.Clients))
	in("platform", texts(c.IncludePlatforms))
	notIn("platform", texts(c.ExcludePlatforms))
	in("signInRisk", texts(c.SignInRisks))
	in("userRisk", texts(c.UserRisks))
	if !s.IncludePeople.Everyone {
		anyOf(fmt.Sprintf("included_%d", i), regoPeople(s.IncludePeople))
		and("included_%d", i)
	}
	if out := regoPeople(s.ExcludePeople); len(out) > 0 {
		anyOf(fmt.Sprintf("excluded_%d", i), out)
		and("not excluded_%d", i)
	}
	if met := joinControls(s.Grant, "; ", "\n", "input."); met != "" {
		for _, body := range strings.Split(met, "\n") {
			anyOf(fmt.Sprintf("met_%d", i), []string{"{ " + body + " }"})
		}
		and("not met_%d", i)
	}
	return fmt.Sprintf("%sfailed contains %d if {\n\t%s\n}\n\n", helpers.String(), i, strings.Join(lines, "\n\t"))
}

func regoPeople(p access.People) []string {
	var some []string
	if len(p.Users) > 0 {
		some = append(some, fmt.Sprintf("input.user in {%s}", strings.Trim(quotedList(p.Users), "[]")))
	}
	for _, g := range p.Groups {
		some = append(some, fmt.Sprintf("input.groups[%q]", g))
	}
	return some
}

func (*opa) prepare(q question) any {
	groups := map[string]any{}
	for _, g := range q.groups {
		groups[g] = true
	}
	value, err := ast.InterfaceToValue(map[string]any{
		"user": q.user, "groups": groups, "app": q.app, "platform": q.platform, "client": q.client, "signInRisk": q.signInRisk,
		"userRisk": q.userRisk, "mfa": q.mfa, "compliant": q.compliant, "managed": q.managed, "appProtection": q.appProtection,
	})
	if err != nil {
		panic(err)
	}
	return value
}

func (o *opa) decide(prepared any) []int {
	results, err := o.query.Eval(context.Background(), rego.EvalParsedInput(prepared.(ast.Value)))
	if err != nil {
		panic(err)
	}
	var failed []int
	for _, n := range results[0].Expressions[0].Value.([]any) {
		i, err := strconv.Atoi(fmt.Sprint(n))
		if err != nil {
			panic(err)
		}
		failed = append(failed, i)
	}
	return failed
}
