package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ringfence/internal/audit"
)

const (
	// batch is how many notices are read at once.
	batch = 50
	// stride is how many entries that are not told a cursor stays behind
	// before it is moved past them: looking at them again costs less than
	// writing.
	stride = 1000
	// sendWithin bounds one Send, stopWithin what is left of it when the
	// server stops, and saveWithin the saving after it.
	sendWithin = 30 * time.Second
	stopWithin = 5 * time.Second
	saveWithin = 5 * time.Second
	// claimFor is how long a claim holds without renewal. It is longer than
	// two Sends and a save.
	claimFor = 2 * time.Minute
)

// Config is what a Follower is made of. Every field is required.
type Config struct {
	Record   Record
	Cursors  Cursors
	Channels []Channel // names differ
	// Holder names this server among those of the installation.
	Holder string
	// Every is how often a channel looks for something new.
	Every time.Duration
	Now   func() time.Time
	// After is time.After.
	After func(time.Duration) <-chan time.Time
	// Jitter gives random numbers from 0 to 1.
	Jitter  func() float64
	Log     *slog.Logger
	Metrics *Metrics
}

// Follower tells the record's notices through its channels.
type Follower struct{ c Config }

// NewFollower makes a Follower.
func NewFollower(c Config) *Follower {
	for _, channel := range c.Channels {
		c.Metrics.channel(channel.Name)
	}
	return &Follower{c: c}
}

// Begin puts the cursor of each new channel at the end of the record: what is
// recorded after it is told. Errors are faults.
func (f *Follower) Begin(ctx context.Context) error {
	for _, channel := range f.c.Channels {
		if _, err := f.cursor(ctx, channel.Name); err != nil {
			return err
		}
	}
	return nil
}

// Run tells until ctx ends. A failure is logged and tried again.
func (f *Follower) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, channel := range f.c.Channels {
		all.Go(func() { f.follow(ctx, channel) })
	}
	all.Wait()
}

// follow tells through one channel until ctx ends.
func (f *Follower) follow(ctx context.Context, c Channel) {
	failures := 0
	for ctx.Err() == nil {
		wait := f.c.Every
		moved, err := f.turn(ctx, c)
		if moved || err == nil {
			failures = 0
		}
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			wait = backoff(failures, f.c.Jitter())
			f.c.Log.LogAttrs(ctx, slog.LevelError, "notices are held up", slog.String("channel", c.Name),
				slog.Int("failures", failures), slog.Duration("again_in", wait), slog.Any("err", err))
		case moved:
			continue
		}
		select {
		case <-ctx.Done():
		case <-f.c.After(wait):
		}
	}
}

var errShort = errors.New("the record is shorter than what was told of it: an old database was put in place, or a cursor was changed")

// turn reads on from the channel's cursor and tells what it finds, at most one
// batch. It says whether the cursor moved: then there may be more.
func (f *Follower) turn(ctx context.Context, c Channel) (bool, error) {
	at, err := f.cursor(ctx, c.Name)
	if err != nil {
		return false, err
	}
	entries, upTo, err := f.c.Record.Following(ctx, at, Actions(), batch)
	switch {
	case err != nil:
		return false, err
	case upTo < at:
		return false, errShort
	case len(entries) == 0 && upTo-at < stride:
		return false, nil
	}
	h := &hand{f: f, channel: c.Name, at: at}
	if len(entries) == 0 {
		return h.move(ctx, upTo, false)
	}
	if held, err := h.move(ctx, at, true); err != nil || !held {
		return false, err // where it is not held, another server tells
	}
	for i, e := range entries {
		to, more := e.Sequence, i < len(entries)-1
		if !more {
			to = upTo
		}
		err := ctx.Err()
		if err == nil {
			err = f.send(ctx, c, e)
		}
		if err != nil {
			_, left := h.move(ctx, h.at, false)
			return i > 0, errors.Join(err, left)
		}
		if held, err := h.move(ctx, to, more); err != nil || !held {
			return false, err
		}
	}
	return true, nil
}

// cursor gives where a channel is. A new one begins at the record's end.
func (f *Follower) cursor(ctx context.Context, channel string) (uint64, error) {
	at, there, err := f.c.Cursors.Cursor(ctx, channel)
	if err != nil || there {
		return at, err
	}
	if at, err = f.c.Record.Size(ctx); err != nil {
		return 0, err
	}
	if err := f.c.Cursors.Begin(ctx, channel, at); err != nil {
		return 0, err
	}
	at, _, err = f.c.Cursors.Cursor(ctx, channel) // another server may have begun earlier
	return at, err
}

// send sends the notice of an entry: whole, or bare where the receiver refuses
// the whole one.
func (f *Follower) send(ctx context.Context, c Channel, e audit.Entry) error {
	n, ok := Of(e)
	if !ok {
		return nil
	}
	err := f.once(ctx, c, n)
	how := sent
	if errors.Is(err, ErrRefused) {
		f.c.Log.LogAttrs(ctx, slog.LevelWarn, "a notice was refused and is sent without its words",
			slog.String("channel", c.Name), slog.Uint64("sequence", n.Sequence), slog.Any("err", err))
		err, how = f.once(ctx, c, n.Bare()), bare
	}
	switch {
	case errors.Is(err, ErrPartly):
		f.c.Log.LogAttrs(ctx, slog.LevelError, "a notice did not reach everybody",
			slog.String("channel", c.Name), slog.Uint64("sequence", n.Sequence), slog.Any("err", err))
		err, how = nil, partly
	case err != nil:
		err, how = fmt.Errorf("entry %d: %w", n.Sequence, err), failed
	}
	f.c.Metrics.ended(c.Name, how)
	return err
}

func (f *Follower) once(ctx context.Context, c Channel, n Notice) error {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendWithin)
	defer cancel()
	// A stop leaves it a moment: what is cut off is sent again.
	over := context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, cancel) })
	defer over()
	return c.Sender.Send(sending, n)
}

// hand moves one channel's cursor on from where it was found.
type hand struct {
	f       *Follower
	channel string
	at      uint64
}

// move moves the cursor and keeps the claim on it, or gives the claim up. It
// says whether it did: not where another server was there first. What was sent
// is saved even while the server stops, so that it is not sent again.
func (h *hand) move(ctx context.Context, to uint64, keep bool) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	now := h.f.c.Now()
	m := Move{Channel: h.channel, Holder: h.f.c.Holder, From: h.at, To: to, Now: now}
	if keep {
		m.Until = now.Add(claimFor)
	}
	moved, err := h.f.c.Cursors.Move(ctx, m)
	if moved {
		h.at = to
	}
	return moved, err
}
