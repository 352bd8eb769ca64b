package oauth

import (
	"context"
	"time"

	"ringfence/internal/audit"
)

// Store keeps clients. A door that changes something stores the entry that
// explains it in the same transaction, or changes nothing. Times are UTC, in
// whole microseconds.
type Store interface {
	// CreateClient adds a client, and gives it as it is stored. If its RequestKey
	// is taken, it changes nothing and gives the client that has it. A name that
	// one in use has is [ErrClientExists]; with [MaxClients] in use already it is
	// [ErrTooManyClients].
	CreateClient(ctx context.Context, c Client, e audit.Entry) (Client, error)
	// Client gives one, or [ErrNoClient].
	Client(ctx context.Context, id string) (Client, error)
	// ListClients gives up to so many clients after one, oldest first; after ""
	// from the oldest on. Revoked ones are among them only if asked for.
	ListClients(ctx context.Context, q ClientQuery) ([]Client, error)
	// RevokeClient sets when a client was revoked, and gives it as it is then.
	// Nothing is recorded where it was revoked before. There may be none:
	// [ErrNoClient].
	RevokeClient(ctx context.Context, id string, at time.Time, e audit.Entry) (Client, error)
}

// ClientQuery is one page of a listing.
type ClientQuery struct {
	// After is the id of the last client of the page before; "" for the first.
	After string
	// Revoked adds those that were revoked.
	Revoked bool
	// Limit is how many at most.
	Limit int
}
