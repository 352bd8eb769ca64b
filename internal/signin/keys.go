package signin

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	// keysAge is how long keys are believed without asking again.
	keysAge = time.Hour
	// keysPause is how long the provider is left in peace after it was asked,
	// whatever tokens come meanwhile.
	keysPause = 5 * time.Second
	mostKeys  = 100
	leastRSA  = 2048 // bits
)

// keySet are the keys of one provider, as its jwks_uri gives them. go-oidc's own
// would ask for every token that does not verify, keep keys for ever, and not
// tell a provider that is down from a token that is bad.
type keySet struct {
	client *http.Client
	url    string
	now    func() time.Time

	asking turn
	mu     sync.Mutex // guards what follows
	keys   []jose.JSONWebKey
	readAt time.Time // zero: never
	asked  time.Time // the last try, good or bad
}

var errTooSoon = errors.New("the provider was asked for its keys a moment ago")

// VerifySignature is part of oidc.KeySet. That the provider does not answer is
// noted in the context's outcome.
func (k *keySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errors.New("the token is malformed")
	}
	keys, readAt := k.known()
	if k.now().Before(readAt.Add(keysAge)) {
		if payload, err := verify(jws, keys); err == nil {
			return payload, nil
		}
	}
	// The keys are old, or others than when they were read.
	fresh, err := k.readSince(ctx, readAt)
	if err != nil {
		if errors.Is(err, errTooSoon) && k.now().Before(readAt.Add(keysAge)) && names(keys, jws) {
			return nil, errors.New("the token's signature does not hold")
		}
		note(ctx, err)
		return nil, err
	}
	return verify(jws, fresh)
}

func (k *keySet) known() ([]jose.JSONWebKey, time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys, k.readAt
}

// readSince gives keys that were read later than at that time, by others or now.
func (k *keySet) readSince(ctx context.Context, seen time.Time) ([]jose.JSONWebKey, error) {
	if err := k.asking.take(ctx); err != nil {
		return nil, err
	}
	defer k.asking.leave()
	if keys, readAt := k.known(); readAt.After(seen) {
		return keys, nil
	}
	now := k.now()
	if !k.asked.IsZero() && now.Before(k.asked.Add(keysPause)) {
		return nil, errTooSoon
	}
	k.asked = now // only whoever has the turn looks at it
	// Whoever leaves must not take the answer from those who wait.
	keys, err := k.read(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.readAt = keys, now
	return keys, nil
}

// read asks the provider.
func (k *keySet) read(ctx context.Context) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := k.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for keys: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for keys: %s", res.Status)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return parseKeys(text)
}

// parseKeys reads a key set and leaves out what cannot verify a token: kinds
// that are not known here, secrets, keys for encryption and weak ones.
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("the provider's keys are no key set")
	}
	if len(set.Keys) > mostKeys {
		return nil, fmt.Errorf("the provider has %d keys, more than %d", len(set.Keys), mostKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && (key.Use == "" || key.Use == "sig") && strong(key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func strong(key jose.JSONWebKey) bool {
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= leastRSA && public.E >= 3
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return key.Valid()
	default:
		return false
	}
}

// candidate reports whether the key may have signed: it has the token's key id,
// if it says one, and is not for another algorithm.
func candidate(key jose.JSONWebKey, header jose.Header) bool {
	return (header.KeyID == "" || key.KeyID == header.KeyID) &&
		(key.Algorithm == "" || key.Algorithm == header.Algorithm)
}

// names reports whether the key that the token says is known, so that there is
// no reason to expect another.
func names(keys []jose.JSONWebKey, jws *jose.JSONWebSignature) bool {
	id := jws.Signatures[0].Header.KeyID
	return slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool { return id == "" || key.KeyID == id })
}

func verify(jws *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, error) {
	for _, key := range keys {
		if !candidate(key, jws.Signatures[0].Header) {
			continue
		}
		// The bare key: of a whole JWK, go-jose would look at more.
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("no key of the provider verifies the token")
}
