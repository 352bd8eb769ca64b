package transmit

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// tokenType is the typ of a security event token (RFC 8417).
const tokenType = "secevent+jwt"

// claimSet is a security event token's claims, as SSF 1.0 profiles them: no sub,
// no exp, and one event.
type claimSet struct {
	Issuer   string                        `json:"iss"`
	JTI      string                        `json:"jti"`
	IssuedAt int64                         `json:"iat"`
	Audience any                           `json:"aud"`
	Txn      string                        `json:"txn"`
	Subject  json.RawMessage               `json:"sub_id"`
	Events   map[EventType]json.RawMessage `json:"events"`
}

// token signs an item for its stream. The claims are the same each time.
func token(ctx context.Context, signer Signer, issuer string, st *Stream, i *Item) (string, error) {
	c := claimSet{
		Issuer: issuer, JTI: i.JTI, IssuedAt: i.CreatedAt.Unix(), Audience: audience(st.Audience),
		Subject: i.Subject, Events: map[EventType]json.RawMessage{i.Type: i.Claims},
	}
	// What no entry of the record has caused is a transaction of its own.
	if c.Txn = i.JTI; i.Sequence != 0 {
		c.Txn = strconv.FormatUint(i.Sequence, 10)
	}
	return signer.Sign(ctx, st.Alg, tokenType, c)
}

// audience is one string where it is one.
func audience(all []string) any {
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// message is the body of a webhook. A field may be added, never renamed.
type message struct {
	Type      string         `json:"type"`
	Timestamp string         `json:"timestamp"` // RFC 3339, UTC
	Data      map[string]any `json:"data"`
}

// webhookBody writes an item as a webhook has it. It is the same each time.
func webhookBody(i *Item) ([]byte, error) {
	data := map[string]any{}
	if err := json.Unmarshal(i.Claims, &data); err != nil {
		return nil, err
	}
	data["subject"] = i.Subject
	return json.Marshal(message{
		Type: i.Type.Name(), Timestamp: i.CreatedAt.UTC().Format(time.RFC3339), Data: data,
	})
}
