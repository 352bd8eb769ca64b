package bench

import (
	"fmt"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"ringfence/internal/access"
)

// celOnly has one CEL program for each policy: true where it applies and is not
// satisfied.
type celOnly struct{ programs []cel.Program }

func newCEL(t testing.TB, policies []access.Policy) engine {
	t.Helper()
	env, err := cel.NewEnv(
		cel.Variable("user", cel.StringType), cel.Variable("groups", cel.MapType(cel.StringType, cel.BoolType)),
		cel.Variable("app", cel.StringType), cel.Variable("platform", cel.StringType), cel.Variable("client", cel.StringType),
		cel.Variable("signInRisk", cel.StringType), cel.Variable("userRisk", cel.StringType), cel.Variable("mfa", cel.BoolType),
		cel.Variable("compliant", cel.BoolType), cel.Variable("managed", cel.BoolType), cel.Variable("appProtection", cel.BoolType),
	)
	if err != nil {
		t.Fatal(err)
	}
	c := &celOnly{}
	for _, p := range policies {
		ast, issues := env.Compile(celText(p.Spec))
		if issues.Err() != nil {
			t.Fatal(issues.Err())
		}
		program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			t.Fatal(err)
		}
		c.programs = append(c.programs, program)
	}
	return c
}

func celText(s access.Spec) string {
	c := s.Conditions
	var all []string
	and := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	in := func(variable string, values []string) {
		if len(values) > 0 {
			and("%s in %s", variable, quotedList(values))
		}
	}
	in("app", s.Apps.Include)
	if len(s.Apps.Exclude) > 0 {
		and("!(app in %s)", quotedList(s.Apps.Exclude))
	}
	in("client", texts(c.Clients))
	in("platform", texts(c.IncludePlatforms))
	if len(c.ExcludePlatforms) > 0 {
		and("!(platform in %s)", quotedList(texts(c.ExcludePlatforms)))
	}
	in("signInRisk", texts(c.SignInRisks))
	in("userRisk", texts(c.UserRisks))
	if !s.IncludePeople.Everyone {
		and("(%s)", celPeople(s.IncludePeople))
	}
	if out := celPeople(s.ExcludePeople); out != "" {
		and("!(%s)", out)
	}
	if met := joinControls(s.Grant, " && ", " || ", ""); met != "" {
		and("!(%s)", met)
	}
	return strings.Join(all, " && ")
}

func celPeople(p access.People) string {
	var some []string
	if len(p.Users) > 0 {
		some = append(some, "user in "+quotedList(p.Users))
	}
	for _, g := range p.Groups {
		some = append(some, fmt.Sprintf("%q in groups", g))
	}
	return strings.Join(some, " || ")
}

// joinControls writes the controls that would satisfy; nothing satisfies block.
func joinControls(g access.Grant, and, or, prefix string) string {
	var met []string
	for _, c := range g.Controls {
		if c == access.Block {
			return ""
		}
		met = append(met, prefix+map[access.Control]string{
			access.MFA: "mfa", access.CompliantDevice: "compliant", access.ManagedDevice: "managed",
			access.AppProtection: "appProtection",
		}[c])
	}
	if g.Operator == access.AnyOf {
		return strings.Join(met, or)
	}
	return strings.Join(met, and)
}

func quotedList(values []string) string {
	return `["` + strings.Join(values, `", "`) + `"]`
}

func (*celOnly) prepare(q question) any {
	groups := map[string]bool{}
	for _, g := range q.groups {
		groups[g] = true
	}
	activation, err := cel.NewActivation(map[string]any{
		"user": types.String(q.user), "groups": types.DefaultTypeAdapter.NativeToValue(groups), "app": types.String(q.app),
		"platform": types.String(q.platform), "client": types.String(q.client), "signInRisk": types.String(q.signInRisk),
		"userRisk": types.String(q.userRisk), "mfa": types.Bool(q.mfa), "compliant": types.Bool(q.compliant),
		"managed": types.Bool(q.managed), "appProtection": types.Bool(q.appProtection),
	})
	if err != nil {
		panic(err)
	}
	return activation
}

func (c *celOnly) decide(prepared any) []int {
	var failed []int
	for i, program := range c.programs {
		out, _, err := program.Eval(prepared)
		if err != nil {
			panic(err)
		}
		if out == types.True {
			failed = append(failed, i)
		}
	}
	return failed
}
