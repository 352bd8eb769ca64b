package compliance

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/device"
)

var byContent = cmp.Options{cmpopts.IgnoreUnexported(Manifest{}), cmpopts.EquateEmpty()}

func TestCompileNothing(t *testing.T) {
	m := Compile(nil, device.WorkProfile)
	if m.Revision() != "" {
		t.Errorf("revision of nothing is %q", m.Revision())
	}
	onlyWork := []Named{{Name: "a", Revision: 1, Spec: Spec{Pins: []PinRule{{Scope: PinWorkProfile}}}}}
	if got := Compile(onlyWork, device.FullyManaged).Revision(); got != "" {
		t.Errorf("a work profile's lock is asked of a phone without work profile: %q", got)
	}
}

func TestCompileMergesPins(t *testing.T) {
	policies := []Named{
		{Name: "a", Spec: Spec{Pins: []PinRule{{
			Scope: PinDevice, Quality: QualityNumeric, MinimumLength: 8, ExpiresAfterDays: 90, FailuresBeforeRemoval: 10, InactivityLockSeconds: 60,
		}}}},
		{Name: "b", Spec: Spec{Pins: []PinRule{{
			Scope: PinDevice, Quality: QualityComplex, Complexity: ComplexityHigh, MinimumLength: 6, HistoryLength: 3, ExpiresAfterDays: 30, InactivityLockSeconds: 300,
		}}}},
	}
	want := PinRule{
		Scope: PinDevice, Quality: QualityComplex, Complexity: ComplexityHigh, MinimumLength: 8, HistoryLength: 3,
		ExpiresAfterDays: 30, FailuresBeforeRemoval: 10, InactivityLockSeconds: 60,
	}
	if diff := cmp.Diff([]PinRule{want}, Compile(policies, device.WorkProfile).Pins); diff != "" {
		t.Errorf("merged pins (-want +got):\n%s", diff)
	}
	// Without a work profile there would only be the device to remove.
	want.FailuresBeforeRemoval = 0
	if diff := cmp.Diff([]PinRule{want}, Compile(policies, device.Dedicated).Pins); diff != "" {
		t.Errorf("merged pins of a dedicated phone (-want +got):\n%s", diff)
	}
}

func TestCompileVPN(t *testing.T) {
	base := func(change func(*VPNRule)) Spec {
		v := vpnRule()
		change(&v)
		return Spec{VPNs: []VPNRule{v}}
	}
	certificate := Spec{Certificates: []CertificateProfile{clientProfile()}}
	tests := []struct {
		name   string
		specs  []Spec
		want   []VPNRule
		detail string
	}{
		{"same twice", []Spec{certificate, base(func(*VPNRule) {}), base(func(*VPNRule) {})}, []VPNRule{vpnRule()}, ""},
		{
			"lists and flags",
			[]Spec{
				certificate,
				base(func(v *VPNRule) {
					v.AllowedPackages, v.DeniedPackages, v.AlwaysOn, v.Lockdown = []string{"a.a", "b.b"}, []string{"d.d"}, false, false
				}),
				base(func(v *VPNRule) {
					v.AllowedPackages, v.DeniedPackages, v.Lockdown = []string{"c.c", "b.b"}, []string{"e.e"}, false
				}),
				base(func(v *VPNRule) { v.AlwaysOn, v.Lockdown = true, true }),
			},
			[]VPNRule{func() VPNRule {
				v := vpnRule()
				v.AllowedPackages, v.DeniedPackages = []string{"b.b"}, []string{"d.d", "e.e"}
				return v
			}()}, "",
		},
		{
			"no app left",
			[]Spec{certificate, base(func(v *VPNRule) { v.AllowedPackages = []string{"a.a"} }), base(func(v *VPNRule) { v.AllowedPackages = []string{"b.b"} })},
			nil, "no app is allowed by every rule with this name",
		},
		{
			"other server", []Spec{certificate, base(func(*VPNRule) {}), base(func(v *VPNRule) { v.Servers = []VPNServer{{Address: "other"}} })},
			nil, "the rules with this name differ in provider, servers, certificate or settings",
		},
		{
			"other settings", []Spec{certificate, base(func(*VPNRule) {}), base(func(v *VPNRule) { v.ProviderSettings = map[string]string{"a": "b"} })},
			nil, "the rules with this name differ in provider, servers, certificate or settings",
		},
		{
			"unknown certificate", []Spec{base(func(*VPNRule) {})},
			nil, `unknown reference: no assigned policy gives the client certificate "wifi"`,
		},
		{
			"two always on", []Spec{certificate, base(func(*VPNRule) {}), base(func(v *VPNRule) { v.Name = "dialup" })},
			nil, "more than one connection is always on: corp, dialup",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var policies []Named
			for i, s := range tt.specs {
				policies = append(policies, Named{Name: fmt.Sprintf("p%d", i), Revision: 1, Spec: s})
			}
			m := Compile(policies, device.WorkProfile)
			if diff := cmp.Diff(tt.want, m.VPNs, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("vpns (-want +got):\n%s", diff)
			}
			if tt.detail == "" && len(m.Conflicts) > 0 || tt.detail != "" && (len(m.Conflicts) == 0 || m.Conflicts[0].Detail != tt.detail) {
				t.Errorf("conflicts = %+v, want %q", m.Conflicts, tt.detail)
			}
		})
	}
}

func TestCompileNamesConflicts(t *testing.T) {
	other := clientProfile()
	other.ValidityDays = 30
	policies := []Named{
		{Name: "b", Spec: Spec{Certificates: []CertificateProfile{clientProfile()}, TrustedRoots: []TrustedRoot{{"corp", roots()[0]}}, VPNs: []VPNRule{vpnRule()}}},
		{Name: "a", Spec: Spec{Certificates: []CertificateProfile{other}, TrustedRoots: []TrustedRoot{{"corp", roots()[1]}}}},
	}
	want := &Manifest{Conflicts: []Conflict{
		{"client_certificate.wifi", []string{"a", "b"}, "the profiles with this alias differ"},
		{"trusted_root.corp", []string{"a", "b"}, "different certificates have this name"},
		{"vpn.corp", []string{"b"}, `unknown reference: no assigned policy gives the client certificate "wifi"`},
	}}
	got := Compile(policies, device.WorkProfile)
	if diff := cmp.Diff(want, got, byContent); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if len(got.Revision()) != 64 {
		t.Errorf("revision = %q", got.Revision())
	}
}

func TestCompileDefaultsAreSaidAloud(t *testing.T) {
	said := clientProfile()
	said.RenewalThresholdPercent, said.ExtendedKeyUsages = 20, []ExtendedKeyUsage{UsageClientAuth}
	m := Compile([]Named{
		{Name: "a", Spec: Spec{Certificates: []CertificateProfile{clientProfile()}}},
		{Name: "b", Spec: Spec{Certificates: []CertificateProfile{said}}},
	}, device.WorkProfile)
	if diff := cmp.Diff([]CertificateProfile{said}, m.Certificates); diff != "" || len(m.Conflicts) > 0 {
		t.Errorf("certificates (-want +got), conflicts %v:\n%s", m.Conflicts, diff)
	}
}

// TestRevisionIsStable pins the form of the hash: a change of it makes every
// phone apply its manifest again.
func TestRevisionIsStable(t *testing.T) {
	s := Spec{
		Pins: []PinRule{{Scope: PinWorkProfile, Quality: QualityNumeric, MinimumLength: 6}},
		VPNs: []VPNRule{{
			Name: "corp", ProviderPackage: "com.example.vpn", Servers: []VPNServer{{Address: "vpn.example.com"}},
			ProviderSettings: map[string]string{"b": "2", "a": "1"},
		}},
	}
	got := Compile([]Named{{Name: "a", Revision: 7, Spec: s}}, device.WorkProfile).Revision()
	if want := stableRevision; got != want {
		t.Errorf("revision = %s, want %s", got, want)
	}
	if again := Compile([]Named{{Name: "other", Revision: 9, Spec: s}}, device.WorkProfile).Revision(); again != got {
		t.Error("the revision depends on more than what is asked")
	}
}

const stableRevision = "75ca10261a1b7fce3d967d3c037cbbdc0d4d584487dfb52bab6ebe9e39d54959"
