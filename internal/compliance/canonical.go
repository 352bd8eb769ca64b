package compliance

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"maps"
	"slices"
)

// Canonical gives the one form of a spec in which it is compared and stored:
// lists whose order means nothing are sorted, assignments are named once, and
// certificates are plain PEM. What it asks is the same. It shares no memory
// with s.
func (s Spec) Canonical() Spec {
	c := Spec{
		Description:  s.Description,
		Pins:         sortedBy(s.Pins, func(p PinRule) PinScope { return p.Scope }),
		TrustedRoots: sortedBy(s.TrustedRoots, func(r TrustedRoot) string { return r.Name }),
		Certificates: sortedBy(s.Certificates, func(c CertificateProfile) string { return c.Alias }),
		VPNs:         sortedBy(s.VPNs, func(v VPNRule) string { return v.Name }),
		Assignments:  slices.Clone(s.Assignments),
	}
	for i := range c.TrustedRoots {
		c.TrustedRoots[i].CertificatePEM = plainPEM(c.TrustedRoots[i].CertificatePEM)
	}
	for i := range c.Certificates {
		c.Certificates[i] = c.Certificates[i].canonical()
	}
	for i := range c.VPNs {
		c.VPNs[i] = c.VPNs[i].canonical()
	}
	slices.SortFunc(c.Assignments, func(a, b Assignment) int {
		return bytes.Compare(appendAssignment(nil, a), appendAssignment(nil, b))
	})
	c.Assignments = slices.Compact(c.Assignments)
	return c
}

// Equal reports whether two specs are the same in their canonical form.
func (s Spec) Equal(o Spec) bool {
	return bytes.Equal(s.Canonical().encoded(), o.Canonical().encoded())
}

func (s Spec) encoded() []byte {
	b := appendText(nil, s.Description)
	b = appendList(b, s.Pins, appendPin)
	b = appendList(b, s.TrustedRoots, appendRoot)
	b = appendList(b, s.Certificates, appendCertificate)
	b = appendList(b, s.VPNs, appendVPN)
	return appendList(b, s.Assignments, appendAssignment)
}

func (c CertificateProfile) canonical() CertificateProfile {
	c.SANDNSNames = sortedSet(c.SANDNSNames)
	c.SANEmailAddresses = sortedSet(c.SANEmailAddresses)
	c.SANURIs = sortedSet(c.SANURIs)
	c.ExtendedKeyUsages = sortedSet(c.ExtendedKeyUsages)
	return c
}

// effective is the profile with its defaults written out, so that saying the
// default and saying nothing are the same.
func (c CertificateProfile) effective() CertificateProfile {
	c = c.canonical()
	if len(c.ExtendedKeyUsages) == 0 {
		c.ExtendedKeyUsages = []ExtendedKeyUsage{UsageClientAuth}
	}
	if c.RenewalThresholdPercent == 0 {
		c.RenewalThresholdPercent = DefaultRenewalThresholdPercent
	}
	return c
}

func (v VPNRule) canonical() VPNRule {
	v.Servers = slices.Clone(v.Servers)
	v.AllowedPackages = sortedSet(v.AllowedPackages)
	v.DeniedPackages = sortedSet(v.DeniedPackages)
	v.ProviderSettings = maps.Clone(v.ProviderSettings)
	return v
}

// plainPEM writes a certificate without the text and headers people put
// around it. What is no PEM stays as it is; Validate refuses it.
func plainPEM(s string) string {
	block, _ := pem.Decode([]byte(s))
	if block == nil {
		return s
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
}

// sortedBy gives a sorted copy; nil for an empty list.
func sortedBy[T any, K cmp.Ordered](list []T, key func(T) K) []T {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return sorted
}

// sortedSet gives a sorted copy without repeats; nil for an empty list.
func sortedSet[T cmp.Ordered](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
