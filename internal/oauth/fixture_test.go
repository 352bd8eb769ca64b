package oauth_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/identity"
	"ringfence/internal/oauth"
	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeystest"
)

// noon has microseconds, so that losing them would show.
var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

const issuer = "https://mdm.example.com"

// store keeps clients in memory.
type store struct {
	mu      sync.Mutex
	clients []oauth.Client
	entries []audit.Entry
	reads   int
	broken  error
}

var _ oauth.Store = (*store)(nil)

func (s *store) CreateClient(_ context.Context, c oauth.Client, e audit.Entry) (oauth.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.clients {
		if old.RequestKey == c.RequestKey {
			return old, nil
		}
		if old.Name == c.Name && old.RevokedAt.IsZero() {
			return oauth.Client{}, oauth.ErrClientExists
		}
	}
	s.clients, s.entries = append(s.clients, c), append(s.entries, e)
	return c, s.broken
}

func (s *store) find(id string) (*oauth.Client, error) {
	i := slices.IndexFunc(s.clients, func(c oauth.Client) bool { return c.ID == id })
	if i < 0 {
		return nil, oauth.ErrNoClient
	}
	return &s.clients[i], nil
}

func (s *store) Client(_ context.Context, id string) (oauth.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.broken != nil {
		return oauth.Client{}, s.broken
	}
	c, err := s.find(id)
	if err != nil {
		return oauth.Client{}, err
	}
	return *c, nil
}

func (s *store) ListClients(context.Context, oauth.ClientQuery) ([]oauth.Client, error) {
	return s.clients, s.broken
}

func (s *store) RevokeClient(_ context.Context, id string, at time.Time, e audit.Entry) (oauth.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(id)
	if err != nil {
		return oauth.Client{}, err
	}
	c.RevokedAt = at
	s.entries = append(s.entries, e)
	return *c, nil
}

// fixture is a service, with a clock to set.
type fixture struct {
	t     *testing.T
	at    time.Time
	store *store
	keys  *webkeys.Service
	*oauth.Service
	config oauth.Config
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, at: noon, store: new(store)}
	now := func() time.Time { return f.at }
	f.keys = webkeystest.New(t, now)
	ids := 0
	f.config = oauth.Config{
		Store: f.store, Keys: f.keys, Issuer: issuer, Now: now, Random: rand.Reader,
		NewID: func() string { ids++; return fmt.Sprintf("%032x", ids) },
	}
	f.Service = oauth.New(f.config)
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) check(what string, want, got any) {
	f.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// admin is the context of an administrator's call.
func (f *fixture) admin() context.Context {
	return identity.With(f.t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice", RequestID: "r1"})
}

// create makes a client and gives it with its secret.
func (f *fixture) create(name string, scopes ...oauth.Scope) (oauth.Client, string) {
	f.t.Helper()
	c, secret, err := f.CreateClient(f.admin(), oauth.NewClient{Name: name, Scopes: scopes, RequestKey: "key-of-" + name})
	f.must(err)
	return c, secret
}

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// send sends a request to a handler, from an address.
func (f *fixture) send(h http.Handler, r *http.Request) answer {
	f.t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// member gives a member of an answer in JSON.
func (a answer) member(name string) string {
	var all map[string]any
	if json.Unmarshal([]byte(a.Body), &all) != nil || all[name] == nil {
		return ""
	}
	return fmt.Sprint(all[name])
}

func tokenRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, oauth.TokenPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// token gets an access token.
func (f *fixture) token(c oauth.Client, secret string) string {
	f.t.Helper()
	r := tokenRequest("grant_type=client_credentials")
	r.SetBasicAuth(c.ID, secret)
	got := f.send(f.Token(), r)
	if got.Status != http.StatusOK {
		f.t.Fatalf("no token: %+v", got)
	}
	return got.member("access_token")
}

// door is a handler that says who is let in.
func door() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := oauth.From(r.Context())
		caller := identity.From(r.Context())
		//nolint:gosec // no browser reads what a test writes
		fmt.Fprintf(w, "%s %s %s peer=%s request=%v proxy=%q user=%q", caller.Actor(), caller.Serial, c.Scopes,
			caller.Peer, caller.RequestID != "", r.Header.Get("Proxy-Authorization"), r.Header.Get("Authorization"))
	})
}

func withHeader(name, value string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	if value != "" {
		r.Header.Set(name, value)
	}
	return r
}

// ask shows a bearer token at a door.
func (f *fixture) ask(scope oauth.Scope, token string) answer {
	f.t.Helper()
	return f.send(f.Require(scope, door()), withHeader("Authorization", "Bearer "+token))
}

var errBroken = errors.New("the database is away")
