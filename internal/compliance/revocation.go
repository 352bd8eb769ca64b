package compliance

import "time"

// Revoked is one line of a revocation list.
type Revoked struct {
	// Serial is lower-case hex.
	Serial string
	At     time.Time
	Code   RevocationCode
}

// RevocationList is what a list is to say.
type RevocationList struct {
	Revoked []Revoked
	// Number grows with every list.
	Number                 uint64
	ThisUpdate, NextUpdate time.Time
}

// ListInfo is what is known of a list that was made.
type ListInfo struct {
	// Number counts the lists, from 1.
	Number uint64
	// Revocations is how many there had been when it was made.
	Revocations            uint64
	ThisUpdate, NextUpdate time.Time
}

// current reports whether the list may still be given out: nothing was revoked
// since, and less than half of its life has passed, so that who fetches it has
// the other half to fetch the next.
func (l ListInfo) current(revocations uint64, now time.Time) bool {
	half := l.ThisUpdate.Add(l.NextUpdate.Sub(l.ThisUpdate) / 2)
	return l.Number > 0 && l.Revocations == revocations && now.Before(half)
}
