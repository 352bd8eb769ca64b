package signintest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// store is the provider's own storage in memory, with keys that change and
// groups.
type store struct {
	*storage.Storage
	users    directory
	groups   map[string][]string // by user id
	lifetime atomic.Int64        // of ID tokens

	mu  sync.Mutex // guards key
	key *signingKey
}

func newStore(c Config) (*store, error) {
	s := &store{users: directory{}, groups: map[string][]string{}}
	s.lifetime.Store(int64(time.Hour))
	for _, u := range c.Users {
		id := "id-" + u.Name
		s.users[id] = &storage.User{ID: id, Username: u.Name, Password: Password, FirstName: "A", LastName: "B", Email: u.Name + "@example.com"}
		s.groups[id] = u.Groups
	}
	clients := map[string]*storage.Client{}
	for _, id := range c.Clients {
		clients[id] = storage.NativeClient(id, redirect, loopback)
	}
	s.Storage = storage.NewStorageWithClients(s.users, clients)
	if err := s.rotate(); err != nil {
		return nil, err
	}
	return s, nil
}

// signingKey is one key, in both of its roles.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

func (k *signingKey) ID() string                                  { return k.id }
func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *signingKey) Key() any                                    { return k.private }

type publicKey struct{ *signingKey }

func (publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                         { return &k.private.PublicKey }

func (s *store) rotate() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = &signingKey{id: rand.Text(), private: private}
	return nil
}

func (s *store) current() *signingKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// SigningKey is part of op.Storage.
func (s *store) SigningKey(context.Context) (op.SigningKey, error) { return s.current(), nil }

// KeySet is part of op.Storage.
func (s *store) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.current()}}, nil
}

// SignatureAlgorithms is part of op.Storage.
func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

// GetClientByClientID is part of op.Storage.
func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, s}, nil
}

// SetUserinfoFromRequest is part of op.CanSetUserinfoFromRequest: it says what
// goes into an ID token.
func (s *store) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	if err := s.Storage.SetUserinfoFromRequest(ctx, info, r, scopes); err != nil {
		return err
	}
	if groups := s.groups[r.GetSubject()]; groups != nil {
		info.AppendClaims("groups", groups)
	}
	return nil
}

// client is an application that wants the person's name in its ID token.
type client struct {
	op.Client
	store *store
}

// LoginURL is part of op.Client.
func (client) LoginURL(id string) string { return "/login?id=" + id }

// IDTokenLifetime is part of op.Client.
func (c client) IDTokenLifetime() time.Duration { return time.Duration(c.store.lifetime.Load()) }

// IDTokenUserinfoClaimsAssertion is part of op.Client.
func (client) IDTokenUserinfoClaimsAssertion() bool { return true }
