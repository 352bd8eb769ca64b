package wipe

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// TestReach: to who is not for its group, no device, order or request is there. It
// is seen with every method of the service that somebody calls.
func TestReach(t *testing.T) {
	of := func(groups ...string) identity.Caller {
		c := administrator("carol", identity.Owner)
		c.Groups = append([]string{}, groups...)
		return c
	}
	strangers := map[string]identity.Caller{
		"of another group": of("hr"), "of no group": of(), "of the empty group": of(""), "of some of the groups": of("sales"),
		"a device": callerOf(factsOf(device.Personal, device.WorkProfile)), "anonymous": {},
	}
	calls := map[string]struct {
		call func(w *world, ctx context.Context, o Order, r Request) error
		want error
	}{
		"Get": {func(w *world, ctx context.Context, o Order, _ Request) error { _, err := w.Get(ctx, o.ID); return err }, ErrUnknown},
		"Evidence": {func(w *world, ctx context.Context, o Order, _ Request) error {
			_, err := w.Evidence(ctx, o.ID)
			return err
		}, ErrUnknown},
		"Cancel": {func(w *world, ctx context.Context, o Order, _ Request) error {
			_, err := w.Cancel(ctx, o.ID, "no")
			return err
		}, ErrUnknown},
		"GetRequest": {func(w *world, ctx context.Context, _ Order, r Request) error {
			_, err := w.GetRequest(ctx, r.ID)
			return err
		}, ErrNoRequest},
		"Approve": {func(w *world, ctx context.Context, _ Order, r Request) error {
			_, _, err := w.Approve(ctx, r.ID, "")
			return err
		}, ErrNoRequest},
		"Reject": {func(w *world, ctx context.Context, _ Order, r Request) error {
			_, err := w.Reject(ctx, r.ID, "no")
			return err
		}, ErrNoRequest},
		"Stop": {func(w *world, ctx context.Context, _ Order, r Request) error {
			_, _, err := w.Stop(ctx, r.ID, "no")
			return err
		}, ErrNoRequest},
		"Lift": {func(w *world, ctx context.Context, _ Order, r Request) error {
			_, _, err := w.Lift(ctx, r.ID, "no")
			return err
		}, ErrNoRequest},
		"LeaseStatus": {func(w *world, ctx context.Context, o Order, _ Request) error {
			_, err := w.LeaseStatus(ctx, o.Device)
			return err
		}, fault.New(fault.NotFound, "DEVICE_UNKNOWN", "")},
	}
	for who, c := range strangers {
		for name, tt := range calls {
			w, o, r := twoGroups(t)
			if err := tt.call(w, as(t, c), o, r); !errors.Is(err, tt.want) {
				t.Errorf("%s, %s: error %v, want %v", name, who, err, tt.want)
			}
		}
		w, _, _ := twoGroups(t)
		page, _, err := w.List(as(t, c), Query{Limit: 10})
		if err != nil || len(page) != 0 {
			t.Errorf("List, %s: %d orders, error %v", who, len(page), err)
		}
		requests, _, err := w.ListRequests(as(t, c), RequestQuery{Limit: 10})
		if err != nil || len(requests) != 0 {
			t.Errorf("ListRequests, %s: %d requests, error %v", who, len(requests), err)
		}
	}
	for who, c := range map[string]identity.Caller{"of both": of("sales", "research"), "of all": administrator("dave", identity.Owner)} {
		for name, tt := range calls {
			w, o, r := twoGroups(t)
			if err := tt.call(w, as(t, c), o, r); errors.Is(err, tt.want) {
				t.Errorf("%s, %s: error %v", name, who, err)
			}
		}
	}
}

// twoGroups gives an order in group "research", and a request for six devices of
// that group and of "sales", which waits.
func twoGroups(t *testing.T) (*world, Order, Request) {
	t.Helper()
	w := newWorld()
	f := factsOf(device.Personal, device.WorkProfile)
	f.Group = "sales"
	ids := w.enrol(3, f)
	f.Group = "research"
	ids = append(ids, w.enrol(3, f)...)
	r, _ := w.asked(alice(t), t, w.wide(alice(t), t, OfWorkProfile(), Target{Devices: ids}))
	return w, w.order(t, OfLock(), ids[5]), r
}

// TestReachOfAsking: whoever asks, or plans, for devices out of reach asks for
// devices that are not there.
func TestReachOfAsking(t *testing.T) {
	w, o, _ := twoGroups(t)
	c := administrator("carol", identity.Owner)
	c.Groups = []string{"sales"}
	ctx := as(t, c)
	for name, ids := range map[string][]device.ID{"one": {o.Device}, "one of two": {"device-0001", o.Device}} {
		a := ask(OfLock())
		a.Target.Devices = ids
		if _, err := w.Plan(ctx, a); reason(err) != "DEVICE_UNKNOWN" {
			t.Errorf("a plan for %s: error %v", name, err)
		}
		a.Plan = planDigest(a.Scope, nil)
		if _, _, err := w.Ask(ctx, a); reason(err) != "DEVICE_UNKNOWN" {
			t.Errorf("an ask for %s: error %v", name, err)
		}
	}
	a := ask(OfLock())
	a.Target = Target{Group: "research"}
	p, err := w.Plan(ctx, a)
	if err != nil || len(p.Devices) != 0 {
		t.Errorf("a plan for another group: %d devices, error %v", len(p.Devices), err)
	}
	a.Plan = p.Digest
	if _, _, err := w.Ask(ctx, a); !errors.Is(err, ErrNothingToWipe) {
		t.Errorf("an ask for another group: error %v, want %v", err, ErrNothingToWipe)
	}
	// Of a person's devices only those in reach.
	for id, f := range w.facts {
		f.User = "pat"
		w.facts[id] = f
	}
	a.Target = Target{User: "pat"}
	if p, err = w.Plan(ctx, a); err != nil || len(p.Devices) != 3 {
		t.Errorf("a plan for a person: %d devices, error %v", len(p.Devices), err)
	}
	for who, c := range map[string]identity.Caller{"a device": callerOf(w.facts["device-one"]), "anonymous": {}} {
		if _, err := w.Plan(as(t, c), a); fault.KindOf(err) != fault.Denied {
			t.Errorf("a plan by %s: error %v", who, err)
		}
		if _, _, err := w.Ask(as(t, c), ask(OfLock())); fault.KindOf(err) != fault.Denied {
			t.Errorf("an ask by %s: error %v", who, err)
		}
	}
}

// TestListShowsWhatIsReached: page by page, and what concerns everybody to all.
func TestListShowsWhatIsReached(t *testing.T) {
	w, _, r := twoGroups(t)
	limits := w.looser(t)
	w.order(t, OfLock(), "device-0001")
	c := administrator("carol", identity.Viewer)
	c.Groups = []string{"sales"}
	page, _, err := w.List(as(t, c), Query{Limit: 10})
	if err != nil || len(page) != 1 || page[0].Device != "device-0001" {
		t.Errorf("orders: %v, error %v", page, err)
	}
	for _, tt := range []struct {
		groups []string
		want   int // besides what concerns everybody
	}{{[]string{"sales"}, 1}, {[]string{"sales", "research"}, 3}, {nil, 3}, {[]string{}, 0}} {
		c.Groups = tt.groups
		var got []RequestID
		q := RequestQuery{Limit: 1}
		for {
			page, next, err := w.ListRequests(as(t, c), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				got = append(got, r.ID)
			}
			if next == (RequestCursor{}) {
				break
			}
			q.After = next
		}
		if len(got) != tt.want+1 {
			t.Errorf("requests of %v: %v", tt.groups, got)
		}
	}
	got, _, err := w.ListRequests(alice(t), RequestQuery{Limit: 10, State: Waiting, Kind: Wipe})
	if err != nil || len(got) != 1 || got[0].ID != r.ID || len(got[0].Devices) != 6 {
		t.Errorf("of one state and kind: %v, error %v", got, err)
	}
	if got, err := w.GetRequest(as(t, c), limits.ID); err != nil || cmp.Diff(limits, got) != "" {
		t.Errorf("what concerns everybody: %v, error %v", got, err)
	}
	if _, _, err := w.ListRequests(alice(t), RequestQuery{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a page of no requests: error %v", err)
	}
}
