package access

import "ringfence/internal/fault"

// Filter is a rule in CEL, ready to be asked. It has no side effects, and does
// not change what it is given.
type Filter interface {
	// Match tells whether the sign-in matches. An error says that the rule could
	// not be finished: the policy then applies, because a rule that fails must
	// not let anybody past.
	Match(in *SignIn, facts *Facts) (bool, error)
}

// Filters makes filters of the text of rules. Package accesscel does so.
type Filters interface {
	// DeviceFilter knows the attributes of the phone. The error says for the
	// administrator what is wrong with the rule.
	DeviceFilter(rule string) (Filter, error)
	// Condition knows those, and the sign-in's too.
	Condition(rule string) (Filter, error)
}

// maxRule is how long a rule may be, in bytes.
const maxRule = 3072

// validateRule checks one rule; an empty one is right.
func validateRule(field, rule string, compile func(string) (Filter, error)) error {
	if rule == "" {
		return nil
	}
	if len(rule) > maxRule {
		return fault.InvalidField(field, "must have at most %d bytes", maxRule)
	}
	if _, err := compile(rule); err != nil {
		return fault.InvalidField(field, "%v", err)
	}
	return nil
}
