// Package audit is the record: what was done, by whom, to what, and why. Every
// write takes the entry that explains it and stores both in one transaction.
package audit

import (
	"context"
	"time"

	"ringfence/internal/identity"
)

// Entry explains one change. It holds no secret and no personal data.
type Entry struct {
	// Sequence is given by the database and grows with every entry.
	Sequence uint64
	// Time is when the change was made; set by the store.
	Time time.Time
	// Actor is who did it: "admin:alice", "device:<id>" or "server".
	Actor string
	// Action is what was done, as slice.verb.
	Action string
	// Target is what it was done to, as kind/name.
	Target string
	// Detail says why and how, in words.
	Detail string
	// RequestID names the request that caused it; empty for the server's own.
	RequestID string
}

// By makes an entry in the name of the caller in ctx.
func By(ctx context.Context, action, target, detail string) Entry {
	c := identity.From(ctx)
	return Entry{Actor: c.Actor(), Action: action, Target: target, Detail: detail, RequestID: c.RequestID}
}

// Server makes an entry for something the server does by itself.
func Server(action, target, detail string) Entry {
	return Entry{Actor: "server", Action: action, Target: target, Detail: detail}
}
