package oauthrpc

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/fault"
	"ringfence/internal/oauth"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

// service gives what it is made with, and keeps what it was asked.
type service struct {
	clients []oauth.Client
	keys    []oauth.SigningKey
	err     error
	asked   []string
}

func (s *service) CreateClient(_ context.Context, n oauth.NewClient) (oauth.Client, string, error) {
	s.asked = append(s.asked, fmt.Sprintf("%+v", n))
	return s.clients[0], "rfc_secret", s.err
}

func (s *service) ListClients(_ context.Context, q oauth.ClientQuery) ([]oauth.Client, error) {
	s.asked = append(s.asked, fmt.Sprintf("%+v", q))
	for i, c := range s.clients {
		if c.ID == q.After {
			return s.clients[i+1:], s.err
		}
	}
	return s.clients[:min(q.Limit, len(s.clients))], s.err
}

func (s *service) RevokeClient(_ context.Context, id string) (oauth.Client, error) {
	s.asked = append(s.asked, id)
	return s.clients[0], s.err
}

func (s *service) SigningKeys(context.Context) ([]oauth.SigningKey, error) { return s.keys, s.err }

func (s *service) RotateSigningKey(_ context.Context, algorithm string) (oauth.SigningKey, error) {
	s.asked = append(s.asked, algorithm)
	return s.keys[0], s.err
}

func client(n int) oauth.Client {
	return oauth.Client{
		ID: fmt.Sprintf("c_%032x", n), Name: fmt.Sprintf("client-%d", n), Scopes: []oauth.Scope{oauth.ReadStreams, oauth.Evaluate},
		CreatedAt: noon, CreatedBy: "admin:alice", RevokedAt: noon.Add(time.Hour), Secret: [32]byte{1}, RequestKey: "request", Request: [32]byte{2},
	}
}

func clientOnWire(n int) *oauthv1.Client {
	return &oauthv1.Client{
		Id: fmt.Sprintf("c_%032x", n), Name: fmt.Sprintf("client-%d", n), Scopes: []string{"ssf.read", "access.evaluate"},
		CreatedAt: timestamppb.New(noon), CreatedBy: "admin:alice", RevokedAt: timestamppb.New(noon.Add(time.Hour)),
	}
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestClients(t *testing.T) {
	fake := &service{clients: []oauth.Client{client(1), client(2), client(3)}}
	s := New(fake)
	created, err := s.CreateClient(t.Context(), &oauthv1.CreateClientRequest{Name: "n", RequestKey: "k", Scopes: []string{"ssf.read"}})
	check(t, "created", []any{&oauthv1.CreateClientResponse{Client: clientOnWire(1), Secret: "rfc_secret"}, nil}, []any{created, err})
	revoked, err := s.RevokeClient(t.Context(), &oauthv1.RevokeClientRequest{Id: "c_1"})
	check(t, "revoked", []any{&oauthv1.RevokeClientResponse{Client: clientOnWire(1)}, nil}, []any{revoked, err})
	req := &oauthv1.ListClientsRequest{PageSize: 2, ShowRevoked: true}
	first, err := s.ListClients(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "first page", []*oauthv1.Client{clientOnWire(1), clientOnWire(2)}, first.GetClients())
	req.PageToken = first.GetNextPageToken()
	second, err := s.ListClients(t.Context(), req)
	check(t, "second page", []any{&oauthv1.ListClientsResponse{Clients: []*oauthv1.Client{clientOnWire(3)}}, nil}, []any{second, err})
	req.ShowRevoked = false
	if _, err := s.ListClients(t.Context(), req); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a page token of another listing: %v", err)
	}
	check(t, "asked", []string{
		"{Name:n Scopes:[ssf.read] RequestKey:k}", "c_1", "{After: Revoked:true Limit:3}",
		"{After:c_00000000000000000000000000000002 Revoked:true Limit:3}",
	}, fake.asked)
}

func TestSigningKeys(t *testing.T) {
	fake := &service{keys: []oauth.SigningKey{
		{ID: "one", Algorithm: "RS256", Number: 1, State: "signed", CreatedAt: noon, SignsFrom: noon, SignsUntil: noon.Add(1), PublishedUntil: noon.Add(2)},
		{ID: "two", Algorithm: "RS256", Number: 2, State: "signing", CreatedAt: noon, SignsFrom: noon},
		{ID: "three", Algorithm: "RS256", Number: 3, State: "next", CreatedAt: noon, SignsFrom: noon},
	}}
	s := New(fake)
	got, err := s.ListSigningKeys(t.Context(), &oauthv1.ListSigningKeysRequest{})
	at := timestamppb.New(noon)
	one := &oauthv1.SigningKey{
		Id: "one", Algorithm: "RS256", Number: 1, State: oauthv1.SigningKeyState_SIGNING_KEY_STATE_SIGNED, CreatedAt: at, SignsFrom: at,
		SignsUntil: timestamppb.New(noon.Add(1)), PublishedUntil: timestamppb.New(noon.Add(2)),
	}
	check(t, "keys", []any{&oauthv1.ListSigningKeysResponse{Keys: []*oauthv1.SigningKey{
		one,
		{Id: "two", Algorithm: "RS256", Number: 2, State: oauthv1.SigningKeyState_SIGNING_KEY_STATE_SIGNING, CreatedAt: at, SignsFrom: at},
		{Id: "three", Algorithm: "RS256", Number: 3, State: oauthv1.SigningKeyState_SIGNING_KEY_STATE_NEXT, CreatedAt: at, SignsFrom: at},
	}}, nil}, []any{got, err})
	rotated, err := s.RotateSigningKey(t.Context(), &oauthv1.RotateSigningKeyRequest{Algorithm: "ES256"})
	check(t, "rotated", []any{&oauthv1.RotateSigningKeyResponse{Key: one}, nil}, []any{rotated, err})
	check(t, "asked", []string{"ES256"}, fake.asked)
}

func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	s := New(&service{clients: []oauth.Client{client(1)}, keys: make([]oauth.SigningKey, 1), err: broken})
	for what, call := range map[string]func() (proto.Message, error){
		"create": func() (proto.Message, error) {
			return s.CreateClient(t.Context(), &oauthv1.CreateClientRequest{Scopes: []string{"ssf.read"}})
		},
		"list":   func() (proto.Message, error) { return s.ListClients(t.Context(), &oauthv1.ListClientsRequest{}) },
		"revoke": func() (proto.Message, error) { return s.RevokeClient(t.Context(), &oauthv1.RevokeClientRequest{}) },
		"keys": func() (proto.Message, error) {
			return s.ListSigningKeys(t.Context(), &oauthv1.ListSigningKeysRequest{})
		},
		"rotate": func() (proto.Message, error) {
			return s.RotateSigningKey(t.Context(), &oauthv1.RotateSigningKeyRequest{})
		},
	} {
		if _, err := call(); !errors.Is(err, broken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.CreateClient(t.Context(), &oauthv1.CreateClientRequest{Scopes: []string{"root"}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a scope there is not: %v", err)
	}
}
