package advice_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/access/advice"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// policy asks everybody for controls in the app mail.
func policy(name string, state access.State, op access.Operator, controls ...access.Control) access.Policy {
	return access.Policy{Name: name, Spec: access.Spec{
		State: state, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{Include: []string{"mail"}},
		Grant: access.Grant{Operator: op, Controls: controls},
	}}
}

func TestFor(t *testing.T) {
	short := access.Finding{Rule: "pin-length", Remedy: "Choose a PIN of 6 digits."}
	unfit := &access.Facts{Device: &access.Device{Compliance: access.Verdict{
		Fitness: access.Unfit, EvidenceAt: now, Findings: []access.Finding{short, {Rule: "os-version"}},
	}}}
	compliant := policy("a", access.On, access.AllOf, access.CompliantDevice)
	for name, test := range map[string]struct {
		policies []access.Policy
		client   access.ClientApp
		facts    *access.Facts
		says     string
		reasons  []string
		remedies int
	}{
		"allowed": {},
		"blocked": {
			policies: []access.Policy{policy("a", access.On, access.AllOf, access.Block), policy("b", access.On, access.AllOf, access.MFA)},
			says:     "Your organisation does not allow this.", reasons: []string{"blocked"},
		},
		"reported": {policies: []access.Policy{policy("a", access.ReportOnly, access.AllOf, access.CompliantDevice)}, facts: unfit},
		"unfit, twice": {
			policies: []access.Policy{compliant, policy("b", access.On, access.AnyOf, access.CompliantDevice, access.AppProtection)}, facts: unfit,
			says:    "Needed: a phone that meets your organisation's rules and has reported in lately. Choose a PIN of 6 digits.",
			reasons: []string{"compliant-device: unfit", "app-protection: no-registration"}, remedies: 2,
		},
		"a second factor, or": {
			policies: []access.Policy{policy("a", access.On, access.AnyOf, access.MFA, access.ManagedDevice)},
			says:     "Needed: a second factor, or a phone that your organisation manages.",
			reasons:  []string{"mfa: not-shown", "managed-device: no-device"},
		},
		"legacy": {
			policies: []access.Policy{compliant}, client: access.ActiveSync,
			says: "This app is too old to sign in with. Use another one.", reasons: []string{"legacy-client"},
		},
	} {
		s, err := access.Compile(access.Ruleset{Policies: test.policies})
		if err != nil {
			t.Fatal(err)
		}
		e := access.WhatIf(s, &access.SignIn{App: "mail", Client: test.client}, test.facts, now)
		if got := advice.For(&e); got != test.says {
			t.Errorf("%s: says %q", name, got)
		}
		if diff := cmp.Diff(test.reasons, advice.Reasons(&e)); diff != "" {
			t.Errorf("%s: reasons (-want +got):\n%s", name, diff)
		}
		if got := advice.Remedies(&e); len(got) != test.remedies {
			t.Errorf("%s: remedies %v", name, got)
		}
	}
}
