package appsdk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"ringfence/agent/session"
)

const (
	// maxAnswer is room for 100 signed orders of 64 KiB.
	maxAnswer = 8 << 20
	// callTimeout bounds every call but Watch.
	callTimeout = 30 * time.Second
	// leastLife keeps a server from making the app renew all the time.
	leastLife      = time.Hour
	maxChain       = 5
	maxCertificate = 16 << 10
)

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

// checkCredential checks a chain the server issued and gives the time to renew
// it: what the server said, but within its life.
func checkCredential(chain [][]byte, key *signer, renewAfter, now time.Time) (time.Time, error) {
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
	if !key.public.Equal(leaf.PublicKey) {
		return time.Time{}, errors.New("the server sent a certificate for another key")
	}
	if now.After(leaf.NotAfter) {
		return time.Time{}, errors.New("the server sent a certificate that has ended: is the phone's clock right?")
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
func (s *SDK) dialAs(r registration, c credential) (*grpc.ClientConn, error) {
	host, err := hostOf(r.Server)
	if err != nil {
		return nil, err
	}
	roots, err := session.ParseRoots(r.Bundle)
	if err != nil {
		return nil, err
	}
	key, err := s.signer(c.Key)
	if err != nil {
		return nil, err
	}
	// The leaf alone: the server's anchor is the authority that issued it.
	shown := &tls.Certificate{Certificate: c.Chain[:1], PrivateKey: key}
	config := baseTLS(host, s.wallNow)
	config.RootCAs = poolOf(roots)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	return s.connect(r.Server, config)
}

func (s *SDK) connect(server string, config *tls.Config) (*grpc.ClientConn, error) {
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 20 * time.Second}),
	}, s.dial...)
	return grpc.NewClient("passthrough:///"+server, options...)
}

// call bounds one call.
func call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout)
}
