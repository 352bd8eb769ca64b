package enroll

import (
	"errors"
	"time"

	"ringfence/internal/device"
)

// JoinFacts is what decides whether a phone may join.
type JoinFacts struct {
	// Secret is the hash of the secret that the phone showed.
	Secret Digest
	// Mode is the mode it was provisioned in.
	Mode device.Mode
}

// Admit says whether a phone may join with the token; nil if it may. Who does
// not know the secret learns nothing about the token, so that comes first.
// Whether a use is left is decided again when it is counted.
func Admit(t Token, f JoinFacts, now time.Time) error {
	if !t.opens(f.Secret) {
		return ErrTokenUnknown
	}
	if err := t.state(now); err != nil {
		return err
	}
	if f.Mode != t.Mode {
		return ErrModeMismatch
	}
	return nil
}

// RetryWindow is how long a Join may be repeated for the same answer.
const RetryWindow = 10 * time.Minute

// mayRepeat reports whether a refusal is what a repeated Join meets: its first
// run used the token, or the key, up. That the token expired or was revoked
// since does not matter: the device is in, and only its answer was lost.
func mayRepeat(refusal error) bool {
	for _, e := range []error{ErrTokenUsedUp, ErrTokenExpired, ErrTokenRevoked, ErrKeyReused} {
		if errors.Is(refusal, e) {
			return true
		}
	}
	return false
}

// Joined is an enrolment found by its key: the device, and the certificate
// that first certified the key.
type Joined struct {
	Device Device
	Epoch  device.Epoch
	Issued Issued
}

// Repeats reports whether a Join with this token and request is the retry of
// the one that made j, and its answer still the truth.
func (j Joined) Repeats(t Token, request Digest, now time.Time) bool {
	age := now.Sub(j.Issued.IssuedAt)
	return j.Device.State == Enrolled &&
		j.Device.Epoch == j.Epoch &&
		j.Device.TokenID == t.ID &&
		j.Device.Certificate.Serial == j.Issued.Serial &&
		j.Issued.Request == request &&
		age >= 0 && age < RetryWindow
}
