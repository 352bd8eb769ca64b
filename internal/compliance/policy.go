package compliance

import "time"

// Policy is one revision of a named policy. A revision never changes.
type Policy struct {
	Name string
	// Revision counts from 1; re-creating a deleted policy goes on counting.
	Revision uint64
	Spec     Spec
	// CreatedAt is when the policy was made, RevisedAt when this revision was.
	CreatedAt time.Time
	RevisedAt time.Time
	// RevisedBy is who made this revision, as the record names callers.
	RevisedBy string
}

// Spec is what a policy asks, and of whom.
type Spec struct {
	// Description is free text for administrators.
	Description string
	// Pins holds at most one rule a scope.
	Pins []PinRule
	// TrustedRoots are unique by name.
	TrustedRoots []TrustedRoot
	// Certificates are unique by alias.
	Certificates []CertificateProfile
	// VPNs are unique by name.
	VPNs []VPNRule
	// Assignments say for which devices the policy is. Without an include it
	// is for none.
	Assignments []Assignment
}

// TrustedRoot is a certificate authority the work side is to trust.
type TrustedRoot struct {
	Name string
	// CertificatePEM is one CA certificate.
	CertificatePEM string
}

// KeyType is the key a device makes for a client certificate. The numbers are
// stored: do not reorder.
type KeyType uint8

// The key types.
const (
	KeyECP256 KeyType = iota + 1
	KeyECP384
	KeyRSA3072
	KeyRSA4096
)

var keyTypeNames = [...]string{"unknown", "ECDSA on P-256", "ECDSA on P-384", "RSA of 3072 bits", "RSA of 4096 bits"}

func (k KeyType) String() string { return nameOf(keyTypeNames[:], int(k)) }

// ExtendedKeyUsage is a purpose of a client certificate (RFC 5280, 4.2.1.12).
// The numbers are stored: do not reorder.
type ExtendedKeyUsage uint8

// The purposes.
const (
	UsageClientAuth ExtendedKeyUsage = iota + 1
	UsageEmailProtection
	UsageIPsecIKE
)

// DefaultRenewalThresholdPercent is the share of the validity left at which a
// device renews where a profile does not say.
const DefaultRenewalThresholdPercent = 20

// CertificateProfile asks for a client certificate whose key is made on the
// device and never leaves it. The names are templates: plain text with
// {{device.id}}, {{device.group}} and {{user}}.
type CertificateProfile struct {
	// Alias names the key in the device's key store.
	Alias             string
	CommonName        string
	Organization      string
	SANDNSNames       []string
	SANEmailAddresses []string
	SANURIs           []string
	KeyType           KeyType
	// ValidityDays is in days.
	ValidityDays uint32
	// ExtendedKeyUsages: none means client authentication.
	ExtendedKeyUsages []ExtendedKeyUsage
	// RenewalThresholdPercent is the share of the validity left at which the
	// device renews; 0 means DefaultRenewalThresholdPercent.
	RenewalThresholdPercent uint32
}

// VPNRule asks for a VPN connection of the work side.
type VPNRule struct {
	Name string
	// ProviderPackage is the package of the VPN app.
	ProviderPackage string
	// Servers are in order of preference.
	Servers []VPNServer
	// CertificateAlias names a client certificate that some assigned policy
	// asks for; empty for none.
	CertificateAlias string
	AlwaysOn         bool
	// Lockdown lets no work traffic past the connection. Needs AlwaysOn.
	Lockdown bool
	// AllowedPackages, where there are any, are the only work apps that use
	// the connection; DeniedPackages never do.
	AllowedPackages []string
	DeniedPackages  []string
	// ProviderSettings are the VPN app's own; no secrets.
	ProviderSettings map[string]string
}

// VPNServer is one end point.
type VPNServer struct {
	// Address is a host name or IP address, with an optional port.
	Address     string
	Description string
}

// Change says what applying a policy did, or would do.
type Change uint8

// The changes.
const (
	Created Change = iota + 1
	Revised
	Unchanged
)
