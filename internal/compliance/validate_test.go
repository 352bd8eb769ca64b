package compliance

import (
	"strings"
	"testing"

	"ringfence/internal/fault"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Spec)
		field  string // "" is valid
	}{
		{"full", func(*Spec) {}, ""},
		{"empty", func(s *Spec) { *s = Spec{} }, ""},
		{"scope twice", func(s *Spec) { s.Pins[1].Scope = PinDevice }, "spec.pins[1].scope"},
		{"no scope", func(s *Spec) { s.Pins[0].Scope = 0 }, "spec.pins[0].scope"},
		{"root twice", func(s *Spec) { s.TrustedRoots = append(s.TrustedRoots, s.TrustedRoots[0]) }, "spec.trusted_roots[1].name"},
		{"root is no PEM", func(s *Spec) { s.TrustedRoots[0].CertificatePEM = strings.Repeat("x", 100) }, "spec.trusted_roots[0].certificate_pem"},
		{"root with text around", func(s *Spec) { s.TrustedRoots[0].CertificatePEM = "Corp\n" + roots()[0] + "\n \n" }, ""},
		{"two roots in one", func(s *Spec) { s.TrustedRoots[0].CertificatePEM = roots()[0] + roots()[1] }, "spec.trusted_roots[0].certificate_pem"},
		{"root is no authority", func(s *Spec) { s.TrustedRoots[0].CertificatePEM = roots()[2] }, "spec.trusted_roots[0].certificate_pem"},
		{"root is a key", func(s *Spec) {
			s.TrustedRoots[0].CertificatePEM = strings.ReplaceAll(roots()[0], "CERTIFICATE", "PRIVATE KEY")
		}, "spec.trusted_roots[0].certificate_pem"},
		{"alias twice", func(s *Spec) { s.Certificates = append(s.Certificates, s.Certificates[0]) }, "spec.client_certificates[1].alias"},
		{"no key type", func(s *Spec) { s.Certificates[0].KeyType = 0 }, "spec.client_certificates[0].key_type"},
		{"no validity", func(s *Spec) { s.Certificates[0].ValidityDays = 0 }, "spec.client_certificates[0].validity_days"},
		{"unknown placeholder", func(s *Spec) { s.Certificates[0].CommonName = "{{device.imei}}" }, "spec.client_certificates[0].common_name"},
		{"spaced placeholder", func(s *Spec) { s.Certificates[0].CommonName = "{{ user }}" }, "spec.client_certificates[0].common_name"},
		{"open placeholder", func(s *Spec) { s.Certificates[0].CommonName = "{{user" }, "spec.client_certificates[0].common_name"},
		{"closed placeholder", func(s *Spec) { s.Certificates[0].CommonName = "user}}" }, "spec.client_certificates[0].common_name"},
		{"control character", func(s *Spec) { s.Certificates[0].Organization = "a\nb" }, "spec.client_certificates[0].organization"},
		{"bad host", func(s *Spec) { s.Certificates[0].SANDNSNames = []string{"{{device.id}}_.example.com"} }, "spec.client_certificates[0].san_dns_names"},
		{"wildcard host", func(s *Spec) { s.Certificates[0].SANDNSNames = []string{"*.example.com"} }, "spec.client_certificates[0].san_dns_names"},
		{"user as address", func(s *Spec) { s.Certificates[0].SANEmailAddresses = []string{"{{user}}"} }, ""},
		{"user in address", func(s *Spec) { s.Certificates[0].SANEmailAddresses = []string{"{{user}}@example.com"} }, ""},
		{"no address", func(s *Spec) { s.Certificates[0].SANEmailAddresses = []string{"example.com"} }, "spec.client_certificates[0].san_email_addresses"},
		{"uri", func(s *Spec) { s.Certificates[0].SANURIs = []string{"urn:device:{{device.id}}"} }, ""},
		{"relative uri", func(s *Spec) { s.Certificates[0].SANURIs = []string{"/devices/{{device.id}}"} }, "spec.client_certificates[0].san_uris"},
		{"vpn twice", func(s *Spec) { s.VPNs = append(s.VPNs, s.VPNs[0]) }, "spec.vpns[1].name"},
		{"lockdown alone", func(s *Spec) { s.VPNs[0].AlwaysOn = false }, "spec.vpns[0].lockdown"},
		{"two always on", func(s *Spec) {
			v := vpnRule()
			v.Name = "other"
			s.VPNs = append(s.VPNs, v)
		}, "spec.vpns[1].always_on"},
		{"no server", func(s *Spec) { s.VPNs[0].Servers = nil }, "spec.vpns[0].servers"},
		{"port too large", func(s *Spec) { s.VPNs[0].Servers[0].Address = "vpn:65536" }, "spec.vpns[0].servers[0].address"},
		{"port 0", func(s *Spec) { s.VPNs[0].Servers[0].Address = "[2001:db8::1]:0" }, "spec.vpns[0].servers[0].address"},
		{"address without port", func(s *Spec) { s.VPNs[0].Servers[0].Address = "[2001:db8::1]" }, ""},
		{"allowed and denied", func(s *Spec) {
			s.VPNs[0].AllowedPackages, s.VPNs[0].DeniedPackages = []string{"a.a", "b.b"}, []string{"b.b"}
		}, "spec.vpns[0].allowed_packages[1]"},
		{"assignment of no kind", func(s *Spec) { s.Assignments[0].Kind = 0 }, "spec.assignments[0]"},
		{"assignment without name", func(s *Spec) { s.Assignments[0].Kind = TargetUser }, "spec.assignments[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fullSpec()
			tt.change(&s)
			err := s.Validate()
			if tt.field == "" {
				if err != nil {
					t.Errorf("Validate: %v", err)
				}
				return
			}
			wantFault(t, err, fault.Invalid, tt.field)
		})
	}
}

func TestCanonical(t *testing.T) {
	a := fullSpec()
	a.VPNs[0].AllowedPackages = []string{"b.b", "a.a", "b.b"}
	a.Assignments = []Assignment{{Kind: TargetUser, Name: "bob"}, {Kind: TargetAll}, {Kind: TargetAll}}
	b := fullSpec()
	b.Pins[0], b.Pins[1] = b.Pins[1], b.Pins[0]
	b.VPNs[0].AllowedPackages = []string{"a.a", "b.b"}
	b.Assignments = []Assignment{{Kind: TargetAll}, {Kind: TargetUser, Name: "bob"}}
	b.TrustedRoots[0].CertificatePEM = "comment\n" + b.TrustedRoots[0].CertificatePEM
	if !a.Equal(b) {
		t.Error("specs that ask the same are not equal")
	}
	b.Assignments[1].Exclude = true
	if a.Equal(b) {
		t.Error("specs with other assignments are equal")
	}
}
