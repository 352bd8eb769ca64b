package wipedb

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// modelOrder is an order as a person would keep it in a notebook.
type modelOrder struct {
	id       wipe.ID
	epoch    device.Epoch
	goes     string // "all", or the apps' letters: "a", "b", "ab"
	state    string
	notNows  int
	refusals int
	notAfter time.Time
	promised bool
	settled  bool
}

func (o *modelOrder) open() bool {
	return o.state == "pending" || o.state == "delivered" || o.state == "acknowledged"
}

func (o *modelOrder) late(now time.Time) bool {
	return o.open() && o.state != "acknowledged" && now.After(o.notAfter)
}

func (o *modelOrder) become(state string) {
	o.state = state
	o.promised = o.promised || state == "acknowledged"
	o.settled = !o.open() && (state != "done" || o.goes != "all")
}

// model is one device and all that was ever ordered for it, beside the real
// service that is told the same.
type model struct {
	service  *wipe.Service
	fleet    *fleet
	now      *time.Time
	id       device.ID
	epoch    device.Epoch
	enrolled bool
	orders   []*modelOrder
}

// TestModel plays random stories of administrators, a phone, time, crashes and
// re-enrolments, and compares with the notebook after each step.
func TestModel(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		now, f, runs := monday, new(fleet), 0
		service := f.serve(db, func() time.Time { return now })
		rapid.Check(t, func(rt *rapid.T) {
			runs++
			m := &model{service: service, fleet: f, now: &now, id: device.ID(fmt.Sprintf("device-%06d", runs))}
			defer m.tidy(t)
			m.join(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"":        m.check,
				"create":  m.create,
				"create2": m.create,
				"cancel":  m.cancel,
				"fetch":   m.fetch,
				"report":  m.report,
				"report2": m.report,
				"report3": m.report,
				"wait":    m.wait,
				"leave":   m.leave,
				"join":    m.join,
				"break":   m.breakEnd,
				"sweep":   m.sweep,
			})
		})
	})
}

// tidy ends everything, so that the next story's sweeps find only their own.
func (m *model) tidy(t *testing.T) {
	m.fleet.broken = nil
	if err := m.fleet.leave(m.id, m.epoch); err != nil {
		t.Error(err)
	}
	for e := range m.epoch {
		if err := m.service.EnrollmentEnded(t.Context(), m.id, e+1, "tidied up"); err != nil {
			t.Error(err)
		}
	}
}

// check compares every order with the notebook.
func (m *model) check(t *rapid.T) {
	listed, _, err := m.service.List(t.Context(), wipe.Query{Device: m.id, Limit: 1000})
	if err != nil || len(listed) != len(m.orders) {
		t.Fatalf("listed %d orders, error %v; want %d", len(listed), err, len(m.orders))
	}
	byID := map[wipe.ID]wipe.Order{}
	for _, o := range listed {
		byID[o.ID] = o
	}
	for _, want := range m.orders {
		got := byID[want.id]
		if string(got.State) != want.state || int(got.NotNow) != want.notNows || got.SettledAt.IsZero() == want.settled ||
			(got.Receipt != nil) != (want.state == "done") || got.Epoch != want.epoch || int(got.Refusals) != want.refusals ||
			(got.Commitment != nil) != (want.promised && want.goes == "all") {
			t.Fatalf("got %+v, want %+v", got, *want)
		}
	}
}

var scopes = map[string][]string{"all": nil, "a": {"com.a"}, "b": {"com.b"}, "ab": {"com.a", "com.b"}}

func (m *model) create(t *rapid.T) {
	goes := rapid.SampledFrom([]string{"all", "a", "b", "ab"}).Draw(t, "scope")
	epoch := rapid.SampledFrom([]device.Epoch{0, 0, m.epoch, m.epoch + 1}).Draw(t, "epoch")
	scope := wipe.OfWorkProfile()
	if goes != "all" {
		scope, _ = wipe.OfAppData(scopes[goes])
	}
	request := wipe.Request{
		Key: fmt.Sprintf("%s-%d", m.id, len(m.orders)), Device: m.id, Epoch: epoch,
		Scope: scope, Reason: "lost", Lifetime: 10 * time.Minute,
	}
	want := m.mayCreate(goes, epoch)
	for range rapid.IntRange(1, 2).Draw(t, "times") {
		o, err := m.service.Create(admin(t.Context(), "alice"), request)
		if !errors.Is(err, want) {
			t.Fatalf("create %s: got error %v, want %v", goes, err, want)
		}
		if err == nil && (len(m.orders) == 0 || m.orders[len(m.orders)-1].id != o.ID) {
			m.orders = append(m.orders, &modelOrder{id: o.ID, epoch: m.epoch, goes: goes, state: "pending", notAfter: m.now.Add(10 * time.Minute)})
			request.Key = fmt.Sprintf("%s-%d", m.id, len(m.orders)-1)
		}
	}
}

func (m *model) mayCreate(goes string, epoch device.Epoch) error {
	if epoch != 0 && epoch != m.epoch {
		return wipe.ErrEpochMoved
	}
	if !m.enrolled {
		return wipe.ErrNotEnrolled
	}
	for _, o := range m.orders { // oldest first, as the store reads them
		if o.epoch != m.epoch || o.settled || o.late(*m.now) {
			continue
		}
		if o.state == "done" {
			return wipe.ErrNotEnrolled
		}
		if o.goes == "all" || o.goes == goes || o.goes == "ab" && goes != "all" {
			return wipe.ErrPending
		}
	}
	return nil
}

func (m *model) pick(t *rapid.T) *modelOrder {
	if len(m.orders) == 0 {
		t.Skip("nothing was ordered")
	}
	return rapid.SampledFrom(m.orders).Draw(t, "order")
}

func (m *model) cancel(t *rapid.T) {
	o := m.pick(t)
	var want error
	switch o.state {
	case "pending", "delivered":
		o.become("cancelled")
	case "acknowledged":
		want = wipe.ErrAcknowledged
	case "done", "failed", "expired":
		want = wipe.ErrFinished
	}
	if _, err := m.service.Cancel(admin(t.Context(), "bob"), o.id, "found it"); !errors.Is(err, want) {
		t.Fatalf("cancel: got error %v, want %v", err, want)
	}
}

func (m *model) fetch(t *rapid.T) {
	ctx, c := phone(t.Context(), m.id, m.epoch)
	got, err := m.service.Fetch(ctx, c)
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	var want []wipe.ID
	for _, o := range m.orders {
		if o.epoch == m.epoch && o.open() && !o.late(*m.now) {
			want = append(want, o.id)
			if o.state == "pending" {
				o.become("delivered")
			}
		}
	}
	var given []wipe.ID
	for _, d := range got {
		given = append(given, d.Order.ID)
	}
	if !slices.Equal(given, want) {
		t.Fatalf("fetched %v, want %v", given, want)
	}
}

func (m *model) report(t *rapid.T) {
	o := m.pick(t)
	say := rapid.SampledFrom([]string{"acknowledge", "acknowledge", "not now", "done", "done", "done of another app", "failed", "refused"}).Draw(t, "report")
	epoch := rapid.SampledFrom([]device.Epoch{m.epoch, m.epoch, m.epoch, m.epoch - 1}).Draw(t, "caller's epoch")
	receipt := wipe.Receipt{FinishedAt: *m.now}
	if say == "done of another app" {
		receipt.Packages = []string{"com.personal.photos"}
	}
	e := map[string]wipe.Event{
		"acknowledge": {Kind: wipe.Acknowledge},
		"not now":     {Kind: wipe.NotNow, Reason: "in a call"},
		"done":        finish(receipt),
		"failed":      {Kind: wipe.Fail, Reason: "no space"},
		"refused":     {Kind: wipe.Refuse, Reason: "signature"},

		"done of another app": finish(receipt),
	}[say]
	known, err := m.service.Get(t.Context(), o.id)
	if err != nil {
		t.Fatal(err)
	}
	e = signed(known, e)
	want, broken := wipe.ErrUnknown, false
	if o.epoch == epoch || say == "refused" {
		want, broken = m.said(o, say)
	}
	ctx, c := phone(t.Context(), m.id, epoch)
	got, err := m.service.Report(ctx, c, o.id, e)
	switch {
	case broken && errors.Is(err, errEndBroken):
	case want == nil && err == nil && string(got.State) == o.state && !broken:
	case want != nil && errors.Is(err, want):
	case want == invalid && fault.KindOf(err) == fault.Invalid:
	default:
		t.Fatalf("%s: got %s, error %v; want %s, error %v, broken %t", say, got.State, err, o.state, want, broken)
	}
}

var (
	errEndBroken = errors.New("enrolments cannot be ended now")
	invalid      = fault.New(fault.Invalid, "", "any invalid field")
)

// said is what a report does: the refusal, or what changed; broken if the
// enrolment then should end but cannot.
func (m *model) said(o *modelOrder, say string) (refusal *fault.Error, broken bool) {
	switch {
	case say == "refused":
		o.refusals = min(o.refusals+1, wipe.MaxRefusals)
	case o.state == "cancelled":
		return wipe.ErrCancelled, false
	case o.state == "expired":
		return wipe.ErrExpired, false
	case o.state == "failed" && say == "failed":
	case o.state == "failed" || o.state == "done" && say != "done" && say != "done of another app":
		return wipe.ErrFinished, false
	case o.state == "done":
		return nil, m.endAfter(o)
	case say == "done" || say == "done of another app":
		switch {
		case o.state != "acknowledged":
			return wipe.ErrNotAcknowledged, false
		case say != "done" && o.goes != "all":
			return invalid, false
		}
		o.become("done")
		return nil, m.endAfter(o)
	case o.late(*m.now):
		return wipe.ErrExpired, false
	case say == "failed":
		o.become("failed")
	case say == "acknowledge":
		o.become("acknowledged")
	case o.state == "acknowledged":
		return wipe.ErrAcknowledged, false
	case o.state == "delivered":
		o.become("pending")
		o.notNows++
	}
	return nil, false
}

// endAfter is what follows a wiped work profile.
func (m *model) endAfter(o *modelOrder) (broken bool) {
	switch {
	case o.settled:
	case m.fleet.broken != nil:
		return true
	default:
		if o.epoch == m.epoch {
			m.enrolled = false
		}
		m.over(o.epoch)
	}
	return false
}

// over is the end of an epoch that the service has heard of.
func (m *model) over(epoch device.Epoch) {
	for _, o := range m.orders {
		if o.epoch == epoch && o.open() {
			o.become("expired")
		}
		if o.epoch == epoch {
			o.settled = true
		}
	}
}

func (m *model) wait(t *rapid.T) {
	*m.now = m.now.Add(time.Duration(rapid.IntRange(1, 6).Draw(t, "minutes")) * time.Minute)
}

// leave ends the enrolment from outside; whether the service hears of it is
// left to chance.
func (m *model) leave(t *rapid.T) {
	if m.fleet.broken != nil || !m.enrolled {
		t.Skip("cannot leave")
	}
	if err := m.fleet.leave(m.id, m.epoch); err != nil {
		t.Fatal(err)
	}
	m.enrolled = false
	if rapid.Bool().Draw(t, "told") {
		if err := m.service.EnrollmentEnded(t.Context(), m.id, m.epoch, "left"); err != nil {
			t.Fatal(err)
		}
		m.over(m.epoch)
	}
}

func (m *model) join(*rapid.T) {
	m.fleet.join(m.id)
	m.epoch++
	m.enrolled = true
}

func (m *model) breakEnd(*rapid.T) {
	if m.fleet.broken == nil {
		m.fleet.broken = errEndBroken
		return
	}
	m.fleet.broken = nil
}

func (m *model) sweep(t *rapid.T) {
	if _, err := m.service.Sweep(t.Context()); err != nil && !errors.Is(err, errEndBroken) {
		t.Fatalf("sweep: %v", err)
	}
	for _, o := range m.orders {
		if o.late(*m.now) {
			o.become("expired")
		}
	}
	for _, o := range m.orders {
		if o.state == "done" {
			m.endAfter(o)
		}
	}
	for _, o := range m.orders {
		if o.open() && (o.epoch < m.epoch || !m.enrolled) {
			o.become("expired")
		}
	}
}
