package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

// porter is the part of the fake that knows of clients and signing keys.
type porter struct {
	oauthv1.UnimplementedOAuthAdminServiceServer

	clients []*oauthv1.Client
	keys    []*oauthv1.SigningKey
}

const clientSecret = "rfc_s3cret-s3cret-s3cret"

func (p *porter) CreateClient(_ context.Context, r *oauthv1.CreateClientRequest) (*oauthv1.CreateClientResponse, error) {
	if r.GetRequestKey() == "used-before" {
		return &oauthv1.CreateClientResponse{Client: p.clients[0]}, nil
	}
	c := &oauthv1.Client{
		Id: fmt.Sprintf("c_%032x", len(p.clients)+1), Name: r.GetName(), Scopes: r.GetScopes(),
		CreatedAt: timestamppb.New(now), CreatedBy: "admin:alice",
	}
	p.clients = append(p.clients, c)
	return &oauthv1.CreateClientResponse{Client: c, Secret: clientSecret}, nil
}

func (p *porter) ListClients(_ context.Context, r *oauthv1.ListClientsRequest) (*oauthv1.ListClientsResponse, error) {
	var match []*oauthv1.Client
	for _, c := range p.clients {
		if r.GetShowRevoked() || c.GetRevokedAt() == nil {
			match = append(match, c)
		}
	}
	items, next := paged(match, r.GetPageSize(), r.GetPageToken())
	return &oauthv1.ListClientsResponse{Clients: items, NextPageToken: next}, nil
}

func (p *porter) RevokeClient(_ context.Context, r *oauthv1.RevokeClientRequest) (*oauthv1.RevokeClientResponse, error) {
	c, err := find(p.clients, func(c *oauthv1.Client) bool { return c.GetId() == r.GetId() })
	if err == nil {
		c.RevokedAt = timestamppb.New(now)
	}
	return &oauthv1.RevokeClientResponse{Client: c}, err
}

func (p *porter) ListSigningKeys(context.Context, *oauthv1.ListSigningKeysRequest) (*oauthv1.ListSigningKeysResponse, error) {
	return &oauthv1.ListSigningKeysResponse{Keys: p.keys}, nil
}

func (p *porter) RotateSigningKey(_ context.Context, r *oauthv1.RotateSigningKeyRequest) (*oauthv1.RotateSigningKeyResponse, error) {
	k := &oauthv1.SigningKey{
		Id: fmt.Sprintf("key-%d", len(p.keys)+1), Algorithm: r.GetAlgorithm(), Number: uint64(len(p.keys) + 1),
		State: oauthv1.SigningKeyState_SIGNING_KEY_STATE_NEXT, CreatedAt: timestamppb.New(now), SignsFrom: in(time.Hour),
	}
	p.keys = append(p.keys, k)
	return &oauthv1.RotateSigningKeyResponse{Key: k}, nil
}
