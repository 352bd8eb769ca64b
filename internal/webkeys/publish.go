package webkeys

import (
	"context"
	"encoding/json"

	jose "github.com/go-jose/go-jose/v4"
)

// JWKS gives the keys that are published now as a JSON Web Key Set (RFC 7517).
func (s *Service) JWKS(ctx context.Context) ([]byte, error) {
	now, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	published := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range now.published(s.clock()) {
		published.Keys = append(published.Keys, jose.JSONWebKey{
			Key: k.Public, KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig",
		})
	}
	return json.Marshal(published)
}

// Keys gives the keys that are published now, by algorithm and number.
func (s *Service) Keys(ctx context.Context) ([]Key, error) {
	now, err := s.newKeys(ctx)
	if err != nil {
		return nil, err
	}
	at := s.clock()
	var all []Key
	for _, k := range now.published(at) {
		all = append(all, k.view(at))
	}
	return all, nil
}
