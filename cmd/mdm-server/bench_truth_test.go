package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

const (
	// changesPerSecond is how many verdicts change a second, whatever becomes of
	// those before.
	changesPerSecond = 100
	// truthAskers are the gateway's connections to the door.
	truthAskers = 16
)

// BenchmarkTruthSQLite measures how long what is no longer true is believed: from the
// moment before a phone reports until the door answers by it, asked once, and
// until a receiver has the signed event. 1,000 phones are connected, and 100
// verdicts change a second, for better and for worse: 2000x takes 20 seconds. An
// answer of the door that is not the new one is an error. The limit is the same
// conversation with nothing in it, at the same pace and with as many connected.
func BenchmarkTruthSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchTruth(b, sqldb.SQLite) })
	b.Run("limit", benchBareTruth)
}

// BenchmarkTruthPostgres is the same on PostgreSQL.
func BenchmarkTruthPostgres(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchTruth(b, sqldb.Postgres) })
	b.Run("limit", benchBareTruth)
}

func benchTruth(b *testing.B, d sqldb.Dialect) {
	m := openMailbox(b)
	s := install(b, dbtest.DSN(b, d), func(c *Config) {
		quiet(c)
		openDoors(c)
		c.ApplyGrace = 0
		c.Access.callbackRoots, c.Access.CallbackAllow = m.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, []string{"127.0.0.1"}
	}).start(b)
	a := s.admin(b)
	a.apply(b, pinPolicy("all", 6))
	a.rule(b, wikiPolicy())
	_, err := s.parts.access.streams.Create(b.Context(), transmit.Owner{ID: "idp", Name: "idp"}, transmit.Spec{
		Delivery: transmit.Push, Endpoint: m.server.URL, Requested: []string{string(transmit.ComplianceChange)},
	})
	if err != nil {
		b.Fatal(err)
	}
	list := connected(b, s, m)
	config := s.gatewayTLS(b, "edge")
	gateways := make(chan *asker, truthAskers)
	for range truthAskers {
		gateways <- newAsker(b, config, s.at.Access, nil)
	}
	new(truth).pace(b, func(n int) (lag, error) { return list[n%len(list)].turns(b.Context(), gateways) })
}

// about is the asker about another phone.
func (a *asker) about(h *handset) *asker {
	req := a.request.Clone(context.Background())
	req.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(h.chain[0])+":")
	return &asker{a.client, req}
}

// mailbox is a receiver of pushed events. Of each phone it knows whom to tell.
type mailbox struct {
	server *httptest.Server
	mu     sync.Mutex // guards waits
	waits  map[string]chan received
}

type received struct {
	status string
	at     time.Time
}

func openMailbox(b *testing.B) *mailbox {
	m := &mailbox{waits: make(map[string]chan received)}
	m.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		at := time.Now()
		if err == nil {
			err = m.take(string(body), at)
		}
		if err != nil {
			b.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	m.server.EnableHTTP2 = true
	m.server.StartTLS()
	b.Cleanup(m.server.Close)
	return m
}

// take reads a token's claims. Its signature is looked at elsewhere.
func (m *mailbox) take(token string, at time.Time) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%.40q is no token", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Subject struct {
			Device struct {
				ID string `json:"id"`
			} `json:"device"`
		} `json:"sub_id"`
		Events map[string]struct {
			Status string `json:"current_status"`
		} `json:"events"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return err
	}
	m.mu.Lock()
	wait := m.waits[claims.Subject.Device.ID]
	m.mu.Unlock()
	for _, event := range claims.Events {
		if wait != nil && event.Status != "" {
			wait <- received{event.Status, at}
		}
	}
	return nil
}

// listening is a connected phone, and where the receiver tells of it.
type listening struct {
	*handset
	revision string
	fit      bool
	events   chan received
}

// connected enrols phones that are fit, each with an open stream.
func connected(b *testing.B, s *server, m *mailbox) []*listening {
	b.Helper()
	secret := s.admin(b).token(b, func(r *enrollv1.CreateTokenRequest) { r.MaxUses = connectedPhones })
	all := make([]*listening, connectedPhones)
	inParallel(connectedPhones, func(i int) error {
		all[i] = &listening{handset: s.member(b, secret), fit: true, events: make(chan received, 4)}
		m.mu.Lock()
		m.waits[all[i].id] = all[i].events
		m.mu.Unlock()
		return all[i].listen(b.Context())
	}, b)
	if b.Failed() {
		b.FailNow()
	}
	return all
}

// member enrols a phone inside the server, and connects it.
func (s *server) member(b *testing.B, secret string) *handset {
	b.Helper()
	h := &handset{key: newKey(b)}
	a := must[enroll.Admission](b)(s.parts.enroll.Join(b.Context(), enroll.JoinRequest{
		Secret: secret, CSR: newCSR(b, h.key), Platform: device.Android, Model: "Pixel 9", OSVersion: "16", Mode: device.WorkProfile,
	}))
	h.id, h.epoch, h.chain = string(a.Device), uint64(a.Epoch), a.Chain[:1] // as the agent does
	h.connect(b, s)
	return h
}

// listen opens a stream, and reports that all is well.
func (p *listening) listen(ctx context.Context) error {
	manifest, err := p.compliance.GetManifest(ctx, &compliancev1.GetManifestRequest{})
	if err != nil {
		return err
	}
	p.revision = manifest.GetRevision()
	stream, err := p.compliance.Watch(ctx, &compliancev1.WatchRequest{})
	if err != nil {
		return err
	}
	if _, err := stream.Recv(); err != nil {
		return err
	}
	go func() {
		var err error
		for err == nil { // until the benchmark ends
			_, err = stream.Recv()
		}
	}()
	if _, err := p.compliance.CheckIn(ctx, report(time.Now(), 8, p.revision)); err != nil {
		return err
	}
	<-p.events // that it is compliant now
	return nil
}

// truth is what is measured.
type truth struct {
	mu                       sync.Mutex // guards what follows
	checked, decided, pushed []time.Duration
}

// lag is how long it took until a report was answered, the door knew, and the
// receiver heard.
type lag struct{ checked, decided, pushed time.Duration }

// pace begins b.N turns at their pace, whatever becomes of those before.
func (t *truth) pace(b *testing.B, turn func(n int) (lag, error)) {
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / changesPerSecond)
	defer tick.Stop()
	b.ResetTimer()
	for n := range b.N {
		<-tick.C
		all.Go(func() {
			took, err := turn(n)
			if err != nil {
				b.Error(err)
			}
			t.mu.Lock()
			defer t.mu.Unlock()
			t.checked, t.decided, t.pushed = append(t.checked, took.checked), append(t.decided, took.decided), append(t.pushed, took.pushed)
		})
	}
	all.Wait()
	b.StopTimer()
	for name, took := range map[string][]time.Duration{"checkin": t.checked, "door": t.decided, "push": t.pushed} {
		slices.Sort(took)
		for _, q := range []int{50, 95, 99} {
			b.ReportMetric(took[q*(len(took)-1)/100].Seconds()*1000, fmt.Sprintf("%s-p%d-ms", name, q))
		}
	}
}

// turns has a phone report that its PIN is too short, or long enough again.
func (p *listening) turns(ctx context.Context, gateways chan *asker) (lag, error) {
	p.fit = !p.fit
	digits, status, want := uint32(4), http.StatusForbidden, "not-compliant"
	if p.fit {
		digits, status, want = 8, http.StatusOK, "compliant"
	}
	began := time.Now()
	if _, err := p.compliance.CheckIn(ctx, report(began, digits, p.revision)); err != nil {
		return lag{}, err
	}
	took := lag{checked: time.Since(began)}
	gateway := <-gateways
	got, err := gateway.about(p.handset).ask()
	took.decided = time.Since(began)
	gateways <- gateway
	if err != nil {
		return lag{}, err
	}
	if got != status {
		return lag{}, fmt.Errorf("after a report with %d digits the door answers %d", digits, got)
	}
	event := <-p.events
	if event.status != want {
		return lag{}, fmt.Errorf("after a report with %d digits the receiver hears %s", digits, event.status)
	}
	took.pushed = event.at.Sub(began)
	return took, nil
}
