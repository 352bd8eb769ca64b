package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/answer"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	// firstRing is how long a new stream may keep its first message.
	firstRing = 30 * time.Second
	// settled is how long a stream must have lasted for the next attempt to
	// count as a first one.
	settled = time.Minute
	// leaseEvery is how often the lease is looked at.
	leaseEvery = time.Minute
)

// errSilent is a stream on which nothing came.
var errSilent = errors.New("the server opened the stream and said nothing")

// loop is what one Run remembers between connections.
type loop struct {
	reconnect *Backoff
	retry     *Backoff // of looks that were not whole
	changed   chan struct{}
	due       time.Time // when to look again without a ring
	checkIn   time.Time // when to check in at the latest
	reported  string    // digest of the last report
}

// Run keeps the phone in touch with its server until the enrolment ends or ctx
// is done. It returns nil when an order ended the enrolment, ErrEnded when the
// server did, ErrNotEnrolled without one, and the error of ctx.
func (s *Session) Run(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &loop{
		reconnect: NewBackoff(s.o.Random), retry: NewBackoff(s.o.Random),
		changed: make(chan struct{}, 1),
	}
	var watching sync.WaitGroup
	watching.Go(func() { s.watchPosture(ctx, l.changed) })
	defer watching.Wait()
	defer cancel()
	for {
		s.watchLease(ctx)
		began := s.o.Now()
		err := s.connected(ctx, l)
		if over, result := s.over(ctx, err); over {
			return result
		}
		if errors.Is(err, errReconnect) {
			continue
		}
		if s.o.Now().Sub(began) >= settled {
			l.reconnect.Reset()
		}
		wait := l.reconnect.Next()
		s.o.Log.Warn("no connection to the server", "why", answer.Text(err), "retry_in", wait.Round(time.Millisecond))
		if err := s.o.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

// Once looks once, does everything that is due, and returns. Its errors are
// those of Run, and what kept the look from being whole.
func (s *Session) Once(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	l := &loop{retry: NewBackoff(s.o.Random)}
	for range 3 { // a renewed certificate takes a second connection
		err := s.lookOnce(ctx, l)
		if over, result := s.over(ctx, err); over {
			return result
		}
		if !errors.Is(err, errReconnect) {
			return err
		}
	}
	return errReconnect
}

func (s *Session) lookOnce(ctx context.Context, l *loop) error {
	conn, err := s.ready(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return s.look(ctx, conn, l, nil)
}

// begin finishes what the last life left, and checks that there is somebody to
// talk to.
func (s *Session) begin(ctx context.Context) error {
	if err := s.o.Wiper.Recover(ctx); err != nil {
		return err
	}
	s.watchLease(ctx)
	state, err := s.o.Store.LoadState()
	if err != nil {
		return err
	}
	if err := s.destroySpent(state); err != nil {
		return err
	}
	_, err = state.active()
	return err
}

// watchLease looks at the lease. What keeps it from being carried out keeps the
// phone from nothing else: the next look at it tries again.
func (s *Session) watchLease(ctx context.Context) {
	if err := s.o.Leases.Tick(ctx); err != nil && ctx.Err() == nil {
		s.o.Log.Error("the lease was not looked after", "why", answer.Clip(err.Error()))
	}
}

// minute gives a channel that is closed in a minute, if there is a lease to look
// at then. Stop must be called.
func (s *Session) minute(ctx context.Context) (passed <-chan struct{}, stop func()) {
	if active, err := s.o.Leases.Active(); err == nil && !active {
		return nil, func() {}
	}
	return s.alarm(ctx, leaseEvery)
}

// over decides whether a connection's error ends the session, and with what.
func (s *Session) over(ctx context.Context, err error) (bool, error) {
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, errFinished):
		s.o.Log.Info("an order has ended the enrolment")
		return true, nil
	case answer.Ended(err):
		return true, s.ended(ctx)
	case ctx.Err() != nil:
		return true, ctx.Err()
	case errors.Is(err, ErrNotEnrolled):
		return true, err
	default:
		return false, nil
	}
}

// ended writes down that the server ended the enrolment. It removes nothing,
// unless an order that was acknowledged has to be finished. Nil when that
// order's report was what ended it.
func (s *Session) ended(ctx context.Context) error {
	if err := s.o.Wiper.EnrollmentEnded(ctx); err != nil {
		return err
	}
	state, err := s.o.Store.LoadState()
	if err != nil || state.Enrollment == nil {
		return err
	}
	state.Enrollment.Ended = &Ended{At: s.o.Now().UTC().Truncate(time.Microsecond), Reason: "the server ended the enrolment"}
	if err := s.o.Store.SaveState(state); err != nil {
		return err
	}
	if err := s.o.Leases.End(); err != nil {
		return err
	}
	return ErrEnded
}

// ready gives a connection whose credential has been used.
func (s *Session) ready(ctx context.Context) (*grpc.ClientConn, error) {
	conn, fresh, err := s.open()
	if err != nil || !fresh {
		return conn, err
	}
	if err := s.confirm(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// connected keeps one connection and its stream, and looks again at each ring,
// at each change of the phone, and when something is due.
func (s *Session) connected(ctx context.Context, l *loop) error {
	conn, err := s.ready(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	stream, err := compliancev1.NewComplianceServiceClient(conn).Watch(ctx, &compliancev1.WatchRequest{})
	if err != nil {
		cancel()
		return err
	}
	rings, broken := make(chan string, 1), make(chan error, 1)
	var reading sync.WaitGroup
	reading.Go(func() { broken <- listen(stream, rings) })
	defer reading.Wait()
	defer cancel()

	heard := false
	wait := firstRing
	minute, stopMinute := s.minute(ctx)
	defer func() { stopMinute() }()
	for {
		alarm, stop := s.alarm(ctx, wait)
		var changed chan struct{}
		if heard {
			changed = l.changed
		}
		select {
		case revision := <-rings:
			heard = true
			err = s.look(ctx, conn, l, &revision)
		case <-changed:
			err = s.look(ctx, conn, l, nil)
		case <-alarm:
			if err = errSilent; heard {
				err = s.look(ctx, conn, l, nil)
			}
		case <-minute:
			minute = nil
			err = s.eachMinute(ctx, conn, l)
		case err = <-broken:
		case <-ctx.Done():
			err = ctx.Err()
		}
		stop()
		if err != nil {
			return err
		}
		if minute == nil {
			stopMinute()
			minute, stopMinute = s.minute(ctx)
		}
		wait = l.due.Sub(s.o.Now())
	}
}

// eachMinute looks at the lease, and, where it has locked the work side, for the
// contact that opens it.
func (s *Session) eachMinute(ctx context.Context, conn *grpc.ClientConn, l *loop) error {
	s.watchLease(ctx)
	if locked, err := s.o.Leases.Locked(); err != nil || !locked {
		return err
	}
	return s.look(ctx, conn, l, nil)
}

// listen reads rings until the stream breaks. Rings that nobody has answered
// yet merge into the newest.
func listen(stream grpc.ServerStreamingClient[compliancev1.WatchResponse], rings chan string) error {
	for {
		ring, err := stream.Recv()
		if err != nil {
			return err
		}
		select {
		case <-rings:
		default:
		}
		rings <- ring.GetManifestRevision() // room: this is the only sender
	}
}

// alarm gives a channel that is closed after a while. Stop must be called.
func (s *Session) alarm(ctx context.Context, after time.Duration) (rang <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	c := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if s.o.Wait(ctx, max(after, 0)) == nil {
			close(c)
		}
	})
	return c, func() {
		cancel()
		waiting.Wait()
	}
}

// watchPosture notes that the phone has changed.
func (s *Session) watchPosture(ctx context.Context, changed chan<- struct{}) {
	for s.o.Posture.Changed(ctx) == nil {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}
