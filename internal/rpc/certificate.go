package rpc

import (
	"context"
	"crypto/x509"
)

// ClientCertificate gives the verified certificate of the connection that a
// call came on: the client has proved that it holds its key. Nil without one,
// and outside of a call.
func ClientCertificate(ctx context.Context) *x509.Certificate {
	c, ok := ctx.Value(callContextKey{}).(*call)
	if !ok || c.connection == nil || c.connection.problem != nil {
		return nil
	}
	return c.connection.leaf
}
