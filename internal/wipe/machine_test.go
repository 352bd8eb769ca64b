package wipe

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// TestMachine lets administrators and devices do what they like, in any order, and
// looks after each step whether the promises hold: see the rules. Every decision
// is made twice, as after a lost race.
func TestMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		for range 4 {
			t.Repeat(m.actions())
		}
	})
}

// actions are what can be done, what matters most more than once.
func (m *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"ask": m.ask, "ask more": m.ask, "ask on": m.ask, "ask again": m.askAgain, "whole": m.whole,
		"approve": m.approve, "approve more": m.approve, "approve on": m.approve, "reject": m.reject, "stop": m.stop, "lift": m.lift,
		"cancel": m.cancel, "limits": m.limits, "breaker": m.closes, "breaker more": m.closes, "lease": m.lease,
		"look": m.look, "look more": m.look, "look on": m.look, "look again": m.look, "report": m.report,
		"verdict": m.verdict, "hold": m.hold, "lapse": m.lapse, "join": m.join, "sweep": m.sweep,
		"time": m.time, "more time": m.time, "a while": m.while,
		"": m.check,
	}
}

// machine is a world with people in it, and what the rules need of the past.
type machine struct {
	w       *world
	admins  []identity.Caller
	devices []device.ID
	last    Ask
	by      context.Context
	// acted is the highest sequence that a device has acted on; lapsed are those
	// that have wiped themselves, which ends whatever else was ordered.
	acted  map[device.ID]uint64
	lapsed map[Enrollment]bool
	past   past
}

func newMachine() *machine {
	m := &machine{w: newWorld(), acted: map[device.ID]uint64{}, lapsed: map[Enrollment]bool{}}
	m.w.store.twice, m.w.fleet = true, 100
	m.w.store.limits.BreakerFloor = 8
	m.w.store.leases = []GroupLease{{Lease: Lease{Number: 1, Lock: dayLong, Wipe: 7 * dayLong}}}
	delete(m.w.facts, "device-one")
	for i, f := range []Facts{
		{Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: "pat"},
		{Ownership: device.Personal, Mode: device.WorkProfile, Group: "hr", User: "pat"},
		{Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: "sam"},
		{Ownership: device.Company, Mode: device.WorkProfile, Group: "sales"},
		{Ownership: device.Company, Mode: device.Dedicated, Group: "hr"},
		{Ownership: device.Personal, Mode: device.AppAccount, User: "pat", App: "com.a"},
		{Ownership: device.Personal, Mode: device.AppAccount, User: "sam", App: "com.b"},
	} {
		m.devices = append(m.devices, m.w.enrol(max(2, 3-i/3), f)...)
	}
	add := func(name, person string, r identity.Role, age time.Duration, groups ...string) {
		c := administrator(name, r)
		c.Person, c.Since, c.Groups = person, monday.Add(-age), groups
		m.admins = append(m.admins, c)
	}
	add("alice", "alice", identity.Owner, old)
	add("alice-desk", "alice", identity.HelpDesk, old)
	add("alice-two", "alice", identity.Approver, old)
	add("nina", "nina", identity.Owner, time.Hour)
	add("oscar", "oscar", identity.Operator, old, "sales")
	add("bob", "bob", identity.Approver, old)
	add("carol", "carol", identity.Owner, old)
	add("vera", "vera", identity.Viewer, old)
	m.past = m.now()
	return m
}

func (m *machine) admin(t *rapid.T) context.Context {
	return identity.With(context.Background(), rapid.SampledFrom(m.admins).Draw(t, "administrator"))
}

// expect lets the machine go on after every no that is for the caller.
func expect(t *rapid.T, err error) {
	t.Helper()
	if err != nil && fault.KindOf(err) == fault.Internal {
		t.Fatalf("an internal error: %v", err)
	}
}

func (m *machine) ask(t *rapid.T) {
	ctx := m.admin(t)
	m.w.ids++
	a := Ask{Key: fmt.Sprintf("machine-%05d", m.w.ids), Reason: "left", Lifetime: rapid.SampledFrom([]time.Duration{0, 5 * time.Hour}).Draw(t, "lifetime")}
	a.Scope = rapid.SampledFrom([]Scope{
		OfLock(), OfWorkProfile(), OfRelinquish(), {kind: AppData, packages: []string{"com.a"}}, {kind: AppData, packages: []string{"com.a", "com.b"}},
		{kind: WholeDevice}, {kind: WholeDevice, personal: true},
	}).Draw(t, "scope")
	switch rapid.SampledFrom([]string{"one", "one", "some", "group", "user", "person"}).Draw(t, "target") {
	case "one":
		a.Target.Devices = []device.ID{rapid.SampledFrom(m.devices).Draw(t, "device")}
	case "some":
		a.Target.Devices = rapid.SliceOfNDistinct(rapid.SampledFrom(m.devices), 2, 7, rapid.ID).Draw(t, "devices")
	case "group":
		a.Target.Group = rapid.SampledFrom([]string{"sales", "hr"}).Draw(t, "group")
	case "user":
		a.Target.User = "pat"
	case "person":
		a.Target.User, a.Standing, a.Scope = rapid.SampledFrom([]string{"pat", "sam"}).Draw(t, "person"), true, OfWorkProfile()
	}
	if p, err := m.w.Plan(ctx, a); err == nil {
		a.Plan = p.Digest
	}
	m.last, m.by = a, ctx
	_, _, err := m.w.Ask(ctx, a)
	expect(t, err)
}

// askAgain tries the last ask once more: whatever it has led to, it leads to the
// same.
func (m *machine) askAgain(t *rapid.T) {
	if m.last.Key == "" {
		t.Skip("nothing was asked for")
	}
	orders, requests := len(m.w.store.orders), len(m.w.store.requests)
	known := slices.ContainsFunc(m.w.store.requestsThat(func(r Request) bool { return r.Key == m.last.Key }, 1), func(Request) bool { return true })
	_, _, err := m.w.Ask(m.by, m.last)
	expect(t, err)
	if known && (err != nil || len(m.w.store.orders) != orders || len(m.w.store.requests) != requests) {
		t.Fatalf("once more: error %v, %d orders more", err, len(m.w.store.orders)-orders)
	}
}

func (m *machine) whole(t *rapid.T) {
	m.w.ids++
	_, err := m.w.AskWhole(m.admin(t), WholeAsk{
		Key: fmt.Sprintf("machine-%05d", m.w.ids), Device: rapid.SampledFrom(m.devices).Draw(t, "device"), Reason: "sold",
		PersonalSide: rapid.Bool().Draw(t, "known"),
	})
	expect(t, err)
}

// request draws one that there is, the youngest more often.
func (m *machine) request(t *rapid.T) RequestID {
	all := m.w.store.requestsThat(func(Request) bool { return true }, MaxTargets)
	if len(all) == 0 {
		t.Skip("there is no request")
	}
	return all[max(0, len(all)-1-rapid.IntRange(0, 12).Draw(t, "request"))].ID
}

func (m *machine) approve(t *rapid.T) {
	waiting := m.w.store.requestsThat(func(r Request) bool { return r.State == Waiting }, MaxTargets)
	if len(waiting) == 0 || rapid.IntRange(0, 3).Draw(t, "any") == 0 {
		_, _, err := m.w.Approve(m.admin(t), m.request(t), "")
		expect(t, err)
		return
	}
	r := rapid.SampledFrom(waiting).Draw(t, "waiting")
	_, _, err := m.w.Approve(m.admin(t), r.ID, "")
	expect(t, err)
}

func (m *machine) reject(t *rapid.T) {
	_, err := m.w.Reject(m.admin(t), m.request(t), "no")
	expect(t, err)
}

func (m *machine) stop(t *rapid.T) {
	_, _, err := m.w.Stop(m.admin(t), m.request(t), "stop")
	expect(t, err)
}

func (m *machine) lift(t *rapid.T) {
	_, _, err := m.w.Lift(m.admin(t), m.request(t), "lift")
	expect(t, err)
}

func (m *machine) order(t *rapid.T) Order {
	all := m.w.store.find(func(Order) bool { return true })
	if len(all) == 0 {
		t.Skip("there is no order")
	}
	return rapid.SampledFrom(all).Draw(t, "order")
}

func (m *machine) cancel(t *rapid.T) {
	_, err := m.w.Cancel(m.admin(t), m.order(t).ID, "cancel")
	expect(t, err)
}

func (m *machine) govern(t *rapid.T, g Governing) {
	m.w.ids++
	g.Key, g.Reason = fmt.Sprintf("machine-%05d", m.w.ids), "govern"
	_, err := m.w.Govern(m.admin(t), g)
	expect(t, err)
}

func (m *machine) limits(t *rapid.T) {
	l := m.w.store.limits
	l.PersonHour = rapid.SampledFrom([]uint32{3, 10, 12}).Draw(t, "hour")
	l.PersonDay = rapid.SampledFrom([]uint32{8, 20, 30}).Draw(t, "day")
	l.CoolingOff = rapid.SampledFrom([]time.Duration{0, 10 * time.Minute, time.Hour}).Draw(t, "cooling off")
	m.govern(t, Governing{Limits: &l})
}

func (m *machine) closes(t *rapid.T) {
	m.govern(t, Governing{Close: rapid.SampledFrom([]RequestKind{Resume, CancelAll}).Draw(t, "how")})
}

func (m *machine) lease(t *rapid.T) {
	m.govern(t, Governing{Lease: &GroupLease{
		Group: rapid.SampledFrom([]string{"", "sales"}).Draw(t, "group"),
		Lease: rapid.SampledFrom([]Lease{{}, {Lock: dayLong, Wipe: 7 * dayLong}, {Lock: 2 * dayLong, Wipe: 9 * dayLong}}).Draw(t, "lease"),
	}})
}

// verdict lets the server make what a verdict about a work account asks for: of a
// device there is none.
func (m *machine) verdict(t *rapid.T) {
	f := m.w.facts[rapid.SampledFrom(m.devices).Draw(t, "device")]
	epoch := f.Epoch + device.Epoch(rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "epochs ahead"))
	o, err := m.w.WipeByPolicy(m.admin(t), f.ID, epoch, "the app is outdated")
	expect(t, err)
	if err == nil && (f.App == "" || o.Device != f.ID || o.Epoch != epoch || epoch != f.Epoch) {
		t.Fatalf("a verdict about epoch %d of %+v led to order %+v", epoch, f, o)
	}
}

// join lets a device leave, or enrol again, whether or not the service is told.
func (m *machine) join(t *rapid.T) {
	id := rapid.SampledFrom(m.devices).Draw(t, "device")
	f := m.w.facts[id]
	switch how := rapid.SampledFrom([]string{"anew", "silently anew", "left"}).Draw(t, "how"); {
	case f.Enrolled && how == "left":
		expect(t, m.w.End(context.Background(), id, f.Epoch, "left"))
		return
	case how != "silently anew":
		expect(t, m.w.EnrollmentEnded(context.Background(), id, f.Epoch, "joined anew"))
	}
	m.w.rejoin(id)
}

func (m *machine) sweep(t *rapid.T) {
	s := rapid.SampledFrom([]*Service{m.w.Service, m.w.server()}).Draw(t, "server")
	_, err := s.Sweep(context.Background())
	expect(t, err)
}

func (m *machine) time(t *rapid.T) {
	m.w.now = m.w.now.Add(time.Duration(rapid.IntRange(1, 50).Draw(t, "minutes")) * time.Minute)
}

func (m *machine) while(t *rapid.T) {
	m.w.now = m.w.now.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "hours")) * time.Hour)
}
