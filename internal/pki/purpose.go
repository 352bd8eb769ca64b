package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
)

// Purpose is what a certificate is for. It decides who issues it.
type Purpose string

// The purposes.
const (
	// Server is a TLS server: this installation's listeners.
	Server Purpose = "server"
	// Device is an enrolled phone as a TLS client.
	Device Purpose = "device"
	// App is an app's registration, one person's work account in it, as a TLS
	// client.
	App Purpose = "app"
	// Admin is an administrator as a TLS client.
	Admin Purpose = "admin"
	// Profile is a certificate that a policy asks for.
	Profile Purpose = "profile"
	// Orders signs wipe orders. It is used through SignOrder only: Issue
	// refuses it.
	Orders Purpose = "orders"
	// Leases signs the leases of apps. It is used through SignLease only: Issue
	// refuses it.
	Leases Purpose = "leases"
)

var issuingPurposes = []Purpose{Server, Device, App, Admin, Profile}

// clientPurposes are those whose certificates may open one of our listeners.
var clientPurposes = []Purpose{Device, App, Admin}

// derivedPurposes are those whose issuing authority follows from the root; see
// derivedIssuer. They came after the first release: an authority without them is
// older, not damaged.
var derivedPurposes = []Purpose{App}

// OrdersKeyUsage is the extended key usage of the certificate that signs wipe
// orders. It lies in the arc that RFC 5612 sets aside for documentation, which
// nobody may own. It must become an arc registered for this project before the
// first public release, because devices compare it.
var OrdersKeyUsage = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 1}

// LeasesKeyUsage is the extended key usage of the certificate that signs the
// leases of apps. What is said of OrdersKeyUsage goes for it too.
var LeasesKeyUsage = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 2}

// IPsecIKE is the extended key usage of RFC 4945, which crypto/x509 has no name
// for.
var IPsecIKE = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 17}

// usages is what the certificates of a purpose may be used for; the first is
// what they are used for when the caller asks for nothing.
type usages struct {
	known   []x509.ExtKeyUsage
	unknown []asn1.ObjectIdentifier
}

func usagesOf(p Purpose) usages {
	switch p {
	case Server:
		return usages{known: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	case Device, App, Admin:
		return usages{known: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	case Profile:
		return usages{
			known:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection},
			unknown: []asn1.ObjectIdentifier{IPsecIKE},
		}
	case Orders:
		return usages{unknown: []asn1.ObjectIdentifier{OrdersKeyUsage}}
	case Leases:
		return usages{unknown: []asn1.ObjectIdentifier{LeasesKeyUsage}}
	default:
		return usages{}
	}
}

// narrowed gives the usages to put into a certificate: the wanted ones, if all
// of them are allowed. A certificate without any would be good for everything,
// so that asking for none means the purpose's first.
func (u usages) narrowed(want usages) (usages, error) {
	for _, k := range want.known {
		if !slices.Contains(u.known, k) {
			return usages{}, fmt.Errorf("extended key usage %d is not for this purpose", k)
		}
	}
	for _, oid := range want.unknown {
		if !slices.ContainsFunc(u.unknown, oid.Equal) {
			return usages{}, fmt.Errorf("extended key usage %v is not for this purpose", oid)
		}
	}
	if len(want.known)+len(want.unknown) == 0 {
		return usages{known: u.known[:1]}, nil
	}
	return want, nil
}
