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
	// Sequence is given by the database: 1 for the first entry, and one more
	// for each that follows, without a gap. It is the order of the record; two
	// times may be a little out of it.
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
	// Peer is the network address an administrator called from, without the
	// port. Always empty for a phone: where its owner is, is not our business.
	Peer string
	// Credential is the serial number of the certificate it was done with,
	// lower-case hex; empty where there was none.
	Credential string
}

// By makes an entry in the name of the caller in ctx.
func By(ctx context.Context, action, target, detail string) Entry {
	c := identity.From(ctx)
	return Entry{
		Actor: c.Actor(), Action: action, Target: target, Detail: detail,
		RequestID: c.RequestID, Peer: c.Peer, Credential: c.Serial,
	}
}

// Of makes an entry in the name of the caller in ctx, or of the server itself
// where there is none. Anonymous callers change nothing but by what makes its
// own entries: to join, to register.
func Of(ctx context.Context, action, target, detail string) Entry {
	if identity.From(ctx).Is(identity.Anonymous) {
		return Server(action, target, detail)
	}
	return By(ctx, action, target, detail)
}

// Server makes an entry for something the server does by itself.
func Server(action, target, detail string) Entry {
	return Entry{Actor: "server", Action: action, Target: target, Detail: detail}
}
