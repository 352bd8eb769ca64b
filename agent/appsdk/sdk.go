package appsdk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/appsdk/container"
	"ringfence/agent/appsdk/pin"
	"ringfence/agent/appsdk/vault"
	"ringfence/agent/lease"
	"ringfence/agent/session"
	"ringfence/agent/wipe"
	"ringfence/internal/apprules"
)

// What keeps the SDK from doing something.
var (
	// ErrNotRegistered: there is no registration, or it has ended.
	ErrNotRegistered = errors.New("the account is not registered")
	// ErrRegistered: there is one; sign out first.
	ErrRegistered = errors.New("the account is registered already")
	// ErrShut: the account does not open now; Decide says why.
	ErrShut = errors.New("the account is shut")
	// ErrClosed: the SDK was closed.
	ErrClosed = errors.New("the SDK is closed")

	errShut = errors.New("the account's state cannot be read: it was restored, damaged or taken away")
)

// SDK is one work account in an app. Its methods may be called by several
// goroutines at once; those that talk to the server wait for each other. One
// process has an account open at a time.
type SDK struct {
	o          Options
	sdkVersion string
	deps

	life context.Context // until Close
	end  context.CancelFunc
	kick chan struct{} // has one when a look is wanted

	talk  sync.Mutex // one conversation at a time; before mu
	wiper *wipe.Executor

	mu     sync.Mutex // guards what follows
	closed bool
	runEnd context.CancelFunc // of Start; nil while stopped
	runs   chan struct{}      // closed when that has ended
	vault  *vault.Vault       // nil where the record is not the newest
	raw    []byte
	st     state
	cached *apprules.Effective
	files  *container.Container // while the account is open
	round  round
	used   time.Time // when the app was last used, by the server's clock
}

// deps are what tests give.
type deps struct {
	wait     func(ctx context.Context, d time.Duration) error
	random   func() float64
	progress func(step string)
	dial     []grpc.DialOption
	pinCost  pin.Cost
}

// Open opens an account, and finishes what was left half done. It needs no
// server. The SDK must be closed.
func Open(o *Options) (*SDK, error) {
	return open(o, deps{wait: session.Wait, random: mathrand.Float64, progress: func(string) {}, pinCost: pin.Full()})
}

func open(o *Options, d deps) (*SDK, error) {
	if o == nil {
		return nil, errors.New("options are needed")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &SDK{o: *o, sdkVersion: Version, deps: d, kick: make(chan struct{}, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	s.wiper = wipe.New(wipe.Options{Device: account{s}, Now: s.wallNow, Progress: d.progress})
	err := s.load()
	if err == nil && s.vault != nil {
		err = s.recover()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// load opens the record.
func (s *SDK) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := makeFolder(s.o.Folder); err != nil {
		return err
	}
	v, raw, err := vault.Open(s.vaultOptions())
	if errors.Is(err, vault.ErrNotNewest) {
		s.line("the account's state is not the newest: it was restored, damaged or taken away")
		return nil
	}
	if err != nil {
		return err
	}
	st, err := decode(raw)
	if err != nil {
		return errors.Join(fmt.Errorf("read the account's state: %w", err), v.Close())
	}
	s.vault, s.raw, s.st = v, raw, st
	if s.st.Tag != "" && (s.o.DeviceTag == "" || s.o.DeviceTag == s.st.Tag) {
		return nil
	}
	return s.change(func(st *state) error {
		st.Tag = s.o.DeviceTag
		if st.Tag == "" {
			st.Tag = randomHex(16)
		}
		return nil
	})
}

func (s *SDK) vaultOptions() vault.Options {
	return vault.Options{Dir: filepath.Join(s.o.Folder, "state"), KeyName: s.o.stateKey(), Keys: s.o.Keys, Progress: s.progress}
}

func (s *SDK) filesOptions() *container.Options {
	return &container.Options{Dir: filepath.Join(s.o.Folder, "files"), KeyName: s.o.filesKey(), Keys: s.o.Keys}
}

// recover finishes what the last life left, as far as that needs no server.
func (s *SDK) recover() error {
	s.talk.Lock()
	defer s.talk.Unlock()
	if err := s.wiper.Recover(s.life); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.st.Gone != nil && !s.st.Gone.Done {
		if err := s.destroy(s.st.Gone.Cause); err != nil {
			return err
		}
	}
	return s.destroySpent()
}

// Close stops everything and forgets what is in memory. The account stays as it
// is.
func (s *SDK) Close() error {
	s.end()
	s.Stop()
	s.talk.Lock()
	defer s.talk.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.closeFiles()
	if s.vault != nil {
		err = errors.Join(err, s.vault.Close())
		s.vault = nil
	}
	s.raw, s.st, s.cached = nil, state{}, nil
	return err
}

// DeviceTag is what says that registrations are on one phone, for the next app
// on it; "" while the account's state cannot be read.
func (s *SDK) DeviceTag() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Tag
}

// Registered reports whether there is a registration that lasts.
func (s *SDK) Registered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.st.lasting()
	return err == nil && s.st.Gone == nil
}

// User is the person's name as policies have it; "" without a registration.
func (s *SDK) User() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.lasting()
	if err != nil {
		return ""
	}
	return r.User
}

// reading reads both clocks.
func (s *SDK) reading() lease.Reading {
	return lease.Reading{Wall: s.wallNow(), Boot: s.o.Clock.Boot(), Up: time.Duration(max(s.o.Clock.Uptime(), 0)) * time.Microsecond}
}

func (s *SDK) wallNow() time.Time { return time.UnixMicro(s.o.Clock.Wall()).UTC() }

// now gives the time by the server's clock, as far as the app can tell: that of
// the lease, and what has been proven to have passed since. Without a lease it is
// the phone's.
func (s *SDK) now(r lease.Reading) moments {
	at := moments{now: r.Wall, wall: r.Wall}
	if s.st.Lease != nil && s.st.Silence != nil {
		silence := s.st.Silence.Observe(r)
		passed := silence.Proven()
		if r.Boot == "" { // nothing is proven: it is later rather than sooner
			passed = silence.Longest()
		}
		at.now = s.st.Lease.IssuedAt.Add(passed)
	}
	return at
}

func (s *SDK) line(text string) {
	if s.o.Log != nil {
		s.o.Log.Line(text)
	}
}

// changed tells the app that Decide may come to another answer. No lock is held.
func (s *SDK) changed() {
	if s.o.Events != nil {
		s.o.Events.Changed()
	}
}

func randomHex(octets int) string {
	b := make([]byte, octets)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
