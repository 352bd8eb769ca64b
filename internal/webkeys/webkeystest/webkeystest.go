// Package webkeystest makes signing keys for tests: a store in memory, and RSA
// keys that are made once, because each takes a while.
package webkeystest

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	_ "embed" // the keys
	"encoding/pem"
	"slices"
	"sync"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/webkeys"
)

// Store keeps keys in memory.
type Store struct {
	mu      sync.Mutex
	keys    []webkeys.Stored
	entries []audit.Entry
}

var _ webkeys.Store = (*Store)(nil)

// Keys implements [webkeys.Store].
func (s *Store) Keys(context.Context) ([]webkeys.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.keys)
	slices.SortFunc(all, func(a, b webkeys.Stored) int {
		return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Number, b.Number))
	})
	return all, nil
}

// AddKey implements [webkeys.Store].
func (s *Store) AddKey(_ context.Context, k webkeys.Stored, e audit.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.keys {
		if old.Algorithm == k.Algorithm && old.Number == k.Number {
			return webkeys.ErrNumberTaken
		}
	}
	s.keys, s.entries = append(s.keys, k), append(s.entries, e)
	return nil
}

// RemoveKey implements [webkeys.Store].
func (s *Store) RemoveKey(_ context.Context, id string, e audit.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.keys)
	s.keys = slices.DeleteFunc(s.keys, func(k webkeys.Stored) bool { return k.ID == id })
	if len(s.keys) < before {
		s.entries = append(s.entries, e)
	}
	return nil
}

// Entries gives what was recorded.
func (s *Store) Entries() []audit.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// Sealer makes the sealer of all tests.
func Sealer(t testing.TB) *webkeys.Sealer {
	t.Helper()
	s, err := webkeys.NewSealer(make([]byte, webkeys.SecretLen))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// made are RSA keys made beforehand: to make one takes many seconds under the race
// detector. They sign nothing but what tests verify.
//
//go:embed rsa.pem
var made []byte

// pool has RSA keys, those made beforehand first.
var (
	poolMu sync.Mutex
	pool   = parsed(made)
)

func parsed(text []byte) (keys []crypto.Signer) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			panic("webkeystest: " + err.Error())
		}
		keys = append(keys, key.(*rsa.PrivateKey))
	}
	return keys
}

// Generator makes a [webkeys.Config] Generate that takes the same RSA keys in
// every test, each once.
func Generator() func(webkeys.Algorithm) (crypto.Signer, error) {
	var mu sync.Mutex
	next := 0
	return func(a webkeys.Algorithm) (crypto.Signer, error) {
		if a != webkeys.RS256 {
			return webkeys.Generate(a)
		}
		mu.Lock()
		defer mu.Unlock()
		poolMu.Lock()
		defer poolMu.Unlock()
		if next == len(pool) {
			key, err := webkeys.Generate(a)
			if err != nil {
				return nil, err
			}
			pool = append(pool, key)
		}
		next++
		return pool[next-1], nil
	}
}

// New makes a Service over a store in memory.
func New(t testing.TB, now func() time.Time) *webkeys.Service {
	t.Helper()
	return webkeys.New(webkeys.Config{Store: new(Store), Sealer: Sealer(t), Now: now, Generate: Generator()})
}
