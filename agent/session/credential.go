package session

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/trust"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// callTimeout bounds every call but Watch.
const callTimeout = 30 * time.Second

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

// dial makes a connection that shows the credential. It does not connect yet.
func (s *Session) dial(e Enrollment, c Credential) (*grpc.ClientConn, error) {
	host, err := trust.Host(e.Server)
	if err != nil {
		return nil, err
	}
	roots, err := trust.ParseRoots(e.TrustBundle)
	if err != nil {
		return nil, err
	}
	key, err := s.o.Keys.Key(c.Key)
	if err != nil {
		return nil, fmt.Errorf("the key of the device certificate: %w", err)
	}
	config := trust.TLS(roots, host, s.o.Now)
	config.GetClientCertificate = trust.Shown(c.Chain, key)
	return trust.Connect(e.Server, config, s.o.DialOptions...)
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
