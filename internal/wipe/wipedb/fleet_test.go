package wipedb

import (
	"context"
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
	db    *sqldb.DB
	// broken makes End fail.
	broken error
	// tell is told of ended enrolments, as the service is in a server.
	tell func(context.Context, device.ID, device.Epoch, string) error
}

// join enrols a device of the company, with a work profile.
func (f *fleet) join(id device.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.facts == nil {
		f.facts = map[device.ID]wipe.Facts{}
	}
	f.facts[id] = wipe.Facts{
		ID: id, Epoch: f.facts[id].Epoch + 1, Enrolled: true, Ownership: device.Company, Mode: device.WorkProfile, Group: "sales",
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

func (f *fleet) Select(_ context.Context, target wipe.Target, _ int) ([]wipe.Facts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []wipe.Facts
	for _, id := range target.Devices {
		if facts, ok := f.facts[id]; ok {
			found = append(found, facts)
		}
	}
	return found, nil
}

func (f *fleet) Enrolled(context.Context) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.facts), nil
}

func (f *fleet) Unsynced(context.Context, []device.ID) (map[device.ID][]wipe.App, error) {
	return nil, nil
}

func (f *fleet) Approvers(context.Context, string, []string) (int, error) { return 1, nil }

func (f *fleet) Revoked(context.Context, string) (bool, error) { return false, nil }

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
		Store: New(db), Devices: f, Apps: f, People: f, Enrollments: f, Signer: f, Bell: f, Now: now,
		NewID: func() string { return fmt.Sprintf("order-%08d", serial.Add(1)) },
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell, f.db = s.EnrollmentEnded, db
	return s
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// admin is an owner of whom a person has one credential, for a year.
func admin(ctx context.Context, name string) context.Context {
	return identity.With(ctx, identity.Caller{
		Kind: identity.Admin, Name: name, Role: identity.Owner, Person: name, Serial: name + "-1", Since: monday.AddDate(-1, 0, 0),
	})
}

func phone(ctx context.Context, id device.ID, epoch device.Epoch) (context.Context, identity.Caller) {
	c := identity.Caller{
		Kind: identity.Device, Device: id, Epoch: epoch, Ownership: device.Company, Mode: device.WorkProfile, Group: "sales",
	}
	return identity.With(ctx, c), c
}

// loose lets tests that are not about limits do as much as they like.
func loose(t *testing.T, db *sqldb.DB) {
	t.Helper()
	const lots = 1_000_000
	change(t, db, func(l *wipe.Limits) {
		l.PersonHour, l.PersonDay, l.OrganizationHour, l.OrganizationDay = lots, lots, lots, lots
		l.QuorumAbove, l.BreakerFloor = lots, lots
	})
}

// change sets other limits.
func change(t *testing.T, db *sqldb.DB, to func(*wipe.Limits)) {
	t.Helper()
	limits := wipe.DefaultLimits()
	to(&limits)
	limits.Version++
	booked(t, New(db), wipe.Booking{Limits: &limits})
}

// ask asks for one order.
func ask(key string, id device.ID, s wipe.Scope) wipe.Ask {
	return wipe.Ask{Key: key, Target: wipe.Target{Devices: []device.ID{id}}, Scope: s, Reason: "lost"}
}

// asked asks in somebody's name, and gives the one order.
func asked(t *testing.T, s *wipe.Service, a wipe.Ask) wipe.Order {
	t.Helper()
	_, orders, err := s.Ask(admin(t.Context(), "alice"), a)
	if err != nil || len(orders) != 1 {
		t.Fatalf("%d orders, error %v", len(orders), err)
	}
	return orders[0]
}

// onServers runs a test with one service and with two, on each dialect that
// takes so many. set sets up the database.
func onServers(t *testing.T, set func(*testing.T, *sqldb.DB), run func(t *testing.T, f *fleet, servers []*wipe.Service)) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		f := new(fleet)
		set(t, db)
		run(t, f, []*wipe.Service{f.serve(db, at(monday))})
	})
	t.Run("two servers", func(t *testing.T) {
		dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
			f := new(fleet)
			set(t, a)
			run(t, f, []*wipe.Service{f.serve(a, at(monday)), f.serve(b, at(monday))})
		})
	})
}
