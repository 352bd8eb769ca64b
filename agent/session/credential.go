package session

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	// maxAnswer is room for 100 signed orders of 64 KiB.
	maxAnswer = 8 << 20
	// callTimeout bounds every call but Watch.
	callTimeout = 30 * time.Second
	// leastLife keeps a server from making the phone renew all the time.
	leastLife = time.Hour

	maxChain       = 5
	maxCertificate = 16 << 10
)

// newKeyName names a key for the device certificate.
func newKeyName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "identity." + hex.EncodeToString(b[:])
}

// keyAndRequest gives the key of that name, made now if need be, and a request
// signed by it. The server decides subject and extensions.
func (s *Session) keyAndRequest(name string) (crypto.Signer, []byte, error) {
	key, err := s.o.Keys.MakeKey(name, compliancev1.KeyType_KEY_TYPE_EC_P256)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "device"}}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return key, request, nil
}

// checkCredential checks a chain the server issued and gives the time to renew
// it: what the server said, but within its life.
func checkCredential(chain [][]byte, key crypto.Signer, renewAfter, now time.Time) (time.Time, error) {
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
	if !ok || !pub.Equal(key.Public()) {
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

// dial makes a connection that shows the credential. It does not connect yet.
func (s *Session) dial(e Enrollment, c Credential) (*grpc.ClientConn, error) {
	host, err := hostOf(e.Server)
	if err != nil {
		return nil, err
	}
	roots, err := ParseRoots(e.TrustBundle)
	if err != nil {
		return nil, err
	}
	key, err := s.o.Keys.Key(c.Key)
	if err != nil {
		return nil, fmt.Errorf("the key of the device certificate: %w", err)
	}
	// The leaf alone: the server's anchor for phones is the authority that
	// issued it, and what else came along it would keep for as long as the
	// phone is connected.
	shown := &tls.Certificate{Certificate: c.Chain[:1], PrivateKey: key}
	config := baseTLS(host, s.o.Now)
	config.RootCAs = poolOf(roots)
	// Always shown, whatever authorities the server names: the server's word on
	// a wrong certificate is clearer than on a missing one.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	return s.connect(e.Server, config)
}

func (s *Session) connect(server string, config *tls.Config) (*grpc.ClientConn, error) {
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		// A little above what servers tolerate by default. It finds connections
		// that died in silence, on which no ring would ever come.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 20 * time.Second}),
	}, s.o.DialOptions...)
	return grpc.NewClient("passthrough:///"+server, options...)
}

// expired gives the end of the certificate and reports whether it is past.
func (c Credential) expired(now time.Time) (time.Time, bool) {
	if len(c.Chain) == 0 {
		return time.Time{}, false
	}
	leaf, err := x509.ParseCertificate(c.Chain[0])
	if err != nil {
		return time.Time{}, false
	}
	return leaf.NotAfter, now.After(leaf.NotAfter)
}
