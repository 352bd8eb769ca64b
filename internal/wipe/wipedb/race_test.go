package wipedb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// fleet is what surrounds a service: devices that are enrolled until ended.
type fleet struct {
	mu    sync.Mutex // guards what follows
	facts map[device.ID]wipe.Facts
	rings int
	// broken makes End fail.
	broken error
	// tell is told of ended enrolments, as the service is in a server.
	tell func(context.Context, device.ID, device.Epoch, string) error
}

func (f *fleet) join(id device.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.facts == nil {
		f.facts = map[device.ID]wipe.Facts{}
	}
	f.facts[id] = wipe.Facts{
		ID: id, Epoch: f.facts[id].Epoch + 1, Enrolled: true, Ownership: device.Personal, Mode: device.WorkProfile,
	}
}

func (f *fleet) Facts(_ context.Context, id device.ID) (wipe.Facts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	facts, ok := f.facts[id]
	if !ok {
		return wipe.Facts{}, fault.New(fault.NotFound, "", "no such device")
	}
	return facts, nil
}

func (f *fleet) End(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	if err := f.leave(id, epoch); err != nil {
		return err
	}
	return f.tell(ctx, id, epoch, reason)
}

func (f *fleet) leave(id device.ID, epoch device.Epoch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	facts := f.facts[id]
	if f.broken == nil && facts.Epoch == epoch {
		facts.Enrolled = false
		f.facts[id] = facts
	}
	return f.broken
}

func (f *fleet) Ring(device.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rings++
}

func (f *fleet) Sign(o wipe.Order) ([]byte, error) { return []byte(o.ID), nil }

func (f *fleet) Digest(o wipe.Order) (wipe.Digest, error) { return wipe.DigestOf([]byte(o.ID)), nil }

var serial atomic.Uint64

// serve makes a service on a database, as one server would.
func (f *fleet) serve(db *sqldb.DB, now func() time.Time) *wipe.Service {
	s := wipe.New(wipe.Config{
		Store: New(db), Devices: f, Enrollments: f, Signer: f, Bell: f, Now: now,
		NewID: func() string { return fmt.Sprintf("order-%08d", serial.Add(1)) },
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell = s.EnrollmentEnded
	return s
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func admin(ctx context.Context, name string) context.Context {
	return identity.With(ctx, identity.Caller{Kind: identity.Admin, Name: name})
}

func phone(ctx context.Context, id device.ID, epoch device.Epoch) (context.Context, identity.Caller) {
	c := identity.Caller{Kind: identity.Device, Device: id, Epoch: epoch}
	return identity.With(ctx, c), c
}

// onServers runs a test with one service and with two, on each dialect that
// takes so many.
func onServers(t *testing.T, run func(t *testing.T, f *fleet, servers []*wipe.Service)) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		f := new(fleet)
		run(t, f, []*wipe.Service{f.serve(db, at(monday))})
	})
	t.Run("two servers", func(t *testing.T) {
		dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
			f := new(fleet)
			run(t, f, []*wipe.Service{f.serve(a, at(monday)), f.serve(b, at(monday))})
		})
	})
}

// TestCancelOrAcknowledge: three administrators cancel while the phone
// promises, from two hands. One side wins, and both know which.
func TestCancelOrAcknowledge(t *testing.T) {
	onServers(t, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		f.join("device-one")
		for i := range 20 {
			request := wipe.Request{Key: fmt.Sprintf("key-%04d", i), Device: "device-one", Scope: apps(t, fmt.Sprintf("com.app%d", i)), Reason: "lost"}
			o, err := servers[0].Create(admin(t.Context(), "alice"), request)
			if err != nil {
				t.Fatal(err)
			}
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
			got, err := servers[0].Get(t.Context(), o.ID)
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

// TestCreateOnce: administrators who order the same at the same time get one
// order between them, and one who repeats a request gets the same order back.
func TestCreateOnce(t *testing.T) {
	onServers(t, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		for i := range 10 {
			id := device.ID(fmt.Sprintf("device-%04d", i))
			f.join(id)
			var made sync.Map
			var refused atomic.Int32
			var hands sync.WaitGroup
			for n := range 6 {
				hands.Go(func() {
					// Three administrators, each of them twice.
					request := wipe.Request{Key: "key-" + string(id), Device: id, Scope: wipe.OfWorkProfile(), Reason: "lost"}
					o, err := servers[n%len(servers)].Create(admin(t.Context(), fmt.Sprintf("admin%d", n/2)), request)
					switch {
					case err == nil:
						made.Store(o.ID, o.CreatedBy)
					case errors.Is(err, wipe.ErrPending):
						refused.Add(1)
					default:
						t.Errorf("create: %v", err)
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
	onServers(t, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		for i := range 10 {
			id := device.ID(fmt.Sprintf("device-%04d", i))
			f.join(id)
			o, err := servers[0].Create(admin(t.Context(), "alice"), wipe.Request{Key: "key-" + string(id), Device: id, Scope: wipe.OfWorkProfile(), Reason: "lost"})
			if err != nil {
				t.Fatal(err)
			}
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
			got, err := servers[0].Get(t.Context(), o.ID)
			if err != nil || got.State != wipe.Done || got.SettledAt.IsZero() || got.Version != 4 {
				t.Errorf("got %+v, error %v; want it done, settled, after four changes", got, err)
			}
		}
	})
}
