package main

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"ringfence/internal/egress"
	"ringfence/internal/oauth"
	"ringfence/internal/webkeys"
)

// accessConfig says where gateways, identity providers and applications ask who
// may enter, and how they are told.
type accessConfig struct {
	// GatewayListen is host:port of the gRPC listener for gateways, and Listen
	// that of the HTTPS one; or off.
	GatewayListen, Listen string
	// BaseURL is how clients reach the HTTPS listener: the issuer of tokens.
	// Empty is https:// and the listener's own address.
	BaseURL string
	// TLSCert and TLSKey are PEM files of the HTTPS listener's certificate, where
	// clients do not trust this installation's authority.
	TLSCert, TLSKey string
	// CallbackAllow are networks and hosts that callbacks may reach although they
	// are private.
	CallbackAllow []string
	// CallbackCA is a PEM file of authorities that receivers' certificates may come
	// from beside the system's.
	CallbackCA string
	// Algorithm signs tokens.
	Algorithm string
	// TrustXFCC has Envoy's gRPC check believe x-forwarded-client-cert.
	TrustXFCC bool
	// EnvoyUser and EnvoyMFA are where Envoy's metadata says who signs in, and
	// whether with a second factor.
	EnvoyUser, EnvoyMFA []string

	// callbackRoots are whom receivers' certificates must come from; nil means the
	// system's. Tests have their own.
	callbackRoots *x509.CertPool
	// makeKey makes signing keys; nil makes new ones. Tests have no time for that.
	makeKey func(webkeys.Algorithm) (crypto.Signer, error)
}

func (c *accessConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&c.GatewayListen, "gateway-listen", c.GatewayListen, "`address` for gateways that decide over gRPC (AccessService, Envoy's ext_authz), or off")
	f.StringVar(&c.Listen, "access-listen", c.Listen, "`address` for doors over HTTPS (forward-auth, AuthZEN, shared signals), or off")
	f.StringVar(&c.BaseURL, "access-base-url", c.BaseURL, "`URL` of the HTTPS doors as clients reach them: the issuer of tokens (default: https:// and the listener's address)")
	f.StringVar(&c.TLSCert, "access-tls-cert", c.TLSCert, "PEM `file` with the certificate chain of the HTTPS doors (default: one of this installation's authority)")
	f.StringVar(&c.TLSKey, "access-tls-key", c.TLSKey, "PEM `file` with its key")
	f.StringSliceVar(&c.CallbackAllow, "access-callback-allow", c.CallbackAllow, "`network` (CIDR) or host that receivers of events may be in although it is private; may be repeated")
	f.BoolVar(&c.TrustXFCC, "envoy-trust-xfcc", c.TrustXFCC, "believe x-forwarded-client-cert where Envoy has seen no certificate: only if no client can write it")
	f.StringSliceVar(&c.EnvoyUser, "envoy-user", c.EnvoyUser, "where Envoy's metadata names the person: filter,`key`[,key], such as envoy.filters.http.jwt_authn,claims,email")
	f.StringSliceVar(&c.EnvoyMFA, "envoy-mfa", c.EnvoyMFA, "where Envoy's metadata says whether a second factor was shown: filter,`key`[,key]")
	f.StringVar(&c.CallbackCA, "access-callback-ca", c.CallbackCA, "PEM `file` of authorities that certificates of receivers may come from, beside the system's")
	f.StringVar(&c.Algorithm, "access-algorithm", c.Algorithm, "what tokens are signed by: RS256, ES256 or EdDSA")
}

// check refuses what cannot work. It opens no file.
func (c *accessConfig) check() error {
	var errs []error
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, errors.New("--access-tls-cert: needs --access-tls-key, and the other way round"))
	}
	algorithm, err := webkeys.ParseAlgorithm(c.Algorithm)
	if err != nil {
		errs = append(errs, fmt.Errorf("--access-algorithm: %w", err))
	}
	c.Algorithm = string(algorithm)
	if _, err := egress.New(egress.Config{AllowPrivate: c.CallbackAllow}); err != nil {
		errs = append(errs, fmt.Errorf("--access-callback-allow: %w", err))
	}
	if c.BaseURL != "" {
		if err := oauth.CheckIssuer(c.BaseURL); err != nil {
			errs = append(errs, errors.New("--access-base-url: want https://HOST[:PORT]"))
		}
	}
	return errors.Join(errs...)
}

// certificate gives the configured certificate of the HTTPS doors, nil for none.
func (c *accessConfig) certificate() (*tls.Certificate, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--access-tls-cert: %w", err)
	}
	return &pair, nil
}

// hostNames are the names under which clients reach the HTTPS doors.
func (c *accessConfig) hostNames() []string {
	if u, err := url.Parse(c.BaseURL); err == nil && u.Hostname() != "" {
		return []string{strings.ToLower(u.Hostname())}
	}
	return nil
}

// receiverRoots are the authorities that receivers' certificates may come from;
// nil means the system's.
func (c *accessConfig) receiverRoots() (*x509.CertPool, error) {
	if c.CallbackCA == "" {
		return c.callbackRoots, nil
	}
	text, err := os.ReadFile(c.CallbackCA)
	if err != nil {
		return nil, fmt.Errorf("--access-callback-ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--access-callback-ca: %s holds no certificate", c.CallbackCA)
	}
	return pool, nil
}
