package wipe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// order gives an order for device-one, or for the one that is named, and fails the
// test if that is refused.
func (w *world) order(t *testing.T, s Scope, ids ...device.ID) Order {
	t.Helper()
	a := ask(s)
	a.Key = fmt.Sprintf("key-%04d", w.ids+1)
	if len(ids) > 0 {
		a.Target.Devices = ids
	}
	r, orders, err := w.Ask(alice(t), a)
	if err != nil || r.State != Executed || len(orders) != 1 {
		t.Fatalf("ask: %s, %d orders, error %v", r.State, len(orders), err)
	}
	return orders[0]
}

// say reports events of one order, one after the other, as the phone.
func (w *world) say(t *testing.T, id ID, kinds ...EventKind) Order {
	t.Helper()
	ctx, c := phone(t)
	var o Order
	for _, k := range kinds {
		var err error
		if k == Deliver {
			_, err = w.Fetch(ctx, c)
		} else {
			o, err = w.Report(ctx, c, id, w.event(t, id, k))
		}
		if err != nil {
			t.Fatalf("%s: %v", k, err)
		}
	}
	return o
}

// event is what an honest phone says of an order as it is now.
func (w *world) event(t *testing.T, id ID, k EventKind) Event {
	t.Helper()
	o, err := w.store.Order(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return eventOf(o, k)
}

func TestAskIsSafeToRepeat(t *testing.T) {
	w := newWorld()
	a := ask(OfWorkProfile())
	request, orders, err := w.Ask(alice(t), a)
	if err != nil || len(orders) != 1 || request.State != Executed {
		t.Fatalf("got %s, %d orders, error %v", request.State, len(orders), err)
	}
	first := orders[0]
	w.now = w.now.Add(time.Minute)
	w.say(t, first.ID, Deliver, Acknowledge, Finish)
	// The device has gone and time has passed: a retry is still answered.
	again, orders, err := w.Ask(alice(t), a)
	if err != nil || again.ID != request.ID || len(orders) != 1 || orders[0].ID != first.ID || orders[0].State != Done {
		t.Errorf("the same again: got request %s, orders %v, error %v; want %s done", again.ID, orders, err, first.ID)
	}
	other := a
	other.Reason = "another reason"
	if _, _, err := w.Ask(alice(t), other); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key for another request: got error %v, want %v", err, ErrKeyReused)
	}
	carol := as(t, administrator("carol", identity.Operator))
	if _, _, err := w.Ask(carol, other); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("a key belongs to its asker: got error %v, want %v", err, ErrNotEnrolled)
	}
	if len(w.store.orders) != 1 || len(w.store.requests) != 1 {
		t.Errorf("%d orders and %d requests, want 1 of each", len(w.store.orders), len(w.store.requests))
	}
}

func TestAskRefuses(t *testing.T) {
	w := newWorld()
	a := ask(OfWorkProfile())
	a.Target.Devices = []device.ID{"device-unknown"}
	if _, _, err := w.Ask(alice(t), a); fault.KindOf(err) != fault.NotFound {
		t.Errorf("unknown device: got error %v", err)
	}
	if _, err := w.Plan(alice(t), a); fault.KindOf(err) != fault.NotFound {
		t.Errorf("plan for an unknown device: got error %v", err)
	}
	a = ask(OfWorkProfile())
	a.Reason = ""
	if _, _, err := w.Ask(alice(t), a); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no reason: got error %v", err)
	}
	if w.store.writes != 0 || len(w.rings) != 0 {
		t.Errorf("refusals left a trace: %d writes, rings %v", w.store.writes, w.rings)
	}
}

func TestPlanDoesNothing(t *testing.T) {
	w := newWorld()
	only := Ask{Target: Target{Devices: []device.ID{"device-one"}}, Scope: OfWorkProfile()}
	p, err := w.Plan(alice(t), only)
	if err != nil || len(p.Devices) != 1 || !p.Devices[0].Outlook.EndsEnrollment || p.Devices[0].Facts.Epoch != 3 || p.Devices[0].Excluded != nil {
		t.Errorf("got %+v, error %v", p, err)
	}
	if w.store.writes != 0 || len(w.rings) != 0 {
		t.Errorf("a plan left a trace: %d writes, rings %v", w.store.writes, w.rings)
	}
	w.order(t, OfWorkProfile())
	only.Scope = apps(t, "com.a")
	p, err = w.Plan(alice(t), only)
	if err != nil || len(p.Included()) != 0 || !errors.Is(p.Devices[0].Excluded, ErrPending) {
		t.Errorf("a plan beside a wider order: got %+v, error %v; want it excluded as %v", p, err, ErrPending)
	}
}

// TestRecord is the whole story as the record tells it.
func TestRecord(t *testing.T) {
	w := newWorld()
	mail := w.order(t, apps(t, "com.example.mail"))
	w.say(t, mail.ID, Refuse, Deliver, Deliver, NotNow, NotNow, Deliver, Acknowledge, Acknowledge, Finish, Finish)
	chat := w.order(t, apps(t, "com.example.chat"))
	for range 2 {
		if _, err := w.Cancel(alice(t), chat.ID, "wrong phone"); err != nil {
			t.Fatal(err)
		}
	}
	w.say(t, w.order(t, apps(t, "com.example.chat")).ID, Fail, Fail)
	w.order(t, apps(t, "com.example.late"))
	w.now = w.now.Add(DefaultLifetime + time.Second)
	if got, err := w.Sweep(t.Context()); err != nil || got != (Swept{Expired: 1}) {
		t.Fatalf("Sweep = %+v, error %v", got, err)
	}
	promised := w.order(t, apps(t, "com.example.promised"))
	w.say(t, promised.ID, Deliver, Acknowledge)
	all := w.order(t, OfWorkProfile())
	w.say(t, all.ID, Deliver, Acknowledge, Finish)

	var got []string
	for _, e := range w.store.entries {
		got = append(got, e.Target+" "+e.Actor+" "+e.Action+" "+e.Detail)
	}
	want := strings.Split(strings.TrimSpace(`
request/id-00001 admin:alice wipe.execute app data of com.example.mail of device device-one: phone was stolen
device/device-one admin:alice wipe.order order id-00002 for epoch 3 (app data of com.example.mail): phone was stolen
device/device-one device:device-one wipe.refuse order id-00002 (app data of com.example.mail): the device refuses what it was given as this order, for the 1. time: because
device/device-one device:device-one wipe.deliver order id-00002 (app data of com.example.mail): ordered because: phone was stolen
device/device-one device:device-one wipe.not_now order id-00002 (app data of com.example.mail): not now, for the 1. time: because
device/device-one device:device-one wipe.deliver order id-00002 (app data of com.example.mail): ordered because: phone was stolen
device/device-one device:device-one wipe.acknowledge order id-00002 (app data of com.example.mail): ordered because: phone was stolen
device/device-one device:device-one wipe.done order id-00002 (app data of com.example.mail): removed the work data of 1 app: 4 files, 0 bytes, 0 keys, 0 certificates; ordered because: phone was stolen
request/id-00003 admin:alice wipe.execute app data of com.example.chat of device device-one: phone was stolen
device/device-one admin:alice wipe.order order id-00004 for epoch 3 (app data of com.example.chat): phone was stolen
device/device-one admin:alice wipe.cancel order id-00004 (app data of com.example.chat): wrong phone
request/id-00005 admin:alice wipe.execute app data of com.example.chat of device device-one: phone was stolen
device/device-one admin:alice wipe.order order id-00006 for epoch 3 (app data of com.example.chat): phone was stolen
device/device-one device:device-one wipe.fail order id-00006 (app data of com.example.chat): because
request/id-00007 admin:alice wipe.execute app data of com.example.late of device device-one: phone was stolen
device/device-one admin:alice wipe.order order id-00008 for epoch 3 (app data of com.example.late): phone was stolen
device/device-one server wipe.expire order id-00008 (app data of com.example.late): not acknowledged by 2026-04-01T09:00:00Z
request/id-00009 admin:alice wipe.execute app data of com.example.promised of device device-one: phone was stolen
device/device-one admin:alice wipe.order order id-00010 for epoch 3 (app data of com.example.promised): phone was stolen
device/device-one device:device-one wipe.deliver order id-00010 (app data of com.example.promised): ordered because: phone was stolen
device/device-one device:device-one wipe.acknowledge order id-00010 (app data of com.example.promised): ordered because: phone was stolen
request/id-00011 admin:alice wipe.execute work profile of device device-one: phone was stolen
device/device-one admin:alice wipe.order order id-00012 for epoch 3 (work profile): phone was stolen
device/device-one device:device-one wipe.deliver order id-00012 (work profile): ordered because: phone was stolen
device/device-one device:device-one wipe.commit order id-00012 (work profile): will remove the work data of 1 app: 4 files, 0 bytes, 0 keys, 0 certificates; ordered because: phone was stolen
device/device-one device:device-one wipe.done order id-00012 (work profile): removed the work data of 1 app: 4 files, 0 bytes, 0 keys, 0 certificates; ordered because: phone was stolen
device/device-one device:device-one wipe.expire order id-00010 (app data of com.example.promised): acknowledged, then the enrolment ended: not confirmed (work profile wiped by order id-00012)
device/device-one device:device-one wipe.settle order id-00012 (work profile): the enrolment it was to end has ended (work profile wiped by order id-00012)
`), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if rings := w.rings["device-one"]; rings != 8 {
		t.Errorf("%d rings, want one for each of 6 orders and 2 cancellations", rings)
	}
}

func TestFetch(t *testing.T) {
	w := newWorld()
	ctx, c := phone(t)
	first, second := w.order(t, apps(t, "com.a")), w.order(t, OfWorkProfile())
	w.say(t, first.ID, Deliver, Acknowledge)
	got, err := w.Fetch(ctx, c)
	if err != nil || len(got) != 2 || got[0].Order.ID != first.ID || got[0].Order.State != Acknowledged ||
		got[1].Order.ID != second.ID || got[1].Order.State != Delivered || string(got[1].Signed) != "signed "+string(second.ID) {
		t.Fatalf("got %+v, error %v", got, err)
	}
	writes := w.store.writes
	w.now = w.now.Add(DefaultLifetime + time.Second)
	got, err = w.Fetch(ctx, c)
	if err != nil || len(got) != 1 || got[0].Order.ID != first.ID {
		t.Errorf("after the time of both: got %+v, error %v; want only what was promised", got, err)
	}
	for name, stranger := range map[string]identity.Caller{
		"older epoch":    {Kind: identity.Device, Device: c.Device, Epoch: 2},
		"newer epoch":    {Kind: identity.Device, Device: c.Device, Epoch: 4},
		"another device": {Kind: identity.Device, Device: "device-two", Epoch: 3},
	} {
		if got, err := w.Fetch(ctx, stranger); err != nil || len(got) != 0 {
			t.Errorf("%s: got %+v, error %v; want nothing", name, got, err)
		}
		if _, err := w.Report(ctx, stranger, first.ID, w.event(t, first.ID, Finish)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s reports: got error %v, want %v", name, err, ErrUnknown)
		}
	}
	for _, nobody := range []identity.Caller{{}, {Kind: identity.Admin, Name: "alice"}} {
		if _, err := w.Fetch(ctx, nobody); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: got error %v, want denied", nobody.Actor(), err)
		}
		if _, err := w.Report(ctx, nobody, first.ID, w.event(t, first.ID, Finish)); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s reports: got error %v, want denied", nobody.Actor(), err)
		}
	}
	if w.store.writes != writes {
		t.Errorf("looking again wrote %d times", w.store.writes-writes)
	}
}

func TestFetchNotesNothingItCannotSign(t *testing.T) {
	w := newWorld()
	o := w.order(t, OfWorkProfile())
	w.signFail = errBroken
	ctx, c := phone(t)
	if _, err := w.Fetch(ctx, c); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want %v", err, errBroken)
	}
	if got, _ := w.Get(alice(t), o.ID); got.State != Pending {
		t.Errorf("an order that was never given is %s", got.State)
	}
}

func TestReportIsForDevicesEvents(t *testing.T) {
	w := newWorld()
	o := w.order(t, OfWorkProfile())
	ctx, c := phone(t)
	for _, k := range []EventKind{Deliver, Cancel, Expire, End, ""} {
		if _, err := w.Report(ctx, c, o.ID, Event{Kind: k}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got error %v, want an invalid one", k, err)
		}
	}
}

// TestRivals: whoever loses a race looks again and hears what the winner did.
func TestRivals(t *testing.T) {
	ctx, c := phone(t)
	t.Run("cancel loses", func(t *testing.T) {
		w := newWorld()
		o := w.order(t, OfWorkProfile())
		w.store.before = func() { w.say(t, o.ID, Deliver, Acknowledge) }
		if _, err := w.Cancel(alice(t), o.ID, "found it"); !errors.Is(err, ErrAcknowledged) {
			t.Errorf("got error %v, want %v", err, ErrAcknowledged)
		}
	})
	t.Run("device loses", func(t *testing.T) {
		w := newWorld()
		o := w.order(t, OfWorkProfile())
		w.store.before = func() {
			if _, err := w.Cancel(alice(t), o.ID, "found it"); err != nil {
				t.Error(err)
			}
		}
		if _, err := w.Report(ctx, c, o.ID, w.event(t, o.ID, Acknowledge)); !errors.Is(err, ErrCancelled) {
			t.Errorf("got error %v, want %v", err, ErrCancelled)
		}
	})
	t.Run("fetch looks again", func(t *testing.T) {
		w := newWorld()
		o := w.order(t, OfWorkProfile())
		w.store.before = func() {
			if _, err := w.Cancel(alice(t), o.ID, "found it"); err != nil {
				t.Error(err)
			}
		}
		if got, err := w.Fetch(ctx, c); err != nil || len(got) != 0 {
			t.Errorf("got %+v, error %v; want nothing", got, err)
		}
	})
}

// TestCrashBeforeTheEnrollmentEnds: the receipt is kept, and the end of the
// enrolment is made up for, by the device's next try or by the sweep.
func TestCrashBeforeTheEnrollmentEnds(t *testing.T) {
	again := map[string]func(*testing.T, *world, ID){
		"the device": func(t *testing.T, w *world, id ID) { w.say(t, id, Finish) },
		"the sweep": func(t *testing.T, w *world, _ ID) {
			if got, err := w.Sweep(t.Context()); err != nil || got != (Swept{Ended: 1}) {
				t.Errorf("Sweep = %+v, error %v", got, err)
			}
		},
	}
	for name, again := range again {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			o := w.order(t, OfWorkProfile())
			w.say(t, o.ID, Deliver, Acknowledge)
			ctx, c := phone(t)
			w.fail = errBroken
			got, err := w.Report(ctx, c, o.ID, w.event(t, o.ID, Finish))
			if !errors.Is(err, errBroken) || got.State != Done || got.settled() {
				t.Fatalf("got %s, settled %t, error %v; want done, not settled", got.State, got.settled(), err)
			}
			if _, err := w.Sweep(t.Context()); !errors.Is(err, errBroken) {
				t.Errorf("a sweep hides its trouble: %v", err)
			}
			w.fail = nil
			again(t, w, o.ID)
			if got, _ := w.Get(alice(t), o.ID); !got.settled() || got.State != Done || len(w.ended) != 1 {
				t.Errorf("got %s, settled %t, ended %v", got.State, got.settled(), w.ended)
			}
			if got, err := w.Sweep(t.Context()); err != nil || got != (Swept{}) {
				t.Errorf("another Sweep = %+v, error %v; want nothing to do", got, err)
			}
		})
	}
}

func TestReportOutlivesItsCaller(t *testing.T) {
	w := newWorld()
	o := w.order(t, OfWorkProfile())
	w.say(t, o.ID, Deliver, Acknowledge)
	ctx, c := phone(t)
	ctx, hangUp := context.WithCancel(ctx)
	w.store.before = hangUp
	if _, err := w.Report(ctx, c, o.ID, w.event(t, o.ID, Finish)); err != nil || len(w.ended) != 1 {
		t.Errorf("the enrolment did not end for a caller who hung up: %v, ended %v", err, w.ended)
	}
}

// TestSweepFindsEndedEpochs: nobody told that the phone joined anew.
func TestSweepFindsEndedEpochs(t *testing.T) {
	w := newWorld()
	w.store.limits = boundless()
	var orders []Order
	for i := range 2*sweepBatch + 5 {
		id := device.ID(fmt.Sprintf("device-%04d", i))
		f := factsOf(device.Personal, device.WorkProfile)
		f.ID = id
		w.facts[id] = f
		a := ask(OfWorkProfile())
		a.Target.Devices, a.Key = []device.ID{id}, fmt.Sprintf("key-%04d", i)
		_, made, err := w.Ask(alice(t), a)
		if err != nil {
			t.Fatal(err)
		}
		orders = append(orders, made...)
		switch i % 4 {
		case 0:
			f.Epoch++
		case 1:
			f.Enrolled = false
		case 2:
			delete(w.facts, id) // the record is gone: that proves nothing
			continue
		}
		w.facts[id] = f
	}
	voided := 0
	for range 3 {
		got, err := w.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		voided += got.Voided
	}
	for i, o := range orders {
		want := Pending
		if i%4 < 2 {
			want = Expired
			voided--
		}
		if got, _ := w.Get(alice(t), o.ID); got.State != want {
			t.Errorf("order %d is %s, want %s", i, got.State, want)
		}
	}
	if voided != 0 {
		t.Errorf("the sweeps counted %d voided orders too many", voided)
	}
}
