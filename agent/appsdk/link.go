package appsdk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/trust"
)

// callTimeout bounds every call but Watch.
const callTimeout = 30 * time.Second

// signer is a key of the phone's key store.
type signer struct {
	keys   KeyStore
	name   string
	public *ecdsa.PublicKey
}

// signer gives a key of that name; an error where there is none.
func (s *SDK) signer(name string) (*signer, error) {
	der, err := s.o.Keys.PublicKey(name)
	if err != nil {
		return nil, fmt.Errorf("the key store: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	public, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("the key store's key is no P-256 key")
	}
	return &signer{s.o.Keys, name, public}, nil
}

// Public gives the public half.
func (k *signer) Public() crypto.PublicKey { return k.public }

// Sign signs a SHA-256 digest.
func (k *signer) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if o.HashFunc() != crypto.SHA256 {
		return nil, errors.New("the key signs SHA-256 only")
	}
	return k.keys.Sign(k.name, digest)
}

// statement signs content.
func (k *signer) statement(content []byte) ([]byte, error) {
	digest := sha256.Sum256(content)
	return k.keys.Sign(k.name, digest[:])
}

// keyAndRequest gives the key of that name, made now if need be, and a request
// signed by it. The server decides subject and extensions.
func (s *SDK) keyAndRequest(name string) (*signer, []byte, error) {
	if err := s.o.Keys.MakeKey(name); err != nil {
		return nil, nil, fmt.Errorf("the key store: %w", err)
	}
	key, err := s.signer(name)
	if err != nil {
		return nil, nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "app"}, SignatureAlgorithm: x509.ECDSAWithSHA256,
	}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return key, request, nil
}

// dialAs makes a connection that shows the credential. It does not connect yet.
func (s *SDK) dialAs(r registration, c credential) (*grpc.ClientConn, error) {
	host, err := trust.Host(r.Server)
	if err != nil {
		return nil, err
	}
	roots, err := trust.ParseRoots(r.Bundle)
	if err != nil {
		return nil, err
	}
	key, err := s.signer(c.Key)
	if err != nil {
		return nil, err
	}
	config := trust.TLS(roots, host, s.wallNow)
	config.GetClientCertificate = trust.Shown(c.Chain, key)
	return trust.Connect(r.Server, config, s.dial...)
}

// call bounds one call.
func call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout)
}
