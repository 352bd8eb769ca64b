package authzen

import (
	"fmt"
	"strings"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/advice"
)

// reasonCode is the key of reasons: the HTTP status that is nearest to a no.
const reasonCode = "403"

// maxShut is how many policies an answer tells of.
const maxShut = 20

// explain tells of all that keeps the door shut. Of policies that only report
// it says nothing: nothing may follow from them.
func (c *reasons) explain(e *access.Explanation) {
	var lines []string
	for i := range e.Policies {
		p := &e.Policies[i]
		if !advice.Shuts(p) || len(c.Policies) == maxShut {
			continue
		}
		shut := policy{Name: p.Name, Revision: p.Revision, Result: p.Result.String()}
		for j := range p.Controls {
			one := &p.Controls[j]
			if one.Met() {
				continue
			}
			shut.Controls = append(shut.Controls, newControl(one))
		}
		c.Policies = append(c.Policies, shut)
		lines = append(lines, inWords(&shut, p.Operator))
	}
	for _, missing := range e.Missing {
		c.Missing = append(c.Missing, missing.String())
	}
	if e.LegacyClient {
		lines = append(lines, "the client is one that cannot be asked for what is owed")
	}
	if len(lines) == 0 {
		lines = []string{"nothing was decided"}
	}
	c.ReasonAdmin = map[string]string{reasonCode: strings.Join(lines, "; ")}
	c.ReasonUser = map[string]string{reasonCode: advice.For(e)}
	for _, f := range advice.Remedies(e) {
		c.Remedies = append(c.Remedies, remedy{f.Rule, f.Expected, f.Actual, f.Remedy, f.Link})
	}
}

func newControl(r *access.ControlResult) control {
	return control{
		Name: r.Control.String(), Reason: r.Reason.String(),
		Age: int64(r.Age / time.Second), MaxAge: int64(r.MaxAge / time.Second),
	}
}

// inWords says in one line what a policy wants.
func inWords(p *policy, op access.Operator) string {
	if p.Result == access.Blocking.String() {
		return fmt.Sprintf("policy %s blocks", p.Name)
	}
	names := make([]string, 0, len(p.Controls))
	for _, one := range p.Controls {
		names = append(names, fmt.Sprintf("%s (%s)", one.Name, one.Reason))
	}
	join := " and "
	if op == access.AnyOf {
		join = " or "
	}
	return fmt.Sprintf("policy %s asks for %s", p.Name, strings.Join(names, join))
}
