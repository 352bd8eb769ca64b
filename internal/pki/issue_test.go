package pki

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIssue(t *testing.T) {
	a := newAuthority(t)
	key := newKey(t, elliptic.P384())
	uri := &url.URL{Scheme: "urn", Opaque: "device:one"}
	chain, leaf, err := a.Issue(Profile, Template{
		PublicKey:          key.Public(),
		Subject:            pkix.Name{CommonName: "one"},
		DNSNames:           []string{"one.example"},
		IPs:                []net.IP{net.IPv4(192, 0, 2, 1).To4()},
		EmailAddresses:     []string{"one@example.com"},
		URIs:               []*url.URL{uri},
		ExtKeyUsage:        []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{IPsecIKE},
		NotBefore:          noon.Add(-time.Hour),
		NotAfter:           noon.Add(day),
		CRLURL:             "http://crl.example/profile.crl",
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer := a.Issuer(Profile)
	if diff := cmp.Diff([][]byte{leaf.Raw, issuer.Raw}, chain); diff != "" {
		t.Error("the chain is not leaf and issuing authority")
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: a.Pool(), Intermediates: pool(issuer), CurrentTime: noon,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	}); err != nil {
		t.Errorf("the chain does not verify: %v", err)
	}
	if leaf.IsCA || !leaf.BasicConstraintsValid || len(leaf.SubjectKeyId) != 20 {
		t.Error("want CA:FALSE and a subject key id")
	}
	if diff := cmp.Diff(issuer.SubjectKeyId, leaf.AuthorityKeyId); diff != "" {
		t.Error("the authority key id does not name the issuer")
	}
	got := []any{leaf.Subject.CommonName, leaf.DNSNames, leaf.IPAddresses[0].String(), leaf.EmailAddresses,
		leaf.URIs[0].String(), leaf.CRLDistributionPoints, leaf.KeyUsage, leaf.UnknownExtKeyUsage}
	want := []any{"one", []string{"one.example"}, "192.0.2.1", []string{"one@example.com"},
		"urn:device:one", []string{"http://crl.example/profile.crl"}, x509.KeyUsageDigitalSignature, []asn1.ObjectIdentifier{IPsecIKE}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func pool(certificates ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		p.AddCert(c)
	}
	return p
}

func TestIssueCutsValidity(t *testing.T) {
	a := newAuthority(t)
	_, leaf, err := a.Issue(Device, Template{PublicKey: newKey(t, elliptic.P256()).Public(), NotBefore: noon, NotAfter: noon.Add(50 * year)})
	if err != nil {
		t.Fatal(err)
	}
	if !leaf.NotAfter.Equal(a.Issuer(Device).NotAfter) {
		t.Errorf("valid until %v, want the issuer's end", leaf.NotAfter)
	}
	if diff := cmp.Diff([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, leaf.ExtKeyUsage); diff != "" {
		t.Error("without a wanted usage a device certificate is for clientAuth")
	}
}

func TestIssueRefuses(t *testing.T) {
	a := newAuthority(t)
	good := Template{PublicKey: newKey(t, elliptic.P256()).Public(), NotBefore: noon, NotAfter: noon.Add(day)}
	tests := []struct {
		name    string
		purpose Purpose
		change  func(*Template)
		want    string
	}{
		{"orders certificate", Orders, func(*Template) {}, "no authority"},
		{"leases certificate", Leases, func(*Template) {}, "no authority"},
		{"unknown purpose", "root", func(*Template) {}, "no authority"},
		{"weak key", Device, func(t *Template) { t.PublicKey = &rsa.PublicKey{N: big.NewInt(15), E: 3} }, "public key is RSA"},
		{"no key", Device, func(t *Template) { t.PublicKey = nil }, "neither"},
		{"never valid", Device, func(t *Template) { t.NotAfter = noon }, "never"},
		{"after the issuer's end", Device, func(t *Template) { t.NotBefore, t.NotAfter = noon.Add(11*year), noon.Add(12*year) }, "never"},
		{"device as server", Device, func(t *Template) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "not for this purpose"},
		{"profile as server", Profile, func(t *Template) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "not for this purpose"},
		{"profile for anything", Profile, func(t *Template) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, "not for this purpose"},
		{"app that signs leases", App, func(t *Template) { t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{LeasesKeyUsage} }, "not for this purpose"},
		{"profile that signs leases", Profile, func(t *Template) { t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{LeasesKeyUsage} }, "not for this purpose"},
		{"profile that signs orders", Profile, func(t *Template) { t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{OrdersKeyUsage} }, "not for this purpose"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			template := good
			tt.change(&template)
			_, _, err := a.Issue(tt.purpose, template)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestSerial(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		s := FormatSerial(newSerial())
		if len(s) != 32 || seen[s] {
			t.Fatalf("serial %q: want 32 digits, each time new", s)
		}
		seen[s] = true
		if n, err := ParseSerial(s); err != nil || FormatSerial(n) != s {
			t.Fatalf("ParseSerial(%q) = %v, %v", s, n, err)
		}
	}
	for _, s := range []string{"", "0", "00ff", "-1", "+1", "FF", "0xff", "g", " 1", "1_0", strings.Repeat("f", 41)} {
		if n, err := ParseSerial(s); err == nil {
			t.Errorf("ParseSerial(%q) = %v", s, n)
		}
	}
}

func TestCRL(t *testing.T) {
	a := newAuthority(t)
	_, leaf, _ := issue(t, a, Profile)
	v := Validity{ThisUpdate: noon, NextUpdate: noon.Add(day)}
	der, err := a.CRL(Profile, []Revoked{{Serial: FormatSerial(leaf.SerialNumber), At: noon, Reason: 1}}, big.NewInt(7), v)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(a.Issuer(Profile)); err != nil {
		t.Errorf("signature: %v", err)
	}
	if list.CheckSignatureFrom(a.Issuer(Device)) == nil {
		t.Error("another authority vouches for the list")
	}
	e := list.RevokedCertificateEntries
	if len(e) != 1 || e[0].SerialNumber.Cmp(leaf.SerialNumber) != 0 || !e[0].RevocationTime.Equal(noon) || e[0].ReasonCode != 1 {
		t.Errorf("entries = %+v", e)
	}
	if list.Number.Int64() != 7 || !list.NextUpdate.Equal(noon.Add(day)) {
		t.Errorf("number %v, next %v", list.Number, list.NextUpdate)
	}
	if _, err := a.CRL(Profile, nil, big.NewInt(8), v); err != nil {
		t.Errorf("an empty list: %v", err)
	}
	for name, err := range map[string]error{
		"purpose":  second(a.CRL(Orders, nil, big.NewInt(1), v)),
		"number":   second(a.CRL(Profile, nil, nil, v)),
		"validity": second(a.CRL(Profile, nil, big.NewInt(1), Validity{ThisUpdate: noon, NextUpdate: noon})),
		"serial":   second(a.CRL(Profile, []Revoked{{Serial: "XY", At: noon}}, big.NewInt(1), v)),
		"reason":   second(a.CRL(Profile, []Revoked{{Serial: "1", At: noon, Reason: 7}}, big.NewInt(1), v)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func BenchmarkIssue(b *testing.B) {
	a := newAuthority(b)
	key := newKey(b, elliptic.P256())
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := ParseCSR(der)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := a.Issue(Device, Template{PublicKey: r.PublicKey, NotBefore: noon, NotAfter: noon.Add(day)}); err != nil {
			b.Fatal(err)
		}
	}
}
