package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ringfence/internal/directory"
	"ringfence/internal/directory/directorydb"
	"ringfence/internal/directory/scim"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

// server is the whole room behind TLS.
type server struct {
	t         testing.TB
	db        *sqldb.DB
	directory *directory.Service
	tokens    *directory.TokenService
	http      *httptest.Server
	secret    string
	log       *lines

	mu      sync.Mutex // guards all below
	now     time.Time
	ids     int
	changed []string
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *server) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	return fmt.Sprintf("%032x", s.ids)
}

// rung gives whose standing was said to have changed since it was last asked.
func (s *server) rung() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.changed
	s.changed = nil
	return got
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open starts a server on a database, with a token called okta.
func open(t testing.TB, db *sqldb.DB) *server {
	t.Helper()
	s := &server{t: t, db: db, log: new(lines), now: noon}
	store := directorydb.New(db)
	s.directory = directory.New(directory.Config{
		Store: store, Now: s.clock, NewID: s.newID, Cache: db.Exclusive(),
		Changed: func(_ context.Context, names []string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed = append(s.changed, names...)
		},
	})
	s.tokens = directory.NewTokens(directory.TokenConfig{Store: store, Now: s.clock, NewID: s.newID, Random: random{}})
	_, secret, err := s.tokens.Create(t.Context(), "okta")
	if err != nil {
		t.Fatal(err)
	}
	s.secret = secret
	log := s.logger()
	h := scim.New(scim.Config{
		Directory: s.directory, Tokens: s.tokens, BaseURL: "https://mdm.example/scim/v2",
		Now: s.clock, NewID: s.newID, Log: log,
	})
	s.http = httptest.NewUnstartedServer(h)
	s.http.Config = scim.NewServer(h, nil, log)
	s.http.StartTLS()
	t.Cleanup(s.http.Close)
	return s
}

func (s *server) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s.log, nil)) }

// random gives octets that nobody could guess who does not know this file.
type random struct{}

func (random) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i*7 + 1)
	}
	return len(p), nil
}

// each runs a test on each dialect.
func each(t *testing.T, run func(s *server)) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { run(open(t, db)) })
}

// one runs a test on SQLite.
func one(t *testing.T, run func(s *server)) {
	t.Helper()
	run(open(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite))))
}

// reply is what the server answered.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any // nil for none
}

// do sends a request. path is behind the prefix; headers are "Name: value".
func (s *server) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+scim.Prefix+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := s.http.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	got := reply{status: res.StatusCode, header: res.Header, text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got.body); err != nil {
			s.t.Fatalf("%s %s: the answer is no JSON: %s", method, path, text)
		}
		if kind := res.Header.Get("Content-Type"); kind != "application/scim+json" {
			s.t.Errorf("%s %s: the answer is %q", method, path, kind)
		}
	}
	return got
}

// want does a request and checks its status.
func (s *server) want(status int, method, path, body string, headers ...string) reply {
	s.t.Helper()
	got := s.do(method, path, body, headers...)
	if got.status != status {
		s.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.text, status)
	}
	return got
}

// problem does a request and checks that it fails as RFC 7644, 3.12 says.
func (s *server) problem(status int, kind, method, path, body string, headers ...string) {
	s.t.Helper()
	got := s.do(method, path, body, headers...)
	want := map[string]any{
		"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": fmt.Sprint(status), "detail": got.body["detail"],
	}
	if kind != "" {
		want["scimType"] = kind
	}
	if got.status != status || got.body["detail"] == nil || got.body["detail"] == "" {
		s.t.Errorf("%s %s %.200s: %d %s, want %d", method, path, body, got.status, got.text, status)
	}
	check(s.t, method+" "+path+" "+body[:min(len(body), 200)], want, got.body)
}

func (r reply) id() string {
	id, _ := r.body["id"].(string)
	return id
}

// user creates a user and gives its id.
func (s *server) user(name string) string {
	s.t.Helper()
	return s.want(http.StatusCreated, "POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q}`, name)).id()
}

// group creates a group and gives its id.
func (s *server) group(name string, members ...string) string {
	s.t.Helper()
	list := []map[string]string{}
	for _, id := range members {
		list = append(list, map[string]string{"value": id})
	}
	text, err := json.Marshal(map[string]any{"displayName": name, "members": list})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.want(http.StatusCreated, "POST", "/Groups", string(text)).id()
}

// members gives the ids of a group's members, as a client reads them.
func (s *server) members(group string) []string {
	s.t.Helper()
	ids := []string{}
	list, _ := s.want(http.StatusOK, "GET", "/Groups/"+group, "").body["members"].([]any)
	for _, m := range list {
		ids = append(ids, m.(map[string]any)["value"].(string))
	}
	slices.Sort(ids)
	return ids
}

func (s *server) standing(name string) directory.Standing {
	s.t.Helper()
	st, err := s.directory.Standing(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// entries gives the record since the token, as "actor action target: detail".
func (s *server) entries() []string {
	s.t.Helper()
	var rows []struct{ Actor, Action, Target, Detail, RequestID, Peer, Credential string }
	if err := s.db.Read(s.t.Context()).Table("audit_entries").Where("sequence > 1").Order("sequence").Find(&rows).Error; err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, r := range rows {
		if r.RequestID == "" || r.Peer != "127.0.0.1" || r.Credential == "" {
			s.t.Errorf("the entry %+v does not say whose request it was", r)
		}
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s %s %s: %s", r.Actor, r.Action, r.Target, r.Detail), ": "))
	}
	return all
}

func check(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var hex32 = regexp.MustCompile(`^[0-9a-f]{32}$`)

// patch makes the body of a PATCH.
func patch(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

// forgetNames empties what the store keeps for ever, between stories.
func (s *server) forgetNames() {
	s.t.Helper()
	err := s.db.Write(s.t.Context(), func(tx *sqldb.Tx) error {
		for _, table := range []string{"directory_names", "directory_users"} {
			if _, err := tx.Exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	// Whatever is done next makes the service forget what it remembers.
	s.want(http.StatusNoContent, "DELETE", "/Groups/"+s.group("nobody's"), "")
}
