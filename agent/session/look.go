package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/agent/answer"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	maxOrders  = 100
	maxResults = 100

	// The bounds of the server's word on when to check in.
	leastCheckIn   = time.Minute
	mostCheckIn    = 24 * time.Hour
	defaultCheckIn = time.Hour

	// whileWaiting is how long an order waits before it is looked at again, if
	// neither the phone nor the server says that something has changed.
	whileWaiting = 15 * time.Minute
	// afterRefusal is how long something the server refuses is not repeated.
	afterRefusal = 15 * time.Minute
	// maxAhead is how far ahead of its own clock a server takes a report.
	maxAhead = 5 * time.Minute
	// tick is the least time between looks that no ring asked for.
	tick = time.Second
)

// errFinished says that an order has ended the enrolment.
var errFinished = errors.New("an order ended the enrolment")

// look does everything that is due: orders first, then the manifest, then the
// report, then the lease, then the certificate. Ring is the revision to look for, nil where
// nobody rang. An error of one part does not keep the others from their turn;
// the returned error is one that the connection, or the session, cannot
// survive. l.due is when to look again.
func (s *Session) look(ctx context.Context, conn *grpc.ClientConn, l *loop, ring *string) error {
	v := &visit{session: s, ctx: ctx, conn: conn, loop: l, due: s.o.Now().Add(mostCheckIn)}
	var problems []error
	for _, part := range []func() error{
		v.orders,
		v.unlessBegun(func() error { return v.settings(ring) }),
		v.unlessBegun(v.lease),
		func() error { return s.renew(ctx, conn) },
	} {
		err := part()
		if err == nil {
			continue
		}
		if errors.Is(err, errFinished) || errors.Is(err, errReconnect) || answer.Ended(err) || answer.Unknown(err) || ctx.Err() != nil {
			return err
		}
		problems = append(problems, err)
	}
	problem := errors.Join(problems...)
	if problem == nil {
		l.retry.Reset()
	} else {
		s.o.Log.Warn("a look was not whole", "why", answer.Text(problem))
		wait := max(l.retry.Next(), tick)
		if answer.Final(problems[0]) {
			wait = afterRefusal
		}
		v.dueAt(s.o.Now().Add(wait))
	}
	if err := v.conclude(problem); err != nil {
		return err
	}
	if l.reconnect == nil { // Once: nobody comes back for the rest
		return problem
	}
	return nil
}

// visit is one look.
type visit struct {
	session *Session
	ctx     context.Context
	conn    *grpc.ClientConn
	loop    *loop
	due     time.Time
}

func (v *visit) dueAt(t time.Time) {
	if t.Before(v.due) {
		v.due = t
	}
}

// settings gets the manifest if it has changed, makes the phone be so, and
// reports. The answer to the report may name yet another revision.
func (v *visit) settings(ring *string) error {
	for range 3 {
		if err := v.manifest(ring); err != nil {
			return err
		}
		client := compliancev1.NewComplianceServiceClient(v.conn)
		results, due, err := v.session.o.Applier.Apply(v.ctx, timed{compliance: client})
		if err != nil {
			return fmt.Errorf("apply settings: %w", err)
		}
		if !due.IsZero() {
			v.dueAt(due)
		}
		asked, err := v.report(client, results)
		if err != nil {
			return fmt.Errorf("check in: %w", err)
		}
		applied, err := v.session.o.Applier.Revision()
		if err != nil || asked == nil || *asked == applied {
			return err
		}
		ring = asked
	}
	return nil // it keeps moving: the next ring will tell
}

// manifest fetches the manifest, unless ring says that the phone has it.
func (v *visit) manifest(ring *string) error {
	known, err := v.session.o.Applier.Revision()
	if err != nil || ring != nil && *ring == known {
		return err
	}
	call, cancel := context.WithTimeout(v.ctx, callTimeout)
	defer cancel()
	response, err := compliancev1.NewComplianceServiceClient(v.conn).GetManifest(call,
		&compliancev1.GetManifestRequest{KnownRevision: known})
	if err != nil {
		return fmt.Errorf("get the manifest: %w", err)
	}
	revision, m := response.GetRevision(), response.GetManifest()
	switch {
	case revision == known && m == nil:
		return nil
	case m == nil && revision != "":
		return errors.New("get the manifest: the server named a new revision and sent none")
	}
	v.session.o.Log.Info("a new manifest", "revision", answer.Clip(revision))
	return v.session.o.Applier.Accept(revision, m)
}

// report checks in if it is time or if there is something new to say, and gives
// the revision the server then asks for; nil without a report.
func (v *visit) report(client compliancev1.ComplianceServiceClient, results []*compliancev1.SettingResult) (*string, error) {
	s, now := v.session, v.session.o.Now()
	posture, err := s.o.Posture.Posture()
	if err != nil {
		return nil, err
	}
	revision, err := s.o.Applier.Revision()
	if err != nil {
		return nil, err
	}
	request := &compliancev1.CheckInRequest{Posture: posture, AppliedRevision: revision, Results: mostTelling(results)}
	digest, err := digestOf(request)
	if err != nil {
		return nil, err
	}
	locked, err := s.o.Leases.Locked()
	if err != nil {
		return nil, err
	}
	if digest == v.loop.reported && now.Before(v.loop.checkIn) && !locked {
		return nil, nil
	}
	observed, err := s.observedAt()
	if err != nil {
		return nil, err
	}
	request.ObservedAt = timestamppb.New(observed.UTC().Truncate(time.Microsecond))
	call, cancel := context.WithTimeout(v.ctx, callTimeout)
	defer cancel()
	response, err := client.CheckIn(call, request)
	if err != nil {
		return nil, err
	}
	v.loop.reported, v.loop.checkIn = digest, now.Add(interval(response))
	if err := s.contact(response); err != nil {
		return nil, err
	}
	asked := response.GetManifestRevision()
	return &asked, s.keepVerdict(response, now, v.loop.checkIn)
}

// contact notes that a check-in was answered.
func (s *Session) contact(r *compliancev1.CheckInResponse) error {
	var server time.Time
	if t := r.GetServerTime(); t.CheckValid() == nil {
		server = t.AsTime()
	}
	return s.o.Leases.Contact(server)
}

// observedAt is now, by the phone's clock; by the server's, as far as the phone
// can tell, where its own is so far ahead that the server would not hear it. A
// clock that was set ahead then costs no contact.
func (s *Session) observedAt() (time.Time, error) {
	now := s.o.Now()
	server, err := s.o.Leases.ServerTime()
	if err != nil || server.IsZero() || now.Sub(server) < maxAhead {
		return now, err
	}
	return server, nil
}

// interval gives the time to the next check-in. It is taken from the server's
// own two times, so that it holds on a phone whose clock is wrong.
func interval(r *compliancev1.CheckInResponse) time.Duration {
	next, judged := r.GetNextCheckIn(), r.GetVerdict().GetEvaluatedAt()
	if next == nil || judged == nil {
		return defaultCheckIn
	}
	return min(max(next.AsTime().Sub(judged.AsTime()), leastCheckIn), mostCheckIn)
}

// mostTelling keeps what a check-in has room for: what is not applied first.
func mostTelling(results []*compliancev1.SettingResult) []*compliancev1.SettingResult {
	if len(results) <= maxResults {
		return results
	}
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(x, y *compliancev1.SettingResult) int {
		return int(y.GetStatus()) - int(x.GetStatus())
	})
	return sorted[:maxResults]
}

func digestOf(m proto.Message) (string, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return string(sum[:]), nil
}

func (s *Session) keepVerdict(r *compliancev1.CheckInResponse, now, next time.Time) error {
	verdict, err := protojson.Marshal(r.GetVerdict())
	if err != nil {
		return err
	}
	return s.o.Store.SaveStatus(Status{CheckedInAt: now.UTC(), NextCheckIn: next.UTC(), Verdict: verdict})
}

// conclude writes down what went wrong and when to look again.
func (v *visit) conclude(problem error) error {
	s := v.session
	now := s.o.Now()
	if !v.loop.checkIn.IsZero() {
		v.dueAt(v.loop.checkIn)
	}
	state, err := s.o.Store.LoadState()
	if err != nil {
		return err
	}
	if e := state.Enrollment; e != nil && now.Before(e.Current.RenewAfter) {
		v.dueAt(e.Current.RenewAfter)
	}
	v.loop.due = v.due
	if least := now.Add(tick); v.due.Before(least) {
		v.loop.due = least
	}
	shown, err := s.o.Store.LoadStatus()
	if err != nil || problem == nil && shown.Problem == "" {
		return err
	}
	shown.Problem, shown.ProblemAt = "", time.Time{}
	if problem != nil {
		shown.Problem, shown.ProblemAt = answer.Text(problem), now.UTC()
	}
	return s.o.Store.SaveStatus(shown)
}
