package wipe

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/identity"
)

// TestLapseUnderAnOlderLease: the answer that brought the later one was lost, and
// the phone acts under what it has.
func TestLapseUnderAnOlderLease(t *testing.T) {
	w, ctx, c := leased(t)
	old, err := w.FetchLease(ctx, c, 4)
	if err != nil {
		t.Fatal(err)
	}
	w.store.leases[0].Number++
	lost, err := w.FetchLease(ctx, c, 5)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(40 * dayLong)
	if s, err := w.LeaseStatus(alice(t), c.Device); err != nil || s.Holder.Order != lost.Order.ID {
		t.Errorf("the status is of %+v, error %v", s.Holder, err)
	}
	got, err := w.Report(ctx, c, old.Order.ID, promise(old.Order))
	if err != nil || got.State != Acknowledged || got.Lease.Number != 4 {
		t.Fatalf("got %+v, error %v", got, err)
	}
	if done, err := w.Report(ctx, c, got.ID, eventOf(got, Finish)); err != nil || done.State != Done || len(w.ended) != 1 {
		t.Errorf("got %+v, error %v", done, err)
	}
}

// TestLeaseRequestsWithinReach: who is bound to groups sees what is asked for
// theirs, and for everybody.
func TestLeaseRequestsWithinReach(t *testing.T) {
	w := newWorld()
	want := map[string]bool{"": true, "sales": true, "hr": false}
	bound := administrator("carol", identity.Owner)
	bound.Groups = []string{"sales"}
	groups := map[string]bool{"": false, "sales": false, "hr": false}
	for group := range want {
		r := w.governs(alice(t), t, Governing{Lease: &GroupLease{Group: group, Lease: Lease{Lock: dayLong}}})
		_, err := w.GetRequest(as(t, bound), r.ID)
		if want[group] != (err == nil) || err != nil && !errors.Is(err, ErrNoRequest) {
			t.Errorf("the request for group %q: error %v", group, err)
		}
		if _, _, err := w.Stop(as(t, bound), r.ID, "no"); !want[group] && !errors.Is(err, ErrNoRequest) {
			t.Errorf("stopping the request for group %q: error %v", group, err)
		}
	}
	listed, _, err := w.ListRequests(as(t, bound), RequestQuery{Limit: 9})
	for _, r := range listed {
		groups[r.Lease.Group] = true
	}
	if diff := cmp.Diff(want, groups); diff != "" || err != nil {
		t.Errorf("listed (-want +got):\n%s%v", diff, err)
	}
}
