package enroll

import (
	"context"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Every door: one that changes something stores the entry that explains it in
// the same transaction, or changes nothing. What cannot be found is the NotFound
// fault of its kind. Times are UTC, in whole microseconds.

// Tokens keeps enrolment tokens.
type Tokens interface {
	// CreateToken adds a token. If its RequestKey is taken, it changes nothing
	// and gives the token that has it, with created false. A Lookup that is
	// taken is ErrMoved.
	CreateToken(ctx context.Context, t Token, e audit.Entry) (kept Token, created bool, err error)
	// Token gives the token with this id, or ErrNoToken.
	Token(ctx context.Context, id string) (Token, error)
	// TokenByLookup finds a token by the public half of its secret, or
	// ErrNoToken.
	TokenByLookup(ctx context.Context, lookup string) (Token, error)
	// ListTokens gives at most q.Limit tokens, newest first.
	ListTokens(ctx context.Context, q TokenQuery) ([]Token, error)
	// RevokeToken sets when the token was revoked and gives it as it is then.
	// One that was revoked before stays as it was, without an entry. There may
	// be no such token: ErrNoToken.
	RevokeToken(ctx context.Context, id string, at time.Time, e audit.Entry) (Token, error)
	// Forgettable gives at most limit ids of tokens that name a user nobody needs
	// any more, sorted, after the given one: they cannot be redeemed at that time,
	// and every device that joined with them is purged.
	Forgettable(ctx context.Context, now time.Time, after string, limit int) ([]string, error)
	// ForgetToken erases who a token was for: its user, its description, and
	// what tells the call again that made it. One without a user stays as it
	// was, without an entry.
	ForgetToken(ctx context.Context, id string, e audit.Entry) error
}

// Devices reads device records.
type Devices interface {
	// Device gives one, or ErrNoDevice.
	Device(ctx context.Context, id device.ID) (Device, error)
	// DeviceByTag gives the one with this hardware tag, or ErrNoDevice.
	DeviceByTag(ctx context.Context, tag Digest) (Device, error)
	// DeviceBySerial gives the device to which the certificate with this serial
	// number was issued, and for which epoch, or ErrNoCertificate. It is asked
	// once for every RPC where nothing may be remembered.
	DeviceBySerial(ctx context.Context, serial string) (Device, device.Epoch, error)
	// Joined gives the enrolment that first had this key certified, or
	// ErrNoCertificate.
	Joined(ctx context.Context, key Digest) (Joined, error)
	// ListDevices gives at most q.Limit devices, in the order they first joined.
	ListDevices(ctx context.Context, q DeviceQuery) ([]Device, error)
}

// Fleet answers about many device records at once.
type Fleet interface {
	// CountEnrolled counts the devices that are enrolled.
	CountEnrolled(ctx context.Context) (int, error)
	// SelectDevices gives at most limit of the devices that the selector names,
	// sorted by id, purged ones never: of IDs those there are, of a group or a
	// user those enrolled.
	SelectDevices(ctx context.Context, by DeviceSelector, limit int) ([]Device, error)
	// Tombstones gives at most limit records that were deleted and not purged,
	// sorted by id, after the given one; "" is the beginning.
	Tombstones(ctx context.Context, after device.ID, limit int) ([]Device, error)
}

// Join is a new epoch, as it is to be stored.
type Join struct {
	// Device is the record in the new epoch. In its first epoch it is a new
	// one, else it takes the place of the version just below its own.
	Device Device
	Issued Issued
	// Displaced is the epoch it cuts short; nil for none.
	Displaced *Ending
	Entry     audit.Entry
}

// Change is an event in an epoch, or the deletion of a record, as it is to be
// stored.
type Change struct {
	// Device takes the place of the version just below its own.
	Device Device
	// Issued is what Renew issued; nil for other events.
	Issued *Issued
	// Ending is the end of the epoch; nil for other events.
	Ending *Ending
	Entry  audit.Entry
}

// Enrolments changes device records.
type Enrolments interface {
	// Join counts one use of the token Device.TokenID and stores the epoch, all
	// or nothing. A mark of deletion goes. A token that cannot be redeemed at Device.EnrolledAt, another
	// device of the same tag or id, and a record that has moved are ErrMoved; a
	// key that was certified before is ErrKeyReused.
	Join(ctx context.Context, j Join) error
	// Save stores a change: all of the record but LastSeenAt and what Join
	// alone may set. A record that has moved is ErrMoved. A key that
	// belongs to another epoch is ErrKeyReused; the epoch's own is fine. With a
	// purge, the reasons of the device's endings go, and its tokens can become
	// forgettable.
	Save(ctx context.Context, c Change) error
	// SaveSeen notes when devices were last seen. It never turns time back,
	// takes no entry (the device says nothing but that it is there) and skips
	// devices that do not exist.
	SaveSeen(ctx context.Context, seen map[device.ID]time.Time) error
	// Unsettled gives at most limit endings that have not been settled, in the
	// order of their device and epoch, after the given one; the zero Ending is
	// the beginning.
	Unsettled(ctx context.Context, after Ending, limit int) ([]Ending, error)
	// MarkSettled notes that the end of an epoch has been settled. Doing so
	// again changes nothing.
	MarkSettled(ctx context.Context, id device.ID, epoch device.Epoch, at time.Time) error
}

// Administrators keeps administrators' certificates.
type Administrators interface {
	// CreateAdministrator adds one. A key that an administrator has had before
	// is ErrKeyReused.
	CreateAdministrator(ctx context.Context, a Administrator, e audit.Entry) error
	// Administrator gives the one with this serial number, or ErrNoCertificate.
	Administrator(ctx context.Context, serial string) (Administrator, error)
	// ListAdministrators gives all, oldest first. They are few.
	ListAdministrators(ctx context.Context) ([]Administrator, error)
	// RevokeAdministrator sets when the certificate was revoked and gives it as
	// it is then. One that was revoked before stays as it was, without an
	// entry. There may be none: ErrNoCertificate.
	RevokeAdministrator(ctx context.Context, serial string, at time.Time, e audit.Entry) (Administrator, error)
}
