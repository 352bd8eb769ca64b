package access

import (
	"context"
	"net/netip"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Stored is all that decides, as it was at one generation. It always compiles:
// nothing is stored that does not.
type Stored struct {
	// Policies are at their latest revision, Locations at their latest version,
	// both sorted by name.
	Policies  []Policy
	Locations []StoredLocation
	// Generation counts the changes there were until then.
	Generation uint64
}

// StoredLocation is a location with its history.
type StoredLocation struct {
	Location
	// Version counts from 1; re-creating a deleted location goes on counting.
	Version uint64
	// CreatedAt is when the location was made, ChangedAt when this version was.
	CreatedAt time.Time
	ChangedAt time.Time
	// ChangedBy is who made this version, as the record names callers.
	ChangedBy string
}

// Step is one change, from one generation to the next. It is stored with its
// entry in one transaction, and only if From is still the latest generation:
// else it is ErrMoved. So whatever was looked at before the change, other
// policies and locations included, was still so when it was made.
type Step struct {
	From  uint64
	At    time.Time
	Entry audit.Entry
}

// Policies keeps policies and locations with all they ever were. What cannot be
// found is a NotFound fault. Times are UTC, in whole microseconds.
type Policies interface {
	// Generation counts the changes there ever were. Where nothing may be
	// remembered it is asked at each decision.
	Generation(ctx context.Context) (uint64, error)
	// Current gives all that is in force, of the latest generation.
	Current(ctx context.Context) (Stored, error)
	// AsOf gives all that was in force at a time.
	AsOf(ctx context.Context, at time.Time) (Stored, error)
	// Policy gives a policy at a revision, 0 for the latest there ever was, and
	// whether the policy is deleted by now; ErrNoPolicy.
	Policy(ctx context.Context, name string, revision uint64) (p Policy, deleted bool, err error)
	// ListPolicies gives at most limit policies at their latest revision, by name,
	// after the given one.
	ListPolicies(ctx context.Context, after string, limit int) ([]Policy, error)
	// SavePolicy adds a revision, the one after the latest there ever was of that
	// name; ErrMoved.
	SavePolicy(ctx context.Context, p Policy, s Step) error
	// DeletePolicy takes a policy out of force; ErrNoPolicy, ErrMoved.
	DeletePolicy(ctx context.Context, name string, s Step) error
	// Location gives one at the latest version there ever was, and whether it is
	// deleted by now; ErrNoLocation.
	Location(ctx context.Context, name string) (l StoredLocation, deleted bool, err error)
	// ListLocations gives at most limit locations by name, after the given one.
	ListLocations(ctx context.Context, after string, limit int) ([]StoredLocation, error)
	// SaveLocation adds a version, the one after the latest there ever was of that
	// name; ErrMoved.
	SaveLocation(ctx context.Context, l StoredLocation, s Step) error
	// DeleteLocation takes a location out of force; ErrNoLocation, ErrMoved.
	DeleteLocation(ctx context.Context, name string, s Step) error
}

// Sample is all decisions of one kind: the same person, phone, app, client,
// network, risks, and the same shown.
type Sample struct {
	// SignIn is without the address, and without the door's own words.
	SignIn SignIn
	// Network is where it came from, /24 or /48; invalid where that was not known.
	Network netip.Prefix
	// Facts are as they were at the last time, without findings.
	Facts Facts
	// Count is how many decisions there were since FirstAt.
	Count           uint64
	FirstAt, LastAt time.Time
}

// Samples keeps samples.
type Samples interface {
	// SaveSamples adds to the samples of the same kind, and keeps new kinds as long
	// as there are fewer than most. It counts the decisions it has no room for, and
	// lost more, which were forgotten before.
	SaveSamples(ctx context.Context, samples []Sample, lost uint64, most int) error
	// EachSample gives every sample that was last seen at since or after, until
	// take fails.
	EachSample(ctx context.Context, since time.Time, take func(Sample) error) error
	// LostSamples counts the decisions there was no room for, ever.
	LostSamples(ctx context.Context) (uint64, error)
	// ForgetSamples forgets at most limit samples that were last seen before, and
	// says how many.
	ForgetSamples(ctx context.Context, before time.Time, limit int) (int, error)
	// ForgetSamplesOf forgets all samples with a phone or a registration.
	ForgetSamplesOf(ctx context.Context, id device.ID) error
}

// Moment is what was known of a phone or of a registration from a time on. Where
// both are nil it was gone.
type Moment struct {
	ID           device.ID
	At           time.Time
	Device       *Device
	Registration *Registration
}

// History keeps moments.
type History interface {
	// SaveMoments adds moments. One of the same id and time stays as it is.
	SaveMoments(ctx context.Context, moments []Moment) error
	// Moments gives what was last kept of each of these ids at a time. Of an id of
	// which nothing was kept by then there is none.
	Moments(ctx context.Context, ids []device.ID, at time.Time) ([]Moment, error)
	// ForgetMoments forgets at most limit moments of before, and says how many.
	ForgetMoments(ctx context.Context, before time.Time, limit int) (int, error)
	// ForgetMomentsOf forgets all moments of an id.
	ForgetMomentsOf(ctx context.Context, id device.ID) error
}
