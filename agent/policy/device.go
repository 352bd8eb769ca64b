package policy

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"

	"google.golang.org/grpc"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// ErrUnsupported is a Device's answer to a setting that it cannot have.
var ErrUnsupported = errors.New("this phone cannot have it")

// Device is the phone as this package needs it. Names it is given have been
// checked; it checks them again before they become part of a path.
type Device interface {
	Manifests
	Locks
	Roots
	Certificates
	VPNs
}

// Manifests keeps what is asked of the phone, and how far it is.
type Manifests interface {
	// LoadManifest gives what SaveManifest kept; "" and nil before.
	LoadManifest() (revision string, m *compliancev1.Manifest, err error)
	// SaveManifest keeps a manifest. It is durable when it returns.
	SaveManifest(revision string, m *compliancev1.Manifest) error
	// SaveResults keeps the results of the last round, for people to see.
	SaveResults([]*compliancev1.SettingResult) error
}

// Locks are the screen locks.
type Locks interface {
	// SetPinRule makes the system demand the rule of that lock's next secret;
	// nil demands nothing. ErrUnsupported where there is no such lock.
	SetPinRule(compliancev1.PinScope, *compliancev1.PinRule) error
	// Lock says how a lock is now. ErrUnsupported where there is no such lock.
	Lock(compliancev1.PinScope) (*compliancev1.LockState, error)
}

// Roots are the certificate authorities installed by policy.
type Roots interface {
	// Roots gives them by name.
	Roots() (map[string]*x509.Certificate, error)
	// InstallRoot adds or replaces one.
	InstallRoot(name string, c *x509.Certificate) error
	// RemoveRoot takes one away; no error where there is none.
	RemoveRoot(name string) error
}

// Certificates are the client certificates and their keys.
type Certificates interface {
	// Certificates gives every record, by alias.
	Certificates() (map[string]Certificate, error)
	// SaveCertificate replaces the record of its alias. It is durable when it
	// returns.
	SaveCertificate(Certificate) error
	// RemoveCertificate forgets a record; no error where there is none.
	RemoveCertificate(alias string) error
	// MakeKey makes a key of that name unless there is one, and gives it.
	MakeKey(name string, t compliancev1.KeyType) (crypto.Signer, error)
	// DeleteKey destroys a key; no error where there is none.
	DeleteKey(name string) error
}

// Certificate is what the phone knows of one client certificate.
type Certificate struct {
	Alias string `json:"alias"`
	// Current is the installed one; nil before the first.
	Current *Installed `json:"current,omitempty"`
	// Pending is the one that is being asked for; nil when none is.
	Pending *Request `json:"pending,omitempty"`
	// Spent names keys that are no longer used and wait to be destroyed.
	Spent []string `json:"spent,omitempty"`
}

// Installed is a certificate in use.
type Installed struct {
	// Key names its key.
	Key string `json:"key"`
	// Profile is the digest of the profile it was issued for.
	Profile string `json:"profile"`
	// Chain is DER, leaf first.
	Chain [][]byte `json:"chain"`
}

// Request is a certificate that has been, or is about to be, asked for.
type Request struct {
	Key     string `json:"key"`
	Profile string `json:"profile"`
	// CSR is empty until the key exists.
	CSR []byte `json:"csr,omitempty"`
}

// VPNs are the VPN connections set by policy.
type VPNs interface {
	// VPNs gives them by name, as they were set.
	VPNs() (map[string]*compliancev1.VpnRule, error)
	// SetVPN adds or replaces one.
	SetVPN(*compliancev1.VpnRule) error
	// RemoveVPN takes one away; no error where there is none.
	RemoveVPN(name string) error
}

// Issuer issues client certificates. The generated client of mdm.compliance.v1
// is one.
type Issuer interface {
	IssueCertificate(context.Context, *compliancev1.IssueCertificateRequest, ...grpc.CallOption) (*compliancev1.IssueCertificateResponse, error)
}
