package forwardauth_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/access"
	"ringfence/internal/access/forwardauth"
)

// send sends a request, and reads the answer.
func send(t testing.TB, c *http.Client, r *http.Request) (reply, error) {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}, nil
}

const annas = "X-Ringfence-User: Anna@Example.com"

// holding is a world in which Anna's phone is known, and its certificate.
func holding(t testing.TB) (w *world, cert string) {
	w = open(t)
	w.policies = []access.Policy{compliantOnly()}
	w.device = fit()
	w.holders[string(material().anna.der)] = forwardauth.Holder{Device: "phone-0001", User: "anna@example.com"}
	return w, "Client-Cert: " + material().anna.binary()
}

func TestQuestion(t *testing.T) {
	w, cert := holding(t)
	res := w.ask("app=wiki&cert=rfc9440&client=native", annas, cert, "X-Ringfence-MFA: true",
		"X-Forwarded-For: 198.51.100.7, ::ffff:192.0.2.1", "X-Real-IP: 192.0.2.1", "X-Forwarded-Method: DELETE",
		"X-Forwarded-Host: Wiki.example.com", "X-Forwarded-Uri: /a%20b?secret=1", "X-Ringfence-Groups: admins", "User-Agent: Outlook")
	want := access.Question{Device: "phone-0001", SignIn: access.SignIn{
		Person: access.Person{Name: "anna@example.com"}, App: "wiki", Client: access.NativeClient,
		Address: netip.MustParseAddr("192.0.2.1"), MFA: true, CertificateBound: true,
		Request: &access.Request{
			Action: "DELETE", ResourceType: "url", ResourceID: "wiki.example.com/a b",
			Resource: map[string]any{"host": "wiki.example.com", "path": "/a b"},
		},
	}}
	if diff := cmp.Diff([]access.Question{want}, w.questions(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("the question (-want +got):\n%s", diff)
	}
	wantHeader := http.Header{
		"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "X-Ringfence-Decision": {"allow"},
		"X-Ringfence-User": {"anna@example.com"}, "X-Ringfence-Device": {"phone-0001"}, "X-Ringfence-Registration": {""},
		"X-Ringfence-Sign-In-Every": {""}, "X-Ringfence-Session": {""}, "X-Ringfence-Reason": {""},
	}
	if diff := cmp.Diff(wantHeader, res.Header); diff != "" || res.StatusCode != http.StatusOK {
		t.Errorf("%d (-want +got):\n%s", res.StatusCode, diff)
	}
	if diff := cmp.Diff([]string{"allow rfc9440"}, w.counted); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if strings.Contains(strings.ToLower(w.log.String()), "anna") {
		t.Errorf("the log names a person: %s", w.log.String())
	}
}

// TestWhoIsIt: who it is taken for, by what the proxy says.
func TestWhoIsIt(t *testing.T) {
	bound := material().anna.thumbprint()
	for name, tt := range map[string]struct {
		query   string
		headers []string
		want    access.Question
		reason  forwardauth.Reason
	}{
		"nobody":                    {query: "app=wiki"},
		"a user alone":              {query: "app=wiki", headers: []string{annas}, want: question("", "anna@example.com", false)},
		"a certificate alone":       {query: "app=wiki&cert=rfc9440", headers: []string{"cert"}, want: question("phone-0001", "anna@example.com", true)},
		"both":                      {query: "app=wiki&cert=rfc9440", headers: []string{"cert", annas}, want: question("phone-0001", "anna@example.com", true)},
		"another person":            {query: "app=wiki&cert=rfc9440", headers: []string{"cert", "X-Ringfence-User: bob"}, reason: forwardauth.ReasonPerson},
		"a stranger's certificate":  {query: "app=wiki&cert=rfc9440", headers: []string{"Client-Cert: " + material().stranger.binary()}, reason: forwardauth.ReasonCertificate},
		"two certificates":          {query: "app=wiki&cert=rfc9440", headers: []string{"cert", "cert"}, reason: forwardauth.ReasonCertificateHeader},
		"two forms":                 {query: "app=wiki&cert=rfc9440", headers: []string{"cert", "X-SSL-Client-Verify: NONE"}, reason: forwardauth.ReasonCertificateHeader},
		"a form that is not asked":  {query: "app=wiki", headers: []string{"cert"}, reason: forwardauth.ReasonCertificateHeader},
		"an assertion alone":        {query: "app=wiki", headers: []string{"X-Ringfence-Assertion: annas"}, reason: forwardauth.ReasonUnbound},
		"an assertion as bearer":    {query: "app=wiki&assertion=bearer", headers: []string{"X-Ringfence-Assertion: annas"}, want: question("phone-0001", "anna@example.com", false)},
		"an assertion, another's":   {query: "app=wiki&assertion=bearer", headers: []string{"X-Ringfence-Assertion: annas", "X-Ringfence-User: bob"}, reason: forwardauth.ReasonPerson},
		"an assertion, bound":       {query: "app=wiki&cert=rfc9440", headers: []string{"cert", "X-Ringfence-Assertion: annas"}, want: question("phone-0001", "anna@example.com", true)},
		"bound to something else":   {query: "app=wiki&cert=rfc9440", headers: []string{"cert", "X-Ringfence-Assertion: bobs"}, reason: forwardauth.ReasonAssertion},
		"of another, bound to this": {query: "app=wiki&cert=rfc9440&assertion=bearer", headers: []string{"cert", "X-Ringfence-Assertion: mixed"}, reason: forwardauth.ReasonAssertion},
		"no assertion of ours":      {query: "app=wiki&assertion=bearer", headers: []string{"X-Ringfence-Assertion: x"}, reason: forwardauth.ReasonAssertion},
		"held by nobody":            {query: "app=wiki&assertion=bearer", headers: []string{"X-Ringfence-Assertion: empty"}, reason: forwardauth.ReasonUnavailable},
		"two assertions":            {query: "app=wiki&assertion=bearer", headers: []string{"X-Ringfence-Assertion: annas", "X-Ringfence-Assertion: annas"}, reason: forwardauth.ReasonRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w, cert := holding(t)
			w.policies = nil
			w.tokens = map[string]bearer{
				"annas": {w.holders[string(material().anna.der)], bound},
				"bobs":  {forwardauth.Holder{Device: "phone-0002", User: "bob"}, material().stranger.thumbprint()},
				"mixed": {forwardauth.Holder{Device: "phone-0002", User: "anna@example.com"}, bound}, "empty": {},
			}
			for i, h := range tt.headers {
				if h == "cert" {
					tt.headers[i] = cert
				}
			}
			res := w.ask(tt.query, tt.headers...)
			if tt.reason != "" {
				if got := res.Header.Get("X-Ringfence-Reason"); got != string(tt.reason) || res.StatusCode < 400 || len(w.questions()) > 0 {
					t.Fatalf("%d %q, want to be refused for %q", res.StatusCode, got, tt.reason)
				}
				return
			}
			if tt.want.SignIn.App == "" {
				tt.want = question("", "", false)
			}
			if diff := cmp.Diff([]access.Question{tt.want}, w.questions(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("%d (-want +got):\n%s", res.StatusCode, diff)
			}
		})
	}
}

func question(id, person string, bound bool) access.Question {
	q := access.Question{SignIn: access.SignIn{App: "wiki", Client: access.Browser, Person: access.Person{Name: person}, CertificateBound: bound}}
	q.Device = fit().ID
	if id == "" {
		q.Device = ""
	}
	return q
}

// TestNotBelieved: nothing of this is asked about, and nobody comes in.
func TestNotBelieved(t *testing.T) {
	long := strings.Repeat("a", 9<<10)
	for _, tt := range []struct {
		query  string
		header string
		reason forwardauth.Reason
	}{
		{"", "", "setup"}, {"app=", "", "setup"}, {"app=a&app=b", "", "setup"}, {"app=a&x=1", "", "setup"}, {"app=a%0A", "", "setup"},
		{"app=a&cert=x", "", "setup"}, {"app=a&answer=x", "", "setup"}, {"app=a&client=unknown", "", "setup"}, {"app=a&owed=403", "", "setup"},
		{"app=a&assertion=1", "", "setup"}, {"app=a;cert=nginx", "", "setup"}, {"app=%zz", "", "setup"}, {"app=" + long, "", "setup"},
		{"app=a", "X-Ringfence-User: a\x01b", "request"}, {"app=a", "X-Ringfence-User: " + long, "request"}, {"app=a", "X-Ringfence-User: \xff", "request"},
		{"app=a", "X-Forwarded-For: unknown", "request"}, {"app=a", "X-Forwarded-For: 192.0.2.1, ", "request"}, {"app=a", "X-Forwarded-For: fe80::1%eth0", "request"},
		{"app=a", "X-Forwarded-For: 192.0.2.1:80", "request"}, {"app=a", "X-Real-IP: 192.0.2.1, 192.0.2.2", "request"},
		{"app=a", "X-Forwarded-Uri: nonsense", "request"}, {"app=a", "X-Forwarded-Uri: /" + long, "request"}, {"app=a", "X-Original-URL: http://[", "request"},
		{"app=a", "Cookie: " + strings.Repeat("a", 65<<10), "request"},
	} {
		w, _ := holding(t)
		w.policies = nil
		var headers []string
		if tt.header != "" {
			headers = []string{tt.header}
		}
		res := w.ask(tt.query, headers...)
		if got := res.Header.Get("X-Ringfence-Reason"); res.StatusCode != http.StatusForbidden || got != string(tt.reason) || len(w.questions()) > 0 {
			t.Errorf("%.50q %.50q: %d %q, want 403 %q", tt.query, tt.header, res.StatusCode, got, tt.reason)
		}
	}
	for _, pair := range [][2]string{
		{"X-Ringfence-User: a", "X-Ringfence-User: a"}, {"X-Ringfence-MFA: true", "X-Ringfence-MFA: true"}, {"X-Real-IP: ::1", "X-Real-IP: ::1"},
		{"X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.2"}, {"X-Forwarded-Uri: /", "X-Original-URL: https://a/"}, {"X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: "},
	} {
		w, _ := holding(t)
		if res := w.ask("app=a", pair[0], pair[1]); res.Header.Get("X-Ringfence-Reason") != "request" || res.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %d %q", pair, res.StatusCode, res.Header.Get("X-Ringfence-Reason"))
		}
	}
}

// TestMFA: there is one word for it.
func TestMFA(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "True": false, "1": false, "yes": false, "": false, "true, true": false} {
		w, _ := holding(t)
		w.ask("app=wiki", "X-Ringfence-MFA: "+value)
		if q := w.questions(); len(q) != 1 || q[0].SignIn.MFA != want {
			t.Errorf("%q: %+v", value, q)
		}
	}
}

// TestAnswers: each proxy gets what it understands.
func TestAnswers(t *testing.T) {
	deny := compliantOnly()
	deny.Spec.Grant = access.Grant{Operator: access.AllOf, Controls: []access.Control{access.Block}}
	legacy := "&client=active-sync"
	for _, tt := range []struct {
		query    string
		policies []access.Policy
		problem  error
		status   int
		decision string
		reason   string
		owed     string
		body     string // what is in it; "-" for an empty one
	}{
		{"app=a", nil, nil, 200, "allow", "", "", "-"},
		{"app=a&answer=nginx", []access.Policy{deny}, nil, 403, "deny", "blocked", "", "-"},
		{"app=a&answer=plain", []access.Policy{deny}, nil, 403, "deny", "blocked", "", "blocked\nhttps://mdm.example.com/forward-auth/remedy/"},
		{"app=a&answer=envoy", []access.Policy{deny}, nil, 403, "deny", "blocked", "", "<h1>You cannot come in</h1>"},
		{"app=a", []access.Policy{deny}, nil, 403, "deny", "blocked", "", "phones (3)"},
		{"app=a", []access.Policy{compliantOnly()}, nil, 403, "allow-with", "owed", "compliant-device", "Use a phone that is managed"},
		{"app=a&owed=401&answer=nginx", []access.Policy{compliantOnly()}, nil, 401, "allow-with", "owed", "compliant-device", "-"},
		{"app=a&owed=401", []access.Policy{deny}, nil, 403, "deny", "blocked", "", "cannot come in"},
		{"app=a", []access.Policy{asking("a", access.MFA, access.AppProtection), compliantOnly()}, nil, 403, "allow-with", "owed", "compliant-device, mfa or app-protection", "2. Do any one of these"},
		{"app=a" + legacy, []access.Policy{compliantOnly()}, nil, 403, "deny", "legacy-client", "", "newer version"},
		{"app=a", nil, errBroken, 503, "deny", "unavailable", "", "cannot be said"},
		{"app=a&answer=plain", nil, errBroken, 503, "deny", "unavailable", "", "unavailable\n"},
		{"app=a&answer=nginx", nil, errBroken, 403, "deny", "unavailable", "", "-"},
		{"app=a&answer=envoy", nil, errBroken, 403, "deny", "unavailable", "", "cannot be said"},
		{"app=a&answer=nginx&x=1", nil, nil, 403, "deny", "setup", "", "-"},
	} {
		w := open(t)
		w.policies, w.problem = tt.policies, tt.problem
		res := w.ask(tt.query)
		body := res.body
		got := []string{res.Header.Get("X-Ringfence-Decision"), res.Header.Get("X-Ringfence-Reason"), res.Header.Get("X-Ringfence-Owed")}
		if diff := cmp.Diff([]string{tt.decision, tt.reason, tt.owed}, got); diff != "" || res.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d (-want +got):\n%s", tt.query, res.StatusCode, tt.status, diff)
		}
		if tt.body == "-" && body != "" || tt.body != "-" && !strings.Contains(body, tt.body) {
			t.Errorf("%s: the body is %q, want %q", tt.query, body, tt.body)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control is %q", tt.query, got)
		}
		if link := res.Header.Get("X-Ringfence-Remedy"); (link == "") != (tt.status == 200) || len(link) > 1024 {
			t.Errorf("%s: the link is %q", tt.query, link)
		}
		if challenge := res.Header.Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401) {
			t.Errorf("%s: the challenge is %q", tt.query, challenge)
		}
	}
}

// TestBroken: whatever breaks, shuts.
func TestBroken(t *testing.T) {
	for name, tt := range map[string]struct {
		breaks func(w *world)
		status int
	}{
		"the decider":        {func(w *world) { w.problem = errBroken }, 503},
		"the decider panics": {func(w *world) { w.panics = true }, 503},
	} {
		w, cert := holding(t)
		tt.breaks(w)
		for _, headers := range [][]string{nil, {cert}} {
			res := w.ask("app=wiki&cert=rfc9440", headers...)
			if res.StatusCode != tt.status || res.Header.Get("X-Ringfence-Decision") != "deny" || strings.Contains(res.body, "database") {
				t.Errorf("%s: %d %v", name, res.StatusCode, res.Header)
			}
		}
		if got := strings.Join(w.counted, ","); got != "unavailable rfc9440,unavailable rfc9440" {
			t.Errorf("%s: counted %s", name, got)
		}
	}
}

// TestSession: what the app must know of the session is in headers.
func TestSession(t *testing.T) {
	w := open(t)
	p := compliantOnly()
	p.Spec.Grant = access.Grant{}
	p.Spec.Session = access.Session{SignInFrequency: 90 * 60e9, Labels: []string{"limited", "no-print"}}
	w.policies = []access.Policy{p}
	h := w.ask("app=wiki").Header
	if got, want := h.Get("X-Ringfence-Sign-In-Every")+" "+h.Get("X-Ringfence-Session"), "5400 limited,no-print"; got != want {
		t.Errorf("the session is %q, want %q", got, want)
	}
	p.Spec.Session = access.Session{EverySignIn: true}
	w.policies = []access.Policy{p}
	if got := w.ask("app=wiki").Header.Get("X-Ringfence-Sign-In-Every"); got != "0" {
		t.Errorf("each time is %q", got)
	}
}

// TestMethodsAndBodies: proxies pass the person's method on. A body that never
// ends does not delay the answer.
func TestMethodsAndBodies(t *testing.T) {
	w := open(t)
	server := httptest.NewServer(w.door.Check())
	defer server.Close()
	client := server.Client()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
		body, write := io.Pipe()
		var sent io.Reader
		if method == "POST" {
			sent = body
		}
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/?app=wiki", sent)
		if err != nil {
			t.Fatal(err)
		}
		res, err := send(t, client, r)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		if got := res.body; res.StatusCode != http.StatusOK || got != "" {
			t.Errorf("%s: %d %q", method, res.StatusCode, got)
		}
		_ = write.Close()
	}
	client.CloseIdleConnections()
}

// TestWithPath: where the person's query comes behind the proxy's own path, it is
// not taken for the proxy's.
func TestWithPath(t *testing.T) {
	w := open(t)
	guarded := 0
	h := w.door.Handler(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			guarded++
			next.ServeHTTP(rw, r)
		})
	})
	for _, tt := range []struct {
		uri    string
		status int
		want   string // the resource that is asked for; empty for no question
	}{
		{"/forward-auth/with/app=wiki&answer=envoy//page?app=other&assertion=bearer", 200, "wiki GET example.com/page"},
		{"/forward-auth/with/app=wiki&answer=envoy//?%zz;x", 200, "wiki GET example.com/"},
		{"/forward-auth/with/app=wiki&answer=envoy//a/../b//c%2Fd", 200, "wiki GET example.com/a/../b//c/d"},
		{"/forward-auth/with/app=wi%2Fki&answer=envoy//", 200, "wi/ki GET example.com/"},
		{"/forward-auth/with/app=wiki&answer=envoy/page", 403, ""},
		{"/forward-auth/with/app=wiki&answer=envoy", 403, ""},
		{"/forward-auth/with/app=wiki&answer=envoy*", 403, ""},
		{"/forward-auth/with/?app=wiki&answer=envoy", 403, ""},
		{"/forward-auth/with/app=wiki&answer=envoy//" + strings.Repeat("a", 9000), 403, ""},
		{"/forward-auth/other?app=wiki", 404, ""},
		{"/forward-auth/remedy/x", 404, ""},
		{"/forward-auth?app=wiki", 200, "wiki"},
	} {
		guarded = 0
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.uri, nil))
		got := ""
		for _, q := range w.questions() {
			got = q.SignIn.App
			if r := q.SignIn.Request; r != nil {
				got += " " + r.Action + " " + r.ResourceID
			}
		}
		if rec.Code != tt.status || got != tt.want || (guarded == 1) != (tt.status != 404) {
			t.Errorf("%.80s: %d %q, want %d %q; guarded %d", tt.uri, rec.Code, got, tt.status, tt.want, guarded)
		}
	}
}
