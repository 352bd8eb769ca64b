package transmit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// mostFlying bounds the requests to one receiver at a time.
	mostFlying = 8
	// look is how many items one look takes up.
	look = 64
	// sendWithin bounds one request, and stopWithin what is left of it when the
	// server stops; saveWithin the saving after it.
	sendWithin = 10 * time.Second
	stopWithin = 3 * time.Second
	saveWithin = 5 * time.Second
	// claimFor is how long a claim holds without renewal. It is longer than a
	// request and a save, twice.
	claimFor = time.Minute
)

// Courier posts to receivers.
type Courier interface {
	// Deliver posts a parcel. It says what came of it, and never fails
	// otherwise.
	Deliver(ctx context.Context, p Parcel) Outcome
}

// Parcel is what is posted.
type Parcel struct {
	Delivery Delivery // Push or Webhook
	Endpoint string
	// Secret is the Authorization header of a Push, empty for none, or the
	// secret that signs a Webhook.
	Secret string
	// ID is the event's jti.
	ID   string
	Body []byte
}

// DelivererConfig is what a Deliverer is made of. Every field is required.
type DelivererConfig struct {
	Service *Service
	Courier Courier
	// Holder names this server among those of the installation. Alone says that
	// there is no other: then nothing is claimed.
	Holder string
	Alone  bool
	// Every is how often a stream looks without having been woken.
	Every time.Duration
	// Jitter gives random numbers from 0 to 1.
	Jitter func() float64
	Log    *slog.Logger
}

// Deliverer hands over what waits in the outbox, for every stream at once: none
// waits for another.
type Deliverer struct{ c DelivererConfig }

// NewDeliverer makes a Deliverer.
func NewDeliverer(c DelivererConfig) *Deliverer { return &Deliverer{c: c} }

// Run hands over until ctx ends, and what is under way then.
func (d *Deliverer) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	var mu sync.Mutex // guards running
	running := map[string]bool{}
	start := func(id string) {
		mu.Lock()
		defer mu.Unlock()
		if running[id] {
			return
		}
		running[id] = true
		all.Go(func() {
			newWorker(d, id).run(ctx)
			mu.Lock()
			defer mu.Unlock()
			delete(running, id)
		})
	}
	changed := d.c.Service.c.Bells.set()
	for ctx.Err() == nil {
		streams, err := d.c.Service.c.Store.Streams(ctx, "")
		if err != nil && ctx.Err() == nil {
			d.c.Log.LogAttrs(ctx, slog.LevelError, "streams cannot be read", slog.Any("err", err))
		}
		for i := range streams {
			if streams[i].Delivery.Pushed() {
				start(streams[i].ID)
			}
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-d.c.Service.c.After(d.c.Every):
		}
	}
}
