package webkeys

import (
	"crypto"
	"time"
)

// How long the phases of a key are.
const (
	// PublishedBefore is how long a key is published before it signs.
	PublishedBefore = time.Hour
	// PublishedAfter is how long it stays published after it signed last.
	PublishedAfter = 7 * 24 * time.Hour
	// SignsFor is how long it signs before another takes over by itself.
	SignsFor = 90 * 24 * time.Hour
)

// State is the phase a key is in.
type State string

// The states of a key.
const (
	// Next is published, and signs from a time to come.
	Next State = "next"
	// Signing signs what is signed now.
	Signing State = "signing"
	// Signed signs nothing more; what it signed is still believed.
	Signed State = "signed"
	// Gone is no longer published, and what it signed is not believed.
	Gone State = "gone"
)

// Key is a key as others see it: never the private half.
type Key struct {
	// ID is the key's thumbprint (RFC 7638), the kid of what it signs.
	ID        string
	Algorithm Algorithm
	// Number counts the keys of the algorithm.
	Number uint64
	// State is the phase it is in now.
	State     State
	Public    crypto.PublicKey
	CreatedAt time.Time
	SignsFrom time.Time
	// SignsUntil is when the next one takes over; zero while there is none.
	SignsUntil time.Time
	// PublishedUntil is when it goes; zero while there is no next one.
	PublishedUntil time.Time
}

// stateAt is the phase at a time.
func (k Key) stateAt(now time.Time) State {
	switch {
	case now.Before(k.SignsFrom) && k.Number > 1:
		return Next
	case k.SignsUntil.IsZero() || now.Before(k.SignsUntil):
		return Signing
	case now.Before(k.PublishedUntil):
		return Signed
	default:
		return Gone
	}
}

// view is the key with the phase it is in.
func (k Key) view(now time.Time) Key {
	k.State = k.stateAt(now)
	return k
}
