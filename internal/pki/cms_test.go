package pki

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

var content = []byte("wipe the work profile of device 1, epoch 2")

func signed(t testing.TB, a *Authority) []byte {
	t.Helper()
	der, err := a.SignOrder(content)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func rootsOf(a *Authority) []*x509.Certificate { return []*x509.Certificate{a.root.certificate} }

func TestSignAndVerify(t *testing.T) {
	a := newAuthority(t)
	der := signed(t, a)
	for _, now := range []time.Time{noon, noon.Add(-6 * day), noon.Add(signerSpare)} {
		got, signer, err := VerifySigned(der, rootsOf(a), OrdersKeyUsage, now)
		if err != nil {
			t.Fatalf("at %v: %v", now, err)
		}
		if !bytes.Equal(got, content) || !signer.Equal(a.orders.current.certificate) {
			t.Errorf("content %q by %v", got, signer.Subject)
		}
	}
	if _, err := a.SignOrder(nil); err == nil {
		t.Error("signed nothing")
	}
	if _, err := a.SignOrder(make([]byte, MaxSigned)); err == nil {
		t.Error("signed more than anybody would read")
	}
}

// kinds are the two kinds of signed messages.
var kinds = []struct {
	name   string
	sign   func(*Authority) ([]byte, error)
	signer func(*Authority) *signer
	usage  asn1.ObjectIdentifier
}{
	{"order", func(a *Authority) ([]byte, error) { return a.SignOrder(content) }, func(a *Authority) *signer { return &a.orders }, OrdersKeyUsage},
	{"lease", func(a *Authority) ([]byte, error) { return a.SignLease(content) }, func(a *Authority) *signer { return &a.leases }, LeasesKeyUsage},
}

func TestSigningCertificatesAreReplaced(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			now := noon
			a := newAuthority(t)
			a.now = func() time.Time { return now }
			first := kind.signer(a).current.certificate
			old, err := kind.sign(a)
			if err != nil {
				t.Fatal(err)
			}
			now = noon.Add(signerLife - signerSpare + day)
			fresh, err := kind.sign(a)
			if err != nil {
				t.Fatal(err)
			}
			second := kind.signer(a).current.certificate
			if second.Equal(first) {
				t.Fatal("not replaced")
			}
			again, err := OpenAuthority(a.dir, a.now)
			if err != nil || !kind.signer(again).current.certificate.Equal(second) {
				t.Errorf("the new one was not kept: %v", err)
			}
			for _, der := range [][]byte{old, fresh} {
				if _, _, err := VerifySigned(der, rootsOf(a), kind.usage, now); err != nil {
					t.Errorf("during the change: %v", err)
				}
			}
		})
	}
}

// TestOrdersAreNoLeases: what is signed as the one is never read as the other,
// also where the content would pass for both.
func TestOrdersAreNoLeases(t *testing.T) {
	a := newAuthority(t)
	for _, made := range kinds {
		der, err := made.sign(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range kinds {
			got, signer, err := VerifySigned(der, rootsOf(a), read.usage, noon)
			if read.name == made.name {
				if err != nil || !bytes.Equal(got, content) || !signer.Equal(made.signer(a).current.certificate) {
					t.Errorf("%s: %q, %v", made.name, got, err)
				}
				continue
			}
			if err != ErrSigned || got != nil || signer != nil {
				t.Errorf("%s read as %s: %q, %v; want ErrSigned", made.name, read.name, got, err)
			}
		}
		got, err := VerifyLease(der, rootsOf(a), noon)
		if want := made.name == "lease"; want != (err == nil) || want != bytes.Equal(got, content) {
			t.Errorf("VerifyLease of the signed %s: %q, %v", made.name, got, err)
		}
	}
	if a.orders.current.key.Equal(a.leases.current.key) {
		t.Error("orders and leases are signed with one key")
	}
	if _, err := a.SignLease(nil); err == nil {
		t.Error("signed nothing")
	}
}

// message signs with the library directly, in whatever form.
func message(t testing.TB, build func(*pkcs7.SignedData) error) []byte {
	t.Helper()
	m, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	m.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := build(m); err != nil {
		t.Fatal(err)
	}
	der, err := m.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func plainly(h holder) func(*pkcs7.SignedData) error {
	return func(m *pkcs7.SignedData) error {
		return m.SignWithoutAttr(h.certificate, h.key, pkcs7.SignerInfoConfig{})
	}
}

// forged makes a signer with the orders usage under an issuer of choice.
func forged(t testing.TB, issuer *holder, change func(*x509.Certificate)) holder {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "forged"},
		NotBefore: noon.Add(-day), NotAfter: noon.Add(day),
		KeyUsage: x509.KeyUsageDigitalSignature, UnknownExtKeyUsage: []asn1.ObjectIdentifier{OrdersKeyUsage},
		BasicConstraintsValid: true,
	}
	change(c)
	h, err := sign(c, elliptic.P256(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func deep(n int) []byte {
	out := []byte{}
	for range n {
		out = append(out, 0x30, 0x80)
	}
	return append(out, bytes.Repeat([]byte{0, 0}, n)...)
}

func TestVerifySignedRefuses(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	a.now, other.now = at(noon), at(noon)
	orders, profile := a.orders.current, a.issuers[Profile]
	good := signed(t, a)
	same := func(*x509.Certificate) {}
	tampered := bytes.Replace(good, []byte("device 1"), []byte("device 2"), 1)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	tests := []struct {
		name string
		der  []byte
	}{
		{"empty", nil},
		{"garbage", []byte("order")},
		{"truncated", good[:len(good)-1]},
		{"trailing", append(bytes.Clone(good), 0)},
		{"tampered content", tampered},
		{"tampered signature", flipped},
		{"another installation's", signed(t, other)},
		{"no signer", message(t, func(*pkcs7.SignedData) error { return nil })},
		{"two signers", message(t, func(m *pkcs7.SignedData) error {
			return errors.Join(plainly(orders)(m), plainly(orders)(m))
		})},
		{"SHA-1", message(t, func(m *pkcs7.SignedData) error {
			m.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA1)
			return plainly(orders)(m)
		})},
		{"SHA-512", message(t, func(m *pkcs7.SignedData) error {
			m.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA512)
			return plainly(orders)(m)
		})},
		{"signed attributes", message(t, func(m *pkcs7.SignedData) error {
			return m.AddSigner(orders.certificate, orders.key, pkcs7.SignerInfoConfig{})
		})},
		{"detached", message(t, func(m *pkcs7.SignedData) error {
			defer m.Detach()
			return plainly(orders)(m)
		})},
		{"device authority signs", message(t, plainly(a.issuers[Device]))},
		{"root signs", message(t, plainly(a.root))},
		{"no usage", message(t, plainly(forged(t, &a.root, func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil })))},
		{"any usage", message(t, plainly(forged(t, &a.root, func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		})))},
		{"another usage", message(t, plainly(forged(t, &a.root, func(c *x509.Certificate) {
			c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{IPsecIKE}
		})))},
		{"expired", message(t, plainly(forged(t, &a.root, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })))},
		{"not yet valid", message(t, plainly(forged(t, &a.root, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Hour) })))},
		{"an authority as signer", message(t, plainly(forged(t, &a.root, func(c *x509.Certificate) { c.IsCA = true })))},
		{"self-signed", message(t, plainly(forged(t, nil, same)))},
		{"under the profile authority", message(t, func(m *pkcs7.SignedData) error {
			m.AddCertificate(profile.certificate)
			return plainly(forged(t, &profile, same))(m)
		})},
		{"deep nesting, 4 MB", deep(1 << 20)},
		{"deep nesting within the size", deep(MaxSigned / 4)},
		{"indefinite length", indefinite(good)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, signer, err := VerifySigned(tt.der, rootsOf(a), OrdersKeyUsage, noon)
			if err != ErrSigned || got != nil || signer != nil {
				t.Errorf("got %q, %v, %v; want ErrSigned", got, signer, err)
			}
		})
	}
	for name, err := range map[string]error{
		"after its time":   third(VerifySigned(good, rootsOf(a), OrdersKeyUsage, noon.Add(signerLife+day))),
		"before its time":  third(VerifySigned(good, rootsOf(a), OrdersKeyUsage, noon.Add(-8*day))),
		"no roots":         third(VerifySigned(good, nil, OrdersKeyUsage, noon)),
		"for another use":  third(VerifySigned(good, rootsOf(a), IPsecIKE, noon)),
		"for no use":       third(VerifySigned(good, rootsOf(a), nil, noon)),
		"broken root list": third(VerifySigned(good, []*x509.Certificate{nil}, OrdersKeyUsage, noon)),
	} {
		if err != ErrSigned {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// indefinite writes the outermost length the way BER allows and DER does not.
func indefinite(der []byte) []byte {
	_, header, ok := derLength(der)
	if !ok {
		return nil
	}
	return append(append([]byte{0x30, 0x80}, der[header:]...), 0, 0)
}

func third[A, B any](_ A, _ B, err error) error { return err }

// TestSignedIsStandard verifies a message by the words of RFC 5652 and with no
// code of the library: the signature is over the content.
func TestSignedIsStandard(t *testing.T) {
	a := newAuthority(t)
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version int
			Digests []pkix.AlgorithmIdentifier `asn1:"set"`
			Inner   struct {
				Type    asn1.ObjectIdentifier
				Content []byte `asn1:"explicit,tag:0"`
			}
			Certificates asn1.RawValue `asn1:"tag:0"`
			Signers      []struct {
				Version   int
				Issuer    asn1.RawValue
				Digest    pkix.AlgorithmIdentifier
				Algorithm pkix.AlgorithmIdentifier
				Signature []byte
			} `asn1:"set"`
		} `asn1:"explicit,tag:0"`
	}
	if rest, err := asn1.Unmarshal(signed(t, a), &outer); err != nil || len(rest) != 0 {
		t.Fatal(err)
	}
	data := outer.Content
	signer, err := x509.ParseCertificate(data.Certificates.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data.Inner.Content, content) || len(data.Signers) != 1 || len(data.Digests) != 1 {
		t.Errorf("unexpected shape: %+v", data)
	}
	if err := signer.CheckSignature(x509.ECDSAWithSHA256, data.Inner.Content, data.Signers[0].Signature); err != nil {
		t.Error(err)
	}
	if got := crypto.SHA256.New().Size(); got != 32 {
		t.Error("SHA-256 is not linked in")
	}
}

func TestPlainDER(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want bool
	}{
		{"null", []byte{5, 0}, true},
		{"nested", []byte{0x30, 4, 0x31, 2, 5, 0}, true},
		{"context tag", []byte{0xa0, 2, 5, 0}, true},
		{"long length", append([]byte{4, 0x81, 0x80}, make([]byte, 128)...), true},
		{"nothing", nil, false},
		{"tag only", []byte{5}, false},
		{"trailing", []byte{5, 0, 0}, false},
		{"body too short", []byte{4, 2, 0}, false},
		{"body of a member too long", []byte{0x30, 2, 4, 1}, false},
		{"long tag", []byte{0x1f, 1, 0}, false},
		{"indefinite", []byte{0x30, 0x80, 0, 0}, false},
		{"length not minimal", []byte{4, 0x81, 1, 0}, false},
		{"length with a leading zero", []byte{4, 0x82, 0, 1, 0}, false},
		{"length of four octets", []byte{4, 0x84, 0, 0, 0, 1, 0}, false},
		{"length cut off", []byte{4, 0x82, 1}, false},
		{"string in pieces", []byte{0x24, 2, 4, 0}, false},
		{"too deep", []byte{0x30, 6, 0x30, 4, 0x30, 2, 0x30, 0}, false},
	}
	for _, tt := range tests {
		if got := plainDER(tt.data, 3); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
