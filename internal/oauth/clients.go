package oauth

import (
	"context"
	"crypto/sha256"
	"errors"

	"ringfence/internal/audit"
)

// CreateClient makes a client. The secret is given here and never again: to who
// repeats a request that was done, the client is given without it.
//
// Errors: Invalid (the field), [ErrClientExists], [ErrTooManyClients],
// [ErrRequestKeyReused].
func (s *Service) CreateClient(ctx context.Context, n NewClient) (Client, string, error) {
	n, err := n.check()
	if err != nil {
		return Client{}, "", err
	}
	secret, err := newSecret(s.c.Random)
	if err != nil {
		return Client{}, "", err
	}
	c := Client{
		ID: idPrefix + s.c.NewID(), Name: n.Name, Scopes: n.Scopes, CreatedAt: s.clock(),
		Secret: sha256.Sum256([]byte(secret)), RequestKey: n.RequestKey,
	}
	e := audit.Of(ctx, "oauth.client.create", c.target(), "client "+c.ID+", may "+words(c.Scopes))
	c.CreatedBy, c.Request = e.Actor, n.fingerprint(e.Actor)
	stored, err := s.c.Store.CreateClient(ctx, c, e)
	s.known.forget()
	switch {
	case err != nil:
		return Client{}, "", err
	case stored.Request != c.Request:
		return Client{}, "", ErrRequestKeyReused
	case stored.ID != c.ID:
		return stored, "", nil
	default:
		return stored, secret, nil
	}
}

// ListClients gives a page of clients, oldest first.
func (s *Service) ListClients(ctx context.Context, q ClientQuery) ([]Client, error) {
	return s.c.Store.ListClients(ctx, q)
}

// RevokeClient ends a client at once: its secret and its tokens let nobody in any
// more. Safe to retry.
//
// Errors: [ErrNoClient].
func (s *Service) RevokeClient(ctx context.Context, id string) (Client, error) {
	c, err := s.c.Store.Client(ctx, id)
	if err != nil {
		return Client{}, err
	}
	c, err = s.c.Store.RevokeClient(ctx, id, s.clock(), audit.Of(ctx, "oauth.client.revoke", c.target(), "client "+c.ID))
	s.known.forget()
	return c, err
}

// authenticate gives the client that an id and a secret are of.
//
// Errors: [ErrClientUnknown], whatever is wrong with them.
func (s *Service) authenticate(ctx context.Context, id, secret string) (Client, error) {
	c, err := s.client(ctx, id)
	if err != nil && !errors.Is(err, ErrNoClient) {
		return Client{}, err
	}
	// Of a client there is not, the same is done.
	if !c.opens(sha256.Sum256([]byte(secret))) {
		return Client{}, ErrClientUnknown
	}
	return c, nil
}

// client gives a client, or ErrNoClient.
func (s *Service) client(ctx context.Context, id string) (Client, error) {
	if !clientID.MatchString(id) {
		return Client{}, ErrNoClient
	}
	return s.known.client(ctx, id, s.c.Store)
}
