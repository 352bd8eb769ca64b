package transmit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
	"ringfence/internal/webhook"
)

func (w *world) polling() transmit.Stream {
	w.t.Helper()
	st, err := w.service.Create(w.t.Context(), owner, transmit.Spec{Delivery: transmit.Poll})
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

// poll asks, without waiting.
func (w *world) poll(id string, r transmit.PollRequest) transmit.PollAnswer {
	w.t.Helper()
	r.ReturnImmediately = true
	a, err := w.service.Poll(context.Background(), owner, id, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) pending(id string, n int) {
	w.t.Helper()
	eventually(w.t, fmt.Sprint(n, " wait"), func() bool { return w.health(id).Pending == n })
}

func jtis(a transmit.PollAnswer) []string { return slices.Sorted(maps.Keys(a.Sets)) }

func TestPoll(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db, plan{})
		st := w.polling()
		w.start()
		check(t, "nothing yet", transmit.PollAnswer{Sets: map[string]string{}}, w.poll(st.ID, transmit.PollRequest{}))
		w.record(toggle(phone, 5)...)
		w.pending(st.ID, 5)
		two, none := 2, 0
		first := w.poll(st.ID, transmit.PollRequest{MaxEvents: &two})
		if len(first.Sets) != 2 || !first.MoreAvailable {
			t.Errorf("asked for two of five: %v", first)
		}
		for jti, token := range first.Sets {
			check(t, "jti", jti, read(t, token).JTI)
		}
		check(t, "asked again", first, w.poll(st.ID, transmit.PollRequest{MaxEvents: &two}))
		a := w.poll(st.ID, transmit.PollRequest{MaxEvents: &none, Ack: jtis(first)[:1]})
		check(t, "only acknowledged", transmit.PollAnswer{MoreAvailable: true}, a)
		a = w.poll(st.ID, transmit.PollRequest{
			Ack: []string{"another", "another"}, SetErrs: map[string]string{jtis(first)[1]: "invalid\x00: \xff", "else": "x"},
		})
		if len(a.Sets) != 3 || a.MoreAvailable {
			t.Errorf("the rest: %v", a)
		}
		letters, err := w.service.DeadLetters(t.Context(), st.ID, 0, 0)
		if err != nil || len(letters) != 1 || letters[0].JTI != jtis(first)[1] || letters[0].Reason != "invalid : \uFFFD" {
			t.Errorf("put aside: %+v, %v", letters, err)
		}
		w.poll(st.ID, transmit.PollRequest{Ack: jtis(a)})
		h := w.health(st.ID)
		check(t, "waits, put aside", []int{0, 1}, []int{h.Pending, h.Dead})
		below := -1
		for what, r := range map[string]transmit.PollRequest{
			"negative": {MaxEvents: &below}, "too much": {Ack: make([]string, 10_001)},
		} {
			if _, err := w.service.Poll(t.Context(), owner, st.ID, r); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestLongPoll: a poll waits for the next event, and ends with the caller.
func TestLongPoll(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{})
	st := w.polling()
	w.start()
	type answer struct {
		a   transmit.PollAnswer
		err error
	}
	answers := make(chan answer)
	ask := func(ctx context.Context) {
		go func() {
			a, err := w.service.Poll(ctx, owner, st.ID, transmit.PollRequest{})
			answers <- answer{a, err}
		}()
	}
	ask(t.Context())
	w.record(stands(phone, "unknown to compliant"))
	got := <-answers
	if got.err != nil || len(got.a.Sets) != 1 {
		t.Fatalf("woken: %v, %v", got.a, got.err)
	}
	w.poll(st.ID, transmit.PollRequest{Ack: jtis(got.a)})

	ctx, cancel := context.WithCancel(t.Context())
	ask(ctx)
	cancel()
	if got = <-answers; !errors.Is(got.err, context.Canceled) {
		t.Errorf("hung up: %v", got.err)
	}
	ask(t.Context())
	eventually(t, "nothing came", func() bool {
		w.clock.move(10 * time.Second)
		select {
		case got = <-answers:
			return true
		default:
			return false
		}
	})
	check(t, "after a while", transmit.PollAnswer{Sets: map[string]string{}}, got.a)
	ask(t.Context())
	if err := w.service.Delete(t.Context(), owner, st.ID); err != nil {
		t.Fatal(err)
	}
	if got = <-answers; !errors.Is(got.err, transmit.ErrNoStream) {
		t.Errorf("deleted meanwhile: %v, %v", got.a, got.err)
	}
}

func TestStatus(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReceiver(t)
		w := newWorld(t, db, plan{roots: r.roots()})
		st := w.push(r.URL)
		w.start()
		set := func(s transmit.Status) {
			t.Helper()
			got, err := w.service.SetStatus(t.Context(), owner, st.ID, s, "by us")
			if err != nil || got.Status != s || got.StatusReason != "by us" {
				t.Fatalf("SetStatus(%s) = %+v, %v", s, got, err)
			}
		}
		set(transmit.Paused)
		w.record(toggle(phone, 3)...)
		w.pending(st.ID, 3)
		check(t, "while paused", 0, r.count())
		set(transmit.Enabled)
		w.drained(st.ID, r, 3)
		set(transmit.Paused)
		w.record(toggle(tablet, 2)...)
		w.pending(st.ID, 2)
		set(transmit.Disabled)
		w.pending(st.ID, 0)
		w.record(toggle(phone, 1)...)
		set(transmit.Enabled)
		w.record(stands(tablet, "unknown to compliant"))
		w.drained(st.ID, r, 4)
		last := r.sets(t)[3]
		if !strings.Contains(fmt.Sprint(last.Subject), string(tablet)) || r.count() != 4 {
			t.Errorf("what was told while it was disabled is not dropped: %v", last)
		}
		// By the administrator's word the receiver is told, whatever the status.
		for n, s := range []transmit.Status{transmit.Paused, transmit.Disabled} {
			if _, err := w.service.SetAnyStatus(t.Context(), st.ID, s, "maintenance"); err != nil {
				t.Fatal(err)
			}
			w.drained(st.ID, r, 5+n)
			got := r.sets(t)[4+n]
			check(t, "told", map[string]map[string]any{string(transmit.StreamUpdated): {"status": string(s), "reason": "maintenance"}}, got.Events)
			check(t, "of whom", map[string]any{"format": "opaque", "id": st.ID}, got.Subject)
		}
		if err := w.service.Verify(t.Context(), owner, st.ID, "x"); !errors.Is(err, transmit.ErrDisabled) {
			t.Errorf("Verify of a disabled stream: %v", err)
		}
		for what, call := range map[string]func() error{
			"another word": func() error {
				_, err := w.service.SetStatus(t.Context(), owner, st.ID, "asleep", "")
				return err
			},
			"two lines": func() error {
				_, err := w.service.SetStatus(t.Context(), owner, st.ID, transmit.Enabled, "a\nb")
				return err
			},
		} {
			if err := call(); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestVerify(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReceiver(t)
		w := newWorld(t, db, plan{roots: r.roots()})
		st := w.push(r.URL)
		w.start()
		if err := w.service.Verify(t.Context(), owner, st.ID, "state-1"); err != nil {
			t.Fatal(err)
		}
		w.drained(st.ID, r, 1)
		got := r.sets(t)[0]
		check(t, "events", map[string]map[string]any{string(transmit.Verification): {"state": "state-1"}}, got.Events)
		check(t, "subject", map[string]any{"format": "opaque", "id": st.ID}, got.Subject)
		check(t, "txn", got.JTI, got.Txn) // of its own
		w.clock.move(transmit.VerifyEvery - time.Microsecond)
		if err := w.service.Verify(t.Context(), owner, st.ID, ""); !errors.Is(err, transmit.ErrTooSoon) {
			t.Errorf("a moment later: %v", err)
		}
		w.clock.move(time.Microsecond)
		if err := w.service.Verify(t.Context(), owner, st.ID, ""); err != nil {
			t.Error(err)
		}
		w.drained(st.ID, r, 2)
		check(t, "without a state", map[string]map[string]any{string(transmit.Verification): {}}, r.sets(t)[1].Events)
	})
}

func TestSubjects(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db, plan{})
		st := w.polling()
		w.start()
		out := transmit.Subject{Device: phone}
		if err := w.service.RemoveSubject(t.Context(), owner, st.ID, out); err != nil {
			t.Fatal(err)
		}
		w.record(stands(phone, "unknown to compliant"), stands(tablet, "unknown to compliant"))
		w.pending(st.ID, 1)
		if err := w.service.AddSubject(t.Context(), owner, st.ID, out); err != nil {
			t.Fatal(err)
		}
		w.record(stands(phone, "compliant to non-compliant: pin.device.length"))
		w.pending(st.ID, 2)
		if err := w.service.RemoveSubject(t.Context(), owner, st.ID, transmit.Subject{User: "bob@example.com"}); err != nil {
			t.Fatal(err)
		}
		w.record(stands(phone, "non-compliant to compliant"), audit.Server("enroll.purge", "device/"+string(phone), ""))
		if err := w.service.AddSubject(t.Context(), owner, st.ID, out); err != nil {
			t.Fatal(err)
		}
		// A purged phone was never told of.
		w.record(stands(phone, "non-compliant to compliant"))
		eventually(t, "the last", func() bool { return w.health(st.ID).Pending >= 3 })
		check(t, "pending", 3, w.health(st.ID).Pending)
		if err := w.service.RemoveSubject(t.Context(), owner, st.ID, transmit.Subject{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("nobody: %v", err)
		}
		if text := strings.Join(w.actions(), "\n"); strings.Contains(text, "bob") {
			t.Errorf("the record names a person:\n%s", text)
		}
	})
}

// TestStreams: who may have which stream, and what it says of itself.
func TestStreams(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db, plan{})
		ctx := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice"})
		other := transmit.Owner{ID: "client-2", Name: "google"}
		sp := transmit.Spec{
			Delivery: transmit.Push, Endpoint: "https://203.0.114.7/e", Authorization: "Bearer a",
			Requested: []string{string(transmit.SessionRevoked), "https://example.com/unknown"}, Description: "ours",
		}
		st, err := w.service.Create(ctx, owner, sp)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "events", []transmit.EventType{transmit.SessionRevoked}, st.Events)
		stored, err := w.service.Stream(ctx, owner, st.ID)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "as stored", st, stored)
		if strings.Contains(string(stored.Sealed), "Bearer") {
			t.Error("the authorization is not sealed")
		}
		if _, err := w.service.Create(ctx, owner, sp); !errors.Is(err, transmit.ErrDuplicate) {
			t.Errorf("twice: %v", err)
		}
		if _, err := w.service.Create(ctx, other, sp); err != nil {
			t.Errorf("of another client: %v", err)
		}
		for name, err := range map[string]error{
			"Stream": errOf(w.service.Stream(ctx, other, st.ID)), "no client": errOf(w.service.Stream(ctx, transmit.Owner{}, st.ID)),
			"Update": errOf(w.service.Update(ctx, other, st.ID, transmit.Patch{})), "Delete": w.service.Delete(ctx, other, st.ID),
			"SetStatus": errOf(w.service.SetStatus(ctx, other, st.ID, transmit.Paused, "")),
			"Verify":    w.service.Verify(ctx, other, st.ID, ""), "AddSubject": w.service.AddSubject(ctx, other, st.ID, transmit.Subject{User: "x"}),
			"Poll": errOf(w.service.Poll(ctx, other, st.ID, transmit.PollRequest{})),
		} {
			if !errors.Is(err, transmit.ErrNoStream) {
				t.Errorf("%s of another's stream: %v", name, err)
			}
		}
		if _, err := w.service.Poll(ctx, owner, st.ID, transmit.PollRequest{}); !errors.Is(err, transmit.ErrNotPolled) {
			t.Errorf("Poll of what is pushed: %v", err)
		}
		words := "theirs"
		patched, err := w.service.Update(ctx, owner, st.ID, transmit.Patch{Description: &words})
		if err != nil || patched.Description != words || patched.Version != 2 || string(patched.Sealed) != string(st.Sealed) {
			t.Errorf("Update = %+v, %v", patched, err)
		}
		elsewhere := "https://203.0.114.8/e"
		if patched, err = w.service.Update(ctx, owner, st.ID, transmit.Patch{Endpoint: &elsewhere}); err != nil || patched.Sealed != nil {
			t.Errorf("an authorization goes to another endpoint: %+v, %v", patched, err)
		}
		replaced, err := w.service.Replace(ctx, owner, st.ID, transmit.Spec{Delivery: transmit.Poll})
		if err != nil || replaced.Endpoint != "" || replaced.Description != "" || len(replaced.Events) != len(transmit.Supported()) {
			t.Errorf("Replace = %+v, %v", replaced, err)
		}
		if stored, err = w.service.AnyStream(ctx, st.ID); err != nil {
			t.Fatal(err)
		}
		check(t, "replaced, as stored", replaced, stored)
		for i := range transmit.MaxStreams - 1 {
			sp.Endpoint = fmt.Sprint("https://203.0.114.7/", i)
			if _, err := w.service.Create(ctx, owner, sp); err != nil {
				t.Fatal(err)
			}
		}
		sp.Endpoint = "https://203.0.114.7/more"
		if _, err := w.service.Create(ctx, owner, sp); !errors.Is(err, transmit.ErrTooMany) {
			t.Errorf("one too many: %v", err)
		}
		if err := w.service.Delete(ctx, owner, st.ID); err != nil {
			t.Fatal(err)
		}
		all, err := w.service.Streams(ctx, owner)
		check(t, "left", transmit.MaxStreams-1, len(all))
		if err != nil {
			t.Error(err)
		}
		if err := w.service.ClientRevoked(ctx, owner.ID); err != nil {
			t.Error(err)
		}
		listed, err := w.service.AllStreams(ctx)
		if err != nil || len(listed) != 1 || listed[0].ClientID != other.ID {
			t.Errorf("after the client was revoked: %+v, %v", listed, err)
		}
		check(t, "record", []string{"admin:alice create", "admin:alice create", "admin:alice update", "admin:alice update", "admin:alice update"}, w.actions()[:5])
	})
}

func errOf[T any](_ T, err error) error { return err }

func TestInvalidStreams(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{})
	for name, sp := range map[string]transmit.Spec{
		"no delivery":          {},
		"webhook":              {Delivery: transmit.Webhook, Endpoint: "https://example.com"},
		"no endpoint":          {Delivery: transmit.Push},
		"poll with endpoint":   {Delivery: transmit.Poll, Endpoint: "https://example.com"},
		"poll with a header":   {Delivery: transmit.Poll, Authorization: "x"},
		"http":                 {Delivery: transmit.Push, Endpoint: "http://example.com"},
		"private":              {Delivery: transmit.Push, Endpoint: "https://10.0.0.1/"},
		"metadata":             {Delivery: transmit.Push, Endpoint: "https://[::ffff:169.254.169.254]/"},
		"a header more":        {Delivery: transmit.Push, Endpoint: "https://example.com", Authorization: "a\r\nX: y"},
		"long header":          {Delivery: transmit.Push, Endpoint: "https://example.com", Authorization: strings.Repeat("a", 4097)},
		"none":                 {Delivery: transmit.Push, Endpoint: "https://example.com", Alg: "none"},
		"HS256":                {Delivery: transmit.Push, Endpoint: "https://example.com", Alg: "HS256"},
		"two lines":            {Delivery: transmit.Push, Endpoint: "https://example.com", Description: "a\nb"},
		"no text":              {Delivery: transmit.Push, Endpoint: "https://example.com", Description: "\xff"},
		"too many event types": {Delivery: transmit.Poll, Requested: make([]string, 101)},
	} {
		if _, err := w.service.Create(t.Context(), owner, sp); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebhook(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReceiver(t)
		w := newWorld(t, db, plan{roots: r.roots()})
		st, secret, err := w.service.CreateWebhook(t.Context(), transmit.WebhookSpec{Endpoint: r.URL, Events: []string{string(transmit.ComplianceChange)}})
		if err != nil {
			t.Fatal(err)
		}
		w.start()
		w.record(stands(phone, "unknown to compliant"), audit.Server("wipe.order", "device/"+string(phone), ""))
		w.drained(st.ID, r, 1)
		check(t, "got", 1, r.count())
		parsed, err := webhook.ParseSecret(secret)
		if err != nil {
			t.Fatal(err)
		}
		h, body := r.headers[0], r.got[0]
		check(t, "signature", parsed.Sign(h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), []byte(body)), h.Get("Webhook-Signature"))
		check(t, "content type", "application/json", h.Get("Content-Type"))
		if !strings.HasPrefix(body, `{"type":"device.compliance.changed","timestamp":"2026-01-02T03:04:05Z","data":{"current_status":"compliant",`) {
			t.Errorf("body: %s", body)
		}
		for name, sp := range map[string]transmit.WebhookSpec{
			"private": {Endpoint: "https://192.168.0.1"}, "an event there is not": {Endpoint: "https://example.com", Events: []string{"x"}},
			"a short secret": {Endpoint: "https://example.com", Secret: "whsec_YQ=="},
		} {
			if _, _, err := w.service.CreateWebhook(t.Context(), sp); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.service.Stream(t.Context(), transmit.Owner{}, st.ID); !errors.Is(err, transmit.ErrNoStream) {
			t.Errorf("a webhook belongs to nobody's client: %v", err)
		}
		if err := w.service.DeleteAny(t.Context(), st.ID); err != nil {
			t.Error(err)
		}
	})
}

// TestOverflow: a stream for which too much waits is paused, and one that keeps
// too much is disabled, and says so.
func TestOverflow(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{maxPending: 20})
	st := w.polling()
	w.start()
	status := func(want transmit.Status) {
		t.Helper()
		before := -1
		eventually(t, string(want), func() bool {
			if n := w.health(st.ID).Pending; n > before { // what was recorded is told
				before = n
				w.record(toggle(phone, 2)...)
			}
			now, err := w.service.AnyStream(t.Context(), st.ID)
			return err == nil && now.Status == want
		})
	}
	status(transmit.Paused)
	a := w.poll(st.ID, transmit.PollRequest{})
	check(t, "a paused stream gives", 1, len(a.Sets))
	for _, token := range a.Sets {
		check(t, "said", "stream-updated", read(t, token).kind())
	}
	status(transmit.Disabled)
	w.pending(st.ID, 2)
	check(t, "pending", 2, w.health(st.ID).Pending)
	a = w.poll(st.ID, transmit.PollRequest{})
	check(t, "a disabled stream gives", 2, len(a.Sets))
	check(t, "record", []string{"server create", "server status", "server status"}, w.actions())
}

// TestFlood: so much at once that a stream would pass both bounds is paused, and
// keeps it.
func TestFlood(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{maxPending: 20})
	st := w.polling()
	w.start()
	w.record(toggle(phone, 100)...)
	w.pending(st.ID, 101)
	eventually(t, "it is paused", func() bool {
		now, err := w.service.AnyStream(t.Context(), st.ID)
		return err == nil && now.Status == transmit.Paused
	})
}

// TestTwoServers: two servers on one database lose nothing, keep each device's
// order, and hand over little twice.
func TestTwoServers(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		r := newReceiver(t)
		time := &clock{now: dbtest.Now()}
		p := plan{roots: r.roots(), shared: true, every: 1, clock: time, holder: "a"}
		one := newWorld(t, a, p)
		p.holder = "b"
		two := newWorld(t, b, p)
		st := one.push(r.URL)
		one.start()
		stop := two.start()
		const devices, turns = 6, 10
		var writers sync.WaitGroup
		for d := range devices {
			w := []*world{one, two}[d%2]
			writers.Go(func() {
				for _, e := range toggle(device.ID(fmt.Sprintf("device-%02d", d)), turns) {
					w.record(e)
				}
			})
		}
		writers.Wait()
		stop() // and what it had taken up goes on
		eventually(t, "everything is handed over", func() bool {
			time.move(1)
			one.record()
			return r.count() >= devices*turns && one.health(st.ID).Pending == 0
		})
		seen, last := map[string]bool{}, map[string]string{}
		for _, s := range r.sets(t) {
			if seen[s.JTI] {
				continue
			}
			seen[s.JTI] = true
			id, claims := fmt.Sprint(s.Subject["device"]), s.Events[string(transmit.ComplianceChange)]
			if before := last[id]; before != "" && claims["previous_status"] != before {
				t.Errorf("%s: previous_status is %v after %s", id, claims["previous_status"], before)
			}
			last[id] = fmt.Sprint(claims["current_status"])
		}
		check(t, "events", devices*turns, len(seen))
		if r.count() > len(seen) {
			t.Logf("%d were handed over twice", r.count()-len(seen))
		}
	})
}

// TestRedirect: what is to be sent on elsewhere is not sent there.
func TestRedirect(t *testing.T) {
	r, elsewhere := newReceiver(t), newReceiver(t)
	r.answers(func(w http.ResponseWriter, _ string) {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{roots: r.roots()})
	st := w.push(r.URL)
	w.start()
	w.record(stands(phone, "unknown to compliant"))
	eventually(t, "it failed", func() bool { return w.health(st.ID).Failures == 1 })
	check(t, "why", "answered 307", w.health(st.ID).LastError)
	check(t, "elsewhere", 0, elsewhere.count())
}
