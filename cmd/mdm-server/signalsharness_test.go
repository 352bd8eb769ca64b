package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"ringfence/internal/access/forwardauth/proxytest"
	"ringfence/internal/oauth"
	"ringfence/internal/transmit/ssf"
	auditv1 "ringfence/proto/mdm/audit/v1"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

// doorURL is the issuer of a server that was tuned by openDoors, wherever it
// listens.
const doorURL = "https://" + proxytest.Door + ":8445"

// inbox takes what is pushed to it, over TLS.
type inbox struct {
	*httptest.Server
	mu       sync.Mutex // guards all below
	arrivals []arrival
	answer   func(w http.ResponseWriter, r *http.Request) int
}

// arrival is one request, and how it was answered.
type arrival struct {
	header http.Header
	body   string
	status int
}

// receives starts a receiver that takes everything until it is told otherwise.
func receives(tb testing.TB) *inbox {
	tb.Helper()
	r := &inbox{answer: answers(http.StatusAccepted, "")}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		answer := r.answer
		r.mu.Unlock()
		status := answer(w, req)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.arrivals = append(r.arrivals, arrival{req.Header, string(body), status})
	}))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.StartTLS()
	tb.Cleanup(r.Close)
	return r
}

// answers is an answer that is always the same.
func answers(status int, body string) func(http.ResponseWriter, *http.Request) int {
	return func(w http.ResponseWriter, _ *http.Request) int {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // whoever does not read it has gone
		return status
	}
}

func (r *inbox) becomes(answer func(http.ResponseWriter, *http.Request) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// requests are those answered with a status; 0 for all.
func (r *inbox) requests(status int) []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.arrivals), func(a arrival) bool { return status != 0 && a.status != status })
}

// calling has a server call receivers on this machine, and open its doors.
func calling(r *inbox) func(*Config) {
	return func(c *Config) {
		openDoors(c)
		c.Access.CallbackAllow = []string{"127.0.0.1"}
		c.Access.callbackRoots = x509.NewCertPool()
		c.Access.callbackRoots.AddCert(r.Certificate())
	}
}

// partner is an identity provider: an OAuth client, made by an administrator.
type partner struct {
	id, secret, token string
	http              *http.Client
	keys              jose.JSONWebKeySet
}

// partner makes a client, and has it get a token.
func (s *server) partner(tb testing.TB, a *admin, name string, scopes ...string) *partner {
	tb.Helper()
	made := must[*oauthv1.CreateClientResponse](tb)(a.oauth.CreateClient(tb.Context(), &oauthv1.CreateClientRequest{
		RequestKey: newID(), Name: name, Scopes: scopes,
	}))
	p := &partner{id: made.GetClient().GetId(), secret: made.GetSecret()}
	p.moves(tb, s)
	p.signsIn(tb)
	return p
}

// moves has the partner speak to a server of the installation.
func (p *partner) moves(tb testing.TB, s *server) {
	tb.Helper()
	p.http = &http.Client{Timeout: patience + 5*time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots(tb), MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.at.Access)
		},
	}}
}

// signsIn gets a token.
func (p *partner) signsIn(tb testing.TB) {
	tb.Helper()
	req := must[*http.Request](tb)(http.NewRequestWithContext(tb.Context(), http.MethodPost, doorURL+oauth.TokenPath,
		strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())))
	req.SetBasicAuth(url.QueryEscape(p.id), url.QueryEscape(p.secret))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	got := p.sends(tb, req)
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK || answer.Type != "Bearer" {
		tb.Fatalf("the token endpoint: %d %s", got.status, got.body)
	}
	p.token = answer.Token
}

func (p *partner) sends(tb testing.TB, req *http.Request) page {
	tb.Helper()
	return must[page](tb)(p.tries(req))
}

func (p *partner) tries(req *http.Request) (page, error) {
	res, err := p.http.Do(req)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	body, err := io.ReadAll(res.Body)
	return page{res.StatusCode, res.Header, string(body)}, err
}

// asks sends JSON to an endpoint, or nothing, with the token.
func (p *partner) asks(tb testing.TB, method, path string, body any) page {
	tb.Helper()
	return p.sends(tb, p.request(tb, method, path, body))
}

func (p *partner) request(tb testing.TB, method, path string, body any) *http.Request {
	tb.Helper()
	var content io.Reader = http.NoBody
	if body != nil {
		content = bytes.NewReader(must[[]byte](tb)(json.Marshal(body)))
	}
	req := must[*http.Request](tb)(http.NewRequestWithContext(tb.Context(), method, doorURL+path, content))
	req.Header.Set("Authorization", "Bearer "+p.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// gets asks, wants a status, and reads the answer.
func (p *partner) gets(tb testing.TB, want int, got page) map[string]any {
	tb.Helper()
	if got.status != want {
		tb.Fatalf("answered %d %s, want %d", got.status, got.body, want)
	}
	var o map[string]any
	if len(got.body) > 0 {
		if err := json.Unmarshal([]byte(got.body), &o); err != nil {
			tb.Fatalf("answered %s: %v", got.body, err)
		}
	}
	return o
}

// says is a JSON object that is sent.
type says = map[string]any

func pushTo(endpoint string) says {
	return says{"delivery": says{"method": "urn:ietf:rfc:8935", "endpoint_url": endpoint, "authorization_header": "Bearer of the receiver"}}
}

// streams makes a stream that is pushed, and gives its id.
func (p *partner) streams(tb testing.TB, to *inbox) string {
	tb.Helper()
	made := p.gets(tb, http.StatusCreated, p.asks(tb, http.MethodPost, ssf.StreamsPath, pushTo(to.URL+"/events?key=secret")))
	return made["stream_id"].(string)
}

// heard is a token that was verified.
type heard struct {
	Issuer   string                    `json:"iss"`
	JTI      string                    `json:"jti"`
	IssuedAt int64                     `json:"iat"`
	Audience string                    `json:"aud"`
	Txn      string                    `json:"txn"`
	Subject  map[string]any            `json:"sub_id"`
	Events   map[string]map[string]any `json:"events"`
	// Sub and Expires are not of a security event.
	Sub     *string `json:"sub"`
	Expires *int64  `json:"exp"`
}

// kind gives the one event's type by the end of its name, and its claims.
func (e *heard) kind() (string, map[string]any) {
	for name, claims := range e.Events {
		return name[strings.LastIndexByte(name, '/')+1:], claims
	}
	return "", nil
}

// words are an event in short: "session-revoked", "device-compliance-change
// compliant not-compliant".
func (e *heard) words() string {
	kind, claims := e.kind()
	text := []string{kind}
	for _, name := range []string{"previous_status", "current_status", "previous_level", "current_level", "change_type"} {
		if word, ok := claims[name].(string); ok {
			text = append(text, word)
		}
	}
	return strings.Join(text, " ")
}

// device is the id of the phone or registration that an event is about, or of the
// stream.
func (e *heard) device() string {
	d, named := e.Subject["device"].(map[string]any)
	if !named {
		d = e.Subject
	}
	id, _ := d["id"].(string)
	return id
}

// opens verifies a token by what is published, as anybody could.
func (p *partner) opens(tb testing.TB, token string) *heard {
	tb.Helper()
	parsed := must[*jose.JSONWebSignature](tb)(jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}))
	head := parsed.Signatures[0].Protected
	found := p.keys.Key(head.KeyID)
	if len(found) == 0 { // another server may have made it
		got := p.asks(tb, http.MethodGet, oauth.JWKSPath, nil)
		if err := json.Unmarshal([]byte(got.body), &p.keys); err != nil || got.status != http.StatusOK {
			tb.Fatalf("the keys: %d %s", got.status, got.body)
		}
		found = p.keys.Key(head.KeyID)
	}
	if len(found) != 1 || found[0].Algorithm != head.Algorithm || !found[0].IsPublic() || head.ExtraHeaders["typ"] != "secevent+jwt" {
		tb.Fatalf("%d keys for %+v", len(found), head)
	}
	e := new(heard)
	if err := json.Unmarshal(must[[]byte](tb)(parsed.Verify(found[0])), e); err != nil {
		tb.Fatal(err)
	}
	if e.Issuer != doorURL || e.Audience != p.id || len(e.JTI) < 16 || e.IssuedAt == 0 || len(e.Events) != 1 || e.Sub != nil || e.Expires != nil {
		tb.Errorf("a security event says %+v", e)
	}
	return e
}

// taken opens what a receiver took, each event once; of one device, or of what is
// about the stream, of which the order is kept.
func (p *partner) taken(tb testing.TB, r *inbox, device string) []*heard {
	tb.Helper()
	var all []*heard
	seen := map[string]bool{}
	for _, a := range r.requests(http.StatusAccepted) {
		if a.header.Get("Authorization") != "Bearer of the receiver" || a.header.Get("Content-Type") != "application/secevent+jwt" {
			tb.Errorf("pushed with %v", a.header)
		}
		if e := p.opens(tb, a.body); !seen[e.JTI] && e.device() == device {
			seen[e.JTI] = true
			all = append(all, e)
		}
	}
	return all
}

// arrives waits for as many events of a device as are wanted, in words, and wants
// no others. It gives the last.
func (p *partner) arrives(tb testing.TB, r *inbox, device string, want ...string) *heard {
	tb.Helper()
	var got []*heard
	eventually(tb, strings.Join(want, ", "), func() (bool, error) {
		got = p.taken(tb, r, device)
		return len(got) >= len(want), errNotYet
	})
	for i, e := range got {
		if i >= len(want) || e.words() != want[i] {
			tb.Fatalf("event %d of %q is %q, want %q", i, device, e.words(), append(want, "no other")[i])
		}
	}
	return got[len(got)-1]
}

// wantSubject sees that an event is about a device, its user and the installation.
func wantSubject(tb testing.TB, s *server, e *heard, user string) {
	tb.Helper()
	got := string(must[[]byte](tb)(json.Marshal(e.Subject)))
	want := string(must[[]byte](tb)(json.Marshal(says{
		"format": "complex", "device": says{"format": "opaque", "id": e.device()},
		"user": says{"format": "email", "email": user}, "tenant": says{"format": "opaque", "id": s.parts.installation},
	})))
	if got != want {
		tb.Errorf("%s is about %s, want %s", e.words(), got, want)
	}
}

// wantCause sees that an event names the entry of the record that it tells, and is
// of that time.
func (a *admin) wantCause(tb testing.TB, e *heard, target, action string) {
	tb.Helper()
	entries := must[*auditv1.ListEntriesResponse](tb)(a.audit.ListEntries(tb.Context(), &auditv1.ListEntriesRequest{Target: target})).GetEntries()
	_, claims := e.kind()
	for _, entry := range entries {
		if strconv.FormatUint(entry.GetSequence(), 10) != e.Txn {
			continue
		}
		at, _ := claims["event_timestamp"].(float64)
		if entry.GetAction() != action || int64(at) != entry.GetTime().AsTime().Unix() {
			tb.Errorf("%s of %v tells %v, want %s", e.words(), claims, entry, action)
		}
		return
	}
	tb.Errorf("%s: no entry %q of %s", e.words(), e.Txn, target)
}

// dismisses revokes a client.
func (a *admin) dismisses(tb testing.TB, id string) {
	tb.Helper()
	must[*oauthv1.RevokeClientResponse](tb)(a.oauth.RevokeClient(tb.Context(), &oauthv1.RevokeClientRequest{Id: id}))
}
