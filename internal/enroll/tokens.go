package enroll

import (
	"context"
	"fmt"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// CreateToken makes a token. The secret is given here and never again: a call
// that repeats an earlier one gets the token as it is now and an empty secret.
//
// Errors: Invalid (with the field), [ErrOutOfScope], [ErrRequestKeyReused].
func (s *Service) CreateToken(ctx context.Context, spec TokenSpec) (Token, string, error) {
	spec = spec.withDefaults()
	if err := spec.check(); err != nil {
		return Token{}, "", err
	}
	if !reaches(ctx, spec.Group) {
		return Token{}, "", ErrOutOfScope
	}
	var (
		token  Token
		secret string
	)
	// What is in the way here is a lookup that was drawn before.
	err := fault.Retry(ErrMoved, func() error {
		var err error
		token, secret, err = s.createToken(ctx, spec)
		return err
	})
	return token, secret, err
}

func (s *Service) createToken(ctx context.Context, spec TokenSpec) (Token, string, error) {
	secret, err := newSecret(s.c.Random)
	if err != nil {
		return Token{}, "", err
	}
	lookup, hash, err := ParseSecret(secret)
	if err != nil {
		return Token{}, "", err
	}
	now, maker := s.clock(), actor(ctx)
	t := Token{
		ID: s.c.NewID(), Description: spec.Description,
		Ownership: spec.Ownership, Mode: spec.Mode, Group: spec.Group, User: spec.User,
		MaxUses: spec.MaxUses, CreatedAt: now, CreatedBy: maker,
		ExpiresAt: now.Add(spec.Lifetime).Truncate(time.Microsecond),
		Lookup:    lookup, Secret: hash,
		RequestKey: spec.RequestKey, Request: spec.fingerprint(maker),
	}
	detail := fmt.Sprintf("%s %s, group %s, max uses %d, until %s",
		t.Ownership, t.Mode, t.Group, t.MaxUses, t.ExpiresAt.Format(time.RFC3339))
	kept, created, err := s.c.Tokens.CreateToken(ctx, t, audit.Of(ctx, "enroll.token.create", "token/"+t.ID, detail))
	switch {
	case err != nil:
		return Token{}, "", err
	case created:
		return kept, secret, nil
	case kept.Request != t.Request:
		return Token{}, "", ErrRequestKeyReused
	default:
		return kept, "", nil
	}
}

// Token gives one token as far as the administrator in ctx may see it, or
// [ErrNoToken].
func (s *Service) Token(ctx context.Context, id string) (Token, error) {
	t, err := s.c.Tokens.Token(ctx, id)
	if err != nil {
		return Token{}, err
	}
	if !reaches(ctx, t.Group) {
		return Token{}, ErrNoToken
	}
	return t, nil
}

// ListTokens gives one page of the tokens that the administrator in ctx may
// see, and where the next one begins; that is zero on the last page. q.Limit
// must be at least 1; q.Now and q.Groups are set here.
func (s *Service) ListTokens(ctx context.Context, q TokenQuery) ([]Token, Cursor, error) {
	limit := q.Limit
	q.Limit, q.Now, q.Groups = limit+1, s.clock(), scope(ctx)
	found, err := s.c.Tokens.ListTokens(ctx, q)
	if err != nil {
		return nil, Cursor{}, err
	}
	page, next := split(found, limit, func(t Token) Cursor { return Cursor{At: t.CreatedAt, ID: t.ID} })
	return page, next, nil
}

// RevokeToken stops a token from being redeemed and gives it as it is then.
// Devices that joined with it stay. Doing so again changes nothing.
//
// Errors: [ErrNoToken].
func (s *Service) RevokeToken(ctx context.Context, id string) (Token, error) {
	// A token's group is for good.
	if _, err := s.Token(ctx, id); err != nil {
		return Token{}, err
	}
	return s.c.Tokens.RevokeToken(ctx, id, s.clock(), audit.Of(ctx, "enroll.token.revoke", "token/"+id, ""))
}
