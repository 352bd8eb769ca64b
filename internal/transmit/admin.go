package transmit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/webhook"
)

// Listed is a stream with how it fares.
type Listed struct {
	Stream
	Health Health
}

// AllStreams gives every stream with how it fares, oldest first.
func (s *Service) AllStreams(ctx context.Context) ([]Listed, error) {
	streams, err := s.c.Store.Streams(ctx, "")
	if err != nil {
		return nil, err
	}
	health, err := s.c.Store.Fares(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Listed, len(streams))
	for i, st := range streams {
		all[i] = Listed{st, health[st.ID]}
	}
	return all, nil
}

// AnyStream gives a stream, whosever it is. Error: ErrNoStream.
func (s *Service) AnyStream(ctx context.Context, id string) (Stream, error) {
	return s.c.Store.Stream(ctx, id)
}

// SetAnyStatus changes a stream's status by an administrator's word, and tells
// the receiver. Errors: Invalid, ErrNoStream, ErrMoved.
func (s *Service) SetAnyStatus(ctx context.Context, id string, status Status, reason string) (Stream, error) {
	st, err := s.c.Store.Stream(ctx, id)
	if err != nil || st.Status == status && st.StatusReason == reason {
		return st, err
	}
	return s.setStatus(ctx, st, status, reason, s.updated(&st, status, reason))
}

// DeleteAny drops a stream and all that waits for it. Errors: ErrNoStream,
// ErrMoved.
func (s *Service) DeleteAny(ctx context.Context, id string) error {
	st, err := s.c.Store.Stream(ctx, id)
	if err != nil {
		return err
	}
	return s.remove(ctx, &st)
}

// ClientRevoked drops every stream of a client that is let in no longer: it could
// not drop them itself. Call it as often as you like.
func (s *Service) ClientRevoked(ctx context.Context, client string) error {
	streams, err := s.Streams(ctx, Owner{ID: client})
	for i := range streams {
		err = errors.Join(err, s.remove(ctx, &streams[i]))
	}
	return err
}

// VerifyAny has a verification event sent on any stream. Errors as of Verify.
func (s *Service) VerifyAny(ctx context.Context, id, state string) error {
	st, err := s.c.Store.Stream(ctx, id)
	if err != nil {
		return err
	}
	return s.verify(ctx, &st, state)
}

// maxLetters bounds one page of what was put aside.
const maxLetters = 1000

// DeadLetters gives what of a stream was put aside, after a number (0 for the
// first), oldest first. Error: ErrNoStream.
func (s *Service) DeadLetters(ctx context.Context, id string, after uint64, limit int) ([]Letter, error) {
	if _, err := s.c.Store.Stream(ctx, id); err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxLetters {
		limit = maxLetters
	}
	return s.c.Store.Dead(ctx, id, after, limit)
}

// Redeliver lets events of a stream that were put aside be tried again: these,
// or all where jtis is empty. It counts them. Error: ErrNoStream.
func (s *Service) Redeliver(ctx context.Context, id string, jtis []string) (int, error) {
	if len(jtis) > maxAcks {
		return 0, fault.InvalidField("jtis", "more than %d at once", maxAcks)
	}
	st, err := s.c.Store.Stream(ctx, id)
	if err != nil {
		return 0, err
	}
	detail := "everything that was put aside"
	if len(jtis) > 0 {
		detail = fmt.Sprintf("%d that were put aside", len(jtis))
	}
	n, err := s.c.Store.Revive(ctx, id, jtis, audit.Of(ctx, "transmit.stream.redeliver", st.target(), detail))
	if n > 0 {
		s.c.Bells.Ring(id)
	}
	return n, err
}

// What was put aside is kept for a while, then dropped, a part at a time.
const (
	letterLife  = 30 * 24 * time.Hour
	buriedBatch = 500
)

// Sweep drops what was put aside more than 30 days ago. Call it every hour or so.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		n, err := s.c.Store.Bury(ctx, s.now().Add(-letterLife), buriedBatch)
		if err != nil || n < buriedBatch {
			return err
		}
	}
}

// WebhookSpec is a webhook as an administrator wants it.
type WebhookSpec struct {
	Endpoint string
	// Secret is as Standard Webhooks 1.0 writes it, "whsec_" and base64; empty
	// has one made.
	Secret string
	// Events are the types that are told; nil means all.
	Events      []string
	Description string
}

// inWebhook has a complaint about a spec name the field of a webhook.
func inWebhook(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Fields) != 1 || f.Fields[0].Name != "delivery.endpoint_url" {
		return err
	}
	return fault.InvalidField("endpoint", "%s", f.Fields[0].Problem)
}

// secretBytes is the length of a secret that is made here.
const secretBytes = 32

// CreateWebhook makes a webhook, and gives its secret, which is not shown again.
// Errors: Invalid, ErrDuplicate.
func (s *Service) CreateWebhook(ctx context.Context, w WebhookSpec) (Stream, string, error) {
	sp := Spec{Delivery: Webhook, Endpoint: w.Endpoint, Requested: w.Events, Description: w.Description}
	for _, t := range w.Events {
		if !slices.Contains(Supported(), EventType(t)) {
			return Stream{}, "", fault.InvalidField("events", "there is no event type %q", t)
		}
	}
	if err := s.check(&sp); err != nil {
		return Stream{}, "", inWebhook(err)
	}
	secret := w.Secret
	if secret == "" {
		raw := make([]byte, secretBytes)
		s.c.Random(raw)
		secret = webhook.Secret(raw).String()
	} else if _, err := webhook.ParseSecret(secret); err != nil {
		return Stream{}, "", fault.InvalidField("secret", "%v", err)
	}
	st := s.fresh(sp)
	st.Sealed = s.seal(st.ID, secret)
	return st, secret, s.create(ctx, st)
}
