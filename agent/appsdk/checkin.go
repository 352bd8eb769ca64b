package appsdk

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"ringfence/agent/appsdk/terms"
	"ringfence/agent/lease"
	"ringfence/agent/trust"
	"ringfence/internal/apprules"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const (
	// The bounds of the server's word on when to check in.
	leastCheckIn   = time.Minute
	mostCheckIn    = 24 * time.Hour
	defaultCheckIn = 30 * time.Minute

	maxFindings = 100
	// rounds is how many check-ins one look makes at most: the second says that
	// what the first brought is applied.
	rounds = 3
)

// checkIn reports, until the server knows that the app holds to what it sent.
func (s *SDK) checkIn(ctx context.Context, conn *grpc.ClientConn) (ordersWaiting bool, err error) {
	for range rounds {
		response, err := s.checkInOnce(ctx, conn)
		if err != nil {
			return false, fmt.Errorf("check in: %w", err)
		}
		if ordersWaiting = response.GetOrdersWaiting(); ordersWaiting || response.GetPolicy() == nil {
			break
		}
	}
	return ordersWaiting, nil
}

// checkInOnce makes one check-in. Its number is written down before it is sent.
func (s *SDK) checkInOnce(ctx context.Context, conn *grpc.ClientConn) (*appprotectv1.CheckInResponse, error) {
	facts, err := s.facts()
	if err != nil {
		return nil, err
	}
	request, before, err := s.nextReport(facts, s.unsynced())
	if err != nil {
		return nil, err
	}
	bounded, cancel := call(ctx)
	defer cancel()
	response, err := appprotectv1.NewAppServiceClient(conn).CheckIn(bounded, request)
	if err != nil {
		return nil, err
	}
	return response, s.accept(response, request.GetNumber(), before)
}

func (s *SDK) nextReport(facts *Facts, unsynced uint32) (*appprotectv1.CheckInRequest, lease.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.change(func(st *state) error {
		st.Number++
		return nil
	}); err != nil {
		return nil, lease.Reading{}, err
	}
	before := s.reading()
	r := s.report(facts, s.now(before))
	r.UnsyncedChanges = unsynced
	return &appprotectv1.CheckInRequest{
		Number: s.st.Number, Report: wireReport(r), KnownRevision: r.AppliedRevision,
	}, before, nil
}

// accept takes over lease and policy of an answer, both or none. Contact was
// when the report was sent: an answer that was held back is no younger for it.
func (s *SDK) accept(r *appprotectv1.CheckInResponse, number uint64, before lease.Reading) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reg, err := s.st.lasting()
	if err != nil {
		return err
	}
	if s.st.Gone != nil {
		return nil // meanwhile the account was wiped: no lease brings it back
	}
	roots, err := trust.ParseRoots(reg.Bundle)
	if err != nil {
		return err
	}
	expected := terms.Expected{Roots: roots, ID: reg.ID, Epoch: reg.Epoch, Number: number, Now: before.Wall}
	if s.st.Lease != nil {
		expected.After = s.st.Lease.Number
	}
	l, err := terms.ReadLease(r.GetLease().GetSignedData(), expected)
	if err != nil {
		return err
	}
	policy := r.GetPolicy()
	if policy == nil {
		policy = &appprotectv1.EffectivePolicy{}
		if err := proto.Unmarshal(s.st.Policy, policy); err != nil {
			return terms.ErrPolicy
		}
	}
	if _, err := terms.ReadPolicy(policy, l.Revision); err != nil {
		return err
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(policy)
	if err != nil {
		return err
	}
	silence := lease.Begin(before)
	err = s.change(func(st *state) error {
		st.Lease, st.Policy, st.Silence = &l, raw, &silence
		st.Server, st.Due = findings(r.GetVerdict()), due(r, l.IssuedAt)
		return nil
	})
	if l.Standing >= apprules.StandingBlock {
		s.shutFiles() // before anybody decides; a Decide that comes to another answer opens them
	}
	return err
}

// due gives the time of the next check-in, by the server's clock.
func due(r *appprotectv1.CheckInResponse, issued time.Time) time.Time {
	after := defaultCheckIn
	if d := r.GetNextCheckIn(); d != nil && d.CheckValid() == nil {
		after = d.AsDuration()
	}
	if c := r.GetVerdict().GetChangesAt(); c != nil && c.CheckValid() == nil {
		after = min(after, c.AsTime().Sub(issued))
	}
	return issued.Add(min(max(after, leastCheckIn), mostCheckIn))
}

// findings keeps what the server found.
func findings(v *appprotectv1.Verdict) []kept {
	var all []kept
	for _, f := range v.GetFindings()[:min(len(v.GetFindings()), maxFindings)] {
		action := apprules.ActionBlock
		switch f.GetAction() {
		case appprotectv1.Standing_STANDING_OK, appprotectv1.Standing_STANDING_UNSPECIFIED:
			action = apprules.ActionNone
		case appprotectv1.Standing_STANDING_WARN:
			action = apprules.ActionWarn
		case appprotectv1.Standing_STANDING_WIPE:
			action = apprules.ActionWipe
		case appprotectv1.Standing_STANDING_BLOCK:
		}
		all = append(all, kept{
			Check: f.GetCheck(), Threshold: f.GetThreshold(), Actual: f.GetActual(), Action: action,
			RemedyKey: f.GetRemedyKey(), Remedy: f.GetRemedy(), Link: f.GetLink(),
		})
	}
	return all
}
