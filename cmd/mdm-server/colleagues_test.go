package main

import (
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// clock is an installation's clock: the computer's, and some more or less.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Now().UTC().Add(time.Duration(c.offset.Load()))
}

// forward sets it ahead for good.
func (c *clock) forward(d time.Duration) { c.offset.Add(int64(d)) }

// back sets it back until what it gives is called.
func (c *clock) back(d time.Duration) func() {
	c.offset.Add(-int64(d))
	return func() { c.offset.Add(int64(d)) }
}

// seasoned is the age of credentials that are not new any more. It is longer than
// a day before whatever a test does, so that nothing of it counts.
const seasoned = 72 * time.Hour

const day = 24 * time.Hour

// colleague gives the clients of an administrator who has been here for some
// time. appoint makes a new credential.
func (s *server) colleague(tb testing.TB, name string, role identity.Role, groups ...string) *admin {
	tb.Helper()
	defer s.clock.back(seasoned)()
	return s.appoint(tb, enroll.Appointment{Name: name, Role: role, Groups: groups})
}

// approve says yes to a request in somebody's name.
func (a *admin) approve(tb testing.TB, r *wipev1.WipeRequest) *wipev1.WipeRequest {
	tb.Helper()
	res, err := a.requests.ApproveRequest(tb.Context(), &wipev1.ApproveRequestRequest{Id: r.GetId()})
	if err != nil {
		tb.Fatalf("ApproveRequest: %v", err)
	}
	return res.GetRequest()
}

// loosen lifts every limit, in the way there is: one asks, another approves.
func (s *server) loosen(tb testing.TB) {
	tb.Helper()
	const all = 1_000_000
	s.limit(tb, func(l *wipev1.Limits) {
		l.PersonPerHour, l.PersonPerDay, l.OrganizationPerHour, l.OrganizationPerDay = all, all, all, all
		l.HelpDeskPerHour, l.HelpDeskPerDay, l.QuorumAbove = all, all, all
		l.BreakerFloor, l.BreakerPercent, l.CoolingOff = all, 100, durationpb.New(0)
	})
}

// limit changes the limits with the approval of somebody who is there for it.
func (s *server) limit(tb testing.TB, change func(*wipev1.Limits)) {
	tb.Helper()
	a := s.admin(tb)
	governance, err := a.requests.GetGovernance(tb.Context(), &wipev1.GetGovernanceRequest{})
	if err != nil {
		tb.Fatal(err)
	}
	l := governance.GetLimits()
	change(l)
	res, err := a.requests.ChangeLimits(tb.Context(), &wipev1.ChangeLimitsRequest{RequestKey: newID(), Limits: l, Reason: "a test"})
	if err != nil {
		tb.Fatalf("ChangeLimits: %v", err)
	}
	if r := res.GetRequest(); r.GetState() == wipev1.RequestState_REQUEST_STATE_WAITING {
		s.colleague(tb, "notary-"+newID()[:8], identity.Approver).approve(tb, r)
	}
}
