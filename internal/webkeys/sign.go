package webkeys

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
)

// Sign signs claims, which become JSON, as a token of a type, with the key of
// the algorithm that signs now. The first key of an algorithm is made then.
//
// Errors: Invalid (an algorithm there is not).
func (s *Service) Sign(ctx context.Context, a Algorithm, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("webkeys: claims of a %s: %w", typ, err)
	}
	k, err := s.signer(ctx, a)
	if err != nil {
		return "", err
	}
	options := new(jose.SignerOptions).WithType(jose.ContentType(typ))
	key := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(a), Key: jose.JSONWebKey{Key: k.private, KeyID: k.ID}}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		return "", fmt.Errorf("webkeys: sign with key %s: %w", k.ID, err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("webkeys: sign with key %s: %w", k.ID, err)
	}
	return signed.CompactSerialize()
}

// signer gives the key that signs now, and makes it where there is none.
func (s *Service) signer(ctx context.Context, a Algorithm) (*held, error) {
	if !slices.Contains(Algorithms(), a) {
		return nil, errNoAlgorithm()
	}
	now, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	if k := now.signing(a, s.clock()); k != nil {
		return k, nil
	}
	if now, err = s.first(ctx, a); err != nil {
		return nil, err
	}
	k := now.signing(a, s.clock())
	if k == nil {
		return nil, fmt.Errorf("webkeys: no key for %s after one was made", a)
	}
	return k, nil
}
