package wipedb

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// modelOrder is an order as a person would keep it in a notebook.
type modelOrder struct {
	id       wipe.ID
	number   int
	epoch    device.Epoch
	goes     string // as in scopes
	state    string
	notNows  int
	refusals int
	notAfter time.Time
	promised bool
	settled  bool
	account  bool       // for a registration, which ends with it
	now      *time.Time // the story's clock
	changed  time.Time
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
	o.settled = !o.open() && (state != "done" || o.ends() == 0 && !o.account)
	o.changed = *o.now
}

// ends ranks what ends the enrolment by how much it takes; 0 is less than that.
func (o *modelOrder) ends() int { return slices.Index([]string{"all", "give up", "whole"}, o.goes) + 1 }

// covers reports whether nothing of the other is left to do; a lock is for at
// once, and only a lock is like it.
func (o *modelOrder) covers(other *modelOrder) bool {
	if other.goes == "lock" {
		return o.goes == "lock"
	}
	return o.ends() > 0 && o.ends() >= other.ends() || o.goes == other.goes ||
		o.goes == "ab" && (other.goes == "a" || other.goes == "b")
}

// model is one device, or one registration of an app, and all that was ever ordered
// for it, beside the real service that is told the same.
type model struct {
	service  *wipe.Service
	store    *Store
	fleet    *fleet
	now      *time.Time
	id       device.ID
	account  bool // it is a registration of com.a
	epoch    device.Epoch
	enrolled bool
	paused   bool // the breaker is open
	last     int  // the number of the device's last order
	orders   []*modelOrder
	requests []*modelRequest
}

// TestModel plays random stories of administrators, a phone or an app on one, time,
// verdicts, crashes, re-enrolments and the breaker, and compares with the notebook
// after each step.
func TestModel(t *testing.T) {
	stories(t, 12)
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		now, f, runs := monday, new(fleet), 0
		service := f.serve(db, func() time.Time { return now })
		loose(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			runs++
			m := &model{service: service, store: New(db), fleet: f, now: &now, id: device.ID(fmt.Sprintf("device-%06d", runs))}
			defer m.tidy(t)
			m.account = rapid.IntRange(0, 2).Draw(rt, "an app, if 0") == 0
			m.join(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"":        m.check,
				"ask":     m.ask,
				"ask2":    m.ask,
				"whole":   m.askWhole,
				"approve": m.approve,
				"reject":  m.reject,
				"stop":    m.stop,
				"breaker": m.toggle,
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
				"verdict": m.verdict,
			})
		})
	})
}

// stories bounds how many stories rapid plays, each of which takes seconds under
// the race detector; -rapid.checks says otherwise.
func stories(t *testing.T, n int) {
	t.Helper()
	const name = "rapid.checks"
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == name })
	if chosen {
		return
	}
	before := flag.Lookup(name).Value.String()
	set := func(value string) {
		if err := flag.Lookup(name).Value.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	set(strconv.Itoa(n))
	t.Cleanup(func() { set(before) })
}

// tidy ends everything, so that the next story's sweeps find only their own.
func (m *model) tidy(t *testing.T) {
	m.fleet.broken = nil
	m.breaker(t, false)
	for _, r := range m.requests {
		if _, _, err := m.service.Stop(admin(t.Context(), "alice"), r.id, "tidied up"); err != nil && !errors.Is(err, wipe.ErrRequestFinished) {
			t.Error(err)
		}
	}
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
	listed, _, err := m.service.List(admin(t.Context(), "alice"), wipe.Query{Device: m.id, Limit: 1000})
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
			(got.Receipt != nil) != (want.state == "done") || got.Epoch != want.epoch || int(got.Sequence) != want.number || int(got.Refusals) != want.refusals ||
			(got.Commitment != nil) != (want.promised && want.ends() > 0) {
			t.Fatalf("got %+v, want %+v", got, *want)
		}
	}
	for _, want := range m.requests {
		if want.ended {
			continue // the database lets nobody change it
		}
		got, err := m.service.GetRequest(admin(t.Context(), "alice"), want.id)
		if err != nil || got.State != want.state || got.Decided.Person != want.by {
			t.Fatalf("got %+v, error %v; want %+v", got, err, *want)
		}
		want.ended = want.state != wipe.Waiting && want.state != wipe.Executed
	}
}

var scopes = map[string]wipe.Scope{
	"all": wipe.OfWorkProfile(), "give up": wipe.OfRelinquish(), "lock": wipe.OfLock(),
	"a": appsOf("com.a"), "b": appsOf("com.b"), "ab": appsOf("com.a", "com.b"),
}

func appsOf(packages ...string) wipe.Scope {
	s, err := wipe.OfAppData(packages)
	if err != nil {
		panic(err)
	}
	return s
}

func (m *model) ask(t *rapid.T) {
	goes := rapid.SampledFrom([]string{"all", "give up", "lock", "a", "b", "ab"}).Draw(t, "scope")
	epoch := rapid.SampledFrom([]device.Epoch{0, 0, m.epoch, m.epoch + 1}).Draw(t, "epoch")
	a := ask(fmt.Sprintf("%s-%d", m.id, len(m.orders)), m.id, scopes[goes])
	a.Epoch, a.Lifetime = epoch, 10*time.Minute
	want := m.mayAsk(&modelOrder{goes: goes}, epoch)
	for range rapid.IntRange(1, 2).Draw(t, "times") {
		_, orders, err := m.service.Ask(admin(t.Context(), "alice"), a)
		if !errors.Is(err, want) {
			t.Fatalf("ask for %s: got error %v, want %v", goes, err, want)
		}
		if err == nil && (len(m.orders) == 0 || m.orders[len(m.orders)-1].id != orders[0].ID) {
			m.note(orders, goes)
		}
	}
}

// note keeps the one order that came to be.
func (m *model) note(orders []wipe.Order, goes string) *modelOrder {
	m.last++
	o := &modelOrder{
		id: orders[0].ID, number: m.last, epoch: m.epoch, goes: goes, state: "pending", notAfter: m.now.Add(10 * time.Minute),
		account: m.account, now: m.now,
	}
	m.orders = append(m.orders, o)
	return o
}

// mayAsk gives what a new order is refused with.
func (m *model) mayAsk(o *modelOrder, epoch device.Epoch) error {
	if epoch != 0 && epoch != m.epoch {
		return wipe.ErrEpochMoved
	}
	if err := m.fits(o); err != nil {
		return err
	}
	if m.paused && o.goes != "lock" {
		return wipe.ErrBreakerOpen
	}
	return nil
}

// fits says whether the device can have one more order.
func (m *model) fits(o *modelOrder) error {
	switch {
	case !m.enrolled:
		return wipe.ErrNotEnrolled
	case m.account && (o.goes == "b" || o.goes == "ab"):
		return wipe.ErrOtherApp
	case m.account && o.goes != "a":
		return wipe.ErrScopeNotForMode
	}
	for _, other := range m.byNumber() { // as the store reads them
		switch {
		case other.epoch != m.epoch || other.settled || other.late(*m.now):
		case other.state == "done":
			return wipe.ErrNotEnrolled
		case other.covers(o):
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

// fetch is the phone looking for orders, for the whole device or for others.
func (m *model) fetch(t *rapid.T) {
	ctx, c := m.speaks(t, m.epoch)
	whole := rapid.Bool().Draw(t, "whole") && !m.account
	get := m.service.Fetch
	if whole {
		get = m.service.FetchWhole
	}
	got, err := get(ctx, c)
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	due := func(o *modelOrder) bool {
		return o.epoch == m.epoch && o.open() && !o.late(*m.now) && !m.held(o) && (o.goes == "whole") == whole
	}
	for _, o := range m.byNumber() {
		if due(o) && m.passed(o) {
			m.last++
			o.number = m.last
		}
	}
	var want []wipe.ID
	for _, o := range m.byNumber() {
		if !due(o) {
			continue
		}
		want = append(want, o.id)
		if o.state == "pending" {
			o.become("delivered")
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

// speaks gives the phone, or the app, as it calls.
func (m *model) speaks(t *rapid.T, epoch device.Epoch) (context.Context, identity.Caller) {
	if m.account {
		return appOf(t.Context(), m.id, epoch, "com.a")
	}
	return phone(t.Context(), m.id, epoch)
}

// held reports whether the open breaker keeps an order from going on.
func (m *model) held(o *modelOrder) bool {
	return m.paused && o.goes != "lock" && (o.state == "pending" || o.state == "delivered")
}

// passed reports whether the device has promised an order with a higher number:
// it takes this one up only with a new one.
func (m *model) passed(o *modelOrder) bool {
	return (o.state == "pending" || o.state == "delivered") &&
		slices.ContainsFunc(m.orders, func(other *modelOrder) bool { return other.promised && other.number > o.number })
}

func (m *model) byNumber() []*modelOrder {
	return slices.SortedFunc(slices.Values(m.orders), func(a, b *modelOrder) int { return cmp.Compare(a.number, b.number) })
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
	known, err := m.service.Get(admin(t.Context(), "alice"), o.id)
	if err != nil {
		t.Fatal(err)
	}
	e = signed(known, e)
	want, broken := wipe.ErrUnknown, false
	switch {
	case o.epoch == epoch && say == "acknowledge" && (m.held(o) || m.passed(o)):
		want = wipe.ErrPaused
	case o.epoch == epoch || say == "refused":
		want, broken = m.said(o, say)
	}
	ctx, c := m.speaks(t, epoch)
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
		case say != "done" && o.ends() == 0:
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
	minutes := rapid.SampledFrom([]int{1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1, 24 * 60}).Draw(t, "minutes")
	*m.now = m.now.Add(time.Duration(minutes) * time.Minute)
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
	if m.account {
		m.fleet.register(m.id, "com.a")
	} else {
		m.fleet.join(m.id)
	}
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
	for _, r := range m.requests {
		if r.state == wipe.Waiting && m.now.After(r.expires) {
			r.state = wipe.RequestEnd
		}
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
