package wipedb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// fleetOf enrols so many devices.
func fleetOf(f *fleet, n int) []device.ID {
	ids := make([]device.ID, n)
	for i := range ids {
		ids[i] = device.ID(fmt.Sprintf("device-%04d", i))
		f.join(ids[i])
	}
	return ids
}

// atOnce lets as many administrators ask for a device each, all at once, and
// counts what they heard. who names each.
func atOnce(t *testing.T, servers []*wipe.Service, ids []device.ID, who func(context.Context, int) context.Context) map[string]int {
	t.Helper()
	var mu sync.Mutex // guards heard
	heard := map[string]int{}
	var hands sync.WaitGroup
	for n, id := range ids {
		hands.Go(func() {
			_, _, err := servers[n%len(servers)].Ask(who(t.Context(), n), ask("key-"+string(id), id, wipe.OfWorkProfile()))
			mu.Lock()
			defer mu.Unlock()
			heard[reasonOf(err)]++
		})
	}
	hands.Wait()
	return heard
}

// reasonOf gives what an error says no with; empty for yes.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Reason != "" {
		return f.Reason
	}
	return err.Error()
}

// recorded counts the entries of an action.
func recorded(t *testing.T, f *fleet, action string) (n int64) {
	t.Helper()
	if err := f.db.Read(t.Context()).Table("audit_entries").Where("action = ?", action).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

func ordersThere(t *testing.T, s *wipe.Service) int {
	t.Helper()
	orders, _, err := s.List(admin(t.Context(), "alice"), wipe.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(orders)
}

func defaults(*testing.T, *sqldb.DB) {}

// TestBudgetOfAPerson: with however many credentials and servers at once, a
// person gets what one person gets, and it is recorded once that there was no
// more.
func TestBudgetOfAPerson(t *testing.T) {
	onServers(t, defaults, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		heard := atOnce(t, servers, fleetOf(f, 40), func(ctx context.Context, n int) context.Context {
			c := identity.From(admin(ctx, fmt.Sprintf("alice-%d", n%3)))
			c.Person = "alice"
			return identity.With(ctx, c)
		})
		want := int(wipe.DefaultLimits().PersonHour)
		if heard[""] != want || heard[wipe.ErrBudget.Reason] != 40-want || ordersThere(t, servers[0]) != want {
			t.Errorf("heard %v, %d orders; want %d", heard, ordersThere(t, servers[0]), want)
		}
		if got := recorded(t, f, "wipe.budget"); got != 1 {
			t.Errorf("recorded %d times, want once", got)
		}
	})
}

// TestBudgetOfEverybody: nor do many persons get more than all of them may.
func TestBudgetOfEverybody(t *testing.T) {
	const most = 17
	set := func(t *testing.T, db *sqldb.DB) {
		change(t, db, func(l *wipe.Limits) { l.OrganizationHour, l.BreakerFloor = most, 100 })
	}
	onServers(t, set, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		heard := atOnce(t, servers, fleetOf(f, 40), func(ctx context.Context, n int) context.Context {
			return admin(ctx, fmt.Sprintf("admin%d", n%8))
		})
		if heard[""] != most || heard[wipe.ErrBudget.Reason] != 40-most || ordersThere(t, servers[0]) != most {
			t.Errorf("heard %v, %d orders; want %d", heard, ordersThere(t, servers[0]), most)
		}
	})
}

// TestBreaker: it opens once, nothing pending goes on, one of many approvals
// closes it, and then everything pending does.
func TestBreaker(t *testing.T) {
	onServers(t, defaults, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		ids := fleetOf(f, 40)
		heard := atOnce(t, servers, ids, func(ctx context.Context, n int) context.Context {
			return admin(ctx, fmt.Sprintf("admin%d", n%8))
		})
		want := int(wipe.DefaultLimits().BreakerFloor) + 1 // the one that is too many opens it
		if heard[""] != want || heard[wipe.ErrBreakerOpen.Reason] != 40-want {
			t.Errorf("heard %v, want %d", heard, want)
		}
		if got := recorded(t, f, "wipe.breaker"); got != 1 {
			t.Errorf("opened %d times, want once", got)
		}
		if got := fetched(t, servers, ids); got != 0 {
			t.Errorf("%d orders were given while everything is paused", got)
		}
		r, err := servers[0].Govern(admin(t.Context(), "alice"), wipe.Governing{Key: "key-resume", Reason: "a test", Close: wipe.Resume})
		if err != nil {
			t.Fatal(err)
		}
		var closed, lost atomic.Int32
		var hands sync.WaitGroup
		for n := range 8 {
			hands.Go(func() {
				_, _, err := servers[n%len(servers)].Approve(admin(t.Context(), fmt.Sprintf("owner%d", n)), r.ID, "yes")
				switch {
				case err == nil:
					closed.Add(1)
				case errors.Is(err, wipe.ErrRequestFinished):
					lost.Add(1)
				default:
					t.Errorf("approve: %v", err)
				}
			})
		}
		hands.Wait()
		if closed.Load() != 1 || lost.Load() != 7 || recorded(t, f, "wipe.resume") != 1 {
			t.Errorf("closed %d times, recorded %d, lost %d", closed.Load(), recorded(t, f, "wipe.resume"), lost.Load())
		}
		if got := fetched(t, servers, ids); got != want {
			t.Errorf("%d orders were given afterwards, want %d", got, want)
		}
	})
}

// fetched counts what all devices are given at once.
func fetched(t *testing.T, servers []*wipe.Service, ids []device.ID) int {
	t.Helper()
	var given atomic.Int32
	var hands sync.WaitGroup
	for n, id := range ids {
		hands.Go(func() {
			ctx, c := phone(t.Context(), id, 1)
			orders, err := servers[n%len(servers)].Fetch(ctx, c)
			if err != nil {
				t.Errorf("fetch: %v", err)
			}
			given.Add(int32(len(orders)))
		})
	}
	hands.Wait()
	return int(given.Load())
}

// TestApproveOrStop: of those who approve one wins, and whoever stops stops it
// before or after that: never is an order left that can go on.
func TestApproveOrStop(t *testing.T) {
	set := func(t *testing.T, db *sqldb.DB) {
		change(t, db, func(l *wipe.Limits) {
			l.QuorumAbove, l.CoolingOff, l.PersonHour, l.PersonDay, l.BreakerFloor = 2, 0, 100, 100, 100
		})
	}
	onServers(t, set, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		ids := fleetOf(f, 18)
		for round := range 6 {
			r := waits(t, servers[0], ids[round*3:round*3+3])
			heard := make(chan string, 6)
			stopped := make(chan wipe.Halt, 1)
			var hands sync.WaitGroup
			for n := range 5 {
				hands.Go(func() {
					_, _, err := servers[n%len(servers)].Approve(admin(t.Context(), fmt.Sprintf("owner%d", n)), r.ID, "")
					heard <- reasonOf(err)
				})
			}
			hands.Go(func() {
				ctx, c := phone(t.Context(), ids[round*3], 1)
				orders, err := servers[0].Fetch(ctx, c)
				if err != nil {
					t.Errorf("fetch: %v", err)
				}
				for _, d := range orders {
					_, err = servers[0].Report(ctx, c, d.Order.ID, signed(d.Order, wipe.Event{Kind: wipe.Acknowledge}))
					if err != nil && !errors.Is(err, wipe.ErrCancelled) {
						t.Errorf("report: %v", err)
					}
				}
				heard <- "phone"
			})
			hands.Go(func() {
				_, h, err := servers[len(servers)-1].Stop(admin(t.Context(), "alice"), r.ID, "wrong devices")
				if err != nil {
					t.Errorf("stop: %v", err)
				}
				stopped <- h
			})
			hands.Wait()
			close(heard)
			counts := map[string]int{}
			for h := range heard {
				counts[h]++
			}
			stoppedAsOne(t, servers[0], r.ID, counts[""], <-stopped)
		}
	})
}

// waits asks for so many devices that a second person is needed.
func waits(t *testing.T, s *wipe.Service, ids []device.ID) wipe.Request {
	t.Helper()
	ctx := admin(t.Context(), "alice")
	a := wipe.Ask{Key: "key-" + string(ids[0]), Target: wipe.Target{Devices: ids}, Scope: wipe.OfWorkProfile(), Reason: "lost"}
	plan, err := s.Plan(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	a.Plan = plan.Digest
	r, orders, err := s.Ask(ctx, a)
	if err != nil || r.State != wipe.Waiting || len(orders) != 0 {
		t.Fatalf("got %+v with %d orders, error %v", r, len(orders), err)
	}
	return r
}

// stoppedAsOne compares what a stopped request left with what its people heard.
func stoppedAsOne(t *testing.T, s *wipe.Service, id wipe.RequestID, approved int, h wipe.Halt) {
	t.Helper()
	r, err := s.GetRequest(admin(t.Context(), "alice"), id)
	if err != nil || r.State != wipe.Stopped {
		t.Fatalf("got %+v, error %v; want it stopped", r, err)
	}
	orders, _, err := s.List(admin(t.Context(), "alice"), wipe.Query{Request: id, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var cancelled, promised int
	for _, o := range orders {
		switch o.State {
		case wipe.Cancelled:
			cancelled++
		case wipe.Acknowledged:
			promised++
		default:
			t.Errorf("order %s is %s after the request was stopped", o.ID, o.State)
		}
	}
	if approved > 1 || len(orders) != 3*approved || h != (wipe.Halt{Cancelled: cancelled, TooLate: promised}) || (r.Decided.By != "") != (approved == 1) {
		t.Errorf("%d approvals, %d orders of which %d cancelled and %d promised, heard %+v, decided by %q",
			approved, len(orders), cancelled, promised, h, r.Decided.By)
	}
}
