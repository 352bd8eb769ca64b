package notifydb_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"ringfence/internal/audit"
	"ringfence/internal/audit/auditdb"
	"ringfence/internal/notify"
	"ringfence/internal/notify/notifydb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// place is where a cursor is found.
type place struct {
	At    uint64
	There bool
}

func cursor(t *testing.T, s *notifydb.Store, channel string) place {
	t.Helper()
	at, there, err := s.Cursor(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	return place{at, there}
}

func begin(t *testing.T, s *notifydb.Store, channel string, at uint64) {
	t.Helper()
	if err := s.Begin(t.Context(), channel, at); err != nil {
		t.Fatal(err)
	}
}

func TestBegin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := notifydb.New(db)
		if got := cursor(t, s, "webhook"); got != (place{}) {
			t.Errorf("a new channel is at %v", got)
		}
		begin(t, s, "webhook", 7)
		begin(t, s, "webhook", 9)
		begin(t, s, "mail", 0)
		got := []place{cursor(t, s, "webhook"), cursor(t, s, "mail"), cursor(t, s, "other")}
		if diff := cmp.Diff([]place{{7, true}, {0, true}, {}}, got); diff != "" {
			t.Errorf("cursors (-want +got):\n%s", diff)
		}
	})
}

func TestMove(t *testing.T) {
	now := dbtest.Now()
	later, end := now.Add(time.Minute), now.Add(2*time.Minute)
	steps := []struct {
		name string
		move notify.Move
		want bool
		at   uint64
	}{
		{"claim", notify.Move{Holder: "one", From: 5, To: 5, Now: now, Until: later}, true, 5},
		{"claim of another", notify.Move{Holder: "two", From: 5, To: 5, Now: now, Until: later}, false, 5},
		{"another passes over", notify.Move{Holder: "two", From: 5, To: 6, Now: now}, false, 5},
		{"save", notify.Move{Holder: "one", From: 5, To: 8, Now: now, Until: later}, true, 8},
		{"save what is saved", notify.Move{Holder: "one", From: 5, To: 8, Now: now, Until: later}, false, 8},
		{"just before the end", notify.Move{Holder: "two", From: 8, To: 8, Now: later.Add(-time.Microsecond), Until: end}, false, 8},
		{"at the end", notify.Move{Holder: "two", From: 8, To: 8, Now: later, Until: end}, true, 8},
		{"too late", notify.Move{Holder: "one", From: 8, To: 9, Now: later, Until: end}, false, 8},
		{"save and leave", notify.Move{Holder: "two", From: 8, To: 9, Now: later}, true, 9},
		{"free again", notify.Move{Holder: "one", From: 9, To: 9, Now: now, Until: later}, true, 9},
		{"late, but nobody came", notify.Move{Holder: "one", From: 9, To: 10, Now: end}, true, 10},
		{"pass over what is free", notify.Move{Holder: "two", From: 10, To: 20, Now: end}, true, 20},
		{"from elsewhere", notify.Move{Holder: "two", From: 19, To: 21, Now: end}, false, 20},
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := notifydb.New(db)
		begin(t, s, "webhook", 5)
		begin(t, s, "mail", 5)
		for _, step := range steps {
			step.move.Channel = "webhook"
			got, err := s.Move(t.Context(), step.move)
			if err != nil || got != step.want {
				t.Errorf("%s: Move = %v, %v, want %v", step.name, got, err, step.want)
			}
			if got := cursor(t, s, "webhook"); got != (place{step.at, true}) {
				t.Errorf("%s: cursor at %v, want %d", step.name, got, step.at)
			}
		}
		if got := cursor(t, s, "mail"); got != (place{5, true}) {
			t.Errorf("the other channel's cursor is at %v", got)
		}
		got, err := s.Move(t.Context(), notify.Move{Channel: "other", Holder: "one", Now: now})
		if got || err != nil {
			t.Errorf("Move of a channel that is not there = %v, %v", got, err)
		}
	})
}

// TestMoveRecordsNothing: a record that grew with each notice would never end.
func TestMoveRecordsNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := notifydb.New(db)
		begin(t, s, "webhook", 0)
		if _, err := s.Move(t.Context(), notify.Move{Channel: "webhook", Holder: "one", Now: dbtest.Now()}); err != nil {
			t.Fatal(err)
		}
		if size, err := auditdb.New(db).Size(t.Context()); size != 0 || err != nil {
			t.Errorf("the record has %d entries, %v", size, err)
		}
	})
}

// TestOneClaimWins: of many who claim at once, one gets the cursor.
func TestOneClaimWins(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		begin(t, notifydb.New(a), "webhook", 5)
		var mu sync.Mutex
		var winners []string
		var all sync.WaitGroup
		for i := range 10 {
			s := notifydb.New([]*sqldb.DB{a, b}[i%2])
			all.Go(func() {
				holder := fmt.Sprint("server-", i)
				won, err := s.Move(t.Context(), notify.Move{
					Channel: "webhook", Holder: holder, From: 5, To: 5, Now: dbtest.Now(), Until: dbtest.Now().Add(time.Minute),
				})
				if err != nil {
					t.Error(err)
				}
				if won {
					mu.Lock()
					defer mu.Unlock()
					winners = append(winners, holder)
				}
			})
		}
		all.Wait()
		if len(winners) != 1 {
			t.Errorf("the claim was won by %v, want one", winners)
		}
	})
}

// inbox is where notices arrive, from several servers.
type inbox struct {
	mu   sync.Mutex
	got  []uint64
	want int
	full chan struct{}
}

func (in *inbox) Send(_ context.Context, n notify.Notice) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.got = append(in.got, n.Sequence); len(in.got) == in.want {
		close(in.full)
	}
	return nil
}

// TestTwoServers: while many hands write the record through two servers that
// both follow it, each notice is told once, in the record's order.
func TestTwoServers(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		const hands, each = 6, 12
		in := &inbox{want: hands * each / 2, full: make(chan struct{})}
		begin(t, notifydb.New(a), "inbox", 0)
		ctx, stop := context.WithCancel(t.Context())
		var servers, writers sync.WaitGroup
		defer servers.Wait()
		defer stop()
		for i, db := range []*sqldb.DB{a, b} {
			f := follower(t, db, fmt.Sprint("server-", i), in)
			servers.Go(func() { f.Run(ctx) })
		}
		for i := range hands {
			db := []*sqldb.DB{a, b}[i%2]
			writers.Go(func() {
				for k := range each {
					action := []string{"compliance.verdict", notify.ActionRequest}[k%2]
					err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
						return tx.Record(audit.Server(action, "device/x", "test"))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		select {
		case <-in.full:
		case <-time.After(30 * time.Second):
			t.Error("not everything was told")
		}
		stop()
		servers.Wait()
		entries, _, err := auditdb.New(a).Following(t.Context(), 0, notify.Actions(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		var want []uint64
		for _, e := range entries {
			want = append(want, e.Sequence)
		}
		if diff := cmp.Diff(want, in.got); diff != "" || !slices.IsSorted(in.got) {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func follower(t *testing.T, db *sqldb.DB, holder string, to notify.Sender) *notify.Follower {
	t.Helper()
	metrics, err := notify.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return notify.NewFollower(notify.Config{
		Record: auditdb.New(db), Cursors: notifydb.New(db), Holder: holder,
		Channels: []notify.Channel{{Name: "inbox", Sender: to}},
		Every:    time.Millisecond, Now: dbtest.Now, After: time.After, Jitter: func() float64 { return 0 },
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: metrics,
	})
}
