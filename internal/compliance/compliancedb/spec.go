package compliancedb

import (
	"encoding/json"
	"fmt"

	"ringfence/internal/compliance"
)

// A spec is stored as JSON, which an administrator can read in the database
// and which grows by adding fields. Each struct has the fields of the one in
// package compliance, in their order.

type specJSON struct {
	Description  string           `json:"description,omitempty"`
	Pins         []pinJSON        `json:"pins,omitempty"`
	TrustedRoots []rootJSON       `json:"trusted_roots,omitempty"`
	Certificates []profileJSON    `json:"client_certificates,omitempty"`
	VPNs         []vpnJSON        `json:"vpns,omitempty"`
	Assignments  []assignmentJSON `json:"assignments,omitempty"`
}

type pinJSON struct {
	Scope                 compliance.PinScope      `json:"scope"`
	Quality               compliance.PinQuality    `json:"quality,omitempty"`
	Complexity            compliance.PinComplexity `json:"complexity,omitempty"`
	MinimumLength         uint32                   `json:"minimum_length,omitempty"`
	HistoryLength         uint32                   `json:"history_length,omitempty"`
	ExpiresAfterDays      uint32                   `json:"expires_after_days,omitempty"`
	FailuresBeforeRemoval uint32                   `json:"failures_before_removal,omitempty"`
	InactivityLockSeconds uint32                   `json:"inactivity_lock_seconds,omitempty"`
}

type rootJSON struct {
	Name           string `json:"name"`
	CertificatePEM string `json:"certificate_pem"`
}

type profileJSON struct {
	Alias                   string                        `json:"alias"`
	CommonName              string                        `json:"common_name"`
	Organization            string                        `json:"organization,omitempty"`
	SANDNSNames             []string                      `json:"san_dns_names,omitempty"`
	SANEmailAddresses       []string                      `json:"san_email_addresses,omitempty"`
	SANURIs                 []string                      `json:"san_uris,omitempty"`
	KeyType                 compliance.KeyType            `json:"key_type"`
	ValidityDays            uint32                        `json:"validity_days"`
	ExtendedKeyUsages       []compliance.ExtendedKeyUsage `json:"extended_key_usages,omitempty"`
	RenewalThresholdPercent uint32                        `json:"renewal_threshold_percent,omitempty"`
}

type vpnJSON struct {
	Name             string            `json:"name"`
	ProviderPackage  string            `json:"provider_package"`
	Servers          []serverJSON      `json:"servers"`
	CertificateAlias string            `json:"certificate_alias,omitempty"`
	AlwaysOn         bool              `json:"always_on,omitempty"`
	Lockdown         bool              `json:"lockdown,omitempty"`
	AllowedPackages  []string          `json:"allowed_packages,omitempty"`
	DeniedPackages   []string          `json:"denied_packages,omitempty"`
	ProviderSettings map[string]string `json:"provider_settings,omitempty"`
}

type serverJSON struct {
	Address     string `json:"address"`
	Description string `json:"description,omitempty"`
}

type assignmentJSON struct {
	Kind    compliance.TargetKind `json:"kind"`
	Name    string                `json:"name,omitempty"`
	Exclude bool                  `json:"exclude,omitempty"`
}

func encodeSpec(s compliance.Spec) (string, error) {
	raw, err := json.Marshal(specJSON{
		Description:  s.Description,
		Pins:         each(s.Pins, func(p compliance.PinRule) pinJSON { return pinJSON(p) }),
		TrustedRoots: each(s.TrustedRoots, func(r compliance.TrustedRoot) rootJSON { return rootJSON(r) }),
		Certificates: each(s.Certificates, func(c compliance.CertificateProfile) profileJSON {
			return profileJSON(c)
		}),
		VPNs: each(s.VPNs, func(v compliance.VPNRule) vpnJSON {
			return vpnJSON{
				Name: v.Name, ProviderPackage: v.ProviderPackage,
				Servers:          each(v.Servers, func(s compliance.VPNServer) serverJSON { return serverJSON(s) }),
				CertificateAlias: v.CertificateAlias, AlwaysOn: v.AlwaysOn, Lockdown: v.Lockdown,
				AllowedPackages: v.AllowedPackages, DeniedPackages: v.DeniedPackages, ProviderSettings: v.ProviderSettings,
			}
		}),
		Assignments: each(s.Assignments, func(a compliance.Assignment) assignmentJSON { return assignmentJSON(a) }),
	})
	if err != nil {
		return "", fmt.Errorf("write policy: %w", err)
	}
	return string(raw), nil
}

func decodeSpec(raw string) (compliance.Spec, error) {
	var s specJSON
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return compliance.Spec{}, fmt.Errorf("read policy: %w", err)
	}
	return compliance.Spec{
		Description:  s.Description,
		Pins:         each(s.Pins, func(p pinJSON) compliance.PinRule { return compliance.PinRule(p) }),
		TrustedRoots: each(s.TrustedRoots, func(r rootJSON) compliance.TrustedRoot { return compliance.TrustedRoot(r) }),
		Certificates: each(s.Certificates, func(c profileJSON) compliance.CertificateProfile {
			return compliance.CertificateProfile(c)
		}),
		VPNs: each(s.VPNs, func(v vpnJSON) compliance.VPNRule {
			return compliance.VPNRule{
				Name: v.Name, ProviderPackage: v.ProviderPackage,
				Servers:          each(v.Servers, func(s serverJSON) compliance.VPNServer { return compliance.VPNServer(s) }),
				CertificateAlias: v.CertificateAlias, AlwaysOn: v.AlwaysOn, Lockdown: v.Lockdown,
				AllowedPackages: v.AllowedPackages, DeniedPackages: v.DeniedPackages, ProviderSettings: v.ProviderSettings,
			}
		}),
		Assignments: each(s.Assignments, func(a assignmentJSON) compliance.Assignment { return compliance.Assignment(a) }),
	}, nil
}

// each converts a list; an empty one becomes nil.
func each[A, B any](list []A, convert func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	converted := make([]B, len(list))
	for i, item := range list {
		converted[i] = convert(item)
	}
	return converted
}
