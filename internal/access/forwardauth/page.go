package forwardauth

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"ringfence/internal/access"
)

// page is what the remedy page says.
type page struct {
	about
	// Steps must all be done, in any order.
	Steps []step
	// For is what an administrator wants to know.
	For []fact
	// Link leads to the page as it will be; empty on that page.
	Link string
	// At is the time of all this.
	At time.Time
}

// about says in plain words what is the matter, and what to do about it.
type about struct{ Title, What, Do string }

// step is one thing to be done, in any one of some ways.
type step struct {
	Number int
	Ways   []way
}

// way is one control that would be enough.
type way struct {
	about
	Found []access.Finding
	// Seen is when the phone or the app looked; zero where that says nothing.
	Seen time.Time
}

// fact is one line for the administrator.
type fact struct{ Name, Value string }

// pageOf tells of a verdict.
func (d *Door) pageOf(v *verdict, link string) page {
	p := page{At: d.c.Now(), Link: link}
	switch v.outcome {
	case Refused, Unavailable:
		p.about = refusals[v.reason]
	case Allowed:
		p.about = aboutAllowed
	default:
		p.explain(v.answer.Explain())
	}
	if v.outcome == Allowed || v.reason == ReasonUnavailable {
		return p
	}
	p.note("App", v.settings.app)
	p.note("Person", v.question.SignIn.Person.Name)
	p.note("Phone", string(v.question.Device))
	p.note("Work account", string(v.question.Registration))
	if v.outcome == Refused {
		p.note("Reason", string(v.reason))
	}
	return p
}

func (p *page) note(name, value string) {
	if value != "" {
		p.For = append(p.For, fact{name, value})
	}
}

// explain tells of a decision that does not allow.
func (p *page) explain(e access.Explanation) {
	switch {
	case e.LegacyClient:
		p.about = aboutLegacy
	case e.Outcome == access.AllowWith:
		p.about = aboutOwed
		for i, choice := range e.Owed {
			p.Steps = append(p.Steps, step{i + 1, waysOf(choice, &e)})
		}
	default:
		p.about = aboutBlocked
	}
	var names []string
	for _, result := range e.Policies {
		wanted := access.Blocking
		if e.Outcome == access.AllowWith || e.LegacyClient {
			wanted = access.Owing
		}
		if result.State == access.On && result.Result == wanted {
			names = append(names, result.Name+" ("+strconv.FormatUint(result.Revision, 10)+")")
		}
	}
	p.note("Policies", strings.Join(names, ", "))
}

// waysOf tells of each control of a choice.
func waysOf(choice access.ControlSet, e *access.Explanation) []way {
	var ways []way
	for control := range choice.All() {
		result := resultOf(control, e)
		w := way{about: wordsOf(control, result.Reason)}
		if result.Reason == access.NotFit {
			w.Found = shown(result.Findings)
		}
		w.Seen = seen(control, result.Reason, e)
		ways = append(ways, w)
	}
	return ways
}

// resultOf finds what keeps a control from being met.
func resultOf(control access.Control, e *access.Explanation) access.ControlResult {
	for _, policy := range e.Policies {
		if policy.State != access.On || policy.Result != access.Owing {
			continue
		}
		for _, result := range policy.Controls {
			if result.Control == control && !result.Met() {
				return result
			}
		}
	}
	return access.ControlResult{Control: control, Reason: access.NotShown}
}

// seen gives when what a control rests on was reported, where that helps.
func seen(control access.Control, reason access.Reason, e *access.Explanation) time.Time {
	subject := ""
	switch control {
	case access.CompliantDevice:
		subject = "compliance"
	case access.AppProtection, access.ApprovedApp:
		subject = "protection"
	}
	if reason != access.NotFit && reason != access.Stale && reason != access.Lapsed {
		return time.Time{}
	}
	for _, evidence := range e.Evidence {
		if evidence.About == subject {
			return evidence.At
		}
	}
	return time.Time{}
}

// maxFindings is how many findings a person is shown at once.
const maxFindings = 50

// shown gives findings as the page may show them: no link but to the web.
func shown(findings []access.Finding) []access.Finding {
	all := make([]access.Finding, 0, len(findings))
	for _, f := range findings[:min(len(findings), maxFindings)] {
		if u, err := url.Parse(f.Link); err != nil || u.Scheme != "https" || u.Host == "" {
			f.Link = ""
		}
		all = append(all, f)
	}
	return all
}
