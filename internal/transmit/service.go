package transmit

import (
	"context"
	"slices"
	"sync"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// Sealer keeps what is stored from whoever reads the database. Bind names the
// place a text is sealed for: it opens nowhere else.
type Sealer interface {
	Seal(text, bind []byte) []byte
	Open(sealed, bind []byte) ([]byte, error)
}

// Endpoints says whether the server may call a URL.
type Endpoints interface {
	// Check gives an error, fit for the caller, for a URL that is never called.
	Check(url string) error
}

// Signer signs tokens.
type Signer interface {
	// Sign gives claims as a compact JWS of a type (the header typ), signed by
	// the key of an algorithm that signs now.
	Sign(ctx context.Context, alg, typ string, claims any) (string, error)
}

// Config is what a Service is made of. Every field but MaxPending is required.
type Config struct {
	Store     Store
	Sealer    Sealer
	Endpoints Endpoints
	Signer    Signer
	// Issuer is the iss of tokens, and Installation the tenant.
	Issuer       string
	Installation string
	// MaxPending is how much may wait for a stream that is enabled: then it is
	// paused. A paused one may keep twice as much: then it is disabled. 0 means
	// 100,000.
	MaxPending int
	Now        func() time.Time
	// After is time.After.
	After func(time.Duration) <-chan time.Time
	NewID func() string
	// Random gives random bytes, as crypto/rand.Read; it never fails.
	Random func([]byte)
	// Bells are those of the Fanout and the Deliverer of this process.
	Bells   *Bells
	Metrics *Metrics
}

// Service keeps the streams of receivers. Every method that changes a stream
// records who did.
type Service struct {
	c Config
	// drained is closed when polls wait no longer.
	drained chan struct{}
	drain   sync.Once
}

// New makes a Service.
func New(c Config) *Service {
	if c.MaxPending <= 0 {
		c.MaxPending = 100_000
	}
	return &Service{c: c, drained: make(chan struct{})}
}

// Drain has polls wait no longer, those under way and those to come: the server
// stops. Call it as often as you like.
func (s *Service) Drain() { s.drain.Do(func() { close(s.drained) }) }

// Owner is the client for whom a method acts; it reaches its own streams only.
type Owner struct{ ID, Name string }

// Create makes a stream for a client, enabled. Errors: Invalid, ErrDuplicate,
// ErrTooMany.
func (s *Service) Create(ctx context.Context, o Owner, sp Spec) (Stream, error) {
	if sp.Delivery == Webhook {
		return Stream{}, fault.InvalidField("delivery.method", "is not supported")
	}
	if err := s.check(&sp); err != nil {
		return Stream{}, err
	}
	st := s.fresh(sp)
	st.ClientID, st.ClientName, st.Audience = o.ID, o.Name, []string{o.ID}
	st.Sealed = s.seal(st.ID, sp.Authorization)
	return st, s.create(ctx, st)
}

// fresh is a new stream by a checked spec.
func (s *Service) fresh(sp Spec) Stream {
	now := s.now()
	return Stream{
		ID: s.c.NewID(), Delivery: sp.Delivery, Endpoint: sp.Endpoint, Requested: sp.Requested,
		Events: delivered(sp.Requested), Description: sp.Description, Alg: sp.Alg,
		Status: Enabled, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
}

func (s *Service) create(ctx context.Context, st Stream) error {
	err := s.c.Store.CreateStream(ctx, st, audit.Of(ctx, "transmit.stream.create", st.target(), st.detail()))
	s.c.Bells.changed()
	return err
}

// check refuses a spec that can never be right, or an endpoint that is never
// called.
func (s *Service) check(sp *Spec) error {
	if err := sp.check(); err != nil || sp.Endpoint == "" {
		return err
	}
	if err := s.c.Endpoints.Check(sp.Endpoint); err != nil {
		return fault.InvalidField("delivery.endpoint_url", "%v", err)
	}
	return nil
}

func (s *Service) seal(id, secret string) []byte {
	if secret == "" {
		return nil
	}
	return s.c.Sealer.Seal([]byte(secret), place(id))
}

// place is where the secret of a stream opens.
func place(stream string) []byte { return []byte("transmit stream " + stream) }

// Stream gives a client's stream. Error: ErrNoStream.
func (s *Service) Stream(ctx context.Context, o Owner, id string) (Stream, error) {
	st, err := s.c.Store.Stream(ctx, id)
	if err == nil && (o.ID == "" || st.ClientID != o.ID) {
		return Stream{}, ErrNoStream
	}
	return st, err
}

// Streams gives a client's streams, oldest first.
func (s *Service) Streams(ctx context.Context, o Owner) ([]Stream, error) {
	if o.ID == "" {
		return nil, nil
	}
	return s.c.Store.Streams(ctx, o.ID)
}

// Update changes what a patch names. Errors: Invalid, ErrNoStream, ErrDuplicate,
// ErrMoved.
func (s *Service) Update(ctx context.Context, o Owner, id string, p Patch) (Stream, error) {
	return s.change(ctx, o, id, func(st *Stream) (Spec, bool) {
		return st.patched(p), p.Authorization != nil || p.Endpoint != nil || p.Delivery != nil
	})
}

// Replace puts a spec in the place of the stream's. Errors as of Update.
func (s *Service) Replace(ctx context.Context, o Owner, id string, sp Spec) (Stream, error) {
	return s.change(ctx, o, id, func(*Stream) (Spec, bool) { return sp, true })
}

// change saves the spec that is decided on a stream. Whoever moves the endpoint
// says the authorization anew: it was for the other one.
func (s *Service) change(ctx context.Context, o Owner, id string, decide func(*Stream) (Spec, bool)) (Stream, error) {
	st, err := s.Stream(ctx, o, id)
	if err != nil {
		return Stream{}, err
	}
	sp, anew := decide(&st)
	if sp.Delivery == Webhook {
		return Stream{}, fault.InvalidField("delivery.method", "is not supported")
	}
	if err := s.check(&sp); err != nil {
		return Stream{}, err
	}
	if anew {
		st.Sealed = s.seal(st.ID, sp.Authorization)
	}
	st.Delivery, st.Endpoint, st.Alg = sp.Delivery, sp.Endpoint, sp.Alg
	st.Requested, st.Events, st.Description = sp.Requested, delivered(sp.Requested), sp.Description
	return s.save(ctx, st, "transmit.stream.update", nil)
}

// save keeps a changed stream and gives it as it is then.
func (s *Service) save(ctx context.Context, st Stream, action string, items []Item) (Stream, error) {
	st.Version++
	st.UpdatedAt = s.now()
	detail := st.detail()
	if action == actionStatus && st.StatusReason != "" {
		detail += ": " + st.StatusReason
	}
	err := s.c.Store.SaveStream(ctx, st, items, audit.Of(ctx, action, st.target(), detail))
	s.c.Bells.changed()
	return st, err
}

// Delete drops a client's stream and all that waits for it. Errors: ErrNoStream,
// ErrMoved.
func (s *Service) Delete(ctx context.Context, o Owner, id string) error {
	st, err := s.Stream(ctx, o, id)
	if err != nil {
		return err
	}
	return s.remove(ctx, &st)
}

func (s *Service) remove(ctx context.Context, st *Stream) error {
	err := s.c.Store.DeleteStream(ctx, st.ID, st.Version, audit.Of(ctx, "transmit.stream.delete", st.target(), st.detail()))
	s.c.Bells.changed()
	return err
}

const actionStatus = "transmit.stream.status"

// SetStatus changes a client's stream's status by the client's word. Errors:
// Invalid, ErrNoStream, ErrMoved.
func (s *Service) SetStatus(ctx context.Context, o Owner, id string, status Status, reason string) (Stream, error) {
	st, err := s.Stream(ctx, o, id)
	if err != nil {
		return Stream{}, err
	}
	return s.setStatus(ctx, st, status, reason)
}

// setStatus saves a status; items go to the receiver with it.
func (s *Service) setStatus(ctx context.Context, st Stream, status Status, reason string, items ...Item) (Stream, error) {
	if !slices.Contains([]Status{Enabled, Paused, Disabled}, status) {
		return Stream{}, fault.InvalidField("status", "must be enabled, paused or disabled")
	}
	if err := plain("reason", reason, maxReason); err != nil {
		return Stream{}, err
	}
	if st.Status == status && st.StatusReason == reason {
		return st, nil
	}
	st.Status, st.StatusReason = status, reason
	return s.save(ctx, st, actionStatus, items)
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }
