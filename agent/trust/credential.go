package trust

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	// maxAnswer is room for 100 signed orders of 64 KiB.
	maxAnswer = 8 << 20
	// leastLife keeps a server from being asked for certificates all the time.
	leastLife = time.Hour

	maxChain       = 5
	maxCertificate = 16 << 10
)

// CheckChain checks a chain that the server issued for a key and gives the time to renew
// it: what the server said, but within its life.
func CheckChain(chain [][]byte, key crypto.PublicKey, renewAfter, now time.Time) (time.Time, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return time.Time{}, fmt.Errorf("the server sent a chain of %d certificates", len(chain))
	}
	for _, der := range chain {
		if _, err := x509.ParseCertificate(der); err != nil || len(der) > maxCertificate {
			return time.Time{}, errors.New("the server sent a certificate that cannot be read")
		}
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return time.Time{}, err
	}
	pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(key) {
		return time.Time{}, errors.New("the server sent a certificate for another key")
	}
	if now.After(leaf.NotAfter) {
		return time.Time{}, fmt.Errorf("the server sent a certificate that ended at %s: is the phone's clock right? It says %s",
			leaf.NotAfter.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	if !renewAfter.Before(leaf.NotAfter) || renewAfter.Unix() <= 0 {
		renewAfter = leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) * 2 / 3)
	}
	if least := now.Add(leastLife); renewAfter.Before(least) {
		renewAfter = least
	}
	return renewAfter.UTC().Truncate(time.Microsecond), nil
}

// Shown is a certificate that is always shown, whatever authorities the server
// names: the server's word on a wrong certificate is clearer than on a missing one.
// Of the chain it is the leaf alone: the server's anchor for who comes is the
// authority that issued it, and what else came along it would keep for as long as
// they are connected.
func Shown(chain [][]byte, key crypto.Signer) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	shown := &tls.Certificate{Certificate: chain[:1], PrivateKey: key}
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
}

// Connect makes a connection to a server, host:port. It does not connect yet.
func Connect(server string, config *tls.Config, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		// A little above what servers tolerate by default. It finds connections
		// that died in silence, on which no ring would ever come.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 20 * time.Second}),
	}, more...)
	return grpc.NewClient("passthrough:///"+server, options...)
}
