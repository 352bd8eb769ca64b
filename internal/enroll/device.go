package enroll

import (
	"fmt"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// State says where an epoch of a device stands.
type State string

// The states. Enrolled is the only one that lets a device in; the others are
// final for their epoch.
const (
	Enrolled State = "enrolled"
	// Left is by the device's own word.
	Left State = "left"
	// Retired is by an administrator.
	Retired State = "retired"
	// Wiped is by the device's word that its work profile is gone.
	Wiped State = "wiped"
	// Replaced is an epoch that gave way to the next. Only an [Ending] is ever
	// in it: the device record is of the latest epoch.
	Replaced State = "replaced"
)

// Certificate is what a device record keeps of a certificate. The zero value
// is none.
type Certificate struct {
	// Serial is lower-case hex.
	Serial    string
	ExpiresAt time.Time
}

// is reports whether it is the one with this serial number; none never is.
func (c Certificate) is(serial string) bool { return serial != "" && c.Serial == serial }

// Device is the record of a device: its identity, and its latest epoch.
type Device struct {
	ID device.ID
	// CreatedAt is when it first joined.
	CreatedAt time.Time
	// Tag is the hash of its hardware tag; none if it gave none.
	Tag Digest

	Epoch device.Epoch
	State State
	// The facts its token sealed.
	Ownership device.Ownership
	Mode      device.Mode
	Group     string
	User      string
	TokenID   string
	// The phone's own words at Join.
	Platform  device.Platform
	Model     string
	OSVersion string

	EnrolledAt time.Time
	// EndedAt is zero while enrolled.
	EndedAt time.Time
	// LastSeenAt is zero if it was never seen. It may lag by some seconds.
	LastSeenAt time.Time

	// DeletedAt and DeletedBy, the one who did it as the record names them, are
	// zero unless the record was deleted; PurgedAt is unless it was purged.
	DeletedAt time.Time
	DeletedBy string
	PurgedAt  time.Time

	// Certificate is the current one. It stays on record after the end.
	Certificate Certificate
	// Next has been issued and not been used.
	Next Certificate

	// Version grows with every change but LastSeenAt's, for compare-and-swap.
	Version uint64
}

// Caller is the device as a caller who showed its current certificate.
func (d Device) Caller() identity.Caller {
	return identity.Caller{
		Kind: identity.Device, Device: d.ID, Epoch: d.Epoch,
		Ownership: d.Ownership, Mode: d.Mode, Group: d.Group, User: d.User,
		Serial: d.Certificate.Serial,
	}
}

// Verb is what happens to a device.
type Verb string

// The verbs. Joining again is no event of an epoch but the start of the next:
// see [Open].
const (
	// Leave, Retire and Wipe end the epoch.
	Leave  Verb = "leave"
	Retire Verb = "retire"
	Wipe   Verb = "wipe"
	// Renew issues Event.Certificate to the holder of Event.Serial.
	Renew Verb = "renew"
	// Use is the first use of the issued certificate Event.Serial.
	Use Verb = "use"
)

// Event is one thing that happens to one epoch of a device.
type Event struct {
	Verb Verb
	// Epoch is the one it is meant for; 0 means the latest.
	Epoch       device.Epoch
	Serial      string
	Certificate Certificate
}

// ended maps the verbs that end an epoch to the state they leave it in.
var ended = map[Verb]State{Leave: Left, Retire: Retired, Wipe: Wiped}

// Apply gives the device after the event, or why it cannot be:
// [ErrEpochMoved] for an event of another epoch, [ErrEnrollmentEnded] for any
// event of one that has ended, [ErrCertificateSuperseded] for a certificate
// that is not the one the event needs. The device is then as it was.
func (d Device) Apply(e Event, now time.Time) (Device, error) {
	if e.Epoch != 0 && e.Epoch != d.Epoch {
		return d, ErrEpochMoved
	}
	if d.State != Enrolled {
		return d, ErrEnrollmentEnded
	}
	after := d
	after.Version++
	switch e.Verb {
	case Leave, Retire, Wipe:
		after.State, after.EndedAt, after.Next = ended[e.Verb], now, Certificate{}
	case Renew:
		// Only the current one: an answer that a slow retry asks for must not
		// undo what happened since.
		if !d.Certificate.is(e.Serial) {
			return d, ErrCertificateSuperseded
		}
		after.Next = e.Certificate
	case Use:
		if !d.Next.is(e.Serial) {
			return d, ErrCertificateSuperseded
		}
		after.Certificate, after.Next = d.Next, Certificate{}
	default:
		return d, fmt.Errorf("device: no such event %q", e.Verb)
	}
	return after, nil
}

// Standing says what a certificate is to a device.
type Standing uint8

// The standings of a certificate that works.
const (
	// Current lets its holder in.
	Current Standing = iota + 1
	// FirstUse lets its holder in, and the certificate thereby becomes current.
	FirstUse
)

// Standing judges the certificate with this serial number, issued to this
// epoch of the device. Case by case, in this order:
//
//	the epoch is over, or ended → ErrEnrollmentEnded
//	it is the current one       → Current
//	it is the issued one        → FirstUse
//	anything else               → ErrCertificateSuperseded
func (d Device) Standing(epoch device.Epoch, serial string) (Standing, error) {
	switch {
	case epoch != d.Epoch || d.State != Enrolled:
		return 0, ErrEnrollmentEnded
	case d.Certificate.is(serial):
		return Current, nil
	case d.Next.is(serial):
		return FirstUse, nil
	default:
		return 0, ErrCertificateSuperseded
	}
}

// Entrance is what a new epoch of a device is made from.
type Entrance struct {
	Token       Token
	Tag         Digest
	Platform    device.Platform
	Model       string
	OSVersion   string
	Certificate Certificate
}

// Open gives the record of a device in its next epoch. before is the record so
// far; of a new device it has the ID only.
func Open(before Device, e Entrance, now time.Time) Device {
	d := Device{
		ID: before.ID, CreatedAt: before.CreatedAt, Tag: e.Tag,
		Epoch: before.Epoch + 1, State: Enrolled,
		Ownership: e.Token.Ownership, Mode: e.Token.Mode, Group: e.Token.Group, User: e.Token.User,
		TokenID:  e.Token.ID,
		Platform: e.Platform, Model: e.Model, OSVersion: e.OSVersion,
		EnrolledAt: now, LastSeenAt: before.LastSeenAt, Certificate: e.Certificate,
		Version: before.Version + 1,
	}
	if d.CreatedAt.IsZero() {
		d.CreatedAt = now
	}
	return d
}

// Ending is the end of one epoch.
type Ending struct {
	Device device.ID
	Epoch  device.Epoch
	// Cause is a final state.
	Cause State
	// Reason is in words, for the record.
	Reason  string
	EndedAt time.Time
	// TokenID is the token that the epoch was opened with.
	TokenID string
}

// Displaced gives the end of the epoch that the device's next one cuts short,
// if it has not ended already.
func Displaced(before Device, now time.Time) *Ending {
	if before.State != Enrolled {
		return nil
	}
	return &Ending{
		Device: before.ID, Epoch: before.Epoch, Cause: Replaced,
		Reason: "the device enrolled again", EndedAt: now, TokenID: before.TokenID,
	}
}
