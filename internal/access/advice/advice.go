// Package advice says in plain words what a person who is kept out can do. It
// says nothing of policies: they are for people who run things.
package advice

import (
	"slices"
	"strings"

	"ringfence/internal/access"
)

// maxRemedies is how many remedies are told of.
const maxRemedies = 20

// wanted is what each control wants, for people who have not heard of controls.
var wanted = map[access.Control]string{
	access.MFA:              "a second factor",
	access.CompliantDevice:  "a phone that meets your organisation's rules and has reported in lately",
	access.ManagedDevice:    "a phone that your organisation manages",
	access.AppProtection:    "an app that your organisation protects",
	access.ApprovedApp:      "an app that your organisation approves",
	access.CertificateBound: "a sign-in with the certificate of your phone",
}

// For gives the advice, in sentences; empty where access is allowed.
func For(e *access.Explanation) string {
	switch {
	case e.Outcome == access.Allow:
		return ""
	case e.LegacyClient:
		return "This app is too old to sign in with. Use another one."
	case e.Outcome != access.AllowWith:
		return "Your organisation does not allow this."
	}
	var sentences []string
	for _, choice := range e.Owed {
		var ways []string
		for control := range choice.All() {
			ways = append(ways, wanted[control])
		}
		sentences = append(sentences, "Needed: "+strings.Join(ways, ", or ")+".")
	}
	for _, f := range Remedies(e) {
		if f.Remedy != "" {
			sentences = append(sentences, f.Remedy)
		}
	}
	return strings.Join(sentences, " ")
}

// Remedies gives the rules that do not hold and for which some policy keeps the
// door shut, each once, at most 20.
func Remedies(e *access.Explanation) []access.Finding {
	var all []access.Finding
	for i := range e.Policies {
		p := &e.Policies[i]
		if !Shuts(p) {
			continue
		}
		for _, control := range p.Controls {
			for _, f := range control.Findings {
				if len(all) < maxRemedies && !slices.Contains(all, f) {
					all = append(all, f)
				}
			}
		}
	}
	return all
}

// Shuts reports whether a policy keeps the door shut. One that only reports
// never does.
func Shuts(p *access.PolicyResult) bool {
	return p.State == access.On && (p.Result == access.Blocking || p.Result == access.Owing)
}

// Reasons names the controls that are owed and not met, each with the reason
// that it has: "compliant-device: stale". Where nothing can be done it is
// "blocked" or "legacy-client", and empty where access is allowed.
func Reasons(e *access.Explanation) []string {
	switch {
	case e.Outcome == access.Allow:
		return nil
	case e.LegacyClient:
		return []string{"legacy-client"}
	case e.Outcome != access.AllowWith:
		return []string{"blocked"}
	}
	var all []string
	for i := range e.Policies {
		p := &e.Policies[i]
		if !Shuts(p) {
			continue
		}
		for j := range p.Controls {
			one := &p.Controls[j]
			if text := one.Control.String() + ": " + one.Reason.String(); !one.Met() && !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return all
}
