package policyfile

import (
	"fmt"

	accessv1 "ringfence/proto/mdm/access/v1"
)

// Facts reads a file of one document without a kind: what is to be taken as known
// of a phone and of an app. It holds to all that Parse does.
func Facts(name string, data []byte) (*accessv1.AssumedFacts, error) {
	p := &parser{file: name}
	if !p.checkText(data) {
		return nil, p.problems
	}
	facts := &accessv1.AssumedFacts{}
	roots := p.documents(data)
	switch {
	case len(p.problems) > 0:
	case len(roots) != 1:
		p.add(1, 1, "holds %d documents, not one with device, registration, or both", len(roots))
	case p.checkStructure(roots[0], "facts are a mapping with device, registration, or both"):
		p.take(decode(roots[0], facts))
	}
	if len(p.problems) > 0 {
		return nil, p.problems.sorted()
	}
	return facts, nil
}

// checkCases looks at what no single case shows.
func (d Document) checkCases() Problems {
	var problems Problems
	note := func(path, format string, args ...any) {
		line, column := d.Place(path)
		problems = append(problems, Problem{Line: line, Column: column, Text: bounded(fmt.Sprintf(format, args...))})
	}
	first := map[string]int{}
	for i, c := range d.AccessTest.GetSpec().GetCases() {
		at := fmt.Sprintf("spec.cases[%d]", i)
		line, _ := d.Place(at + ".name")
		if there, ok := first[c.GetName()]; ok {
			note(at+".name", "case %q is there already, at line %d", c.GetName(), there)
		} else {
			first[c.GetName()] = line
		}
		if len(c.GetExpect().GetOwed()) > 0 && c.GetExpect().GetOutcome() != accessv1.Outcome_OUTCOME_ALLOW_WITH {
			note(at+".expect.owed", "something is owed with the outcome allow-with alone")
		}
		if c.GetExpect().GetSession() != nil && c.GetExpect().GetOutcome() == accessv1.Outcome_OUTCOME_DENY_UNSPECIFIED {
			note(at+".expect.session", "who is denied has no session")
		}
	}
	return problems
}
