package transmit_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
)

func TestPush(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReceiver(t)
		w := newWorld(t, db, plan{roots: r.roots()})
		st := w.push(r.URL + "/events?key=hidden")
		w.start()
		w.record(
			stands(phone, "unknown to compliant"),
			stands(phone, "unknown to compliant"), // as it was
			audit.Server("wipe.deliver", "device/"+string(phone), "not told"),
			audit.Server("enroll.leave", "device/"+string(phone), "epoch 1: the device left"),
		)
		w.drained(st.ID, r, 3)
		sets := r.sets(t)
		var kinds []string
		for _, s := range sets {
			kinds = append(kinds, s.kind())
		}
		check(t, "events", []string{"device-compliance-change", "device-compliance-change", "session-revoked"}, kinds)
		for i := range sets {
			sets[i].JTI = ""
		}
		check(t, "the first", set{
			Issuer: "https://mdm.example", IssuedAt: dbtest.Now().Unix(), Audience: "client-1", Txn: sets[0].Txn,
			Subject: map[string]any{
				"format": "complex", "device": map[string]any{"format": "opaque", "id": string(phone)},
				"user": map[string]any{"format": "email", "email": "bob@example.com"}, "tenant": map[string]any{"format": "opaque", "id": "acme"},
			},
			Events: map[string]map[string]any{string(transmit.ComplianceChange): {
				"previous_status": "not-compliant", "current_status": "compliant", "event_timestamp": float64(dbtest.Now().Unix()),
				"initiating_entity": "policy", "reason_admin": map[string]any{"en": "the phone's compliance changed"},
				"reason_user": map[string]any{"en": "Open the work agent on your phone: it says what to do."},
			}},
		}, sets[0])
		h := r.headers[0]
		check(t, "headers", []string{"application/secevent+jwt", "Bearer let-me-in", "application/json"},
			[]string{h.Get("Content-Type"), h.Get("Authorization"), h.Get("Accept")})
		if strings.Contains(w.log.String(), "hidden") || strings.Contains(w.log.String(), "let-me-in") {
			t.Errorf("the log says too much:\n%s", w.log.String())
		}
	})
}

// TestDeadBesideLive: one receiver never answers, another does.
func TestDeadBesideLive(t *testing.T) {
	r, dead := newReceiver(t), newReceiver(t)
	over := make(chan struct{})
	dead.answers(func(http.ResponseWriter, string) { <-over })
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{roots: r.roots()})
	live, stuck := w.push(r.URL), w.push(dead.URL)
	stop := w.start()
	for range 5 {
		w.record(toggle(phone, 2)...)
		w.record(toggle(tablet, 2)...)
	}
	w.drained(live.ID, r, 20)
	if got := w.health(stuck.ID).Pending; got == 0 {
		t.Error("the dead receiver has got everything")
	}
	close(over)
	stop()
}

// TestOrder: a receiver that is slow and works on many requests at a time gets
// each device's events in their order, and never two of one device at once.
func TestOrder(t *testing.T) {
	r := newReceiver(t)
	var mu sync.Mutex
	busy, most := map[string]bool{}, 0
	r.answers(func(w http.ResponseWriter, token string) {
		id := fmt.Sprint(read(t, token).Subject["device"])
		mu.Lock()
		if busy[id] {
			t.Errorf("two events of device %s at once", id)
		}
		busy[id] = true
		most = max(most, len(busy))
		mu.Unlock()
		w.Header().Set("X-Slow", "yes")
		mu.Lock()
		defer mu.Unlock()
		delete(busy, id)
		w.WriteHeader(http.StatusAccepted)
	})
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{roots: r.roots()})
	st := w.push(r.URL)
	w.start()
	const devices, turns = 12, 6
	var all []audit.Entry
	for n := range turns {
		for d := range devices {
			all = append(all, toggle(device.ID(fmt.Sprintf("device-%02d", d)), 2)[n%2])
		}
	}
	w.record(all...)
	w.drained(st.ID, r, devices*turns)
	last := map[string]string{}
	for _, s := range r.sets(t) {
		id := fmt.Sprint(s.Subject["device"])
		claims := s.Events[string(transmit.ComplianceChange)]
		if before := last[id]; before != "" && claims["previous_status"] != before {
			t.Errorf("%s: previous_status is %v after %s", id, claims["previous_status"], before)
		}
		last[id] = fmt.Sprint(claims["current_status"])
	}
	check(t, "events", devices*turns, r.count())
	if most > 8 {
		t.Errorf("%d requests at once", most)
	}
}

// TestKilled: a server that dies between handing over and saving hands over
// again, the same; one that dies before it told tells later.
func TestKilled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReceiver(t)
		b := new(broken)
		w := newWorld(t, db, plan{roots: r.roots(), store: func(s transmit.Store) transmit.Store {
			b.Store = s
			return b
		}})
		st := w.push(r.URL)
		b.tell.Store(true)
		stop := w.start()
		w.record(stands(phone, "unknown to compliant"))
		eventually(t, "the first server tries to tell", func() bool { return strings.Contains(w.log.String(), "events are held up") })
		stop()
		b.tell.Store(false)
		b.settle.Store(true)

		again := newWorld(t, db, plan{roots: r.roots(), store: func(transmit.Store) transmit.Store { return b }})
		stop = again.start()
		eventually(t, "the second server hands over", func() bool { return r.count() == 1 })
		stop()
		b.settle.Store(false)

		third := newWorld(t, db, plan{roots: r.roots()})
		third.start()
		third.drained(st.ID, r, 2)
		sets := r.sets(t)
		if len(sets) != 2 {
			t.Fatalf("handed over %d times", len(sets))
		}
		check(t, "the second time", sets[0], sets[1])
	})
}

// TestRefused: what a receiver refuses is put aside with its words, does not hold
// up what follows, and can be tried again.
func TestRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReceiver(t)
		r.answers(func(w http.ResponseWriter, token string) {
			if read(t, token).kind() == "session-revoked" {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"err":"invalid_request","description":"what \u0000is that?"}`))
				return
			}
			w.WriteHeader(http.StatusAccepted)
		})
		w := newWorld(t, db, plan{roots: r.roots()})
		st := w.push(r.URL)
		w.start()
		w.record(audit.Server("wipe.order", "device/"+string(phone), ""), stands(phone, "unknown to compliant"))
		w.drained(st.ID, r, 2)
		letters, err := w.service.DeadLetters(t.Context(), st.ID, 0, 10)
		if err != nil || len(letters) != 1 {
			t.Fatalf("put aside: %v, %v", letters, err)
		}
		check(t, "why", "invalid_request: what  is that?", letters[0].Reason)
		check(t, "what", transmit.SessionRevoked, letters[0].Type)
		check(t, "health", transmit.Health{Dead: 1, Fare: transmit.Fare{DeliveredAt: dbtest.Now()}}, w.health(st.ID))
		if more, err := w.service.DeadLetters(t.Context(), st.ID, letters[0].Number, 10); err != nil || len(more) != 0 {
			t.Errorf("after it: %v, %v", more, err)
		}
		r.well()
		for _, c := range []struct {
			jtis []string
			want int
		}{{[]string{"another"}, 0}, {[]string{letters[0].JTI}, 1}, {nil, 0}} {
			if n, err := w.service.Redeliver(t.Context(), st.ID, c.jtis); n != c.want || err != nil {
				t.Errorf("Redeliver(%v) = %d, %v", c.jtis, n, err)
			}
		}
		w.drained(st.ID, r, 3)
		sets := r.sets(t)
		check(t, "the last", letters[0].JTI, sets[len(sets)-1].JTI)
		check(t, "record", []string{"server create", "server redeliver"}, w.actions())
	})
}

// TestBackoff: a receiver that is down is asked less and less, and gets
// everything once it is back; after a day its stream is paused, and keeps it.
func TestBackoff(t *testing.T) {
	r := newReceiver(t)
	r.status(http.StatusServiceUnavailable)
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{roots: r.roots(), every: time.Second})
	st := w.push(r.URL)
	w.start()
	w.record(toggle(phone, 3)...)
	failures := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " failures"), func() bool { return w.health(st.ID).Failures >= n })
	}
	failures(1)
	for i := range 5 {
		// Until just before it is tried again, nothing happens.
		w.clock.move(time.Second<<i - time.Millisecond)
		check(t, "tries", i+1, r.count())
		w.clock.move(time.Millisecond)
		eventually(t, "the next try", func() bool {
			w.clock.move(0)
			return r.count() == i+2
		})
		failures(i + 2)
	}
	check(t, "pending", 3, w.health(st.ID).Pending)
	w.clock.move(25 * time.Hour)
	eventually(t, "the stream is paused", func() bool {
		w.clock.move(time.Minute)
		st, err := w.service.AnyStream(t.Context(), st.ID)
		return err == nil && st.Status == transmit.Paused && strings.HasPrefix(st.StatusReason, "the receiver has taken nothing since 2026-01-02")
	})
	r.well()
	if _, err := w.service.SetStatus(t.Context(), owner, st.ID, transmit.Enabled, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is handed over", func() bool {
		w.clock.move(time.Minute)
		return w.health(st.ID).Pending == 0
	})
	var kinds []string
	for _, s := range r.sets(t)[r.count()-4:] {
		kinds = append(kinds, s.kind())
	}
	slices.Sort(kinds)
	check(t, "events", []string{"device-compliance-change", "device-compliance-change", "device-compliance-change", "stream-updated"}, kinds)
	check(t, "health", 0, w.health(st.ID).Failures)
	check(t, "record", []string{"server create", "server status", "server status"}, w.actions())
}

// TestPoison: one event that a receiver cannot digest holds up nothing but its
// device, and is put aside after a day.
func TestPoison(t *testing.T) {
	r := newReceiver(t)
	var taken atomic.Int64
	r.answers(func(w http.ResponseWriter, token string) {
		if strings.Contains(fmt.Sprint(read(t, token).Subject["device"]), string(tablet)) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		taken.Add(1)
		w.WriteHeader(http.StatusAccepted)
	})
	w := newWorld(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)), plan{roots: r.roots(), every: time.Second})
	st := w.push(r.URL)
	w.start()
	w.record(stands(tablet, "unknown to compliant"))
	// It fails by itself for a while: then the receiver is tried with one event at
	// a time, and that one must not be it for ever.
	for range 8 {
		w.clock.move(10 * time.Minute)
		failed := r.count()
		eventually(t, "another try", func() bool {
			w.clock.move(time.Second)
			return r.count() > failed
		})
	}
	for n := range 35 {
		if n >= 5 {
			w.clock.move(time.Hour)
		}
		w.record(toggle(phone, 2)...)
		want := 2 * int64(n+1)
		eventually(t, "the other device's", func() bool {
			w.clock.move(time.Second) // the receiver may have been left alone for a moment
			return taken.Load() == want
		})
	}
	eventually(t, "it is put aside", func() bool {
		w.clock.move(time.Minute)
		return w.health(st.ID).Dead == 1
	})
	now, err := w.service.AnyStream(t.Context(), st.ID)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "status", transmit.Enabled, now.Status)
}
