package forwardauth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/forwardauth"
)

func has(t *testing.T, body string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(body, part) {
			t.Errorf("the page does not say %q:\n%s", part, body)
		}
	}
}

// TestRemedy: a person whose PIN is too short is told so, puts it right, and is
// told that it is right now, by the same link.
func TestRemedy(t *testing.T) {
	w, cert := holding(t)
	w.device = unfit()
	link := w.ask("app=wiki&cert=rfc9440&answer=nginx", cert, "X-Forwarded-For: 192.0.2.1").Header.Get("X-Ringfence-Remedy")
	asked := w.questions()
	res := w.visit(link)
	body := res.body
	has(t, body, `<html lang="en">`, "Put your phone right", "set a longer PIN", "pin.length: is 4, should be 6 digits or more",
		`<time datetime="2026-01-02T10:00:00Z">2 January 2026, 10:00 UTC</time>`, `href="https://help.example.com/pin"`,
		"2 January 2026, 11:00 UTC", "anna@example.com", "phone-0001", "phones (3)", "wiki")
	if res.StatusCode != http.StatusOK || len(w.questions()) != 0 || len(w.reviewed) != 1 {
		t.Errorf("%d, %d reviews: a visit is no sign-in", res.StatusCode, len(w.reviewed))
	}
	if len(asked) != 1 || asked[0].Device != w.reviewed[0].Device || asked[0].SignIn.Person.Name != w.reviewed[0].SignIn.Person.Name ||
		asked[0].SignIn.Address != w.reviewed[0].SignIn.Address || !w.reviewed[0].SignIn.CertificateBound {
		t.Errorf("asked %+v, reviewed %+v", asked, w.reviewed)
	}
	w.set(func() { w.device = fit() })
	has(t, w.visit(link).body, "You can come in", "open it again")
	w.set(func() { w.now = noon.Add(59 * time.Minute) })
	has(t, w.visit(link).body, "You can come in")
	w.set(func() { w.now = noon.Add(time.Hour) })
	if res := w.visit(link); res.StatusCode != http.StatusNotFound {
		t.Errorf("after an hour: %d", res.StatusCode)
	}
}

// TestWords: there is something to read for each way to be turned away.
func TestWords(t *testing.T) {
	old := fit()
	old.Compliance.EvidenceAt = noon.Add(-25 * time.Hour)
	never := fit()
	never.Compliance = access.Verdict{}
	for name, tt := range map[string]struct {
		policy access.Policy
		device *access.Device
		want   string
	}{
		"mfa":           {asking("a", access.MFA), fit(), "second factor"},
		"stale":         {compliantOnly(), old, "Let your phone report"},
		"never":         {compliantOnly(), never, "Let your phone report"},
		"no phone":      {asking("a", access.ManagedDevice), nil, "Use a phone that is managed"},
		"no app":        {asking("a", access.AppProtection), fit(), "Sign in to the app"},
		"not approved":  {asking("a", access.ApprovedApp), fit(), "Sign in to the app"},
		"a choice":      {asking("a", access.MFA, access.ApprovedApp), fit(), "Do any one of these"},
		"blocked":       {asking("a", access.Block), fit(), "whatever you do here"},
		"nobody's cert": {asking("a", access.CertificateBound), nil, "certificate of your phone"},
	} {
		w, _ := holding(t)
		if tt.policy.Spec.Grant.Controls[0] == access.Block {
			tt.policy.Spec.Grant.Operator = access.AllOf
		}
		w.policies, w.device = []access.Policy{tt.policy}, tt.device
		w.tokens["annas"] = bearer{forwardauth.Holder{Device: "phone-0001", User: "anna@example.com"}, ""}
		res := w.ask("app=wiki&assertion=bearer", "X-Ringfence-Assertion: annas")
		if body := res.body; res.StatusCode != http.StatusForbidden || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d, without %q:\n%s", name, res.StatusCode, tt.want, body)
		}
	}
}

// TestRefusedIsExplained: where nobody was asked, the page says why, and asks
// nobody either.
func TestRefusedIsExplained(t *testing.T) {
	w, cert := holding(t)
	for want, headers := range map[string][]string{
		"another person": {cert, "X-Ringfence-User: bob"}, "does not count": {"Client-Cert: " + material().stranger.binary()},
		"Tell your administrator": {cert, cert}, "not enough": {"X-Ringfence-Assertion: annas"},
	} {
		w.tokens["annas"] = bearer{forwardauth.Holder{Device: "phone-0001"}, "x"}
		res := w.ask("app=wiki&cert=rfc9440", headers...)
		has(t, res.body, want)
		has(t, w.visit(res.Header.Get("X-Ringfence-Remedy")).body, want)
	}
	if len(w.asked)+len(w.reviewed) > 0 {
		t.Error("somebody was asked")
	}
}

// TestPageIsSafe: nothing on the page runs, whatever is in the facts.
func TestPageIsSafe(t *testing.T) {
	w, cert := holding(t)
	evil := `"><script>alert(1)</script>`
	w.device = unfit()
	w.device.Compliance.Findings = []access.Finding{
		{Rule: evil, Expected: evil, Actual: evil, Remedy: evil, Link: "javascript:alert(1)"},
		{Rule: "a", Link: "http://plain.example/"}, {Rule: "b", Link: "//other.example/"}, {Rule: "c", Link: "https:/no-host"},
	}
	res := w.ask("app="+strings.NewReplacer("<", "%3C", ">", "%3E", `"`, "%22").Replace(evil)+"&cert=rfc9440", cert)
	for _, res := range []reply{res, w.visit(res.Header.Get("X-Ringfence-Remedy"))} {
		body := res.body
		for _, bad := range []string{"<script", "javascript:", "http://plain", "other.example", "no-host", " style=", " onclick"} {
			if strings.Contains(body, bad) {
				t.Errorf("the page has %q in it:\n%s", bad, body)
			}
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Content-Type": "text/html; charset=utf-8",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		csp := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
			t.Errorf("the policy of the page is %q", csp)
		}
	}
}

func TestLinks(t *testing.T) {
	w, cert := holding(t)
	w.device = unfit()
	link := w.ask("app=wiki&cert=rfc9440", cert).Header.Get("X-Ringfence-Remedy")
	for name, bad := range map[string]string{
		"nothing": "https://mdm.example.com/forward-auth/remedy/", "elsewhere": "https://mdm.example.com/forward-auth/other/x", "short": link[:len(link)-1],
		"changed": link[:60] + "AAAA" + link[64:], "long": link + strings.Repeat("A", 5000), "more": link + "/x",
	} {
		if res := w.visit(bad); res.StatusCode != http.StatusNotFound || !strings.Contains(res.body, "does not work any more") {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	if strings.Contains(link, "anna") {
		t.Error("the link names a person")
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		rec := httptest.NewRecorder()
		w.door.Remedy().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, link, nil))
		if rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, rec.Code)
		}
	}
	w.set(func() { w.problem = errBroken })
	if res := w.visit(link); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(res.body, "database") {
		t.Errorf("when nobody can answer: %d", res.StatusCode)
	}
	w.set(func() { w.panics = true })
	if res := w.visit(link); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a panic: %d", res.StatusCode)
	}
	// A path longer than a link may be is cut, and the link stays short.
	w.set(func() { w.problem, w.panics = nil, false })
	res := w.ask("app=wiki&cert=rfc9440", cert, "X-Forwarded-Uri: /"+strings.Repeat("a", 5000))
	if link := res.Header.Get("X-Ringfence-Remedy"); len(link) > 2048 || w.visit(link).StatusCode != http.StatusOK {
		t.Errorf("the link has %d octets", len(link))
	}
}
