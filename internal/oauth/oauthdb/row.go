package oauthdb

import (
	"strings"

	"ringfence/internal/oauth"
	"ringfence/internal/sqldb"
)

type clientRow struct {
	ID          string
	Name        string
	Scopes      string
	SecretHash  []byte
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	CreatedBy   string
	RevokedAt   *int64
	RequestKey  string
	RequestHash []byte
}

// TableName names the table.
func (clientRow) TableName() string { return "oauth_clients" }

func toRow(c oauth.Client) clientRow {
	names := make([]string, len(c.Scopes))
	for i, s := range c.Scopes {
		names[i] = string(s)
	}
	return clientRow{
		ID: c.ID, Name: c.Name, Scopes: strings.Join(names, " "), SecretHash: c.Secret[:],
		CreatedAt: sqldb.Micros(c.CreatedAt), CreatedBy: c.CreatedBy, RequestKey: c.RequestKey, RequestHash: c.Request[:],
	}
}

func (r clientRow) client() oauth.Client {
	c := oauth.Client{
		ID: r.ID, Name: r.Name, CreatedAt: sqldb.FromMicros(r.CreatedAt), CreatedBy: r.CreatedBy, RequestKey: r.RequestKey,
	}
	for _, name := range strings.Fields(r.Scopes) {
		c.Scopes = append(c.Scopes, oauth.Scope(name))
	}
	copy(c.Secret[:], r.SecretHash) // the schema sees to the lengths
	copy(c.Request[:], r.RequestHash)
	if r.RevokedAt != nil {
		c.RevokedAt = sqldb.FromMicros(*r.RevokedAt)
	}
	return c
}
