package transmit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

const (
	// batch is how many entries are told in one transaction at most.
	batch = 256
	// stride is how many entries that mean nothing the cursor stays behind
	// before it is moved past them.
	stride = 1000
)

// Record is what is followed. Errors are faults.
type Record interface {
	// Size is the sequence of the last entry; 0 for none.
	Size(ctx context.Context) (uint64, error)
	// Following gives the entries after a sequence whose action is one of
	// actions, oldest first, at most most of them, and the sequence up to which
	// they are all there are.
	Following(ctx context.Context, after uint64, actions []string, most int) ([]audit.Entry, uint64, error)
}

// Subjects says whose a phone or a registration is. Errors are faults.
type Subjects interface {
	// Subject gives the user's name, also after the enrolment has ended; false
	// where that is not known.
	Subject(ctx context.Context, id device.ID) (user string, known bool, err error)
}

// Certificates says what is known of a certificate. Errors are faults.
type Certificates interface {
	// Certificate gives a certificate of this serial number (lower-case hex),
	// and the phone or registration that it was issued to; false where it is
	// not on record.
	Certificate(ctx context.Context, serial string) (c Certificate, of device.ID, known bool, err error)
}

// FanoutConfig is what a Fanout is made of. Every field is required.
type FanoutConfig struct {
	Service      *Service
	Record       Record
	Subjects     Subjects
	Certificates Certificates
	// Wake says that the record may have grown. It may say so too often.
	Wake <-chan struct{}
	// Every is how often it looks without having been woken, for what other
	// servers record.
	Every time.Duration
	// Jitter gives random numbers from 0 to 1.
	Jitter  func() float64
	Log     *slog.Logger
	Metrics *Metrics
}

// Fanout follows the record and puts what it means into the outbox, for every
// stream that is told of it. One goroutine runs it.
type Fanout struct {
	c     FanoutConfig
	store Store
	// passed is up to where the record, from a cursor, holds nothing to tell.
	from, passed uint64
	// rulings are the rules of streams by id, each of one version.
	rulings map[string]versioned
	// room is how many items a stream may be given before what waits for it is
	// counted again.
	room map[string]int
}

type versioned struct {
	version uint64
	rules   ruling
}

// NewFanout makes a Fanout.
func NewFanout(c FanoutConfig) *Fanout {
	return &Fanout{c: c, store: c.Service.c.Store, rulings: map[string]versioned{}, room: map[string]int{}}
}

// Begin puts the first cursor at the end of the record: what is recorded after
// it is told. Errors are faults.
func (f *Fanout) Begin(ctx context.Context) error {
	_, err := f.cursor(ctx)
	return err
}

func (f *Fanout) cursor(ctx context.Context) (uint64, error) {
	at, there, err := f.store.Cursor(ctx)
	if err != nil || there {
		return at, err
	}
	if at, err = f.c.Record.Size(ctx); err != nil {
		return 0, err
	}
	if err := f.store.Begin(ctx, at); err != nil {
		return 0, err
	}
	at, _, err = f.store.Cursor(ctx) // another server may have begun earlier
	return at, err
}

// Run tells until ctx ends. A failure is logged and tried again.
func (f *Fanout) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		moved, err := f.turn(ctx)
		wait := f.c.Every
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			wait = backoff(failures, f.c.Jitter())
			f.c.Log.LogAttrs(ctx, slog.LevelError, "events are held up",
				slog.Int("failures", failures), slog.Duration("again_in", wait), slog.Any("err", err))
		case moved:
			failures = 0
			continue
		default:
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-f.c.Wake:
		case <-f.c.Service.c.After(wait):
		}
	}
}

var errShort = errors.New("the record is shorter than what was told of it: an old database was put in place, or the cursor was changed")

// turn reads on from the cursor and tells what it finds, at most one batch. It
// says whether there may be more. Where another server told it first, nothing
// happens, and it looks again.
func (f *Fanout) turn(ctx context.Context) (bool, error) {
	at, err := f.cursor(ctx)
	if err != nil {
		return false, err
	}
	start := at
	if f.from == at {
		start = max(at, f.passed)
	}
	entries, upTo, err := f.c.Record.Following(ctx, start, Actions(), batch)
	switch {
	case err != nil:
		return false, err
	case upTo < at:
		return false, errShort
	}
	t := Telling{From: at, To: max(start, upTo)}
	if len(entries) > 0 {
		if err := f.compose(ctx, entries, &t); err != nil {
			return false, err
		}
	}
	if t.empty() && t.To-at < stride {
		f.from, f.passed = at, t.To
		return len(entries) == batch, nil
	}
	if told, err := f.store.Tell(ctx, t); err != nil || !told {
		return err == nil, err
	}
	f.announce(&t)
	return len(entries) == batch, f.bound(ctx, &t)
}

func (t *Telling) empty() bool { return len(t.Items)+len(t.Told)+len(t.Forget) == 0 }

// announce wakes those who hand over.
func (f *Fanout) announce(t *Telling) {
	rung := map[string]bool{}
	for i := range t.Items {
		it := &t.Items[i]
		f.c.Metrics.event(it.Type)
		if !rung[it.Stream] {
			rung[it.Stream] = true
			f.c.Service.c.Bells.Ring(it.Stream)
		}
	}
}

// bound pauses streams for which too much waits, and disables those that keep
// too much while they are paused.
func (f *Fanout) bound(ctx context.Context, t *Telling) error {
	given := map[string]int{}
	for i := range t.Items {
		given[t.Items[i].Stream]++
	}
	var errs []error
	for id, n := range given {
		if f.room[id] -= n; f.room[id] > 0 {
			continue
		}
		most := f.c.Service.c.MaxPending
		n, err := f.store.CountWaiting(ctx, id, 2*most)
		if err == nil {
			f.room[id] = roomFor(n, most)
			err = f.c.Service.overflow(ctx, id, n)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// roomFor gives how many more may come before what waits is counted again:
// half of what is left to the next bound.
func roomFor(waiting, most int) int {
	if waiting < most {
		return 1 + (most-waiting)/2
	}
	return 1 + (2*most-waiting)/2
}

// overflow does what comes of so much waiting for a stream.
func (s *Service) overflow(ctx context.Context, id string, waiting int) error {
	if waiting < s.c.MaxPending {
		return nil
	}
	st, err := s.c.Store.Stream(ctx, id)
	switch {
	case errors.Is(err, ErrNoStream):
		return nil
	case err != nil:
		return err
	case st.Status == Enabled:
		return s.impose(ctx, id, Enabled, statusWord{Paused, "too much waits: the receiver does not keep up"})
	case st.Status == Paused && waiting >= 2*s.c.MaxPending:
		return s.impose(ctx, id, Paused, statusWord{Disabled, "too much was kept while it was paused: it is dropped"})
	}
	return nil
}
