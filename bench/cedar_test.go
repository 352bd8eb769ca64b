package bench

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"

	"ringfence/internal/access"
)

// cedarSet has one forbid for each policy, and one permit. The forbids that
// determine a decision are the policies that are not satisfied; where none
// does, the permit is named.
type cedarSet struct {
	policies *cedar.PolicySet
	numbers  map[cedar.PolicyID]int
}

type cedarQuestion struct {
	entities cedar.EntityMap
	request  cedar.Request
}

func newCedar(t testing.TB, policies []access.Policy) engine {
	t.Helper()
	c := &cedarSet{cedar.NewPolicySet(), map[cedar.PolicyID]int{}}
	add := func(id cedar.PolicyID, text string) {
		var p cedar.Policy
		if err := p.UnmarshalCedar([]byte(text)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		c.policies.Add(id, &p)
	}
	add("permit", `permit (principal, action, resource);`)
	for i, p := range policies {
		id := cedar.PolicyID("p" + strconv.Itoa(i))
		c.numbers[id] = i
		add(id, cedarText(p.Spec))
	}
	return c
}

func cedarText(s access.Spec) string {
	c := s.Conditions
	var all []string
	and := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	in := func(attribute string, values []string) {
		if len(values) > 0 {
			and("%s.contains(context.%s)", quotedList(values), attribute)
		}
	}
	if len(s.Apps.Include) > 0 {
		and("resource in %s", entities("App", s.Apps.Include))
	}
	if len(s.Apps.Exclude) > 0 {
		and("!(resource in %s)", entities("App", s.Apps.Exclude))
	}
	in("client", texts(c.Clients))
	in("platform", texts(c.IncludePlatforms))
	if len(c.ExcludePlatforms) > 0 {
		and("!(%s.contains(context.platform))", quotedList(texts(c.ExcludePlatforms)))
	}
	in("signInRisk", texts(c.SignInRisks))
	in("userRisk", texts(c.UserRisks))
	if !s.IncludePeople.Everyone {
		and("(%s)", cedarPeople(s.IncludePeople))
	}
	if out := cedarPeople(s.ExcludePeople); out != "" {
		and("!(%s)", out)
	}
	if met := joinControls(s.Grant, " && ", " || ", "context."); met != "" {
		and("!(%s)", met)
	}
	return "forbid (principal, action, resource) when { " + strings.Join(all, " && ") + " };"
}

func cedarPeople(p access.People) string {
	var some []string
	if len(p.Users) > 0 {
		some = append(some, "principal in "+entities("User", p.Users))
	}
	if len(p.Groups) > 0 {
		some = append(some, "principal in "+entities("Group", p.Groups))
	}
	return strings.Join(some, " || ")
}

func entities(kind string, names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf("%s::%q", kind, name))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func (*cedarSet) prepare(q question) any {
	user, app := cedar.NewEntityUID("User", cedar.String(q.user)), cedar.NewEntityUID("App", cedar.String(q.app))
	all := cedar.EntityMap{app: {UID: app}}
	var parents []cedar.EntityUID
	for _, g := range q.groups {
		uid := cedar.NewEntityUID("Group", cedar.String(g))
		all[uid] = cedar.Entity{UID: uid}
		parents = append(parents, uid)
	}
	all[user] = cedar.Entity{UID: user, Parents: cedar.NewEntityUIDSet(parents...)}
	return &cedarQuestion{all, cedar.Request{
		Principal: user, Action: cedar.NewEntityUID("Action", "signIn"), Resource: app,
		Context: cedar.NewRecord(cedar.RecordMap{
			"platform": cedar.String(q.platform), "client": cedar.String(q.client), "signInRisk": cedar.String(q.signInRisk),
			"userRisk": cedar.String(q.userRisk), "mfa": cedar.Boolean(q.mfa), "compliant": cedar.Boolean(q.compliant),
			"managed": cedar.Boolean(q.managed), "appProtection": cedar.Boolean(q.appProtection),
		}),
	}}
}

func (c *cedarSet) decide(prepared any) []int {
	q := prepared.(*cedarQuestion)
	decision, diagnostic := cedar.Authorize(c.policies, q.entities, q.request)
	if len(diagnostic.Errors) > 0 {
		panic(diagnostic.Errors[0].Message)
	}
	if decision == cedar.Allow {
		return nil
	}
	var failed []int
	for _, r := range diagnostic.Reasons {
		failed = append(failed, c.numbers[r.PolicyID])
	}
	return failed
}
