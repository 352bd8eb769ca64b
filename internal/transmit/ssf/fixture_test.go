package ssf_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"ringfence/internal/audit"
	"ringfence/internal/audit/auditdb"
	"ringfence/internal/device"
	"ringfence/internal/egress"
	"ringfence/internal/identity"
	"ringfence/internal/oauth"
	"ringfence/internal/oauth/oauthdb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/courier"
	"ringfence/internal/transmit/ssf"
	"ringfence/internal/transmit/transmitdb"
	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeystest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const phone device.ID = "0123456789abcdef0123456789abcdef"

// clock stands still until it is moved.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	alarms []alarm
}

type alarm struct {
	at   time.Time
	ring chan time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ring := make(chan time.Time, 1)
	c.alarms = append(c.alarms, alarm{c.now.Add(d), ring})
	return ring
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	var left []alarm
	for _, a := range c.alarms {
		if a.at.After(c.now) {
			left = append(left, a)
			continue
		}
		a.ring <- c.now
	}
	c.alarms = left
}

// waiting counts who waits for the clock.
func (c *clock) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.alarms)
}

// people knows whose every phone is, and every certificate.
type people struct{}

func (people) Subject(context.Context, device.ID) (string, bool, error) {
	return "bob@example.com", true, nil
}

func (people) Certificate(context.Context, string) (transmit.Certificate, device.ID, bool, error) {
	return transmit.Certificate{Issuer: "CN=Test"}, phone, true, nil
}

// signer signs as the server does.
type signer struct{ keys *webkeys.Service }

func (s signer) Sign(ctx context.Context, alg, typ string, claims any) (string, error) {
	return s.keys.Sign(ctx, webkeys.Algorithm(alg), typ, claims)
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// world is a server with everything of it that receivers see, and one receiver.
type world struct {
	t       *testing.T
	db      *sqldb.DB
	clock   *clock
	server  *httptest.Server
	http    *http.Client
	oauth   *oauth.Service
	service *transmit.Service
	wake    chan struct{}
	// client and token are the receiver's, with ssf.manage.
	client oauth.Client
	token  string
	push   *receiver
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, db: dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), clock: &clock{now: dbtest.Now()}, wake: make(chan struct{}, 1), push: newReceiver(t),
	}
	mux := http.NewServeMux()
	w.server = httptest.NewUnstartedServer(mux)
	issuer := "https://" + w.server.Listener.Addr().String()
	keys := webkeystest.New(t, w.clock.Now)
	w.oauth = oauth.New(oauth.Config{
		Store: oauthdb.New(w.db), Keys: keys, Issuer: issuer, Now: w.clock.Now, NewID: newID, Random: rand.Reader,
	})
	w.transmitter(issuer, keys)
	door, err := ssf.New(ssf.Config{
		Service: w.service, Require: w.oauth.Require, Issuer: issuer, JWKSURI: issuer + oauth.JWKSPath, Log: slog.New(slog.DiscardHandler),
	})
	w.must(err)
	mux.Handle(ssf.Prefix, door.Handler())
	mux.Handle(ssf.MetadataPath, door.Metadata())
	mux.Handle(ssf.ResourcePath, door.Resource())
	mux.Handle(oauth.TokenPath, w.oauth.Token())
	mux.Handle(oauth.JWKSPath, w.oauth.JWKS())
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	w.http = w.server.Client()
	w.client, w.token = w.newClient("okta", oauth.ManageStreams)
	return w
}

// transmitter makes what tells receivers, and runs it.
func (w *world) transmitter(issuer string, keys *webkeys.Service) {
	roots := x509.NewCertPool()
	roots.AddCert(w.push.Certificate())
	guard, err := egress.New(egress.Config{AllowPrivate: []string{"127.0.0.1"}, Roots: roots})
	w.must(err)
	client := guard.Client()
	w.t.Cleanup(client.CloseIdleConnections)
	metrics, err := transmit.NewMetrics(prometheus.NewRegistry())
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	jitter := func() float64 { return 0 }
	w.service = transmit.New(transmit.Config{
		Store: transmitdb.New(w.db), Sealer: webkeystest.Sealer(w.t), Endpoints: guard, Signer: signer{keys}, Issuer: issuer,
		Installation: "acme", Now: w.clock.Now, After: w.clock.After, NewID: newID,
		Random: func(b []byte) { _, _ = rand.Read(b) }, Bells: new(transmit.Bells), Metrics: metrics,
	})
	fanout := transmit.NewFanout(transmit.FanoutConfig{
		Service: w.service, Record: auditdb.New(w.db), Subjects: people{}, Certificates: people{}, Wake: w.wake,
		Every: time.Hour, Jitter: jitter, Log: log, Metrics: metrics,
	})
	w.must(fanout.Begin(w.t.Context()))
	deliver := transmit.NewDeliverer(transmit.DelivererConfig{
		Service: w.service, Courier: courier.New(client, w.clock.Now), Holder: "server", Alone: true,
		Every: time.Hour, Jitter: jitter, Log: log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { fanout.Run(ctx) })
	all.Go(func() { deliver.Run(ctx) })
	w.t.Cleanup(func() { cancel(); all.Wait() })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) check(what string, want, got any) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// newClient makes a client and gets it a token over HTTP, as a receiver does.
func (w *world) newClient(name string, scopes ...oauth.Scope) (oauth.Client, string) {
	w.t.Helper()
	ctx := identity.With(w.t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice", RequestID: "r1"})
	c, secret, err := w.oauth.CreateClient(ctx, oauth.NewClient{Name: name, Scopes: scopes, RequestKey: "make-" + name})
	w.must(err)
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+oauth.TokenPath, strings.NewReader(form.Encode()))
	w.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(c.ID, secret)
	r := w.do(req)
	w.check("status of the token", http.StatusOK, r.status)
	token, _ := r.object()["access_token"].(string)
	return c, token
}

// reply is what came back.
type reply struct {
	w      *world
	status int
	header http.Header
	body   []byte
}

func (w *world) do(req *http.Request) reply {
	w.t.Helper()
	res, err := w.http.Do(req)
	w.must(err)
	body, err := io.ReadAll(res.Body)
	w.must(err)
	w.must(res.Body.Close())
	return reply{w, res.StatusCode, res.Header, body}
}

func (r reply) object() map[string]any {
	r.w.t.Helper()
	var o map[string]any
	if err := json.Unmarshal(r.body, &o); err != nil {
		r.w.t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return o
}

// is checks the status, and what every answer has.
func (r reply) is(status int) reply {
	r.w.t.Helper()
	if r.status != status {
		r.w.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if keep := r.header.Get("Cache-Control"); keep != "no-store" {
		r.w.t.Errorf("Cache-Control %q", keep)
	}
	if status >= 400 && status != http.StatusUnauthorized && r.object()["error"] == "" {
		r.w.t.Errorf("%d says nothing: %s", status, r.body)
	}
	return r
}

// say is a JSON object.
type say map[string]any

// call calls an endpoint with the receiver's token; path may be a whole URL. A
// body that is a string is sent as it is, a nil one is none.
func (w *world) call(method, path string, body any) reply {
	w.t.Helper()
	return w.callAs(w.token, method, path, body)
}

func (w *world) callAs(token, method, path string, body any) reply {
	w.t.Helper()
	if !strings.HasPrefix(path, "https:") {
		path = w.server.URL + path
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, path, w.reader(body))
	w.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return w.do(req)
}

func (w *world) reader(body any) io.Reader {
	w.t.Helper()
	switch body := body.(type) {
	case nil:
		return http.NoBody
	case string:
		return strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		w.must(err)
		return bytes.NewReader(text)
	}
}

// create makes a stream and gives its id.
func (w *world) create(body any) (id string, stream map[string]any) {
	w.t.Helper()
	stream = w.call("POST", ssf.StreamsPath, body).is(http.StatusCreated).object()
	id, _ = stream["stream_id"].(string)
	return id, stream
}

// pushed is the body of a stream that is pushed to the receiver.
func (w *world) pushed(authorization string) say {
	d := say{"method": "urn:ietf:rfc:8935", "endpoint_url": w.push.URL + "/events"}
	if authorization != "" {
		d["authorization_header"] = authorization
	}
	return say{"delivery": d, "description": "a test"}
}

// record writes entries and wakes the server.
func (w *world) record(entries ...audit.Entry) {
	w.t.Helper()
	w.must(w.db.Write(context.Background(), func(tx *sqldb.Tx) error {
		for _, e := range entries {
			if err := tx.Record(e); err != nil {
				return err
			}
		}
		return nil
	}))
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// eventually waits until something is so.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("not in time: %s", what)
		}
	}
}

// pending waits until so much waits for a stream.
func (w *world) pending(id string, n int) {
	w.t.Helper()
	w.eventually("as much waits as should", func() bool {
		all, err := w.service.AllStreams(context.Background())
		w.must(err)
		for _, l := range all {
			if l.ID == id {
				return l.Health.Pending == n
			}
		}
		return false
	})
}
