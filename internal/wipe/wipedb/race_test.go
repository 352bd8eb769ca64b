package wipedb

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"ringfence/internal/device"
	"ringfence/internal/wipe"
)

// TestCancelOrAcknowledge: three administrators cancel while the phone
// promises, from two hands. One side wins, and both know which.
func TestCancelOrAcknowledge(t *testing.T) {
	onServers(t, loose, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		f.join("device-one")
		for i := range 20 {
			o := asked(t, servers[0], ask(fmt.Sprintf("key-%04d", i), "device-one", apps(t, fmt.Sprintf("com.app%d", i))))
			device, caller := phone(t.Context(), "device-one", 1)
			var cancelled, promised atomic.Int32
			count := func(n *atomic.Int32, err, lost error) {
				if err == nil {
					n.Add(1)
				} else if !errors.Is(err, lost) {
					t.Errorf("the loser heard %v, want %v", err, lost)
				}
			}
			var hands sync.WaitGroup
			for n := range 5 {
				s := servers[n%len(servers)]
				if n < 3 {
					hands.Go(func() {
						_, err := s.Cancel(admin(t.Context(), "bob"), o.ID, "found it")
						count(&cancelled, err, wipe.ErrAcknowledged)
					})
					continue
				}
				hands.Go(func() {
					if _, err := s.Fetch(device, caller); err != nil {
						t.Errorf("fetch: %v", err)
					}
					_, err := s.Report(device, caller, o.ID, wipe.Event{Kind: wipe.Acknowledge})
					count(&promised, err, wipe.ErrCancelled)
				})
			}
			hands.Wait()
			got, err := servers[0].Get(admin(t.Context(), "alice"), o.ID)
			if err != nil {
				t.Fatal(err)
			}
			type result struct {
				state               wipe.State
				cancelled, promised int32
			}
			switch r := (result{got.State, cancelled.Load(), promised.Load()}); r {
			case result{wipe.Cancelled, 3, 0}, result{wipe.Acknowledged, 0, 2}:
			default:
				t.Fatalf("no single winner: %+v", r)
			}
			if got.State == wipe.Acknowledged {
				finish := signed(got, finish(wipe.Receipt{FinishedAt: monday}))
				if _, err := servers[0].Report(device, caller, o.ID, finish); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestAskOnce: administrators who order the same at the same time get one
// order between them, and one who repeats a request gets the same order back.
func TestAskOnce(t *testing.T) {
	onServers(t, loose, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		for i := range 10 {
			id := device.ID(fmt.Sprintf("device-%04d", i))
			f.join(id)
			var made sync.Map
			var refused atomic.Int32
			var hands sync.WaitGroup
			for n := range 6 {
				hands.Go(func() {
					// Three administrators, each of them twice.
					a := ask("key-"+string(id), id, wipe.OfWorkProfile())
					_, orders, err := servers[n%len(servers)].Ask(admin(t.Context(), fmt.Sprintf("admin%d", n/2)), a)
					switch {
					case err == nil:
						made.Store(orders[0].ID, orders[0].CreatedBy)
					case errors.Is(err, wipe.ErrPending):
						refused.Add(1)
					default:
						t.Errorf("ask: %v", err)
					}
				})
			}
			hands.Wait()
			orders := 0
			made.Range(func(_, _ any) bool { orders++; return true })
			if orders != 1 || refused.Load() != 4 {
				t.Errorf("%s: %d orders, %d refusals; want 1 and 4", id, orders, refused.Load())
			}
		}
	})
}

// TestDoneOnce: a receipt that is sent twice at the same time, while the sweep
// and the enrol side end the enrolment too, is one receipt and one entry.
func TestDoneOnce(t *testing.T) {
	onServers(t, loose, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		for i := range 10 {
			id := device.ID(fmt.Sprintf("device-%04d", i))
			f.join(id)
			o := asked(t, servers[0], ask("key-"+string(id), id, wipe.OfWorkProfile()))
			ctx, c := phone(t.Context(), id, 1)
			if _, err := servers[0].Report(ctx, c, o.ID, signed(o, wipe.Event{Kind: wipe.Acknowledge})); err != nil {
				t.Fatal(err)
			}
			var hands sync.WaitGroup
			for n := range 4 {
				s := servers[n%len(servers)]
				hands.Go(func() {
					e := signed(o, finish(wipe.Receipt{FinishedAt: monday, Files: uint64(n)}))
					if _, err := s.Report(ctx, c, o.ID, e); err != nil {
						t.Errorf("report: %v", err)
					}
					if _, err := s.Sweep(t.Context()); err != nil {
						t.Errorf("sweep: %v", err)
					}
				})
			}
			hands.Wait()
			got, err := servers[0].Get(admin(t.Context(), "alice"), o.ID)
			if err != nil || got.State != wipe.Done || got.SettledAt.IsZero() || got.Version != 4 {
				t.Errorf("got %+v, error %v; want it done, settled, after four changes", got, err)
			}
		}
	})
}
