package wipedb

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// ago makes one order of somebody, so long before monday.
func ago(t *testing.T, s *Store, n int, d time.Duration, change func(*wipe.Order)) {
	t.Helper()
	o := fresh(n, device.ID("device-of-"+string(rune('a'+n))), wipe.OfWorkProfile())
	o.CreatedAt = monday.Add(-d)
	o.ChangedAt, o.NotAfter = o.CreatedAt, o.CreatedAt.Add(100*time.Hour)
	change(&o)
	create(t, s, o)
}

// TestSpent: each budget counts what it is about, within its window, whatever
// has become of it.
func TestSpent(t *testing.T) {
	const us = time.Microsecond
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		as := func(person, credential string) func(*wipe.Order) {
			return func(o *wipe.Order) { o.Person, o.Credential, o.CreatedBy = person, credential, "admin:"+credential }
		}
		ago(t, s, 1, 0, as("alice", "a1"))
		ago(t, s, 2, time.Hour-us, as("alice", "a2"))
		ago(t, s, 3, time.Hour, as("alice", "a1"))
		ago(t, s, 4, 24*time.Hour-us, as("alice", "a2"))
		ago(t, s, 5, 24*time.Hour, as("alice", "a1"))
		ago(t, s, 6, 2*time.Hour, as("bob", "b1"))
		ago(t, s, 7, 3*time.Minute, func(o *wipe.Order) { as("bob", "b1")(o); o.Scope = wipe.OfLock() })
		ago(t, s, 8, -time.Minute, as("carol", "c1")) // by another server's clock
		stopped := fresh(9, "device-nine", wipe.OfWorkProfile())
		stopped.CreatedAt, stopped.ChangedAt = monday, monday
		advance(t, s, create(t, s, stopped), wipe.Event{Kind: wipe.Cancel, Reason: "found"})

		for _, tt := range []struct {
			name   string
			matter wipe.Matter
			want   wipe.Spent
		}{
			{"nobody", wipe.Matter{Now: monday}, wipe.Spent{OrganizationHour: 5, OrganizationDay: 8, Breaker: 7}},
			{"alice", wipe.Matter{Now: monday, Person: "alice", Credential: "a1"}, wipe.Spent{
				PersonHour: 3, PersonDay: 5, CredentialHour: 2, CredentialDay: 3, OrganizationHour: 5, OrganizationDay: 8, Breaker: 7,
			}},
			{"her other credential", wipe.Matter{Now: monday, Person: "alice", Credential: "a2"}, wipe.Spent{
				PersonHour: 3, PersonDay: 5, CredentialHour: 1, CredentialDay: 2, OrganizationHour: 5, OrganizationDay: 8, Breaker: 7,
			}},
			{"bob", wipe.Matter{Now: monday, Person: "bob", Credential: "b1"}, wipe.Spent{
				PersonHour: 1, PersonDay: 2, CredentialDay: 1, OrganizationHour: 5, OrganizationDay: 8, Breaker: 7,
			}},
			{"somebody else with her credential", wipe.Matter{Now: monday, Person: "dora", Credential: "a2"}, wipe.Spent{
				CredentialHour: 1, CredentialDay: 2, OrganizationHour: 5, OrganizationDay: 8, Breaker: 7,
			}},
			{"a microsecond on", wipe.Matter{Now: monday.Add(us), Person: "alice", Credential: "a2"}, wipe.Spent{
				PersonHour: 2, PersonDay: 4, CredentialDay: 1, OrganizationHour: 4, OrganizationDay: 7, Breaker: 6,
			}},
			{"at no time", wipe.Matter{Person: "alice"}, wipe.Spent{}},
		} {
			d, err := s.Survey(t.Context(), tt.matter)
			if diff := cmp.Diff(tt.want, d.Spent); diff != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", tt.name, diff, err)
			}
		}

		// The breaker's window, and what it forgets when it closes.
		limits := wipe.DefaultLimits()
		limits.Version, limits.BreakerWindow = 2, 2*time.Hour
		breaker := func(b wipe.Booking, want uint32) {
			t.Helper()
			booked(t, s, b)
			if d, err := s.Survey(t.Context(), wipe.Matter{Now: monday}); d.Spent.Breaker != want || err != nil {
				t.Errorf("the breaker counts %d, error %v; want %d", d.Spent.Breaker, err, want)
			}
		}
		breaker(wipe.Booking{Limits: &limits}, 5)
		breaker(wipe.Booking{Breaker: &wipe.Breaker{ClosedAt: monday.Add(-3 * time.Hour)}}, 5)
		breaker(wipe.Booking{Breaker: &wipe.Breaker{ClosedAt: monday.Add(-time.Hour)}}, 4)
		breaker(wipe.Booking{Breaker: &wipe.Breaker{ClosedAt: monday}}, 1)
		breaker(wipe.Booking{Breaker: &wipe.Breaker{Since: monday, Why: "again", ClosedAt: monday}}, 1)
	})
}

// TestSpentIsCheap: a decision counts by indexes that hold all it needs.
func TestSpentIsCheap(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		if db.Dialect() != sqldb.SQLite {
			t.Skip("of a small table PostgreSQL reads all")
		}
		var plan []struct{ Detail string }
		values := map[string]any{"person": "alice", "credential": "a1", "hour": 1, "day": 1, "breaker": 1}
		if err := db.Read(t.Context()).Raw("EXPLAIN QUERY PLAN "+spentSQL, values).Scan(&plan).Error; err != nil {
			t.Fatal(err)
		}
		searches := 0
		for _, step := range plan {
			if strings.Contains(step.Detail, "wipe_orders") {
				searches++
				if !strings.HasPrefix(step.Detail, "SEARCH wipe_orders USING COVERING INDEX") {
					t.Errorf("%s", step.Detail)
				}
			}
		}
		if searches != 7 {
			t.Errorf("%d searches, want 7: %v", searches, plan)
		}
	})
}
