package wipe

import (
	"context"
	"errors"
	"slices"

	"pgregory.net/rapid"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// look is one look of a device at its orders: it takes them up in the order of
// their sequence, as far as it likes. The devices of the machine are honest here:
// what is given to one, it must still be able to act on.
func (m *machine) look(t *rapid.T) {
	f := m.w.facts[rapid.SampledFrom(m.devices).Draw(t, "device")]
	if !f.Enrolled || m.lapsed[Enrollment{f.ID, f.Epoch}] {
		t.Skip("it is not enrolled, or has wiped itself")
	}
	given := m.fetch(t, f)
	for _, d := range given[:rapid.IntRange(0, len(given)).Draw(t, "so many")] {
		o := d.Order
		if o.State != Acknowledged {
			if !m.takes(t, f, o) {
				return
			}
			m.acted[f.ID] = max(m.acted[f.ID], o.Sequence)
		}
		if !rapid.Bool().Draw(t, "to the end") {
			return
		}
		_ = m.says(t, f, o, Finish)
		if o.ends() {
			return
		}
	}
}

// fetch gets both kinds of orders, as the agent does, and looks whether each may
// be given.
func (m *machine) fetch(t *rapid.T, f Facts) []Delivery {
	c := callerOf(f)
	ctx := identity.With(context.Background(), c)
	given, err := m.w.Fetch(ctx, c)
	expect(t, err)
	if f.Ownership == device.Company {
		more, err := m.w.FetchWhole(ctx, c)
		expect(t, err)
		given = append(given, more...)
	}
	slices.SortFunc(given, func(a, b Delivery) int { return int(a.Order.Sequence) - int(b.Order.Sequence) })
	for _, d := range given {
		m.mayBeGiven(t, f, d.Order)
	}
	return given
}

// mayBeGiven: nothing is given that is held, paused, stopped, lifted or over,
// unless the device had promised it before.
func (m *machine) mayBeGiven(t *rapid.T, f Facts, o Order) {
	r := m.w.store.requests[o.Request]
	switch {
	case o.App != f.App || o.App != "" && !o.Scope.Equal(Scope{kind: AppData, packages: []string{f.App}}):
		t.Fatalf("%+v was given order %s: %s", f, o.ID, o.Scope)
	case o.Device != f.ID || o.Epoch != f.Epoch:
		t.Fatalf("epoch %d of %s was given order %s of epoch %d of %s", f.Epoch, f.ID, o.ID, o.Epoch, o.Device)
	case o.State == Acknowledged:
	case o.Lease != nil:
		t.Fatalf("order %s of a lease was given", o.ID)
	case o.Sequence <= m.acted[f.ID]:
		t.Fatalf("order %s has sequence %d, and the device has acted on %d: it is lost", o.ID, o.Sequence, m.acted[f.ID])
	case m.w.now.Before(o.HeldUntil):
		t.Fatalf("order %s was given at %v, and is held until %v", o.ID, m.w.now, o.HeldUntil)
	case m.w.store.breaker.Open() && o.Scope.Kind() != Lock:
		t.Fatalf("order %s was given while everything is paused", o.ID)
	case o.Source != ByPolicy && (r.State != Executed || !r.LiftedAt.IsZero()):
		t.Fatalf("order %s of request %s was given, which is %s, lifted %v", o.ID, r.ID, r.State, r.LiftedAt)
	case m.w.now.After(o.NotAfter):
		t.Fatalf("order %s was given after its time", o.ID)
	}
}

// takes promises to act, or puts the order back.
func (m *machine) takes(t *rapid.T, f Facts, o Order) bool {
	switch rapid.SampledFrom([]EventKind{Acknowledge, Acknowledge, Acknowledge, NotNow, Fail}).Draw(t, "answer") {
	case NotNow:
		_ = m.says(t, f, o, NotNow)
		return false
	case Fail:
		_ = m.says(t, f, o, Fail)
		return false
	}
	err := m.says(t, f, o, Acknowledge)
	if err != nil {
		t.Fatalf("order %s was given, and is not let go: %v", o.ID, err)
	}
	return true
}

func (m *machine) says(t *rapid.T, f Facts, o Order, k EventKind) error {
	c := callerOf(f)
	_, err := m.w.Report(identity.With(context.Background(), c), c, o.ID, eventOf(o, k))
	expect(t, err)
	return err
}

// report is any word about any order, true or not, by its device: none makes an
// order go on that is held, paused or over. It promises nothing, because then the
// device would not be honest any more.
func (m *machine) report(t *rapid.T) {
	o := m.order(t)
	f := m.w.facts[o.Device]
	k := rapid.SampledFrom([]EventKind{Acknowledge, NotNow, Finish, Fail, Refuse}).Draw(t, "event")
	waits := o.Lease == nil && o.held(m.w.store.breaker, m.w.now)
	if k == Acknowledge && !waits && !o.State.Final() {
		k = Refuse
	}
	err := m.says(t, f, o, k)
	if k == Acknowledge && waits && o.Epoch == f.Epoch && !errors.Is(err, ErrPaused) {
		t.Fatalf("order %s waits, and was acknowledged: %v", o.ID, err)
	}
}

// hold lets a device fetch the order of its lease.
func (m *machine) hold(t *rapid.T) {
	f := m.w.facts[rapid.SampledFrom(m.devices).Draw(t, "device")]
	lease, err := m.w.Lease(context.Background(), f.Group)
	expect(t, err)
	c := callerOf(f)
	_, err = m.w.FetchLease(identity.With(context.Background(), c), c, lease.Number)
	expect(t, err)
}

// lapse lets a device say that it has acted under its lease, or under an earlier
// one because it never heard of the later.
func (m *machine) lapse(t *rapid.T) {
	f := m.w.facts[rapid.SampledFrom(m.devices).Draw(t, "device")]
	all := m.w.store.holders[Enrollment{f.ID, f.Epoch}]
	if len(all) == 0 || !f.Enrolled || len(all) > 1 && m.lapsed[all[0].Enrollment] {
		t.Skip("it holds nothing, or has acted")
	}
	h := rapid.SampledFrom(all).Draw(t, "whichever it got last")
	if m.says(t, f, h.order(f), Acknowledge) == nil {
		m.acted[f.ID] = max(m.acted[f.ID], h.Sequence)
		m.lapsed[h.Enrollment] = true
	}
}
