package transmit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"ringfence/internal/device"
)

// worker hands over what waits for one stream. One goroutine runs it; each
// request has one of its own, and its outcome lands with the worker.
type worker struct {
	d       *Deliverer
	id      string
	version uint64
	// flying are the devices of which an item is under way, or not yet settled:
	// no other of theirs may go before that.
	flying map[device.ID]bool
	landed chan landing
	ended  []landing
	fare   Fare
	known  bool // the fare is the stored one, or later
	// hold is until when the receiver is left alone, claimed until when the
	// stream is this server's.
	hold    time.Time
	claimed time.Time
	faults  int // failures of the database in a row
}

func newWorker(d *Deliverer, id string) *worker {
	return &worker{d: d, id: id, flying: map[device.ID]bool{}, landed: make(chan landing, mostFlying)}
}

// errOver says that the stream is nothing for a worker any longer.
var errOver = errors.New("the stream is not pushed")

// run hands over until ctx ends or the stream does.
func (w *worker) run(ctx context.Context) {
	service := &w.d.c.Service.c
	rings, cancel := service.Bells.listen(w.id)
	defer cancel()
	for ctx.Err() == nil {
		wait, err := w.turn(ctx)
		switch {
		case errors.Is(err, errOver):
			if len(w.flying) == 0 {
				return
			}
		case err != nil && ctx.Err() == nil:
			w.faults++
			wait = backoff(w.faults, w.d.c.Jitter())
			w.log().LogAttrs(ctx, slog.LevelError, "events of a stream are held up", slog.Any("err", err))
		default:
			w.faults = 0
		}
		select {
		case <-ctx.Done():
		case l := <-w.landed:
			w.collect(l)
		case <-rings:
		case <-service.After(wait):
		}
	}
	w.stop(ctx)
}

// collect takes up a landing, and whatever else has landed.
func (w *worker) collect(l landing) {
	w.ended = append(w.ended, l)
	for {
		select {
		case l := <-w.landed:
			w.ended = append(w.ended, l)
		default:
			return
		}
	}
}

// stop waits for what is under way, so that it is not sent again.
func (w *worker) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin+saveWithin)
	defer cancel()
	for len(w.flying) > len(w.ended) {
		w.collect(<-w.landed)
	}
	st, err := w.d.c.Service.c.Store.Stream(ctx, w.id)
	if err == nil {
		err = w.settle(ctx, &st)
	}
	if err == nil {
		err = w.release(ctx)
	}
	if err != nil && !errors.Is(err, ErrNoStream) {
		w.log().LogAttrs(ctx, slog.LevelWarn, "what was handed over last was not saved: it is sent again", slog.Any("err", err))
	}
}

// turn settles what ended, and sends off what may go. It says how long there is
// nothing more to do, unless something happens.
func (w *worker) turn(ctx context.Context) (time.Duration, error) {
	service := w.d.c.Service
	st, err := service.c.Store.Stream(ctx, w.id)
	switch {
	case errors.Is(err, ErrNoStream):
		w.drop()
		return w.d.c.Every, errOver
	case err != nil:
		return 0, err
	}
	if st.Version != w.version {
		// Somebody did something about it: it is tried at once.
		w.version, w.hold, w.fare.Failures, w.fare.FailingSince = st.Version, time.Time{}, 0, time.Time{}
	}
	if err := w.settle(ctx, &st); err != nil {
		return 0, err
	}
	if !st.Delivery.Pushed() {
		return w.d.c.Every, errOver
	}
	now := service.now()
	if now.Before(w.hold) {
		return w.hold.Sub(now), nil
	}
	return w.d.c.Every, w.send(ctx, &st, now)
}

// drop forgets what ended on a stream that is gone.
func (w *worker) drop() {
	for i := range w.ended {
		delete(w.flying, w.ended[i].item.Device)
	}
	w.ended = nil
}

// send sends off what may go now.
func (w *worker) send(ctx context.Context, st *Stream, now time.Time) error {
	free := mostFlying
	if w.fare.Failures >= pauseAfter || w.fare.Failures > 0 && !w.hold.IsZero() {
		free = 1 // to see whether the receiver is back
	}
	if free -= len(w.flying); free <= 0 {
		return nil
	}
	items, err := w.d.c.Service.c.Store.Due(ctx, w.id, DueQuery{Now: now, Most: look, OnlyControl: st.Status != Enabled})
	if err != nil {
		return err
	}
	if len(items) == 0 && len(w.flying) == 0 {
		return w.release(ctx)
	}
	if w.fare.Failures > 0 {
		// What has failed most is tried last: or one event that the receiver cannot
		// take would be each try whether it is back, and hold up everybody's.
		slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(a.Tries, b.Tries) })
	}
	for i := range items {
		it := &items[i]
		if w.flying[it.Device] {
			continue
		}
		if mine, err := w.claim(ctx, now); err != nil || !mine {
			return err
		}
		w.flying[it.Device] = true
		go w.fly(ctx, *st, *it)
		if free--; free == 0 {
			break
		}
	}
	return nil
}

// fly hands one item over.
func (w *worker) fly(ctx context.Context, st Stream, it Item) {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendWithin)
	defer cancel()
	// A stop leaves it a moment: what is cut off is sent again.
	over := context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, cancel) })
	defer over()
	p, err := w.pack(sending, &st, &it)
	if err != nil {
		w.landed <- landing{it, Outcome{Verdict: Down, Reason: "the event could not be signed"}}
		w.log().LogAttrs(ctx, slog.LevelError, "an event could not be signed", slog.Any("err", err))
		return
	}
	w.landed <- landing{it, w.d.c.Courier.Deliver(sending, p)}
}

// pack makes the parcel of an item.
func (w *worker) pack(ctx context.Context, st *Stream, it *Item) (Parcel, error) {
	service := w.d.c.Service
	p := Parcel{Delivery: st.Delivery, Endpoint: st.Endpoint, ID: it.JTI}
	if len(st.Sealed) > 0 {
		secret, err := service.c.Sealer.Open(st.Sealed, place(st.ID))
		if err != nil {
			return Parcel{}, err
		}
		p.Secret = string(secret)
	}
	if st.Delivery == Webhook {
		var err error
		p.Body, err = webhookBody(it)
		return p, err
	}
	set, err := token(ctx, service.c.Signer, service.c.Issuer, st, it)
	p.Body = []byte(set)
	return p, err
}

// log is the log of one stream.
func (w *worker) log() *slog.Logger { return w.d.c.Log.With(slog.String("stream", w.id)) }
