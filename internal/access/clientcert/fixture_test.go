package clientcert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access/clientcert"
)

// chain is a leaf, who issued it, and somebody else.
type chain struct{ leaf, issuer, stranger []byte }

var made = sync.OnceValue(func() chain {
	issuerKey, issuer := issue(nil, nil, "issuer")
	_, leaf := issue(issuer, issuerKey, "leaf")
	_, stranger := issue(nil, nil, "stranger")
	return chain{leaf.Raw, issuer.Raw, stranger.Raw}
})

// issue makes a certificate; one that nobody issues is an authority.
func issue(parent *x509.Certificate, by *ecdsa.PrivateKey, name string) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: parent == nil,
	}
	if parent == nil {
		parent, by, c.KeyUsage = c, key, x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	must(err)
	c, err = x509.ParseCertificate(der)
	must(err)
	return key, c
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func b64(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// escaped is how nginx escapes.
func escaped(der []byte) string { return strings.ReplaceAll(url.QueryEscape(pemOf(der)), "+", "%20") }

// envoys is how Envoy escapes: only what it must.
func envoys(der []byte) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(pemOf(der))
}

func hash(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// header makes a header of "Name: value" lines, as a server reads it.
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

const (
	verifyOK   = "X-SSL-Client-Verify: SUCCESS"
	verifyNone = "X-SSL-Client-Verify: NONE"
)

// spellings are the ways in which each form writes a certificate.
func spellings(der []byte) map[string]struct {
	form clientcert.Form
	h    http.Header
} {
	type one = struct {
		form clientcert.Form
		h    http.Header
	}
	return map[string]one{
		"rfc9440":           {clientcert.RFC9440, header("Client-Cert: :" + b64(der) + ":")},
		"rfc9440 and chain": {clientcert.RFC9440, header("Client-Cert: :"+b64(der)+":", "Client-Cert-Chain: :"+b64(made().issuer)+":")},
		"nginx":             {clientcert.Nginx, header("X-SSL-Client-Cert: "+escaped(der), verifyOK)},
		"envoy":             {clientcert.XFCC, header(`X-Forwarded-Client-Cert: By=spiffe://a;Hash=` + hash(der) + `;Cert="` + envoys(der) + `";Subject="CN=a\",b;c";URI=;DNS=a;DNS=b`)},
		"envoy, cert alone": {clientcert.XFCC, header(`X-Forwarded-Client-Cert: Cert="` + envoys(der) + `"`)},
		"traefik":           {clientcert.Traefik, header("X-Forwarded-Tls-Client-Cert: " + b64(der))},
		"traefik, escaped":  {clientcert.Traefik, header("X-Forwarded-Tls-Client-Cert: " + url.QueryEscape(b64(der)))},
		"traefik, pem":      {clientcert.Traefik, header("X-Forwarded-Tls-Client-Cert: " + escaped(der))},
		"traefik, chain":    {clientcert.Traefik, header("X-Forwarded-Tls-Client-Cert: "+b64(der)+","+b64(made().issuer), "X-Forwarded-Tls-Client-Cert-Info: x")},
	}
}

func TestSpellings(t *testing.T) {
	for name, s := range spellings(made().leaf) {
		got, err := clientcert.Parse(s.h, s.form)
		if err != nil || string(got) != string(made().leaf) {
			t.Errorf("%s: %d octets, %v", name, len(got), err)
		}
	}
}
