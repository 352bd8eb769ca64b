package notify

import (
	"context"
	"errors"
	"time"

	"ringfence/internal/audit"
)

// Record is what is followed. Errors are faults.
type Record interface {
	// Size is the sequence of the last entry; 0 for none.
	Size(ctx context.Context) (uint64, error)
	// Following gives the entries after a sequence whose action is one of
	// actions, oldest first, at most most of them, and the sequence up to which
	// they are all there are. An entry never appears before one that was given.
	Following(ctx context.Context, after uint64, actions []string, most int) ([]audit.Entry, uint64, error)
}

// Cursors keeps how far each channel has told the record. It is shared by every
// server of an installation. Errors are faults.
type Cursors interface {
	// Cursor gives the sequence up to which a channel has told; false where the
	// channel is new.
	Cursor(ctx context.Context, channel string) (uint64, bool, error)
	// Begin makes the cursor of a new channel. One that is there already stays
	// as it is.
	Begin(ctx context.Context, channel string, at uint64) error
	// Move moves a cursor, durably, and says whether it did.
	Move(ctx context.Context, m Move) (bool, error)
}

// Move is one step of a channel's cursor, and at once a claim on it. It takes
// place only if the cursor is where From says and nobody else's claim holds.
type Move struct {
	Channel string
	// Holder is the server that moves; not empty.
	Holder string
	// From and To are sequences; To is not below From.
	From, To uint64
	// Now is the holder's time: a claim that ended by then does not hold.
	Now time.Time
	// Until is when the holder's claim ends. Zero gives it up.
	Until time.Time
}

// Sender is a way to people.
type Sender interface {
	// Send gives the notice to the receiver and returns nil once the receiver
	// has taken it on. Errors: ErrRefused and ErrPartly, wrapped; any other
	// leaves open whether the receiver has it. No error holds a secret or an
	// address of a person.
	Send(ctx context.Context, n Notice) error
}

var (
	// ErrRefused says that the receiver does not take this notice, and may take
	// another.
	ErrRefused = errors.New("the receiver refused it")
	// ErrPartly says that the notice was taken on for some of those it is for,
	// and that another try would change nothing.
	ErrPartly = errors.New("not everybody was reached")
)

// Channel is a Sender with the name of its cursor.
type Channel struct {
	// Name is the channel's name for good: in the database and in metrics.
	Name   string
	Sender Sender
}
