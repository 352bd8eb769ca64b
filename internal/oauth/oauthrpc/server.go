// Package oauthrpc serves OAuth clients and signing keys to administrators.
package oauthrpc

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/oauth"
	"ringfence/internal/page"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

// Service is what is served: package oauth. Errors are faults.
type Service interface {
	CreateClient(ctx context.Context, n oauth.NewClient) (oauth.Client, string, error)
	ListClients(ctx context.Context, q oauth.ClientQuery) ([]oauth.Client, error)
	RevokeClient(ctx context.Context, id string) (oauth.Client, error)
	SigningKeys(ctx context.Context) ([]oauth.SigningKey, error)
	RotateSigningKey(ctx context.Context, algorithm string) (oauth.SigningKey, error)
}

var _ Service = (*oauth.Service)(nil)

// Server is the OAuthAdminService.
type Server struct {
	oauthv1.UnimplementedOAuthAdminServiceServer
	service Service
}

// New makes a Server.
func New(s Service) *Server { return &Server{service: s} }

// Register adds the service to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) { oauthv1.RegisterOAuthAdminServiceServer(r, s) }

// CreateClient makes a client.
func (s *Server) CreateClient(ctx context.Context, req *oauthv1.CreateClientRequest) (*oauthv1.CreateClientResponse, error) {
	scopes, err := oauth.ParseScopes(req.GetScopes())
	if err != nil {
		return nil, err
	}
	c, secret, err := s.service.CreateClient(ctx, oauth.NewClient{Name: req.GetName(), Scopes: scopes, RequestKey: req.GetRequestKey()})
	if err != nil {
		return nil, err
	}
	return &oauthv1.CreateClientResponse{Client: clientToWire(c), Secret: secret}, nil
}

// ListClients lists clients, oldest first, page by page.
func (s *Server) ListClients(ctx context.Context, req *oauthv1.ListClientsRequest) (*oauthv1.ListClientsResponse, error) {
	listing := []string{"oauth clients"}
	if req.GetShowRevoked() {
		listing = append(listing, "revoked")
	}
	after, err := page.Decode(req.GetPageToken(), listing...)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	clients, err := s.service.ListClients(ctx, oauth.ClientQuery{
		After: after, Revoked: req.GetShowRevoked(),
		Limit: size + 1, // one more tells whether another page follows
	})
	if err != nil {
		return nil, err
	}
	resp := &oauthv1.ListClientsResponse{}
	if len(clients) > size {
		clients = clients[:size]
		resp.NextPageToken = page.Encode(clients[size-1].ID, listing...)
	}
	for _, c := range clients {
		resp.Clients = append(resp.Clients, clientToWire(c))
	}
	return resp, nil
}

// RevokeClient ends a client.
func (s *Server) RevokeClient(ctx context.Context, req *oauthv1.RevokeClientRequest) (*oauthv1.RevokeClientResponse, error) {
	c, err := s.service.RevokeClient(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &oauthv1.RevokeClientResponse{Client: clientToWire(c)}, nil
}

// ListSigningKeys lists the keys that are published.
func (s *Server) ListSigningKeys(ctx context.Context, _ *oauthv1.ListSigningKeysRequest) (*oauthv1.ListSigningKeysResponse, error) {
	keys, err := s.service.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	resp := &oauthv1.ListSigningKeysResponse{}
	for _, k := range keys {
		resp.Keys = append(resp.Keys, keyToWire(k))
	}
	return resp, nil
}

// RotateSigningKey makes the next key of an algorithm.
func (s *Server) RotateSigningKey(ctx context.Context, req *oauthv1.RotateSigningKeyRequest) (*oauthv1.RotateSigningKeyResponse, error) {
	k, err := s.service.RotateSigningKey(ctx, req.GetAlgorithm())
	if err != nil {
		return nil, err
	}
	return &oauthv1.RotateSigningKeyResponse{Key: keyToWire(k)}, nil
}

func clientToWire(c oauth.Client) *oauthv1.Client {
	w := &oauthv1.Client{
		Id: c.ID, Name: c.Name, CreatedAt: timestamppb.New(c.CreatedAt), CreatedBy: c.CreatedBy, RevokedAt: moment(c.RevokedAt),
	}
	for _, s := range c.Scopes {
		w.Scopes = append(w.Scopes, string(s))
	}
	return w
}

func keyToWire(k oauth.SigningKey) *oauthv1.SigningKey {
	return &oauthv1.SigningKey{
		Id: k.ID, Algorithm: string(k.Algorithm), Number: k.Number,
		// Every state but the last, in which none is listed, is named on the wire.
		State:     oauthv1.SigningKeyState(oauthv1.SigningKeyState_value["SIGNING_KEY_STATE_"+strings.ToUpper(string(k.State))]),
		CreatedAt: timestamppb.New(k.CreatedAt), SignsFrom: timestamppb.New(k.SignsFrom),
		SignsUntil: moment(k.SignsUntil), PublishedUntil: moment(k.PublishedUntil),
	}
}

// moment is a time on the wire; none for the zero time.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
