package wipe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// TestStolenOwner: somebody has an owner's credential, and all of the interface,
// for a day. However they go about it, no more devices get an order that takes
// something than one person's budget has; of a small fleet no more than the breaker
// lets through; of a credential's first day one. Where
// there are work accounts in apps, whose policies make orders, it is what the
// breaker lets through of both together. Nobody else does anything. They are the
// numbers that the documents promise.
func TestStolenOwner(t *testing.T) {
	l := DefaultLimits()
	tests := []struct {
		name     string
		age      time.Duration
		fleet    int
		accounts bool
		careful  bool
		want     int // exactly, of a careful thief; at most, of another
	}{
		{"an aged credential", 365 * dayLong, 1000, false, true, int(l.PersonDay)},
		{"an aged credential, without care", 365 * dayLong, 1000, false, false, int(l.PersonDay)},
		{"one that is just a day old", dayLong, 1000, false, true, int(l.PersonDay)},
		{"one that gets a day old meanwhile", dayLong / 2, 1000, false, true, int(l.PersonDay)},
		{"a new one", 0, 1000, false, true, NewCredentialHour},
		{"an aged credential, a small fleet", 365 * dayLong, 100, false, true, int(l.BreakerFloor)},
		{"an aged credential, a small fleet, without care", 365 * dayLong, 100, false, false, int(l.BreakerFloor)},
		{"work accounts", 365 * dayLong, 1000, true, false, int(l.OpensAbove(1000))},
		{"work accounts, a new one", 0, 1000, true, false, int(l.OpensAbove(1000))},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newThief(t, tt.age, uint64(i))
			x.owns(tt.fleet, tt.accounts)
			x.careful = tt.careful
			for range 24 * 60 {
				x.minute(t)
			}
			if got := len(x.taken); got > tt.want || tt.careful && got != tt.want {
				t.Errorf("%d devices got an order that takes something, want %d", got, tt.want)
			}
			if s := x.w.store.limits; s.PersonDay > l.PersonDay || s.QuorumAbove > l.QuorumAbove || s.CoolingOff < l.CoolingOff {
				t.Errorf("the limits are looser: %+v", s)
			}
		})
	}
}

// thief has a stolen credential.
type thief struct {
	w   *world
	ctx context.Context
	ids []device.ID
	rnd *rand.Rand
	// taken are the devices that were given an order that takes something; tried
	// are those that an order was made for.
	taken, tried map[device.ID]bool
	mine         []RequestID
	next         int
	// careful: nothing is done that spends and takes nothing new.
	careful bool
}

func newThief(t *testing.T, age time.Duration, seed uint64) *thief {
	c := administrator("alice", identity.Owner)
	c.Since = monday.Add(-age)
	x := &thief{w: newWorld(), ctx: as(t, c), rnd: rand.New(rand.NewPCG(seed, 1)), taken: map[device.ID]bool{}, tried: map[device.ID]bool{}}
	delete(x.w.facts, "device-one")
	x.w.store.leases = []GroupLease{{Lease: Lease{Number: 1, Lock: 7 * dayLong, Wipe: 30 * dayLong}}}
	return x
}

// owns enrols the fleet that the thief is after, half of it work accounts in apps
// if there are any.
func (x *thief) owns(fleet int, accounts bool) {
	x.w.fleet, x.w.counted = fleet, true
	kinds := []Facts{
		{Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales"},
		{Ownership: device.Company, Mode: device.WorkProfile, Group: "sales"},
		{Ownership: device.Company, Mode: device.Dedicated, Group: "kiosk"},
	}
	if accounts {
		account := Facts{Ownership: device.Personal, Mode: device.AppAccount, App: "com.a"}
		kinds = append(kinds, account, account, account)
	}
	for i := range fleet {
		f := kinds[i%len(kinds)]
		f.User, f.LastContact = fmt.Sprintf("person-%03d", i/4), monday
		x.ids = append(x.ids, x.w.enrol(1, f)...)
	}
}

// attacks are what the thief does, by the method of the service that it goes by.
var attacks = map[string]func(*thief){
	"Ask": func(x *thief) {
		for range 2 {
			x.ask(x.scope(), Target{Devices: x.some(1)}, false)
		}
		x.waste(9, func() { x.ask(OfLock(), Target{Devices: x.some(1)}, false) })
	},
	"Plan": func(x *thief) {
		x.seldom(20, func() { x.ask(x.scope(), Target{Devices: x.some(5)}, false) })
		x.seldom(60, func() { x.ask(x.scope(), Target{Devices: x.some(6)}, false) })
		x.seldom(60, func() { x.ask(OfWorkProfile(), Target{User: x.person()}, true) })
		x.seldom(120, func() { x.ask(x.scope(), Target{Group: "sales"}, false) })
	},
	"AskWhole": func(x *thief) {
		x.seldom(30, func() {
			r, _ := x.w.AskWhole(x.ctx, WholeAsk{Key: x.key(), Device: x.some(1)[0], Reason: "theft", PersonalSide: true})
			x.mine = append(x.mine, r.ID)
		})
	},
	"Approve": func(x *thief) { x.each(func(id RequestID) { _, _, _ = x.w.Approve(x.ctx, id, "") }) },
	"Reject": func(x *thief) {
		x.waste(300, func() { x.each(func(id RequestID) { _, _ = x.w.Reject(x.ctx, id, "mine") }) })
	},
	"Stop": func(x *thief) {
		x.waste(200, func() { x.each(func(id RequestID) { _, _, _ = x.w.Stop(x.ctx, id, "again") }) })
	},
	"Lift": func(x *thief) {
		x.waste(100, func() { x.each(func(id RequestID) { _, _, _ = x.w.Lift(x.ctx, id, "again") }) })
	},
	"Cancel": func(x *thief) {
		x.waste(10, func() {
			for _, o := range x.w.store.find(func(o Order) bool { return !o.settled() }) {
				_, _ = x.w.Cancel(x.ctx, o.ID, "again") // to have its budget back
			}
		})
	},
	"Govern": func(x *thief) {
		x.seldom(60, func() {
			loose := x.w.store.limits
			loose.PersonHour, loose.PersonDay, loose.NewCredential, loose.CoolingOff = maxBudget, maxBudget, 0, 0
			x.govern(Governing{Limits: &loose})
			x.govern(Governing{Close: Resume})
			x.govern(Governing{Close: CancelAll})
			x.govern(Governing{Lease: &GroupLease{Group: "sales", Lease: Lease{Lock: MinLeaseLock, Wipe: MinLeaseWipe}}})
			x.govern(Governing{Lease: &GroupLease{Group: "kiosk", Lease: Lease{Lock: 99 * dayLong, Wipe: 100 * dayLong}}})
		})
	},
	// Looking tells a thief much, and changes nothing.
	"Get":        looks(func(x *thief) { x.order(func(id ID) { _, _ = x.w.Get(x.ctx, id) }) }),
	"Evidence":   looks(func(x *thief) { x.order(func(id ID) { _, _ = x.w.Evidence(x.ctx, id) }) }),
	"GetRequest": looks(func(x *thief) { x.each(func(id RequestID) { _, _ = x.w.GetRequest(x.ctx, id) }) }),
	"PlanWhole":  looks(func(x *thief) { _, _ = x.w.PlanWhole(x.ctx, x.some(1)[0]) }),
	"Hint":       looks(func(x *thief) { _, _ = x.w.Hint(x.ctx, Request{State: Waiting}) }),
	"List":       looks(func(x *thief) { _, _, _ = x.w.Service.List(x.ctx, Query{Limit: 100}) }),
	"ListRequests": looks(func(x *thief) {
		x.seldom(10, func() { _, _, _ = x.w.Service.ListRequests(x.ctx, RequestQuery{Limit: 100}) })
	}),
	"Governance":  looks(func(x *thief) { _, _ = x.w.Governance(x.ctx) }),
	"Breaker":     looks(func(x *thief) { _, _ = x.w.Service.Breaker(x.ctx) }),
	"Lease":       looks(func(x *thief) { _, _ = x.w.Service.Lease(x.ctx, "sales") }),
	"Leases":      looks(func(x *thief) { _, _ = x.w.Service.Leases(x.ctx) }),
	"LeaseStatus": looks(func(x *thief) { _, _ = x.w.LeaseStatus(x.ctx, x.some(1)[0]) }),
	"Waiting":     looks(func(x *thief) { _, _ = x.w.Service.Waiting(x.ctx, x.ids[0], 1) }),
	// These are for devices: an administrator is refused.
	"Fetch":      func(x *thief) { _, _ = x.w.Fetch(x.ctx, identity.From(x.ctx)) },
	"FetchWhole": func(x *thief) { _, _ = x.w.FetchWhole(x.ctx, identity.From(x.ctx)) },
	"FetchLease": func(x *thief) { _, _ = x.w.FetchLease(x.ctx, identity.From(x.ctx), 1) },
	"Report": func(x *thief) {
		x.order(func(id ID) { _, _ = x.w.Report(x.ctx, identity.From(x.ctx), id, Event{Kind: Acknowledge}) })
	},
	// Whoever changes policies can have every verdict say that the data shall go.
	"WipeByPolicy": func(x *thief) {
		for range 3 {
			f := x.w.facts[x.some(1)[0]]
			if o, err := x.w.WipeByPolicy(x.ctx, f.ID, f.Epoch, "theft"); err == nil {
				x.tried[o.Device] = true
			}
		}
	},
	// These the server does by itself, with no caller.
	"Sweep":           func(x *thief) { x.seldom(5, func() { _, _ = x.w.Sweep(context.Background()) }) },
	"EnrollmentEnded": nil,
}

func looks(look func(*thief)) func(*thief) {
	return func(x *thief) { x.seldom(20, func() { look(x) }) }
}

// TestThiefKnowsEverything: no method of the service is left out.
func TestThiefKnowsEverything(t *testing.T) {
	for m := range reflect.TypeFor[*Service]().Methods() {
		if _, ok := attacks[m.Name]; !ok {
			t.Errorf("the thief does not use %s", m.Name)
		}
	}
}

// minute is one of the day: everything in some order, and all devices look.
func (x *thief) minute(t *testing.T) {
	names := make([]string, 0, len(attacks))
	for name := range attacks {
		names = append(names, name)
	}
	slices.Sort(names)
	x.rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		if attack := attacks[name]; attack != nil {
			attack(x)
		}
		for _, o := range x.w.store.find(func(o Order) bool { return !o.settled() && !x.taken[o.Device] }) {
			x.fetches(t, x.w.facts[o.Device])
		}
	}
	x.w.now = x.w.now.Add(time.Minute)
}

// fetches lets a device look at its orders, as prompt as can be.
func (x *thief) fetches(t *testing.T, f Facts) {
	c := callerOf(f)
	given, err := x.w.Fetch(as(t, c), c)
	if err != nil {
		t.Fatal(err)
	}
	if f.Ownership == device.Company {
		more, err := x.w.FetchWhole(as(t, c), c)
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, more...)
	}
	for _, d := range given {
		if d.Order.Scope.Kind() != Lock {
			x.taken[f.ID] = true
		}
	}
}

// person is somebody of whose devices none has been tried.
func (x *thief) person() string {
	for {
		f := x.w.facts[x.some(1)[0]]
		theirs, _ := x.w.Select(x.ctx, Target{User: f.User}, MaxTargets)
		if !slices.ContainsFunc(theirs, func(f Facts) bool { return x.tried[f.ID] }) {
			return f.User
		}
	}
}

// some are the next devices that were not tried.
func (x *thief) some(n int) []device.ID {
	var ids []device.ID
	for len(ids) < n {
		id := x.ids[x.next%len(x.ids)]
		x.next++
		if !x.tried[id] && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// scope is any that takes something.
func (x *thief) scope() Scope {
	return []Scope{
		OfWorkProfile(), {kind: AppData, packages: []string{"com.a"}}, {kind: AppData, packages: []string{"com.b"}}, OfRelinquish(),
		{kind: WholeDevice}, {kind: WholeDevice, personal: true},
	}[x.rnd.IntN(6)]
}

// waste does what may spend without taking: a careful thief only when there is
// nothing left to spend.
func (x *thief) waste(minutes int, do func()) {
	if !x.careful || x.w.now.After(monday.Add(20*time.Hour)) {
		x.seldom(minutes, do)
	}
}

func (x *thief) seldom(minutes int, do func()) {
	if x.rnd.IntN(minutes) == 0 {
		do()
	}
}

func (x *thief) key() string {
	x.w.ids++
	return fmt.Sprintf("thief-%06d", x.w.ids)
}

// ask plans and asks.
func (x *thief) ask(s Scope, target Target, standing bool) {
	a := Ask{Key: x.key(), Target: target, Scope: s, Reason: "theft", Standing: standing}
	if p, err := x.w.Service.Plan(x.ctx, a); err == nil && !target.one() {
		a.Plan = p.Digest
	}
	r, orders, _ := x.w.Ask(x.ctx, a)
	x.mine = append(x.mine, r.ID)
	for _, o := range orders {
		x.tried[o.Device] = true
	}
}

func (x *thief) govern(g Governing) {
	g.Key, g.Reason = x.key(), "theft"
	r, _ := x.w.Govern(x.ctx, g)
	x.mine = append(x.mine, r.ID)
}

// each goes through the thief's latest requests.
func (x *thief) each(do func(RequestID)) {
	for _, id := range x.mine[max(0, len(x.mine)-6):] {
		do(id)
	}
}

func (x *thief) order(do func(ID)) {
	if all := x.w.store.find(func(Order) bool { return true }); len(all) > 0 {
		do(all[x.rnd.IntN(len(all))].ID)
	}
}
