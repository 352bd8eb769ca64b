package transmit

import (
	"context"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Store keeps streams and what waits for their receivers. It is shared by every
// server of an installation. Errors are faults.
type Store interface {
	Streams
	Tellings
	Outbox
}

// Streams keeps streams. Each change is recorded with its entry.
type Streams interface {
	// Stream gives a stream. Error: ErrNoStream.
	Stream(ctx context.Context, id string) (Stream, error)
	// Streams gives every stream, or those of one client, oldest first.
	Streams(ctx context.Context, client string) ([]Stream, error)
	// CreateStream keeps a new stream. Errors: ErrDuplicate, ErrTooMany (the
	// client has MaxStreams).
	CreateStream(ctx context.Context, s Stream, e audit.Entry) error
	// SaveStream keeps a stream whose version is one more than the stored
	// one's. Items go with it into the outbox; one that is Disabled loses all
	// that wait but StreamUpdated. Error: ErrMoved.
	SaveStream(ctx context.Context, s Stream, items []Item, e audit.Entry) error
	// DeleteStream drops a stream and all that waits for it. Error: ErrMoved.
	DeleteStream(ctx context.Context, id string, version uint64, e audit.Entry) error
	// Rules gives what a stream says of subjects.
	Rules(ctx context.Context, stream string) ([]Rule, error)
	// SetRules changes rules of a stream, whose version grows by one: those of
	// drop go, and keep, where not nil, comes last. Errors: ErrMoved, ErrTooMany
	// (MaxSubjects).
	SetRules(ctx context.Context, s Stream, drop []Subject, keep *Rule, e audit.Entry) error
	// Verify keeps a verification that the receiver asked for, unless it did
	// after notSince: then ErrTooSoon. It is not recorded.
	Verify(ctx context.Context, i Item, notSince time.Time) error
}

// Rule says of a subject whether a stream leaves it out. Of those that match an
// event the last one counts.
type Rule struct {
	Subject Subject
	Out     bool
	// Number orders rules; given by the store.
	Number uint64
}

// Tellings keeps how far the record was told, and what of each device.
type Tellings interface {
	// Cursor gives the sequence up to which the record was told; false before
	// the first time.
	Cursor(ctx context.Context) (uint64, bool, error)
	// Begin sets the first cursor. One that is there stays as it is.
	Begin(ctx context.Context, at uint64) error
	// Told gives what was last told of devices; who is missing was never told.
	Told(ctx context.Context, ids []device.ID) (map[device.ID]Told, error)
	// Tell moves the cursor and keeps, in the same transaction, what is told
	// with it. It is false, and nothing happened, where the cursor is not where
	// From says. Items of streams that are gone or disabled are left out.
	Tell(ctx context.Context, t Telling) (bool, error)
}

// Telling is a step through the record.
type Telling struct {
	From, To uint64
	Items    []Item
	// Told is what devices are told to be now.
	Told map[device.ID]Told
	// Forget are devices of which nothing is kept any longer.
	Forget []device.ID
}

// Told is what was last told of a device. The zero value is that of one that
// was never told of: it is not compliant, and its risk low.
type Told struct {
	Compliant bool
	HighRisk  bool
	// User is whose a phone was when it was last enrolled; empty where that was
	// not told, and for registrations, which are one person's for ever.
	User string
}

// Outbox keeps what waits for receivers.
type Outbox interface {
	// Due gives, of a stream, the first item of each device that waits, and
	// those about the stream; only those that may be tried by now, oldest
	// first, at most most. OnlyControl: none but StreamUpdated.
	Due(ctx context.Context, stream string, q DueQuery) ([]Item, error)
	// Settle keeps what came of tries to hand over, and how the stream fares.
	Settle(ctx context.Context, stream string, results []Result, f Fare) error
	// Claim makes the holder the one that hands over what waits for a stream,
	// until then; it is false while another's claim holds.
	Claim(ctx context.Context, stream string, c Claim) (bool, error)
	// Release gives up the holder's claim.
	Release(ctx context.Context, stream, holder string) error
	// Waiting gives what waits for a stream, oldest first, from the beginning.
	Waiting(ctx context.Context, stream string, q WaitingQuery) ([]Item, error)
	// Acknowledge drops items that the receiver has, and puts aside those that
	// it refuses. Ones that do not wait are passed over.
	Acknowledge(ctx context.Context, stream string, have []string, refused map[string]string) error
	// CountWaiting counts what waits for a stream, up to most.
	CountWaiting(ctx context.Context, stream string, most int) (int, error)
	// Dead gives what was put aside, after a number, oldest first.
	Dead(ctx context.Context, stream string, after uint64, most int) ([]Letter, error)
	// Revive lets items that were put aside wait again, all where jtis is
	// empty, and counts them. Recorded where there are any.
	Revive(ctx context.Context, stream string, jtis []string, e audit.Entry) (int, error)
	// Fare gives how a stream fares. Error: ErrNoStream.
	Fare(ctx context.Context, stream string) (Fare, error)
	// Fares gives how every stream fares, and what waits for it.
	Fares(ctx context.Context) (map[string]Health, error)
	// Bury drops what was put aside before a time, at most so many, and counts
	// them.
	Bury(ctx context.Context, before time.Time, most int) (int, error)
}

// DueQuery asks what may be tried now.
type DueQuery struct {
	Now         time.Time
	Most        int
	OnlyControl bool
}

// WaitingQuery asks what a poll is answered with.
type WaitingQuery struct {
	Most        int
	OnlyControl bool
}

// Claim is a server's wish to hand over.
type Claim struct {
	Holder     string
	Now, Until time.Time
}

// Result is what came of one try.
type Result struct {
	Number uint64
	// Taken: the receiver has it. Dead: it is put aside, for Reason.
	// Neither: it is tried again at NextAt.
	Taken, Dead bool
	Reason      string
	Tries       int
	FailedAt    time.Time
	NextAt      time.Time
}

// Fare is how handing over goes. The zero value is one that never failed.
type Fare struct {
	// Failures counts those in a row, since FailingSince.
	Failures     int
	FailingSince time.Time
	LastError    string
	// DeliveredAt is when the receiver last took something.
	DeliveredAt time.Time
}

// Health is how a stream fares, for administrators.
type Health struct {
	Fare
	// Pending counts what waits, Oldest is when the first of it was told.
	Pending int
	Oldest  time.Time
	// Dead counts what was put aside.
	Dead int
}

// Letter is an item that was put aside.
type Letter struct {
	Item
	// At is when, Reason why.
	At     time.Time
	Reason string
}
