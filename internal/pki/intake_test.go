package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"

	"ringfence/internal/fault"
)

// rsaKey makes each size once: they take long.
var rsaKey = func() func(t testing.TB, bits int) *rsa.PrivateKey {
	var mu sync.Mutex
	keys := make(map[int]*rsa.PrivateKey)
	return func(t testing.TB, bits int) *rsa.PrivateKey {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if keys[bits] == nil {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				t.Fatal(err)
			}
			keys[bits] = key
		}
		return keys[bits]
	}
}()

func newCSR(t testing.TB, key crypto.Signer, algorithm x509.SignatureAlgorithm) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "me"}, SignatureAlgorithm: algorithm,
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// csrWith wraps a public key in a request whose signature means nothing: for
// keys that must be refused before it is looked at.
func csrWith(t testing.TB, spki []byte) []byte {
	t.Helper()
	type info struct {
		Version    int
		Subject    pkix.RDNSequence
		PublicKey  asn1.RawValue
		Attributes asn1.RawValue
	}
	der, err := asn1.Marshal(struct {
		Info      info
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		info{PublicKey: asn1.RawValue{FullBytes: spki}, Attributes: asn1.RawValue{FullBytes: []byte{0xa0, 0}}},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: make([]byte, 256), BitLength: 2048},
	})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func spki(t testing.TB, pub any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// sha1CSR is a request that crypto/x509 can no longer make, and still accepts.
func sha1CSR(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	r, err := x509.ParseCertificateRequest(newCSR(t, key, x509.SHA256WithRSA))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(r.RawTBSCertificateRequest)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA1, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		Info      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: r.RawTBSCertificateRequest},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: signature, BitLength: len(signature) * 8},
	})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParseCSR(t *testing.T) {
	for name, der := range map[string][]byte{
		"P-256":        newCSR(t, newKey(t, elliptic.P256()), 0),
		"P-384":        newCSR(t, newKey(t, elliptic.P384()), 0),
		"P-521":        newCSR(t, newKey(t, elliptic.P521()), 0),
		"RSA 3072":     newCSR(t, rsaKey(t, 3072), 0),
		"RSA 3072 PSS": newCSR(t, rsaKey(t, 3072), x509.SHA256WithRSAPSS),
	} {
		if r, err := ParseCSR(der); err != nil || !bytes.Equal(r.Raw, der) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseCSRRefuses(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := newCSR(t, newKey(t, elliptic.P256()), 0)
	tampered := bytes.Replace(good, []byte("me"), []byte("us"), 1)
	p224 := newKey(t, elliptic.P224())
	odd := &rsa.PublicKey{N: rsaKey(t, 3072).N, E: 3}
	huge := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8200), E: 65537}
	tests := []struct {
		name string
		der  []byte
		want string
	}{
		{"empty", nil, "not one PKCS#10 request"},
		{"garbage", []byte("-----BEGIN CERTIFICATE REQUEST-----"), "not one PKCS#10 request"},
		{"truncated", good[:len(good)-1], "not one PKCS#10 request"},
		{"trailing", append(bytes.Clone(good), 0), "not one PKCS#10 request"},
		{"two", append(bytes.Clone(good), good...), "not one PKCS#10 request"},
		{"oversized", append(bytes.Clone(good), make([]byte, MaxCSR)...), "16384 are allowed"},
		{"tampered", tampered, "not signed by its own key"},
		{"another's key", foreignKeyCSR(t, good), "not signed by its own key"},
		{"P-224", newCSR(t, p224, 0), "P-224"},
		{"RSA 2048", newCSR(t, rsaKey(t, 2048), 0), "RSA of 2048 bits"},
		{"RSA e=3", csrWith(t, spki(t, odd)), "exponent 3"},
		{"RSA 8201", csrWith(t, spki(t, huge)), "RSA of 8201 bits"},
		{"Ed25519", newCSR(t, ed, 0), "neither ECDSA nor RSA"},
		{"SHA-1", sha1CSR(t, rsaKey(t, 3072)), "SHA-256 or stronger"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCSR(tt.der)
			f, ok := err.(*fault.Error)
			if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != "certificate_request" {
				t.Fatalf("got %#v, want an Invalid fault on certificate_request", err)
			}
			if !strings.Contains(f.Fields[0].Problem, tt.want) {
				t.Errorf("problem %q, want %q in it", f.Fields[0].Problem, tt.want)
			}
		})
	}
}

// foreignKeyCSR puts another key into a request that somebody else signed.
func foreignKeyCSR(t testing.TB, der []byte) []byte {
	t.Helper()
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	pub, ok := r.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		t.Fatal("not ECDSA")
	}
	return bytes.Replace(der, spki(t, pub), spki(t, newKey(t, elliptic.P256()).Public()), 1)
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestParseCertificatesPEM(t *testing.T) {
	a := newAuthority(t)
	one, two := pemOf("CERTIFICATE", a.Roots()[0]), pemOf("CERTIFICATE", a.Issuer(Device).Raw)
	both := bytes.Join([][]byte{[]byte("\n\n"), one, []byte(" \r\n\t"), two, []byte("\n")}, nil)
	got, err := ParseCertificatesPEM(both, 2)
	if err != nil || len(got) != 2 || !got[1].Equal(a.Issuer(Device)) {
		t.Fatalf("got %d certificates, %v", len(got), err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(newKey(t, elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no certificate"},
		{"white space", []byte(" \n"), "no certificate"},
		{"too many", join(one, two, one), "more than 2"},
		{"oversized", append(bytes.Clone(one), bytes.Repeat([]byte{'\n'}, MaxBundle)...), "octets"},
		{"private key", join(one, pemOf("PRIVATE KEY", key)), "certificate 2 is a private key"},
		{"EC private key", pemOf("EC PRIVATE KEY", key), "is a private key"},
		{"private key first", join(pemOf("PRIVATE KEY", key), one), "certificate 1 is a private key"},
		{"words before", join([]byte("Root of all\n"), one), "not PEM"},
		{"words between", join(one, []byte("and\n"), two), "certificate 2"},
		{"words after", join(one, []byte("end")), "certificate 2"},
		{"another kind", pemOf("CERTIFICATE REQUEST", a.Roots()[0]), "another kind"},
		{"headers", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"A": "b"}, Bytes: a.Roots()[0]}), "headers"},
		{"not a certificate", pemOf("CERTIFICATE", []byte{0x30, 0}), "not an X.509 certificate"},
		{"certificate with a tail", pemOf("CERTIFICATE", append(bytes.Clone(a.Roots()[0]), 0)), "not an X.509 certificate"},
		{"oversized certificate", pemOf("CERTIFICATE", make([]byte, maxCertificate+1)), "octets"},
		{"broken, then good", join([]byte("-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n"), one), "broken"},
		{"never ends", one[:len(one)-10], "broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCertificatesPEM(tt.data, 2)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %d certificates and %v, want an error with %q", len(got), err, tt.want)
			}
		})
	}
}
