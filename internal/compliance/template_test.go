package compliance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
)

func TestTemplate(t *testing.T) {
	c := clientProfile()
	c.CommonName, c.Organization = "{{user}} on {{device.id}}", "Example, Inc. ({{device.group}})"
	c.SANDNSNames = []string{"{{device.id}}.phones.example.com"}
	c.SANEmailAddresses = []string{"{{user}}"}
	c.SANURIs = []string{"https://phones.example.com/{{device.group}}/{{user}}"}
	got, err := c.Template(phone(), csrFor(t, elliptic.P256()), t0)
	if err != nil {
		t.Fatal(err)
	}
	if cn := got.Subject.CommonName; cn != "alice@example.com on phone-0001" {
		t.Errorf("common name = %q", cn)
	}
	if diff := cmp.Diff([]string{"Example, Inc. (sales)"}, got.Subject.Organization); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"phone-0001.phones.example.com"}, got.DNSNames); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"alice@example.com"}, got.EmailAddresses); diff != "" {
		t.Error(diff)
	}
	if len(got.URIs) != 1 || got.URIs[0].String() != "https://phones.example.com/sales/alice@example.com" {
		t.Errorf("uris = %v", got.URIs)
	}
	if !got.NotBefore.Equal(t0.Add(-5*time.Minute)) || !got.NotAfter.Equal(t0.AddDate(0, 0, 90)) {
		t.Errorf("valid from %v to %v", got.NotBefore, got.NotAfter)
	}
	if diff := cmp.Diff([]ExtendedKeyUsage{UsageClientAuth}, got.ExtendedKeyUsages); diff != "" {
		t.Error(diff)
	}
}

func TestTemplateRefusals(t *testing.T) {
	tests := []struct {
		name    string
		profile func(*CertificateProfile)
		device  func(*Device)
		want    *fault.Error
	}{
		{"empty user", func(c *CertificateProfile) { c.CommonName = "{{user}}" }, func(d *Device) { d.User = "" }, ErrTemplateEmpty},
		{"empty group", func(c *CertificateProfile) { c.Organization = "x {{device.group}}" }, func(d *Device) { d.Group = "" }, ErrTemplateEmpty},
		{"user is no host", func(c *CertificateProfile) { c.SANDNSNames = []string{"{{user}}.example.com"} }, func(*Device) {}, ErrTemplateInvalid},
		{"user is no address", func(c *CertificateProfile) { c.SANEmailAddresses = []string{"{{user}}"} }, func(d *Device) { d.User = "alice" }, ErrTemplateInvalid},
		{"user with a line", func(c *CertificateProfile) { c.CommonName = "{{user}}" }, func(d *Device) { d.User = "a\nCN=root" }, ErrTemplateInvalid},
		{"user names a host", func(c *CertificateProfile) { c.SANURIs = []string{"https://{{user}}.example.com/"} }, func(d *Device) { d.User = "evil.example/@x" }, ErrTemplateInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, d := clientProfile(), phone()
			tt.profile(&c)
			tt.device(&d)
			if _, err := c.Template(d, csrFor(t, elliptic.P256()), t0); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestValuesAreNotTemplates: a value is text, whatever it looks like.
func TestValuesAreNotTemplates(t *testing.T) {
	got, err := expand("{{user}}/{{device.group}}", Values{User: "{{device.group}}", DeviceGroup: "}}{{user}}"}, nil)
	if want := "{{device.group}}/}}{{user}}"; err != nil || got != want {
		t.Errorf("expand = %q, %v, want %q", got, err, want)
	}
}

func TestKeyTypes(t *testing.T) {
	ec := func(c elliptic.Curve) any { return &ecdsa.PublicKey{Curve: c} }
	rsaOf := func(bits uint) any { return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537} }
	keys := map[KeyType]any{
		KeyECP256: ec(elliptic.P256()), KeyECP384: ec(elliptic.P384()), KeyRSA3072: rsaOf(3072), KeyRSA4096: rsaOf(4096),
	}
	for asked := range keys {
		c := clientProfile()
		c.KeyType = asked
		for has, key := range keys {
			_, err := c.Template(phone(), &x509.CertificateRequest{PublicKey: key}, t0)
			if has == asked && err != nil {
				t.Errorf("%v asked and given: %v", asked, err)
			}
			if has != asked {
				wantFault(t, err, fault.Invalid, "certificate_request")
			}
		}
	}
	for _, odd := range []any{nil, ec(elliptic.P521()), rsaOf(2048), "key"} {
		if got := keyTypeOf(odd); got != 0 {
			t.Errorf("keyTypeOf(%T) = %v", odd, got)
		}
	}
}

func csrFor(t testing.TB, curve elliptic.Curve) *x509.CertificateRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}
