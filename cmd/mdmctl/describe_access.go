package main

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/enumname"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// controlWords say what each control is.
var controlWords = map[accessv1.Control]string{
	accessv1.Control_CONTROL_BLOCK:                     "nobody gets in",
	accessv1.Control_CONTROL_MFA:                       "a second factor",
	accessv1.Control_CONTROL_COMPLIANT_DEVICE:          "a compliant phone",
	accessv1.Control_CONTROL_MANAGED_DEVICE:            "an enrolled phone",
	accessv1.Control_CONTROL_APP_PROTECTION:            "a protected app",
	accessv1.Control_CONTROL_APPROVED_APP:              "an approved app",
	accessv1.Control_CONTROL_CERTIFICATE_BOUND_SESSION: "a session bound to the phone's certificate",
}

// stateWords say what follows from a state.
var stateWords = map[accessv1.PolicyState]string{
	accessv1.PolicyState_POLICY_STATE_ON:          "on",
	accessv1.PolicyState_POLICY_STATE_REPORT_ONLY: "report-only: it is told of, and nothing follows from it",
	accessv1.PolicyState_POLICY_STATE_OFF:         "off: it does nothing",
}

func (a *app) accessPolicySheet(s *sheet, m *accessv1.AccessPolicy) error {
	now, spec := a.now(), m.GetSpec()
	s.field("Access policy", m.GetName())
	s.field("Revision", strconv.FormatUint(m.GetRevision(), 10))
	s.field("Revised", moment(m.GetRevisedAt(), now)+" by "+m.GetRevisedBy())
	s.field("Created", moment(m.GetCreatedAt(), now))
	state := stateWords[spec.GetState()]
	if state == "" {
		state = enumname.Of(spec.GetState())
	}
	s.field("State", state)
	s.field("Description", spec.GetDescription())
	s.fields("For", persons(spec.GetIncludePeople()))
	s.fields("Not for", persons(spec.GetExcludePeople()))
	s.fields("To", targets(spec))
	for _, app := range spec.GetApps().GetExclude() {
		s.field("Not to", "app "+app)
	}
	when := conditions(spec.GetConditions())
	if len(when) == 0 {
		when = []string{"always"}
	}
	s.fields("When", when)
	s.field("Asks", demand(spec.GetGrant()))
	s.field("Session", sessionWords(spec.GetSession()))
	for _, evidence := range evidenceLimits(spec) {
		s.field("Evidence", evidence)
	}
	return nil
}

// fields writes one line for each value.
func (s *sheet) fields(label string, values []string) {
	for _, value := range values {
		s.field(label, value)
	}
}

// demand says in words what is asked.
func demand(g *accessv1.Grant) string {
	var words []string
	for _, c := range g.GetControls() {
		word := controlWords[c]
		if word == "" {
			word = enumname.Of(c)
		}
		words = append(words, word)
	}
	joint := "and"
	if g.GetOperator() == accessv1.Operator_OPERATOR_OR {
		joint = "or"
	}
	return listed(words, joint)
}

// listed is "a, b or c".
func listed(words []string, joint string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + joint + " " + words[last]
}

// sessionWords says what the door must see to; "" for nothing.
func sessionWords(m *accessv1.Session) string {
	var words []string
	switch {
	case m.GetEverySignIn():
		words = append(words, "sign in anew each time")
	case m.GetSignInFrequency().AsDuration() > 0:
		words = append(words, "sign in anew after "+exact(m.GetSignInFrequency()))
	}
	return strings.Join(append(words, m.GetLabels()...), ", ")
}

// evidenceLimits says how old evidence may be, where the policy looks at any.
func evidenceLimits(m *accessv1.AccessPolicySpec) []string {
	var ofPhone, ofApp bool
	for _, c := range m.GetGrant().GetControls() {
		ofPhone = ofPhone || c == accessv1.Control_CONTROL_COMPLIANT_DEVICE
		ofApp = ofApp || c == accessv1.Control_CONTROL_APP_PROTECTION || c == accessv1.Control_CONTROL_APPROVED_APP
	}
	limit := func(d *durationpb.Duration) string {
		if d.AsDuration() == 0 {
			return "1d"
		}
		return exact(d)
	}
	var all []string
	if ofPhone {
		all = append(all, "of the phone counts until it is "+limit(m.GetMaxAge().GetCompliance())+" old")
	}
	if ofApp {
		all = append(all, "of the app counts until it is "+limit(m.GetMaxAge().GetRegistration())+" old")
	}
	return all
}
