package appsdk

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent/answer"
	"ringfence/agent/session"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const (
	// settled is how long a stream must have lasted for the next attempt to count
	// as a first one.
	settled = time.Minute
	// inUse is for how long after a Decide the app counts as used.
	inUse = 30 * time.Minute
	// leastWait keeps looks that nobody asked for apart, and afterRefusal those
	// after one that the server refused.
	leastWait    = time.Second
	afterRefusal = 15 * time.Minute
	// atOnce is how many new certificates in a row are used without a wait.
	atOnce = 5
)

// Start keeps the account in touch with its server until Stop or Close: it hears
// the server's bell, and checks in while the app is used. It returns at once.
// Starting what is started changes nothing.
func (s *SDK) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.life.Err() != nil:
		return ErrClosed
	case s.vault == nil:
		return errShut
	case s.runEnd != nil:
		return nil
	}
	ctx, cancel := context.WithCancel(s.life)
	s.runEnd, s.runs = cancel, make(chan struct{})
	go func(ended chan<- struct{}) {
		defer close(ended)
		defer cancel()
		s.run(ctx)
	}(s.runs)
	return nil
}

// Stop ends what Start began, for example when the app goes to the background.
func (s *SDK) Stop() {
	s.mu.Lock()
	end, ended := s.runEnd, s.runs
	s.mu.Unlock()
	if end != nil {
		end()
	}
	if ended != nil {
		<-ended
	}
}

// run connects again and again, until the registration is over.
func (s *SDK) run(ctx context.Context) {
	defer func() {
		s.mu.Lock()
		s.runEnd = nil
		s.mu.Unlock()
	}()
	backoff := session.NewBackoff(s.random)
	for again := 0; ctx.Err() == nil; {
		began := s.reading()
		err := s.connected(ctx)
		s.talk.Lock()
		err = s.conclude(err)
		s.talk.Unlock()
		s.changed()
		switch {
		case isFinished(err), errors.Is(err, ErrNotRegistered), errors.Is(err, errShut):
			return
		case errors.Is(err, errReconnect) && again < atOnce:
			again++
			continue
		}
		again = 0
		if now := s.reading(); now.Boot == began.Boot && now.Up-began.Up >= settled {
			backoff.Reset()
		}
		wait := backoff.Next()
		if err != nil && ctx.Err() == nil {
			s.line("no connection to the server: " + answer.Text(err))
		}
		if s.wait(ctx, wait) != nil {
			return
		}
	}
}

// connected keeps one connection and its stream, and looks at each ring, when
// the app asks, and when a check-in is due while the app is used.
func (s *SDK) connected(ctx context.Context) error {
	conn, err := s.readyAlone(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	stream, err := appprotectv1.NewAppServiceClient(conn).Watch(ctx, &appprotectv1.WatchRequest{})
	if err != nil {
		cancel()
		return err
	}
	rings, broken := make(chan struct{}, 1), make(chan error, 1)
	var reading sync.WaitGroup
	reading.Go(func() { broken <- listen(stream, rings) })
	defer reading.Wait()
	defer cancel()
	least := leastWait
	for {
		due, stop := s.alarm(ctx, least)
		select {
		case <-rings:
		case <-s.kick:
		case <-due:
		case err = <-broken:
		case <-ctx.Done():
			err = ctx.Err()
		}
		stop()
		if err != nil {
			return err
		}
		if least, err = s.lookAlone(ctx, conn); err != nil {
			return err
		}
	}
}

func (s *SDK) readyAlone(ctx context.Context) (*grpc.ClientConn, error) {
	s.talk.Lock()
	defer s.talk.Unlock()
	return s.ready(ctx)
}

// lookAlone looks, and tells how long not to look again unasked. What the server
// refuses for now is no reason to hang up.
func (s *SDK) lookAlone(ctx context.Context, conn *grpc.ClientConn) (least time.Duration, err error) {
	s.talk.Lock()
	defer s.talk.Unlock()
	err = s.look(ctx, conn)
	s.changed()
	if err != nil && answer.Final(err) {
		s.line("a look was not whole: " + answer.Text(err))
		return afterRefusal, nil
	}
	return leastWait, err
}

// listen reads rings until the stream breaks. Those that nobody has answered yet
// are one.
func listen(stream grpc.ServerStreamingClient[appprotectv1.WatchResponse], rings chan<- struct{}) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		select {
		case rings <- struct{}{}:
		default:
		}
	}
}

// alarm gives a channel that is closed when a check-in is due; never while the
// app is not used. Stop must be called.
func (s *SDK) alarm(ctx context.Context, least time.Duration) (rang <-chan struct{}, stop func()) {
	after, wanted := s.untilDue(least)
	if !wanted {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	c := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if s.wait(ctx, after) == nil {
			close(c)
		}
	})
	return c, func() {
		cancel()
		waiting.Wait()
	}
}

func (s *SDK) untilDue(least time.Duration) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now(s.reading()).now
	if s.used.IsZero() || now.Sub(s.used) >= inUse || s.st.Due.IsZero() {
		return 0, false
	}
	return max(s.st.Due.Sub(now), least), true
}

// lookSoon asks for a look.
func (s *SDK) lookSoon() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
