package agent_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent"
	"ringfence/agent/agenttest"
	"ringfence/agent/phone"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// joinedAs gives a phone that has joined, whose it is and as what, with files on
// both sides.
func joinedAs(t *testing.T, ownership enrollv1.Ownership, mode string) (*agenttest.Server, *phone.Phone, *agent.Agent) {
	t.Helper()
	s := agenttest.Start(t, time.Now)
	s.Ownership = ownership
	s.Mode = map[string]enrollv1.Mode{
		"work-profile": enrollv1.Mode_MODE_WORK_PROFILE, "fully-managed": enrollv1.Mode_MODE_FULLY_MANAGED, "dedicated": enrollv1.Mode_MODE_DEDICATED,
	}[mode]
	dir := t.TempDir()
	p := openPhone(t, dir, nil)
	a := agent.New(p, agent.Options{Now: time.Now})
	fill(t, filepath.Join(dir, "data/user/0"), personal)
	if _, err := a.Enroll(t.Context(), enrollOptions(s, mode)); err != nil {
		t.Fatal(err)
	}
	if mode == "work-profile" {
		fill(t, filepath.Join(dir, "data/user/10"), work)
	}
	return s, p, a
}

func stateOf(s *agenttest.Server, o *agenttest.Order) (state wipev1.State, reports []*wipev1.ReportOrderRequest) {
	s.Do(func() { state, reports = o.State, o.Reports })
	return state, reports
}

// TestWholeDevice: a company's phone asks for such orders, and goes back to how it
// left the factory; one with a personal side only if the order knows of it.
func TestWholeDevice(t *testing.T) {
	for _, c := range []struct {
		mode         string
		personalSide bool
		want         wipev1.State
	}{
		{"work-profile", true, wipev1.State_STATE_DONE},
		{"work-profile", false, wipev1.State_STATE_FAILED},
		{"fully-managed", false, wipev1.State_STATE_DONE},
		{"dedicated", false, wipev1.State_STATE_DONE},
		{"dedicated", true, wipev1.State_STATE_DONE},
	} {
		s, p, a := joinedAs(t, companys, c.mode)
		o := s.OrderWholeDevice(c.personalSide)
		if err := a.Once(t.Context()); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		state, reports := stateOf(s, o)
		enrolled, err := p.LoadState()
		personal, work, failed := p.Digests()
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		done := c.want == wipev1.State_STATE_DONE
		if state != c.want || (enrolled.Enrollment == nil) != done || (personal.Files+work.Files == 0) != done {
			t.Errorf("%+v: the order is %v; enrolment %+v; %d and %d files left", c, state, enrolled.Enrollment, personal.Files, work.Files)
		}
		if done && !strings.Contains(enrolled.Former.Reason, "left the factory") {
			t.Errorf("%+v: ended because %q", c, enrolled.Former.Reason)
		}
		if done && (len(reports) != 2 || reports[0].GetStatement() == nil) {
			t.Errorf("%+v: said %v", c, reports)
		}
	}
}

// TestPersonalPhoneAndWholeDevice: a personal phone never asks for such orders, and
// one that is handed to it by way of the others is refused.
func TestPersonalPhoneAndWholeDevice(t *testing.T) {
	s, p, a := joinedAs(t, personally, "work-profile")
	personal, work, err := p.Digests()
	if err != nil {
		t.Fatal(err)
	}
	o := s.OrderWholeDevice(true)
	s.Do(func() { o.WholeDevice = false }) // FetchOrders gives it
	for range 2 {
		if err := a.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	state, reports := stateOf(s, o)
	if state != wipev1.State_STATE_DELIVERED || len(reports) != 2 || reports[0].GetRefused().GetReason() != wipev1.Refusal_REFUSAL_IDENTITY {
		t.Errorf("the order is %v, the phone said %v", state, reports)
	}
	s.Do(func() {
		if n := s.Calls["FetchWholeDeviceOrders"]; n > 0 {
			t.Errorf("a personal phone asked %d times", n)
		}
	})
	if gotPersonal, gotWork, err := p.Digests(); err != nil || gotPersonal != personal || gotWork != work {
		t.Errorf("files changed (%v)", err)
	}
	if e, err := p.Enrollment(); err != nil || e.Company != nil {
		t.Errorf("the enrolment %+v, %v", e, err)
	}
}

// TestWholeDeviceNotAnswered: while a company's phone does not know of all its
// orders it carries out none, because a later one would pass an earlier one by. A
// server from before there were such orders has none.
func TestWholeDeviceNotAnswered(t *testing.T) {
	s, _, a := joinedAs(t, companys, "work-profile")
	o := s.Order(agenttest.Lock())
	fail := func(code codes.Code) {
		s.Do(func() {
			s.Fail = func(method string) error {
				if method == "FetchWholeDeviceOrders" {
					return status.Error(code, "no")
				}
				return nil
			}
		})
	}
	fail(codes.Unavailable)
	if err := a.Once(t.Context()); err == nil {
		t.Error("silence was no error")
	}
	if state, _ := stateOf(s, o); state != wipev1.State_STATE_DELIVERED {
		t.Errorf("the order is %v", state)
	}
	fail(codes.Unimplemented)
	if err := a.Once(t.Context()); err != nil {
		t.Error(err)
	}
	if state, _ := stateOf(s, o); state != wipev1.State_STATE_DONE {
		t.Errorf("the order is %v", state)
	}
}

// TestRelinquish: the company gives its phone up; on a personal one it cannot.
func TestRelinquish(t *testing.T) {
	for _, c := range []struct {
		ownership enrollv1.Ownership
		mode      string
		want      wipev1.State
	}{
		{companys, "work-profile", wipev1.State_STATE_DONE},
		{personally, "work-profile", wipev1.State_STATE_FAILED},
		{companys, "fully-managed", wipev1.State_STATE_FAILED},
	} {
		s, p, a := joinedAs(t, c.ownership, c.mode)
		before := personalDigest(t, p)
		o := s.Order(agenttest.Relinquish())
		if err := a.Once(t.Context()); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		state, _ := stateOf(s, o)
		g, err := p.GivenUp()
		if done := c.want == wipev1.State_STATE_DONE; err != nil || state != c.want || (g != nil) != done {
			t.Errorf("%+v: the order is %v; given up: %v, %v", c, state, g, err)
		}
		if personalDigest(t, p) != before {
			t.Errorf("%+v: the personal side changed", c)
		}
	}
}

// TestLockByOrder: the work side locks until the person opens it; nothing goes.
func TestLockByOrder(t *testing.T) {
	s, p, a := joinedAs(t, personally, "work-profile")
	personal, work, err := p.Digests()
	if err != nil {
		t.Fatal(err)
	}
	o := s.Order(agenttest.Lock())
	for range 2 { // contact does not open it
		if err := a.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w, err := p.WorkLock()
	if state, _ := stateOf(s, o); err != nil || state != wipev1.State_STATE_DONE || w.Order == nil || w.Lease != nil {
		t.Errorf("the order is %v; locked %+v, %v", state, w, err)
	}
	if err := p.Set(map[string]string{"work_locked": "false"}); err != nil {
		t.Fatal(err)
	}
	if w, err := p.WorkLock(); err != nil || w.Order != nil {
		t.Errorf("locked %+v, %v", w, err)
	}
	if gotPersonal, gotWork, err := p.Digests(); err != nil || gotPersonal != personal || gotWork != work {
		t.Errorf("files changed (%v)", err)
	}
}

// TestPausedOrder: what the server holds back removes nothing, and is carried out
// when it comes again.
func TestPausedOrder(t *testing.T) {
	s, p, a := joinedAs(t, personally, "work-profile")
	_, work, err := p.Digests()
	if err != nil {
		t.Fatal(err)
	}
	s.Do(func() { s.Paused = true })
	o := s.Order(agenttest.WorkProfile())
	for range 2 {
		if err := a.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, got, err := p.Digests(); err != nil || got != work {
			t.Errorf("files changed (%v)", err)
		}
		j, err := p.LoadJournal()
		if err != nil || j.Current != nil || j.Acted.Sequence > 0 {
			t.Errorf("journal %+v, %v", j, err)
		}
	}
	s.Do(func() { s.Paused = false })
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state, reports := stateOf(s, o); state != wipev1.State_STATE_DONE || len(reports) != 4 {
		t.Errorf("the order is %v after %d reports", state, len(reports))
	}
}
