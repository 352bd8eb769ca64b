package transmit_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"ringfence/internal/audit"
	"ringfence/internal/audit/auditdb"
	"ringfence/internal/device"
	"ringfence/internal/egress"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/courier"
	"ringfence/internal/transmit/transmitdb"
	"ringfence/internal/webkeys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	phone  device.ID = "0123456789abcdef0123456789abcdef"
	tablet device.ID = "fedcba9876543210fedcba9876543210"
)

var owner = transmit.Owner{ID: "client-1", Name: "okta"}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// unsigned is a Signer whose tokens are their claims, to be read by tests.
type unsigned struct{}

func (unsigned) Sign(_ context.Context, alg, typ string, claims any) (string, error) {
	raw, err := json.Marshal(claims)
	return alg + "." + typ + "." + base64.RawURLEncoding.EncodeToString(raw), err
}

// set is what a token says.
type set struct {
	Issuer   string                    `json:"iss"`
	JTI      string                    `json:"jti"`
	IssuedAt int64                     `json:"iat"`
	Audience any                       `json:"aud"`
	Txn      string                    `json:"txn"`
	Subject  map[string]any            `json:"sub_id"`
	Events   map[string]map[string]any `json:"events"`
}

func read(t *testing.T, token string) set {
	t.Helper()
	rest, ok := strings.CutPrefix(token, "RS256.secevent+jwt.")
	raw, err := base64.RawURLEncoding.DecodeString(rest)
	var s set
	if !ok || err != nil || json.Unmarshal(raw, &s) != nil {
		t.Fatalf("%q is no token", token)
	}
	return s
}

// kind gives the short name of a token's event.
func (s set) kind() string {
	for uri := range s.Events {
		return uri[strings.LastIndexByte(uri, '/')+1:]
	}
	return ""
}

// people knows whose every phone is, and every certificate.
type people struct{}

func (people) Subject(context.Context, device.ID) (string, bool, error) {
	return "bob@example.com", true, nil
}

func (people) Certificate(context.Context, string) (transmit.Certificate, device.ID, bool, error) {
	return transmit.Certificate{Issuer: "CN=Test"}, phone, true, nil
}

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

// world is one installation with one server.
type world struct {
	t       *testing.T
	db      *sqldb.DB
	clock   *clock
	store   transmit.Store
	service *transmit.Service
	fanout  *transmit.Fanout
	deliver *transmit.Deliverer
	wake    chan struct{}
	log     *lines
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
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

// plan changes a world before it is made.
type plan struct {
	store      func(transmit.Store) transmit.Store
	holder     string
	shared     bool // there are other servers
	every      time.Duration
	maxPending int
	clock      *clock
	roots      *x509.CertPool
}

func newWorld(t *testing.T, db *sqldb.DB, p plan) *world {
	t.Helper()
	w := &world{t: t, db: db, clock: p.clock, store: transmitdb.New(db), wake: make(chan struct{}, 1), log: new(lines)}
	if w.clock == nil {
		w.clock = &clock{now: dbtest.Now()}
	}
	if p.every == 0 {
		p.every = time.Hour // nothing but wakes
	}
	if p.store != nil {
		w.store = p.store(w.store)
	}
	guard, err := egress.New(egress.Config{AllowPrivate: []string{"127.0.0.1"}, Roots: p.roots})
	if err != nil {
		t.Fatal(err)
	}
	client := guard.Client()
	t.Cleanup(client.CloseIdleConnections)
	sealer, err := webkeys.NewSealer(make([]byte, webkeys.SecretLen))
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := transmit.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	jitter := func() float64 { return 0 }
	w.service = transmit.New(transmit.Config{
		Store: w.store, Sealer: sealer, Endpoints: guard, Signer: unsigned{}, Issuer: "https://mdm.example",
		Installation: "acme", MaxPending: p.maxPending, Now: w.clock.Now, After: w.clock.After, NewID: rand.Text,
		Random: func(b []byte) { _, _ = rand.Read(b) }, Bells: new(transmit.Bells), Metrics: metrics,
	})
	w.fanout = transmit.NewFanout(transmit.FanoutConfig{
		Service: w.service, Record: auditdb.New(db), Subjects: people{}, Certificates: people{}, Wake: w.wake,
		Every: p.every, Jitter: jitter, Log: log, Metrics: metrics,
	})
	w.deliver = transmit.NewDeliverer(transmit.DelivererConfig{
		Service: w.service, Courier: courier.New(client, w.clock.Now), Holder: "server" + p.holder, Alone: !p.shared,
		Every: p.every, Jitter: jitter, Log: log,
	})
	if err := w.fanout.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs parts of a server, and gives the function that stops them.
func (w *world) run(parts ...interface{ Run(context.Context) }) (stop func()) {
	return w.runIn(w.t, parts...)
}

func (w *world) runIn(tb testing.TB, parts ...interface{ Run(context.Context) }) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, p := range parts {
		all.Go(func() { p.Run(ctx) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	tb.Cleanup(stop)
	return stop
}

// start runs the whole server.
func (w *world) start() (stop func()) { return w.run(w.fanout, w.deliver) }

// record writes entries and wakes the server.
func (w *world) record(entries ...audit.Entry) {
	w.t.Helper()
	err := w.db.Write(context.Background(), func(tx *sqldb.Tx) error {
		for _, e := range entries {
			if err := tx.Record(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// stands is an entry about a phone's standing.
func stands(id device.ID, turn string) audit.Entry {
	return audit.Server("compliance.standing", "device/"+string(id), turn)
}

// toggle gives entries that turn a phone's standing back and forth, from not
// compliant.
func toggle(id device.ID, n int) []audit.Entry {
	var all []audit.Entry
	for i := range n {
		all = append(all, stands(id, []string{"non-compliant to compliant", "compliant to non-compliant: pin.device.length"}[i%2]))
	}
	return all
}

func (w *world) push(endpoint string) transmit.Stream {
	w.t.Helper()
	st, err := w.service.Create(w.t.Context(), owner, transmit.Spec{
		Delivery: transmit.Push, Endpoint: endpoint, Authorization: "Bearer let-me-in",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

// health gives how a stream fares.
func (w *world) health(id string) transmit.Health {
	w.t.Helper()
	all, err := w.service.AllStreams(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range all {
		if l.ID == id {
			return l.Health
		}
	}
	w.t.Fatalf("there is no stream %s", id)
	return transmit.Health{}
}

// actions gives the actions of this package in the record.
func (w *world) actions() []string {
	w.t.Helper()
	entries, _, err := auditdb.New(w.db).Following(context.Background(), 0, []string{
		"transmit.stream.create", "transmit.stream.update", "transmit.stream.delete", "transmit.stream.status",
		"transmit.stream.subject.add", "transmit.stream.subject.remove", "transmit.stream.redeliver",
	}, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Actor+" "+strings.TrimPrefix(e.Action, "transmit.stream."))
	}
	return all
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// receiver is an HTTPS server that writes down what it gets.
type receiver struct {
	*httptest.Server
	answer atomic.Pointer[func(w http.ResponseWriter, token string)]

	mu      sync.Mutex
	got     []string
	headers []http.Header
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.got = append(r.got, string(body))
		r.headers = append(r.headers, req.Header.Clone())
		r.mu.Unlock()
		if answer := r.answer.Load(); answer != nil {
			(*answer)(w, string(body))
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(f func(w http.ResponseWriter, token string)) { r.answer.Store(&f) }

func (r *receiver) status(code int) {
	r.answers(func(w http.ResponseWriter, _ string) { w.WriteHeader(code) })
}

func (r *receiver) well() { r.answer.Store(nil) }

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func (r *receiver) sets(t *testing.T) []set {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]set, len(r.got))
	for i, token := range r.got {
		all[i] = read(t, token)
	}
	return all
}

// roots trusts every receiver of a test: they share a certificate.
func (r *receiver) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(r.Certificate())
	return pool
}

// drained waits until a receiver got so many and nothing waits for its stream.
func (w *world) drained(id string, r *receiver, n int) {
	w.t.Helper()
	eventually(w.t, "everything is handed over", func() bool { return r.count() >= n && w.health(id).Pending == 0 })
}

// broken is a store that fails where it is told to.
type broken struct {
	transmit.Store
	settle atomic.Bool
	tell   atomic.Bool
}

var errKilled = errors.New("killed")

func (b *broken) Settle(ctx context.Context, id string, r []transmit.Result, f transmit.Fare) error {
	if b.settle.Load() {
		return errKilled
	}
	return b.Store.Settle(ctx, id, r, f)
}

func (b *broken) Tell(ctx context.Context, t transmit.Telling) (bool, error) {
	if b.tell.Load() {
		return false, errKilled
	}
	return b.Store.Tell(ctx, t)
}
