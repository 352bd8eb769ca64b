package enroll

import (
	"slices"
	"time"

	"ringfence/internal/identity"
)

// Administrator is one administrator's certificate. A name may have several,
// so that a new one can be made before the old one ends.
type Administrator struct {
	// Serial is the certificate's serial number, lower-case hex.
	Serial string
	Appointment
	// Key is the hash of the public key.
	Key       Digest
	CreatedAt time.Time
	// CreatedBy is the maker as the record names them.
	CreatedBy string
	ExpiresAt time.Time
	// RevokedAt is zero while it was not revoked.
	RevokedAt time.Time
}

// Caller is the administrator as a caller; [ErrCertificateRevoked] if the
// certificate no longer lets them in.
func (a Administrator) Caller() (identity.Caller, error) {
	if !a.RevokedAt.IsZero() {
		return identity.Caller{}, ErrCertificateRevoked
	}
	return identity.Caller{
		Kind: identity.Admin, Name: a.Name, Serial: a.Serial,
		Role: a.Role, Groups: a.Groups, Person: a.Person, Since: a.CreatedAt,
	}, nil
}

// works reports whether the certificate lets the administrator in.
func (a Administrator) works(now time.Time) bool {
	return a.RevokedAt.IsZero() && now.Before(a.ExpiresAt)
}

// reaches reports whether the certificate covers all of the groups; nil is every
// group there is.
func (a Administrator) reaches(groups []string) bool {
	if a.Groups == nil {
		return true
	}
	return groups != nil && !slices.ContainsFunc(groups, func(g string) bool { return !slices.Contains(a.Groups, g) })
}
