package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/answer"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Device is the phone as this package needs it.
type Device interface {
	// Enrollment gives the present enrolment; wipe.ErrNotEnrolled without one.
	Enrollment() (wipe.Enrollment, error)
	// LoadManifest gives the manifest that the phone keeps; nil without one.
	LoadManifest() (revision string, m *compliancev1.Manifest, err error)
	// LoadLease gives what SaveLease kept; the zero record before.
	LoadLease() (Record, error)
	// SaveLease is durable when it returns.
	SaveLease(Record) error
	// Uptime tells for how long the phone is on, asleep or not, and names this
	// life of it; "" and 0 where it does not know. See Reading.
	Uptime() (boot string, up time.Duration, err error)
	// LockWork locks the work side, durably, until OpenWork. Doing it again
	// changes nothing.
	LockWork(why string) error
	// OpenWork opens what LockWork locked, and nothing else.
	OpenWork() error
}

// Wiper verifies and carries out orders; wipe.Executor is one.
type Wiper interface {
	CheckLease(ctx context.Context, via wipe.Reporter, signed *wipev1.SignedOrder, number uint64) (wipe.Lease, error)
	// Holds reports whether an order that was verified still would be.
	Holds(l wipe.Lease) (bool, error)
	CarryOut(ctx context.Context, l wipe.Lease) error
}

// Server is where orders come from. A client of mdm.wipe.v1 that signs is one.
type Server interface {
	wipe.Reporter
	FetchLease(context.Context, *wipev1.FetchLeaseRequest, ...grpc.CallOption) (*wipev1.FetchLeaseResponse, error)
}

// Options are the parts of a Keeper. Log is optional.
type Options struct {
	Device Device
	Wiper  Wiper
	// Now is the clock on the wall.
	Now func() time.Time
	Log *slog.Logger
}

// Keeper keeps the lease of a phone. It is not for concurrent use.
type Keeper struct{ o Options }

// New makes a Keeper.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{o: o}
}

// Tick reads the clocks, and locks or wipes the work side if it is time. It is to
// be called at every start, before any network, and each minute while Active.
func (k *Keeper) Tick(ctx context.Context) error {
	r, err := k.load()
	if errors.Is(err, wipe.ErrNotEnrolled) {
		return k.End()
	}
	if err != nil || !r.active() {
		return err
	}
	now, err := k.reading()
	if err != nil {
		return err
	}
	r.observe(now)
	if err := k.o.Device.SaveLease(r); err != nil {
		return fmt.Errorf("write the lease down: %w", err)
	}
	if r.Locked != nil {
		if err := k.o.Device.LockWork(r.Locked.Why); err != nil {
			return fmt.Errorf("lock the work side: %w", err)
		}
	}
	if !r.wipes() {
		return nil
	}
	return k.o.Wiper.CarryOut(ctx, *r.Order)
}

// Active reports whether there is a lease to watch.
func (k *Keeper) Active() (bool, error) {
	r, err := k.load()
	if errors.Is(err, wipe.ErrNotEnrolled) {
		return false, nil
	}
	return r.active(), err
}

// Locked reports whether the work side waits for contact.
func (k *Keeper) Locked() (bool, error) {
	r, err := k.load()
	if errors.Is(err, wipe.ErrNotEnrolled) {
		return false, nil
	}
	return r.Locked != nil, err
}

// ServerTime gives the server's time as far as the phone can tell: that of the
// last contact, and what has passed since. Zero before the first contact.
func (k *Keeper) ServerTime() (time.Time, error) {
	r, err := k.load()
	if err != nil || r.LastContact.IsZero() || r.Silence == nil {
		return time.Time{}, err
	}
	now, err := k.reading()
	return r.LastContact.Add(r.Silence.Observe(now).Proven()), err
}

// Contact notes that the server has answered a check-in at a time of its own;
// zero where it does not say. It opens what the lease had locked.
func (k *Keeper) Contact(server time.Time) error {
	r, err := k.load()
	if err != nil {
		return err
	}
	now, err := k.reading()
	if err != nil {
		return err
	}
	if server.IsZero() {
		server = now.Wall
	}
	r.contact(now, server.UTC())
	if err := k.o.Device.SaveLease(r); err != nil {
		return fmt.Errorf("write the contact down: %w", err)
	}
	return k.o.Device.OpenWork()
}

// Follow takes over the lease of the manifest that the phone keeps, and gets the
// order for it if there is none yet. Again is true when the server has none to
// give now.
func (k *Keeper) Follow(ctx context.Context, via Server) (again bool, err error) {
	r, err := k.load()
	if err != nil {
		return false, err
	}
	_, m, err := k.o.Device.LoadManifest()
	if err != nil {
		return false, err
	}
	changed := r.follow(termsOf(m))
	if r.Order != nil {
		holds, err := k.o.Wiper.Holds(*r.Order)
		if err != nil {
			return false, err
		}
		if !holds {
			k.o.Log.Warn("the order of the lease holds no longer", "lease", r.Order.Number)
			r.Order, changed = nil, true
		}
	}
	if changed {
		now, err := k.reading()
		if err != nil {
			return false, err
		}
		k.o.Log.Info("another lease", "number", r.Terms.Number, "lock_after", r.Terms.LockAfter, "wipe_after", r.Terms.WipeAfter)
		r.observe(now)
		if err := k.o.Device.SaveLease(r); err != nil {
			return false, fmt.Errorf("write the lease down: %w", err)
		}
	}
	e, err := k.o.Device.Enrollment()
	if err != nil || !e.HasWorkProfile || !r.lacksOrder() {
		return false, err
	}
	return k.fetch(ctx, via, r)
}

// fetch gets the order for the lease, and keeps it if it is good.
func (k *Keeper) fetch(ctx context.Context, via Server, r Record) (again bool, err error) {
	number := r.Terms.Number
	response, err := via.FetchLease(ctx, &wipev1.FetchLeaseRequest{Number: number})
	switch {
	case answer.Reason(err) == "LEASE_NEVER_WIPES":
		r.NeverWipes = number
		r.follow(r.Terms)
		return false, k.o.Device.SaveLease(r)
	case answer.Final(err):
		k.o.Log.Info("there is no order for the lease now", "lease", number, "why", answer.Text(err))
		return true, nil
	case err != nil:
		return false, fmt.Errorf("get the order of the lease: %w", err)
	}
	order, err := k.o.Wiper.CheckLease(ctx, via, response.GetOrder(), number)
	if err != nil {
		k.o.Log.Error("the order of the lease is not kept", "lease", number, "why", answer.Clip(err.Error()))
		return true, nil
	}
	r.Order = &order
	if err := k.o.Device.SaveLease(r); err != nil {
		return false, fmt.Errorf("write the order of the lease down: %w", err)
	}
	return false, nil
}

// End ends the lease with the enrolment. What it had locked opens: the server has
// answered.
func (k *Keeper) End() error {
	r, err := k.o.Device.LoadLease()
	if err != nil {
		return err
	}
	if r.DeviceID == "" {
		return nil
	}
	if err := k.o.Device.OpenWork(); err != nil {
		return err
	}
	return k.o.Device.SaveLease(Record{})
}

// load gives the record of the present enrolment.
func (k *Keeper) load() (Record, error) {
	e, err := k.o.Device.Enrollment()
	if err != nil {
		return Record{}, err
	}
	r, err := k.o.Device.LoadLease()
	if err != nil {
		return Record{}, err
	}
	if r.DeviceID != e.DeviceID || r.Epoch != e.Epoch {
		r = Record{DeviceID: e.DeviceID, Epoch: e.Epoch}
	}
	return r, nil
}

func (k *Keeper) reading() (Reading, error) {
	boot, up, err := k.o.Device.Uptime()
	if err != nil {
		return Reading{}, fmt.Errorf("read the phone's uptime: %w", err)
	}
	return Reading{Wall: k.o.Now().Round(0).UTC(), Boot: boot, Up: up}, nil
}
