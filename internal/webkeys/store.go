package webkeys

import (
	"context"
	"time"

	"ringfence/internal/audit"
)

// Stored is a key as it is kept. Nothing of it ever changes.
type Stored struct {
	// ID is the key's thumbprint (RFC 7638), base64url without padding: the kid
	// of what it signs.
	ID        string
	Algorithm Algorithm
	// Number counts the keys of the algorithm: 1, 2, 3 and so on.
	Number uint64
	// Sealed is the private key, PKCS #8 DER, as a [Sealer] sealed it.
	Sealed    []byte
	CreatedAt time.Time
	// SignsFrom is when it signs in place of the one before it.
	SignsFrom time.Time
}

// Store keeps keys. A door that changes something stores the entry that explains
// it in the same transaction, or changes nothing. Times are UTC, in whole
// microseconds.
type Store interface {
	// Keys gives every key, by algorithm and number. They are few.
	Keys(ctx context.Context) ([]Stored, error)
	// AddKey adds a key. Of several with one algorithm and number the first is
	// stored: the others are [ErrNumberTaken].
	AddKey(ctx context.Context, k Stored, e audit.Entry) error
	// RemoveKey removes a key. Where another has done so nothing is recorded.
	RemoveKey(ctx context.Context, id string, e audit.Entry) error
}
