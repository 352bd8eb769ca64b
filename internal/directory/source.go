package directory

import (
	"context"

	"ringfence/internal/audit"
)

// Source is who tells: an identity provider that showed a token.
type Source struct {
	// Token is the token's name, TokenID its id.
	Token, TokenID string
	// Peer is the network address it called from, without the port.
	Peer string
	// RequestID names the request.
	RequestID string
}

type sourceKey struct{}

// From puts in a context who tells: changes are recorded in its name.
func From(ctx context.Context, s Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

// by makes an entry in the name of whoever is behind ctx: an identity provider,
// an administrator, or the server itself.
func by(ctx context.Context, action, target, detail string) audit.Entry {
	if s, ok := ctx.Value(sourceKey{}).(Source); ok {
		return audit.Entry{
			Actor: "scim:" + s.Token, Action: action, Target: target, Detail: detail,
			RequestID: s.RequestID, Peer: s.Peer, Credential: s.TokenID,
		}
	}
	return audit.Of(ctx, action, target, detail)
}
