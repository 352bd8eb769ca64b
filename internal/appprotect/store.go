package appprotect

import (
	"context"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Every door: one that changes something stores the entry that explains it in the
// same transaction, or changes nothing. What cannot be found is a NotFound fault.
// Times are UTC, in whole microseconds.

// Policies keeps app protection policies and what is known of apps. Each change of
// either raises the generation by one.
type Policies interface {
	// Generation counts the changes there ever were. It is asked at each check-in.
	Generation(ctx context.Context) (uint64, error)
	// Current gives every policy at its latest revision, by name, every app, by
	// package, and the generation they are of.
	Current(ctx context.Context) (policies []Policy, apps []KnownApp, generation uint64, err error)
	// Policy gives a policy at a revision, 0 for the latest there ever was, and
	// whether the policy is deleted by now; ErrNoPolicy.
	Policy(ctx context.Context, name string, revision uint64) (p Policy, deleted bool, err error)
	// ListPolicies gives at most limit policies at their latest revision, by name,
	// after the given one.
	ListPolicies(ctx context.Context, after string, limit int) ([]Policy, error)
	// SavePolicy adds a revision: p.Revision-1 is the latest there ever was of
	// that name, or ErrMoved.
	SavePolicy(ctx context.Context, p Policy, e audit.Entry) error
	// DeletePolicy takes away the policy whose latest revision is this one; ErrMoved
	// if it is another. One that was deleted before is left alone, without an
	// entry; one that never was is ErrNoPolicy.
	DeletePolicy(ctx context.Context, name string, revision uint64, e audit.Entry) error
	// App gives one at the latest version there ever was, and whether it is deleted
	// by now; ErrNoApp. Of a deleted one no more is known than that it was.
	App(ctx context.Context, pkg string) (a KnownApp, deleted bool, err error)
	// ListApps gives at most limit apps by package, after the given one.
	ListApps(ctx context.Context, after string, limit int) ([]KnownApp, error)
	// SaveApp adds an app with Version 1, or takes the place of the version just
	// below; ErrMoved otherwise. A deleted app's next version goes on counting.
	SaveApp(ctx context.Context, a KnownApp, e audit.Entry) error
	// DeleteApp forgets an app. One that was deleted before is left alone, without
	// an entry; one that never was is ErrNoApp.
	DeleteApp(ctx context.Context, pkg string, e audit.Entry) error
}

// Opening is a new epoch, as it is to be stored.
type Opening struct {
	// Registration is in its new epoch: a new one with Epoch 1 and Version 1, else
	// it takes the place of the version just below.
	Registration Registration
	Certificate  Certificate
	// Challenge is used up by it.
	Challenge Digest
	Entry     audit.Entry
	// Displaced is the entry of the end of the epoch before; nil where that had
	// ended, or there was none. The end itself is EndRegistered.
	Displaced *audit.Entry
}

// Registrations keeps registrations.
type Registrations interface {
	// SaveChallenge keeps a challenge, and forgets those that expired before now.
	// Of more than max it forgets those that would expire first. It takes no entry:
	// nothing has been done yet.
	SaveChallenge(ctx context.Context, c Challenge, now time.Time, max int) error
	// Challenge gives one that is unused, or ErrChallenge.
	Challenge(ctx context.Context, hash Digest) (Challenge, error)
	// Open stores an epoch, all or nothing. A challenge that is used or unknown is
	// ErrChallenge; a registration that has moved, or another one of the same
	// person, tag and package, ErrMoved; a person's name that belongs to another
	// issuer and subject ErrNameTaken; a key that was certified before ErrKeyReused.
	Open(ctx context.Context, o Opening) error
	// Registration gives one, or ErrNoRegistration.
	Registration(ctx context.Context, id device.ID) (Registration, error)
	// Standing gives one with its state, as States has it, or ErrNoRegistration.
	// Where nothing may be remembered it is asked at each check-in.
	Standing(ctx context.Context, id device.ID) (Standing, error)
	// Standings gives those of these that there are, by id, as Standing has them.
	Standings(ctx context.Context, ids []device.ID) ([]Standing, error)
	// Find gives the registration of a person in an app on one phone, or
	// ErrNoRegistration.
	Find(ctx context.Context, issuer, subject, tag, pkg string) (Registration, error)
	// Opened gives the epoch that a request opened, with the certificate it got, or
	// ErrNoRegistration.
	Opened(ctx context.Context, request Digest) (Registration, Certificate, error)
	// BySerial gives the registration to which the certificate was issued, and for
	// which epoch, or ErrNoCertificate. It is asked once for every RPC where
	// nothing may be remembered.
	BySerial(ctx context.Context, serial string) (Registration, device.Epoch, error)
	// Certify adds a certificate to the present epoch of a registration. A key of
	// another epoch is ErrKeyReused; the epoch's own is fine. An epoch that is over
	// is ErrEnded.
	Certify(ctx context.Context, c Certificate, e audit.Entry) error
	// Finish ends the epoch of r, which takes the place of the version just below;
	// ErrMoved if that is not so. Its State goes.
	Finish(ctx context.Context, r Registration, e audit.Entry) error
	// List gives a page, oldest first.
	List(ctx context.Context, q Query) ([]Standing, error)
	// Select gives at most limit registrations that last, by id, of the person who
	// has the name, or has had it: nobody else ever gets it.
	Select(ctx context.Context, user string, limit int) ([]Registration, error)
	// OfAccount gives at most limit registrations that last of one account, by id.
	OfAccount(ctx context.Context, issuer, subject string, limit int) ([]Registration, error)
	// OpenedSince counts the epochs that one account has opened since, over or not.
	OpenedSince(ctx context.Context, issuer, subject string, since time.Time) (int, error)
	// ByIDs gives those of these that there are, by id.
	ByIDs(ctx context.Context, ids []device.ID) ([]Registration, error)
	// Count counts the registrations that last.
	Count(ctx context.Context) (int, error)
}

// Standing is a registration and how it goes.
type Standing struct {
	Registration Registration
	State        State
}

// Query shapes a listing. Zero fields do not filter.
type Query struct {
	// User is a name that the person has, or has had.
	User     string
	Tag      string
	Package  string
	Lasts    *bool
	Standing apprules.Standing
	// After is where the previous page ended.
	After device.ID
	// AfterAt is when that one was first registered.
	AfterAt time.Time
	Limit   int
}

// States keeps the last report and verdict of each epoch.
type States interface {
	// State gives that of a registration; the zero State with its id where it has
	// not reported.
	State(ctx context.Context, id device.ID) (State, error)
	// SaveState stores it in the place of the version just below, with entries
	// where its verdict turned; false where another was stored meanwhile. An epoch
	// that is over is ErrEnded.
	SaveState(ctx context.Context, s State, entries ...audit.Entry) (bool, error)
	// Due walks the registrations that last whose verdict turns by time before
	// now, was judged on an older generation than this one, or says wipe: at most
	// limit, by id, after the given one.
	Due(ctx context.Context, d Due) ([]device.ID, error)
}

// Due says what is due.
type Due struct {
	Now        time.Time
	Generation uint64
	After      device.ID
	Limit      int
}

// Directory knows the people of the organisation.
type Directory interface {
	// Standing says what is known of a person by name.
	Standing(ctx context.Context, name string) (Account, error)
}

// Account is how a person stands in the directory.
type Account struct {
	// Known: the directory has, or had, the person.
	Known bool
	// Active: the account is neither disabled nor deleted.
	Active bool
	Groups []string
}

// SignIns verifies ID tokens.
type SignIns interface {
	// Issuers gives those a person may sign in with.
	Issuers() []Issuer
	// Verify verifies a token for a nonce and says whose it is. It is Denied with
	// reason SIGN_IN_REFUSED for a token that does not hold.
	Verify(ctx context.Context, idToken, nonce string) (Person, error)
}

// Issuer is an OpenID Connect provider.
type Issuer struct {
	URL       string
	ClientIDs []string
}

// Phones knows the enrolled phones.
type Phones interface {
	// Levels gives the levels of the phones that are enrolled for a person.
	Levels(ctx context.Context, user string) ([]apprules.Level, error)
}

// Orders is what internal/wipe does for registrations.
type Orders interface {
	// Waiting reports whether orders wait for an epoch.
	Waiting(ctx context.Context, id device.ID, epoch device.Epoch) (bool, error)
	// WipeByPolicy orders the wipe that a verdict asks for; it is safe to repeat.
	// While no such order can be given, it is a Refused fault.
	WipeByPolicy(ctx context.Context, id device.ID, epoch device.Epoch, why string) error
	// EnrollmentEnded tells that an epoch is over.
	EnrollmentEnded(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error
}

// Bell wakes the open streams of registrations.
type Bell interface {
	Ring(id device.ID)
	RingAll()
}
