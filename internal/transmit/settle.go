package transmit

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// settle saves what ended. Until it is saved, nothing else of those devices
// goes; what a crash loses of it is sent again.
func (w *worker) settle(ctx context.Context, st *Stream) error {
	if len(w.ended) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	service := w.d.c.Service
	m := moment{now: service.now(), jitter: w.d.c.Jitter()}
	fare, hold := w.fare, time.Duration(0)
	results := make([]Result, len(w.ended))
	for i := range w.ended {
		var wait time.Duration
		results[i], fare, wait = judge(w.ended[i], fare, m)
		hold = max(hold, wait)
	}
	if fare.Failures == 0 {
		hold = 0 // another got through meanwhile
	}
	if err := service.c.Store.Settle(ctx, w.id, results, fare); err != nil {
		return err
	}
	for i := range w.ended {
		w.settled(ctx, st, &w.ended[i], &results[i], m)
	}
	w.ended = w.ended[:0]
	w.fare = fare
	if w.hold = (time.Time{}); hold > 0 {
		w.hold = m.now.Add(hold)
		w.log().LogAttrs(ctx, slog.LevelWarn, "a receiver is left alone for a while", slog.Int("failures", fare.Failures),
			slog.Duration("again_in", hold), slog.String("reason", fare.LastError))
	}
	if st.Status == Enabled && fare.lost(m.now) {
		why := "the receiver has taken nothing since " + fare.FailingSince.Format(time.RFC3339)
		return service.impose(ctx, w.id, Enabled, statusWord{Paused, why})
	}
	return nil
}

// settled notes the end of one try that was saved.
func (w *worker) settled(ctx context.Context, st *Stream, l *landing, r *Result, m moment) {
	delete(w.flying, l.item.Device)
	metrics := w.d.c.Service.c.Metrics
	metrics.tried(st.Delivery, l.outcome.Verdict, 1)
	if r.Taken {
		metrics.took(st.Delivery, m.now.Sub(l.item.CreatedAt))
	}
	if r.Dead {
		w.log().LogAttrs(ctx, slog.LevelWarn, "an event was put aside", slog.String("jti", l.item.JTI), slog.String("reason", r.Reason))
	}
}

// claim makes the stream this server's, or keeps it so. It is false while it is
// another's.
func (w *worker) claim(ctx context.Context, now time.Time) (bool, error) {
	store := w.d.c.Service.c.Store
	mine := now.Before(w.claimed)
	if !w.d.c.Alone && w.claimed.Sub(now) < claimFor/2 {
		until := now.Add(claimFor)
		ok, err := store.Claim(ctx, w.id, Claim{Holder: w.d.c.Holder, Now: now, Until: until})
		if err != nil || !ok {
			w.claimed, w.known = time.Time{}, false
			return false, err
		}
		w.claimed = until
		w.known = w.known && mine // another may have tried meanwhile
	}
	if w.known {
		return true, nil
	}
	fare, err := store.Fare(ctx, w.id)
	if err != nil {
		return false, err
	}
	w.fare, w.known = fare, true
	return true, nil
}

// release gives the stream to whoever sees the next event first.
func (w *worker) release(ctx context.Context) error {
	if w.claimed.IsZero() {
		return nil
	}
	w.claimed, w.known = time.Time{}, false
	err := w.d.c.Service.c.Store.Release(ctx, w.id, w.d.c.Holder)
	if errors.Is(err, ErrNoStream) {
		return nil
	}
	return err
}
