package rpc

import (
	"context"

	"ringfence/internal/pki"
)

// ClientCertificate gives the verified certificate of the connection that a
// call came on, and what it was issued for: the client has proved that it holds
// its key. Zero without one, and outside of a call.
func ClientCertificate(ctx context.Context) pki.Verified {
	c, ok := ctx.Value(callContextKey{}).(*call)
	if !ok || c.connection == nil || c.connection.problem != nil {
		return pki.Verified{}
	}
	return c.connection.client
}
