package rpc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/identity"
)

// Rule says who may call a method.
type Rule struct {
	// Callers are the kinds of caller that may; nobody else may.
	Callers []identity.Kind
	// Verbs are what the method needs of an administrator: a role that may any
	// one of them will do. A row that lets administrators in has at least one.
	Verbs []identity.Verb
	// Everywhere asks for an administrator whose credential is bound to no
	// group: for what concerns the whole installation.
	Everywhere bool
	// Rate, where given, bounds the calls of this method by one caller, beside
	// the caller's rate for everything: for calls that leave something behind
	// each time. It is for methods that are no streams.
	Rate Rate
	// Quick, where given, is a cheap check for a method that is called all the
	// time: true promises that the request satisfies its validation rules,
	// false promises nothing, and the full check decides.
	Quick func(proto.Message) bool
}

// Rules is the rule table, by full method name: "/package.Service/Method".
type Rules map[string]Rule

// Registry shows what is registered: a Server, or a grpc.Server.
type Registry interface {
	GetServiceInfo() map[string]grpc.ServiceInfo
}

// CheckRules compares the table with what the servers have registered: it names
// every method without a row, every row without a method, every row that lets
// nobody in, and every row whose verbs do not fit its callers.
func CheckRules(rules Rules, servers ...Registry) error {
	registered := make(map[string]bool)
	for _, s := range servers {
		for service, info := range s.GetServiceInfo() {
			for _, m := range info.Methods {
				registered["/"+service+"/"+m.Name] = true
			}
		}
	}
	var wrong []string
	for name := range registered {
		if _, ok := rules[name]; !ok {
			wrong = append(wrong, name+" has no rule")
		}
	}
	for name, rule := range rules {
		if !registered[name] {
			wrong = append(wrong, name+" has a rule and is not registered")
		}
		for _, fault := range rule.faults() {
			wrong = append(wrong, name+" has a rule that "+fault)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return errors.New("rule table: " + strings.Join(wrong, "; "))
}

// faults names what cannot be meant, each as the end of "a rule that".
func (r Rule) faults() []string {
	var found []string
	if len(r.Callers) == 0 {
		found = append(found, "lets nobody in")
	}
	admins := slices.Contains(r.Callers, identity.Admin)
	if admins && len(r.Verbs) == 0 {
		found = append(found, "lets administrators in and names no verb")
	}
	if !admins && (len(r.Verbs) > 0 || r.Everywhere) {
		found = append(found, "asks something of administrators and does not let them in")
	}
	for _, v := range r.Verbs {
		if !slices.Contains(identity.Verbs(), v) {
			found = append(found, fmt.Sprintf("names the verb %q, which there is not", v))
		}
	}
	return found
}

// allow applies a rule to a caller.
func (r *Rule) allow(c *identity.Caller, method string) error {
	switch {
	case r == nil:
		return fmt.Errorf("%s has no rule", method)
	case !c.Is(r.Callers...):
		return stranger(c)
	case c.Kind == identity.Admin:
		return r.allowRole(c)
	default:
		return nil
	}
}

func stranger(c *identity.Caller) error {
	if c.Kind == identity.Anonymous {
		return Unauthenticated(CertificateRequired, "a client certificate is required")
	}
	return denied("CALLER_NOT_ALLOWED", "this kind of caller may not call this method")
}

// allowRole is the rule for administrators: role first, then reach.
func (r *Rule) allowRole(c *identity.Caller) error {
	if !slices.ContainsFunc(r.Verbs, c.May) {
		return denied(RoleMayNot, fmt.Sprintf(
			"the role %s may not %s; a credential with the role %s may: it is made on the server, with mdm-server admin create NAME --role ROLE",
			orNone(c.Role), list(r.Verbs, " or "), list(r.roles(), " or ")))
	}
	if r.Everywhere && !c.Everywhere() {
		return denied(OutOfScope, fmt.Sprintf(
			"this concerns the whole installation, and the credential is for the group %s only; one for every group is made on the server, with mdm-server admin create NAME --role %s",
			list(c.Groups, ", "), c.Role))
	}
	return nil
}

// roles are those that satisfy the rule.
func (r *Rule) roles() []identity.Role {
	return slices.DeleteFunc(identity.Roles(), func(role identity.Role) bool {
		return !slices.ContainsFunc(r.Verbs, role.May)
	})
}

func orNone(r identity.Role) string {
	if r == "" {
		return "of nobody"
	}
	return string(r)
}

func list[S ~string](words []S, between string) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, between)
}
