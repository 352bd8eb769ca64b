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
// every method without a row, every row without a method and every row that
// lets nobody in.
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
		if len(rule.Callers) == 0 {
			wrong = append(wrong, name+" has a rule that lets nobody in")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return errors.New("rule table: " + strings.Join(wrong, "; "))
}

// allow applies a rule to a caller.
func (r *Rule) allow(c *identity.Caller, method string) error {
	switch {
	case r == nil:
		return fmt.Errorf("%s has no rule", method)
	case c.Is(r.Callers...):
		return nil
	case c.Kind == identity.Anonymous:
		return Unauthenticated(CertificateRequired, "a client certificate is required")
	default:
		return &edgeError{code: codeDenied, reason: "CALLER_NOT_ALLOWED", message: "this kind of caller may not call this method"}
	}
}
