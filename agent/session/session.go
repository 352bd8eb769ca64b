package session

import (
	"context"
	"crypto"
	"log/slog"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/lease"
	"ringfence/agent/policy"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Store keeps what the phone knows of its enrolment.
type Store interface {
	// LoadState gives what SaveState kept; the zero state on a new phone.
	LoadState() (State, error)
	// SaveState is durable when it returns.
	SaveState(State) error
	// LoadStatus gives what SaveStatus kept.
	LoadStatus() (Status, error)
	SaveStatus(Status) error
}

// Keys makes and holds private keys.
type Keys interface {
	// MakeKey makes a key of that name unless there is one, and gives it.
	MakeKey(name string, t compliancev1.KeyType) (crypto.Signer, error)
	// Key gives a key; an error where there is none.
	Key(name string) (crypto.Signer, error)
	// DeleteKey destroys a key; no error where there is none.
	DeleteKey(name string) error
}

// Posture looks at the phone.
type Posture interface {
	// Posture says how the phone is.
	Posture() (*compliancev1.Posture, error)
	// Changed returns nil once the phone may have changed since the last return,
	// or the error of ctx.
	Changed(ctx context.Context) error
}

// Applier keeps and applies the manifest; policy.Applier is one.
type Applier interface {
	Revision() (string, error)
	Accept(revision string, m *compliancev1.Manifest) error
	Apply(ctx context.Context, via policy.Issuer) (results []*compliancev1.SettingResult, due time.Time, err error)
}

// Wiper carries out orders; wipe.Executor is one.
type Wiper interface {
	Recover(ctx context.Context) error
	// Begun reports whether an order has begun to remove what the enrolment goes
	// with.
	Begun() (bool, error)
	Execute(ctx context.Context, via wipe.Reporter, given wipe.Fetched) (wipe.Result, error)
	EnrollmentEnded(ctx context.Context) error
}

// Leases watches how long the phone is out of contact; lease.Keeper is one.
type Leases interface {
	// Tick is due at every start, and each minute while Active.
	Tick(ctx context.Context) error
	Active() (bool, error)
	// Locked reports whether the work side waits for contact.
	Locked() (bool, error)
	// ServerTime gives the server's time as far as the phone can tell; zero where
	// it cannot.
	ServerTime() (time.Time, error)
	// Contact notes an answered check-in.
	Contact(server time.Time) error
	// Follow takes over the lease of the manifest. Again is true when it is worth
	// another try later.
	Follow(ctx context.Context, via lease.Server) (again bool, err error)
	// End ends the lease with the enrolment.
	End() error
}

// Options are the parts of a Session. Wait, Random, Log and DialOptions are
// optional.
type Options struct {
	Store   Store
	Keys    Keys
	Posture Posture
	Applier Applier
	Wiper   Wiper
	Leases  Leases

	Now func() time.Time
	// Wait returns nil after d, or the error of ctx before that.
	Wait func(ctx context.Context, d time.Duration) error
	// Random gives numbers in [0, 1).
	Random func() float64
	Log    *slog.Logger
	// DialOptions are added to those of every connection.
	DialOptions []grpc.DialOption
}

// Session is one phone's end of the conversation. It is not for concurrent
// use.
type Session struct{ o Options }

// New makes a Session.
func New(o Options) *Session {
	if o.Wait == nil {
		o.Wait = Wait
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Session{o: o}
}

// Wait returns nil after d, or the error of ctx before that.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
