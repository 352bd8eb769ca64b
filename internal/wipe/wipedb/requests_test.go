package wipedb

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// waiting gives a request for a second person. n tells it from others.
func waiting(n int, s wipe.Scope, devices ...device.ID) wipe.Request {
	o := fresh(n, "device-one", s)
	r := requestFor(o)
	r.Devices = nil
	for _, id := range devices {
		r.Devices = append(r.Devices, wipe.Enrollment{Device: id, Epoch: 3})
	}
	r.State, r.Needs, r.ExpiresAt = wipe.Waiting, []string{"too many", "and new"}, r.CreatedAt.Add(wipe.RequestLifetime)
	return r
}

// governing gives a request that concerns everybody.
func governing(n int, k wipe.RequestKind) wipe.Request {
	r := waiting(n, wipe.OfWorkProfile())
	r.Kind, r.Scope, r.Lifetime, r.Plan, r.Groups = k, wipe.Scope{}, 0, "", nil
	switch k {
	case wipe.ChangeLimits:
		limits := wipe.DefaultLimits()
		limits.CoolingOff++
		r.Limits = &limits
	case wipe.ChangeLease:
		r.Lease = &wipe.GroupLease{Group: "sales", Lease: wipe.Lease{Lock: 25*time.Hour + 1, Wipe: 300*time.Hour + 1}}
	}
	return r
}

// next gives the request in another state, decided by somebody.
func next(r wipe.Request, s wipe.RequestState, by string) wipe.Request {
	r.State = s
	r.Version++
	if by != "" {
		r.Decided = wipe.Decision{By: "admin:" + by, Person: by, Credential: by + "-1", At: monday.Add(time.Hour), Words: "yes"}
	}
	if s != wipe.Executed && s != wipe.Rejected {
		r.Outcome = "it is " + string(s)
	}
	return r
}

// TestRequestRoundTrip: a request comes back as it was saved, in every state.
func TestRequestRoundTrip(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		personal, _ := wipe.OfWholeDevice(device.Company, device.WorkProfile)
		two := []device.ID{"device-two", "device-one"}
		user := waiting(5, wipe.OfWorkProfile(), two...)
		user.Kind, user.User = wipe.UserWipe, "bert"
		held := next(waiting(6, wipe.OfRelinquish(), two...), wipe.Executed, "bob")
		held.HeldUntil = monday.Add(2 * time.Hour)
		lifted := next(next(user, wipe.Executed, "bob"), wipe.Executed, "")
		lifted.LiftedAt = monday.Add(3 * time.Hour)
		first := func(r wipe.Request) wipe.Request {
			r.State, r.Version, r.Decided, r.HeldUntil, r.LiftedAt, r.Outcome = wipe.Waiting, 1, wipe.Decision{}, time.Time{}, time.Time{}, ""
			return r
		}
		at := requestFor(fresh(1, "device-one", apps(t, "com.a", "com.b")))
		at.Needs, at.By.Since = nil, time.Time{}
		for name, steps := range map[string][]wipe.Request{
			"at once": {at}, "at once, then stopped": {requestFor(fresh(2, "device-one", wipe.OfLock())), next(requestFor(fresh(2, "device-one", wipe.OfLock())), wipe.Stopped, "")},
			"waits":      {waiting(3, personal, two...)},
			"executed":   {first(held), held},
			"lifted":     {first(user), next(user, wipe.Executed, "bob"), lifted},
			"rejected":   {waiting(7, wipe.OfLock(), two...), next(waiting(7, wipe.OfLock(), two...), wipe.Rejected, "bob")},
			"by oneself": {waiting(8, wipe.OfLock(), two...), next(waiting(8, wipe.OfLock(), two...), wipe.Rejected, "alice")},
			"expired":    {waiting(9, wipe.OfLock(), two...), next(waiting(9, wipe.OfLock(), two...), wipe.RequestEnd, "")},
			"void":       {waiting(10, wipe.OfLock(), two...), next(waiting(10, wipe.OfLock(), two...), wipe.Void, "bob")},
			"stopped":    {waiting(11, wipe.OfLock(), two...), next(waiting(11, wipe.OfLock(), two...), wipe.Stopped, "")},
			"limits":     {governing(12, wipe.ChangeLimits), next(governing(12, wipe.ChangeLimits), wipe.Executed, "bob")},
			"lease":      {governing(13, wipe.ChangeLease), next(governing(13, wipe.ChangeLease), wipe.Executed, "bob")},
			"resume":     {governing(14, wipe.Resume)},
			"cancel all": {governing(15, wipe.CancelAll)},
		} {
			for _, want := range steps {
				booked(t, s, wipe.Booking{Request: &want})
				got, err := s.GetRequest(t.Context(), want.ID)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%s, %s (-want +got):\n%s%v", name, want.State, diff, err)
				}
			}
			last := steps[len(steps)-1]
			if _, err := s.Decide(t.Context(), wipe.Matter{}, give(wipe.Booking{Request: &last}, nil)); fault.KindOf(err) != fault.Conflict {
				t.Errorf("%s, saved again: got error %v, want a conflict", name, err)
			}
		}
	})
}

// TestListRequests: newest first, filtered, and without the devices.
func TestListRequests(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		groups := [][]string{{"a"}, {"b"}, {"a", "b"}, nil, {"c"}}
		var all []wipe.Request
		for i := range 15 {
			r := waiting(i, wipe.OfWorkProfile(), "device-one", "device-two")
			if r.Groups = groups[i%5]; r.Groups == nil {
				r = governing(i, wipe.Resume)
			}
			r.CreatedAt = monday.Add(time.Duration(i/4) * time.Second)
			r.ExpiresAt = r.CreatedAt.Add(wipe.RequestLifetime)
			booked(t, s, wipe.Booking{Request: &r})
			if i%2 == 0 {
				r = next(r, wipe.Executed, "bob")
				booked(t, s, wipe.Booking{Request: &r})
			}
			for j := range r.Devices {
				r.Devices[j] = wipe.Enrollment{}
			}
			all = append(all, r)
		}
		slices.Reverse(all)
		for _, q := range []wipe.RequestQuery{
			{}, {State: wipe.Waiting}, {Kind: wipe.Wipe}, {Kind: wipe.Resume, State: wipe.Executed}, {Kind: wipe.UserWipe},
			{Groups: []string{"a"}}, {Groups: []string{"a", "b"}, State: wipe.Executed}, {Groups: []string{"none"}}, {Groups: []string{}},
		} {
			var want []wipe.Request
			for _, r := range all {
				within := r.Kind == wipe.Resume
				if r.Kind == wipe.Wipe {
					within = !slices.ContainsFunc(r.Groups, func(g string) bool { return !slices.Contains(q.Groups, g) })
				}
				if (q.State == "" || q.State == r.State) && (q.Kind == "" || q.Kind == r.Kind) && (q.Groups == nil || within) {
					want = append(want, r)
				}
			}
			var got []wipe.Request
			for q.Limit = 2; ; {
				page, err := s.ListRequests(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				q.After = wipe.RequestCursor{CreatedAt: page[len(page)-1].CreatedAt, ID: page[len(page)-1].ID}
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", q, diff)
			}
		}
	})
}

// TestRequestBacklog: what waited too long, and what stands.
func TestRequestBacklog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		named := func(rs []wipe.Request, err error) []wipe.RequestID {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			var ids []wipe.RequestID
			for _, r := range rs {
				ids = append(ids, r.ID)
			}
			return ids
		}
		for n := range 4 {
			r := waiting(n, wipe.OfLock(), "device-one")
			booked(t, s, wipe.Booking{Request: &r})
		}
		r := next(waiting(0, wipe.OfLock(), "device-one"), wipe.Rejected, "bob")
		booked(t, s, wipe.Booking{Request: &r})
		end := monday.Add(2*time.Second + wipe.RequestLifetime)
		for _, tt := range []struct {
			now   time.Time
			limit int
			want  []wipe.RequestID
		}{
			{end, 9, []wipe.RequestID{"request-0001"}},
			{end.Add(time.Microsecond), 9, []wipe.RequestID{"request-0001", "request-0002"}},
			{end.Add(time.Hour), 2, []wipe.RequestID{"request-0001", "request-0002"}},
		} {
			if diff := cmp.Diff(tt.want, named(s.OverdueRequests(t.Context(), tt.now, tt.limit))); diff != "" {
				t.Errorf("overdue at %s (-want +got):\n%s", tt.now, diff)
			}
		}

		var wants []wipe.RequestID
		for n := range 4 {
			r := requestFor(fresh(n+10, "device-one", wipe.OfWorkProfile()))
			r.Kind, r.User = wipe.UserWipe, fmt.Sprintf("user-%d", n)
			booked(t, s, wipe.Booking{Request: &r})
			wants = append(wants, r.ID)
			if n == 3 {
				r = next(r, wipe.Executed, "")
				r.Outcome, r.LiftedAt = "", monday
				booked(t, s, wipe.Booking{Request: &r})
			}
		}
		if diff := cmp.Diff(wants[:2], named(s.StandingWipes(t.Context(), "", 2))); diff != "" {
			t.Errorf("standing (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wants[2:3], named(s.StandingWipes(t.Context(), wants[1], 2))); diff != "" {
			t.Errorf("standing, on (-want +got):\n%s", diff)
		}
		for n, want := range []bool{true, true, true, false} {
			d, err := s.Survey(t.Context(), wipe.Matter{User: fmt.Sprintf("user-%d", n)})
			if got := d.Standing != nil; got != want || err != nil {
				t.Errorf("user %d: standing %t, error %v", n, got, err)
			}
		}
		twice := requestFor(fresh(20, "device-one", wipe.OfWorkProfile()))
		twice.Kind, twice.User = wipe.UserWipe, "user-0"
		if _, err := s.Decide(t.Context(), wipe.Matter{}, give(wipe.Booking{Request: &twice}, nil)); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a second standing wipe: got error %v, want a conflict", err)
		}
	})
}
