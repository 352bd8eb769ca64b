package forwardauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"ringfence/internal/access/forwardauth"
)

// FuzzCheck: nobody comes in who was not asked about, and the question is always
// about the app of the settings. Where the person's query comes with them, they
// stay as they are.
func FuzzCheck(f *testing.F) {
	f.Add("app=wiki&cert=nginx&answer=nginx", "X-Ssl-Client-Verify", "NONE", "/page?app=other")
	f.Add("app=wiki&cert=rfc9440&client=native&owed=401", "Client-Cert", material().anna.binary(), "/")
	f.Add("app=wiki&assertion=bearer", "X-Ringfence-Assertion", "annas", "//a?assertion=bearer")
	f.Add("answer=plain&app=wiki", "X-Forwarded-For", "192.0.2.1, ::1", "/%2F..")
	f.Add("app=wiki", "X-Forwarded-Uri", "https://a/b?c", "*")
	f.Fuzz(func(t *testing.T, settings, name, value, uri string) {
		w, _ := holding(t)
		w.policies = nil
		ask := func(target *url.URL) (reply, string) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.URL, r.Host = target, "wiki.example.com"
			r.Header[http.CanonicalHeaderKey(name)] = []string{value}
			rec := httptest.NewRecorder()
			w.door.Check().ServeHTTP(rec, r)
			res, asked := replyOf(rec), w.questions()
			if (res.StatusCode == http.StatusOK) != (len(asked) == 1) || res.StatusCode == http.StatusOK && res.Header.Get("X-Ringfence-Decision") != "allow" {
				t.Fatalf("%d %v after %d questions", res.StatusCode, res.Header, len(asked))
			}
			if res.StatusCode != http.StatusOK {
				if link := res.Header.Get("X-Ringfence-Remedy"); w.visit(link).StatusCode == http.StatusNotFound {
					t.Fatalf("the link %q leads nowhere", link)
				}
				return res, ""
			}
			if asked[0].SignIn.App == "" || asked[0].SignIn.MFA && value != "true" {
				t.Fatalf("asked %+v", asked[0])
			}
			return res, asked[0].SignIn.App + " " + asked[0].SignIn.Client.String() + " " + string(asked[0].Device)
		}
		_, alone := ask(&url.URL{Path: forwardauth.CheckPath, RawQuery: settings})
		target, err := url.ParseRequestURI(forwardauth.WithPath + settings + "/" + uri)
		if err != nil || strings.ContainsAny(settings, "/?") {
			return
		}
		if _, with := ask(target); with != "" && with != alone {
			t.Fatalf("with %q behind: %s, alone: %s", uri, with, alone)
		}
	})
}

// FuzzLink: no link but ours shows anything.
func FuzzLink(f *testing.F) {
	f.Add("")
	f.Add(newSeal().Seal([]byte("{}")))
	f.Add("../../x?y")
	f.Fuzz(func(t *testing.T, link string) {
		w, _ := holding(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: forwardauth.RemedyPath + link}
		rec := httptest.NewRecorder()
		w.door.Remedy().ServeHTTP(rec, r)
		if rec.Code != http.StatusNotFound || len(w.reviewed) > 0 {
			t.Fatalf("%d", rec.Code)
		}
	})
}
