package directory

import (
	"context"
	"errors"
	"io"
	"time"
)

// TokenConfig is what a TokenService is made of. Everything is required.
type TokenConfig struct {
	Store Tokens
	Now   func() time.Time
	// NewID makes ids: 32 lower-case hex digits.
	NewID func() string
	// Random is where secrets come from: cryptographically strong.
	Random io.Reader
}

// TokenService makes and checks the tokens of identity providers. No call over
// the network makes one: that is for whoever can log in to the server.
type TokenService struct{ c TokenConfig }

// NewTokens makes a TokenService.
func NewTokens(c TokenConfig) *TokenService { return &TokenService{c: c} }

func (s *TokenService) clock() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// Create makes a token. The secret is given here and never again.
//
// Errors: Invalid (the field name), [ErrTokenExists].
func (s *TokenService) Create(ctx context.Context, name string) (Token, string, error) {
	if err := checkTokenName(name); err != nil {
		return Token{}, "", err
	}
	secret, err := newSecret(s.c.Random)
	if err != nil {
		return Token{}, "", err
	}
	lookup, hash, err := ParseSecret(secret)
	if err != nil {
		return Token{}, "", err
	}
	t := Token{ID: s.c.NewID(), Name: name, Lookup: lookup, Secret: hash, CreatedAt: s.clock()}
	e := by(ctx, "directory.token.create", t.target(), "token "+t.ID)
	t.CreatedBy = e.Actor
	if err := s.c.Store.CreateToken(ctx, t, e); err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// List gives all tokens, oldest first, with those that were revoked.
func (s *TokenService) List(ctx context.Context) ([]Token, error) { return s.c.Store.ListTokens(ctx) }

// Revoke stops the token of a name from working, at once, and gives it as it is
// then.
//
// Errors: [ErrNoToken] (none of that name works).
func (s *TokenService) Revoke(ctx context.Context, name string) (Token, error) {
	return s.c.Store.RevokeToken(ctx, name, s.clock(), by(ctx, "directory.token.revoke", Token{Name: name}.target(), ""))
}

// Authenticate gives the token that a secret opens.
//
// Errors: [ErrTokenUnknown], whatever is wrong with the secret.
func (s *TokenService) Authenticate(ctx context.Context, secret string) (Token, error) {
	lookup, hash, err := ParseSecret(secret)
	if err != nil {
		return Token{}, err
	}
	t, err := s.c.Store.TokenByLookup(ctx, lookup)
	switch {
	case errors.Is(err, ErrNoToken):
		return Token{}, ErrTokenUnknown
	case err != nil:
		return Token{}, err
	case !t.opens(hash):
		return Token{}, ErrTokenUnknown
	default:
		return t, nil
	}
}

func (t Token) target() string { return "scim-token/" + t.Name }
