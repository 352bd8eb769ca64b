package wipe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Facts is what must be known of a device to judge a request.
type Facts struct {
	ID device.ID
	// Epoch is the latest enrolment; Enrolled whether it still lasts.
	Epoch     device.Epoch
	Enrolled  bool
	Ownership device.Ownership
	Mode      device.Mode
}

// ended reports whether epoch e of the device is over.
func (f Facts) ended(e device.Epoch) bool {
	return f.Epoch > e || (f.Epoch == e && !f.Enrolled)
}

// Request is what an administrator asks for.
type Request struct {
	// Key makes the request safe to repeat.
	Key    string
	Device device.ID
	// Epoch is the enrolment it is meant for; 0 means the present one.
	Epoch device.Epoch
	Scope Scope
	// Reason is for the record and for the person.
	Reason string
	// Lifetime is how long the device may take to begin; 0 means
	// DefaultLifetime.
	Lifetime time.Duration
}

// How long a device may take to begin.
const (
	DefaultLifetime = 30 * 24 * time.Hour
	MinLifetime     = time.Minute
	MaxLifetime     = 365 * 24 * time.Hour
)

// MaxOpen bounds the orders under way for one device, so that all of them fit
// into one answer.
const MaxOpen = 100

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{8,64}$`)

// lifetime is Lifetime or the default.
func (r Request) lifetime() time.Duration {
	if r.Lifetime == 0 {
		return DefaultLifetime
	}
	return r.Lifetime
}

// check says what can never be right about a request to order something.
func (r Request) check() error {
	if !keyPattern.MatchString(r.Key) {
		return fault.InvalidField("request_key", "must match %s", keyPattern)
	}
	if err := checkReason(r.Reason); err != nil {
		return err
	}
	return r.checkTarget()
}

// checkTarget is the part of check that a dry run needs too.
func (r Request) checkTarget() error {
	if _, err := device.ParseID(string(r.Device)); err != nil {
		return fault.InvalidField("device_id", "%v", err)
	}
	if r.Scope.kind == "" {
		return fault.InvalidField("scope", "is required")
	}
	if d := r.lifetime(); d < MinLifetime || d > MaxLifetime {
		return fault.InvalidField("lifetime", "must be between one minute and 365 days")
	}
	return nil
}

// digest is the same for two requests that ask for the same.
func (r Request) digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %q %q %q %d",
		r.Device, r.Epoch, r.Scope.kind, r.Scope.packages, r.Reason, r.lifetime()))
	return hex.EncodeToString(sum[:])
}

// Plan decides who may be wiped, and how far: it gives the order that the
// request leads to, or refuses with ErrEpochMoved, ErrNotEnrolled or
// ErrNoWorkProfile. Who asked and under which id is for the caller to add.
func Plan(f Facts, r Request, now time.Time) (Order, error) {
	if err := r.checkTarget(); err != nil {
		return Order{}, err
	}
	switch {
	case f.ID != r.Device || !f.Mode.Allowed(f.Ownership):
		return Order{}, fault.New(fault.Internal, "", "the device's record contradicts itself")
	case r.Epoch != 0 && r.Epoch != f.Epoch:
		return Order{}, fault.New(ErrEpochMoved.Kind, ErrEpochMoved.Reason, "the device is in epoch %d, not %d", f.Epoch, r.Epoch)
	case !f.Enrolled:
		return Order{}, ErrNotEnrolled
	case r.Scope.kind == WorkProfile && !f.Mode.HasWorkProfile():
		return Order{}, ErrNoWorkProfile
	}
	now = now.UTC().Truncate(time.Microsecond)
	return Order{
		Device: f.ID, Epoch: f.Epoch, Scope: r.Scope, State: Pending, Reason: r.Reason,
		CreatedAt: now, NotAfter: now.Add(r.lifetime()).Truncate(time.Microsecond), ChangedAt: now,
		RequestKey: r.Key, RequestDigest: r.digest(), Version: 1,
	}, nil
}

// Admit decides whether o may join the unsettled orders of its device. An
// equal or wider one that can still act makes it needless: ErrPending. So do
// MaxOpen of them. One that is done and waits for the enrolment to end leaves
// nothing to wipe: ErrNotEnrolled.
func Admit(o Order, unsettled []Order, now time.Time) error {
	open := 0
	for _, other := range unsettled {
		if other.Epoch != o.Epoch || other.Device != o.Device || other.settled() || other.overdue(now) {
			continue
		}
		if other.State.Final() {
			return ErrNotEnrolled
		}
		if other.Scope.Covers(o.Scope) {
			return fault.New(ErrPending.Kind, ErrPending.Reason, "order %s, of equal or wider scope, is %s", other.ID, other.State)
		}
		open++
	}
	if open >= MaxOpen {
		return fault.New(ErrPending.Kind, ErrPending.Reason, "%d orders are under way for this device", open)
	}
	return nil
}
