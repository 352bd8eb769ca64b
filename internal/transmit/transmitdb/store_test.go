package transmitdb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/audit/auditdb"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/transmitdb"
)

var (
	now   = dbtest.Now()
	entry = audit.Server("transmit.stream.test", "stream/x", "test")
)

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func stream(id string) transmit.Stream {
	return transmit.Stream{
		ID: id, ClientID: "c", ClientName: "client", Delivery: transmit.Push, Endpoint: "https://example.com/" + id,
		Sealed: []byte{0, 1, 255}, Audience: []string{"c"}, Events: transmit.Supported(), Description: "ä", Alg: "RS256",
		Status: transmit.Enabled, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
}

func create(t *testing.T, s *transmitdb.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		ok(t, s.CreateStream(t.Context(), stream(id), entry))
	}
}

func item(to, jti string, of device.ID) transmit.Item {
	return transmit.Item{
		Stream: to, JTI: jti, Type: transmit.SessionRevoked, Device: of, Subject: json.RawMessage(`{"s":"ä"}`), Claims: json.RawMessage(`{}`),
		Sequence: 7, CreatedAt: now,
	}
}

// tell puts items into the outbox, from where the cursor is.
func tell(t *testing.T, s *transmitdb.Store, items ...transmit.Item) {
	t.Helper()
	ok(t, s.Begin(t.Context(), 0))
	at, _, err := s.Cursor(t.Context())
	ok(t, err)
	told, err := s.Tell(t.Context(), transmit.Telling{From: at, To: at + 1, Items: items})
	if ok(t, err); !told {
		t.Fatal("the cursor moved")
	}
}

func due(t *testing.T, s *transmitdb.Store, id string, at time.Time) []string {
	t.Helper()
	items, err := s.Due(t.Context(), id, transmit.DueQuery{Now: at, Most: 10})
	ok(t, err)
	var all []string
	for _, i := range items {
		all = append(all, i.JTI)
	}
	return all
}

func TestTell(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := transmitdb.New(db)
		if _, there, err := s.Cursor(t.Context()); there || err != nil {
			t.Errorf("a cursor before the first: %v, %v", there, err)
		}
		ok(t, s.Begin(t.Context(), 5))
		ok(t, s.Begin(t.Context(), 9))
		create(t, s, "a", "b")
		off := stream("b")
		off.Status, off.Version = transmit.Disabled, 2
		ok(t, s.SaveStream(t.Context(), off, nil, entry))
		updated := item("b", "4", "")
		updated.Type = transmit.StreamUpdated
		step := transmit.Telling{
			From: 5, To: 8, Told: map[device.ID]transmit.Told{"d1": {Compliant: true, User: "ann"}, "d2": {HighRisk: true}},
			Items: []transmit.Item{item("a", "1", "d1"), item("b", "2", "d1"), item("gone", "3", "d1"), updated, item("a", "1", "d1")},
		}
		told, err := s.Tell(t.Context(), step)
		check(t, "told", []any{true, nil}, []any{told, err})
		told, err = s.Tell(t.Context(), step)
		check(t, "told again", []any{false, nil}, []any{told, err})
		told, err = s.Tell(t.Context(), transmit.Telling{From: 8, To: 9, Told: map[device.ID]transmit.Told{"d1": {User: "bob"}}, Forget: []device.ID{"d2"}})
		check(t, "told on", []any{true, nil}, []any{told, err})
		at, there, err := s.Cursor(t.Context())
		check(t, "cursor", []any{uint64(9), true, nil}, []any{at, there, err})
		got, err := s.Told(t.Context(), []device.ID{"d1", "d2", "d3"})
		ok(t, err)
		check(t, "what was told", map[device.ID]transmit.Told{"d1": {User: "bob"}}, got)
		check(t, "of a", []string{"1"}, due(t, s, "a", now))
		items, err := s.Waiting(t.Context(), "a", transmit.WaitingQuery{Most: 10})
		ok(t, err)
		want := item("a", "1", "d1")
		want.Number = items[0].Number
		check(t, "as stored", []transmit.Item{want}, items)
		for _, q := range []transmit.DueQuery{{Now: now, Most: 9, OnlyControl: true}, {Now: now, Most: 9}} {
			if items, err = s.Due(t.Context(), "b", q); err != nil || len(items) != 1 || items[0].JTI != "4" {
				t.Errorf("of a disabled stream: %v, %v", items, err)
			}
		}
	})
}

// TestDue: each device's first, unless it failed and its time has not come.
func TestDue(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := transmitdb.New(db)
		create(t, s, "a", "b")
		tell(t, s, item("a", "1", "d1"), item("a", "2", "d2"), item("a", "3", "d1"), item("b", "4", "d1"), item("a", "5", "d3"))
		check(t, "first", []string{"1", "2", "5"}, due(t, s, "a", now))
		items, err := s.Due(t.Context(), "a", transmit.DueQuery{Now: now, Most: 10})
		ok(t, err)
		later := now.Add(time.Minute)
		fare := transmit.Fare{Failures: 2, FailingSince: now, LastError: "x", DeliveredAt: later}
		ok(t, s.Settle(t.Context(), "a", []transmit.Result{
			{Number: items[0].Number, Tries: 1, FailedAt: now, NextAt: later, Reason: "no"},
			{Number: items[1].Number, Taken: true},
			{Number: items[2].Number, Dead: true, Reason: "never", Tries: 3, FailedAt: now},
		}, fare))
		check(t, "before its time", []string(nil), due(t, s, "a", later.Add(-time.Microsecond)))
		check(t, "at its time", []string{"1"}, due(t, s, "a", later))
		check(t, "of the other", []string{"4"}, due(t, s, "b", now))
		got, err := s.Fare(t.Context(), "a")
		ok(t, err)
		check(t, "fare", fare, got)
		if _, err := s.Fare(t.Context(), "gone"); !errors.Is(err, transmit.ErrNoStream) {
			t.Errorf("fare of no stream: %v", err)
		}
		all, err := s.Fares(t.Context())
		ok(t, err)
		check(t, "fares", map[string]transmit.Health{
			"a": {Fare: fare, Pending: 2, Oldest: now, Dead: 1}, "b": {Pending: 1, Oldest: now},
		}, all)
		letters, err := s.Dead(t.Context(), "a", 0, 10)
		ok(t, err)
		want := item("a", "5", "d3")
		want.Number, want.Tries, want.FailedAt = items[2].Number, 3, now
		check(t, "put aside", []transmit.Letter{{Item: want, At: now, Reason: "never"}}, letters)
		n, err := s.Revive(t.Context(), "b", nil, entry)
		check(t, "nothing of the other", []any{0, nil}, []any{n, err})
		n, err = s.Revive(t.Context(), "a", []string{"1", "5"}, entry)
		check(t, "revived", []any{1, nil}, []any{n, err})
		check(t, "as if it had never failed", []string{"5"}, due(t, s, "a", now))
		// A change of the stream lets it be tried anew.
		changed := stream("a")
		changed.Version = 2
		ok(t, s.SaveStream(t.Context(), changed, nil, entry))
		got, err = s.Fare(t.Context(), "a")
		ok(t, err)
		check(t, "fare after a change", transmit.Fare{LastError: "x", DeliveredAt: later}, got)
	})
}

func TestBury(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := transmitdb.New(db)
		create(t, s, "a")
		tell(t, s, item("a", "1", "d1"), item("a", "2", "d2"), item("a", "3", "d3"), item("a", "4", "d4"))
		ok(t, s.Acknowledge(t.Context(), "a", nil, map[string]string{"1": "x", "2": "x", "3": "x"}))
		for _, c := range []struct {
			before time.Time
			want   int
		}{{now, 0}, {now.Add(1000), 2}, {now.Add(1000), 1}, {now.Add(1000), 0}} {
			n, err := s.Bury(t.Context(), c.before, 2)
			check(t, "buried", []any{c.want, nil}, []any{n, err})
		}
		n, err := s.CountWaiting(t.Context(), "a", 10)
		check(t, "waits", []any{1, nil}, []any{n, err})
	})
}

func TestClaim(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := transmitdb.New(db)
		create(t, s, "a")
		later := now.Add(time.Minute)
		claim := func(holder string, at, until time.Time, want bool) {
			t.Helper()
			got, err := s.Claim(t.Context(), "a", transmit.Claim{Holder: holder, Now: at, Until: until})
			check(t, "claimed by "+holder, []any{want, nil}, []any{got, err})
		}
		claim("one", now, later, true)
		claim("two", now, later, false)
		claim("one", now, later, true)
		ok(t, s.Release(t.Context(), "a", "two"))
		claim("two", later.Add(-time.Microsecond), later, false)
		claim("two", later, later.Add(time.Minute), true)
		ok(t, s.Release(t.Context(), "a", "two"))
		claim("one", now, later, true)
		got, err := s.Claim(t.Context(), "gone", transmit.Claim{Holder: "one", Now: now, Until: later})
		check(t, "no stream", []any{false, nil}, []any{got, err})
	})
}

// TestMoved: what was changed meanwhile is not overwritten, and nothing of what
// did not take place is recorded.
func TestMoved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := transmitdb.New(db)
		create(t, s, "a", "b")
		st := stream("a")
		keep := &transmit.Rule{Subject: transmit.Subject{Device: "d1"}, Out: true}
		ok(t, s.SetRules(t.Context(), st, nil, keep, entry)) // version 2 now
		size, err := auditdb.New(db).Size(t.Context())
		ok(t, err)
		st.Version = 2
		for what, err := range map[string]error{
			"save": s.SaveStream(t.Context(), st, nil, entry), "delete": s.DeleteStream(t.Context(), "a", 1, entry),
			"rules": s.SetRules(t.Context(), stream("a"), nil, keep, entry), "gone": s.DeleteStream(t.Context(), "gone", 1, entry),
		} {
			if !errors.Is(err, transmit.ErrMoved) {
				t.Errorf("%s: %v", what, err)
			}
		}
		st.Version, st.Endpoint = 3, "https://example.com/b"
		if err := s.SaveStream(t.Context(), st, nil, entry); !errors.Is(err, transmit.ErrDuplicate) {
			t.Errorf("the endpoint of another: %v", err)
		}
		after, err := auditdb.New(db).Size(t.Context())
		check(t, "recorded", []any{size, nil}, []any{after, err})
		ok(t, s.SetRules(t.Context(), transmit.Stream{ID: "a", Version: 2}, []transmit.Subject{{Device: "d1"}},
			&transmit.Rule{Subject: transmit.Subject{User: "u", Tenant: "t"}}, entry))
		rules, err := s.Rules(t.Context(), "a")
		ok(t, err)
		check(t, "rules", []transmit.Rule{{Subject: transmit.Subject{User: "u", Tenant: "t"}, Number: 1}}, rules)
		tell(t, s, item("a", "1", "d1"))
		ok(t, s.DeleteStream(t.Context(), "a", 3, entry))
		if _, err := s.Stream(t.Context(), "a"); !errors.Is(err, transmit.ErrNoStream) {
			t.Errorf("deleted: %v", err)
		}
		n, err := s.CountWaiting(t.Context(), "a", 10)
		check(t, "waits for what is gone", []any{0, nil}, []any{n, err})
	})
}

// TestOneTells: of many servers that tell the same step, one does.
func TestOneTells(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		ok(t, transmitdb.New(a).Begin(t.Context(), 0))
		create(t, transmitdb.New(a), "a")
		var mu sync.Mutex
		won := 0
		var all sync.WaitGroup
		for i := range 8 {
			s := transmitdb.New([]*sqldb.DB{a, b}[i%2])
			all.Go(func() {
				told, err := s.Tell(t.Context(), transmit.Telling{From: 0, To: 1, Items: []transmit.Item{item("a", fmt.Sprint(i), "d1")}})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if told {
					won++
				}
			})
		}
		all.Wait()
		n, err := transmitdb.New(b).CountWaiting(t.Context(), "a", 10)
		check(t, "told, waits", []any{1, 1, nil}, []any{won, n, err})
	})
}
