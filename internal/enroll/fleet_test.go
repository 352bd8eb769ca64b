package enroll_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
)

func TestCountEnrolled(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		count := func(want int) {
			t.Helper()
			if got, err := r.CountEnrolled(t.Context()); err != nil || got != want {
				t.Errorf("%d are enrolled, %v; want %d", got, err, want)
			}
		}
		count(0)
		first := r.join(secret, "")
		r.join(secret, "")
		r.clock.pass(59 * time.Second)
		count(0) // remembered
		r.clock.pass(time.Second)
		count(2)
		must(t, r.Leave(t.Context(), first))
		r.clock.pass(-time.Hour)
		count(1) // a clock that was set back does not keep it for ever
	})
}

func TestSelect(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		s := inGroups(r)
		_, secret := r.tokenOf("sales", 9)
		gone, purged := r.join(secret, ""), r.join(secret, "")
		must(t, r.Leave(t.Context(), gone))
		must(t, errOf(r.DeleteDevice(alice(t), purged.Device, 0, "x")))
		hr, sales := s.phones["hr"].Device, s.phones["sales"].Device
		ids := func(ids ...device.ID) enroll.DeviceSelector { return enroll.DeviceSelector{IDs: ids} }
		const user = "someone@example.com"
		for name, tt := range map[string]struct {
			by    enroll.DeviceSelector
			limit int
			want  []device.ID
			err   error
		}{
			"by ids, in any order":       {ids(sales, gone.Device, hr), 3, []device.ID{hr, sales, gone.Device}, nil},
			"twice is once":              {ids(hr, hr, hr), 1, []device.ID{hr}, nil},
			"unknown and purged are not": {ids("nobody-at-all", purged.Device, hr), 3, []device.ID{hr}, nil},
			"nobody":                     {ids("nobody-at-all"), 1, []device.ID{}, nil},
			"a group":                    {enroll.DeviceSelector{Group: "sales"}, 1, []device.ID{sales}, nil},
			"a user":                     {enroll.DeviceSelector{User: user}, 2, []device.ID{hr, sales}, nil},
			"a user in a group":          {enroll.DeviceSelector{User: user, Group: "hr"}, 9, []device.ID{hr}, nil},
			"an empty group":             {enroll.DeviceSelector{Group: "kiosk"}, 9, []device.ID{}, nil},
			"too many ids":               {ids(hr, sales), 1, nil, enroll.ErrTooMany},
			"too many of a user":         {enroll.DeviceSelector{User: user}, 1, nil, enroll.ErrTooMany},
			"nothing":                    {enroll.DeviceSelector{}, 9, nil, enroll.ErrNoSelection},
			"ids and a group":            {enroll.DeviceSelector{IDs: []device.ID{hr}, Group: "hr"}, 9, nil, enroll.ErrNoSelection},
		} {
			// Whoever asks.
			found, err := r.Select(of(t, "kiosk"), tt.by, tt.limit)
			if !errors.Is(err, tt.err) {
				t.Errorf("%s: %v, want %v", name, err, tt.err)
				continue
			}
			got := []device.ID{}
			for _, d := range found {
				got = append(got, d.ID)
			}
			if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestApprovers(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		appoint := func(name string, role identity.Role, person string) enroll.Administrator {
			t.Helper()
			a, _, err := r.CreateAdministrator(t.Context(), enroll.Appointment{Name: name, Role: role, Person: person}, request(t, newKey(t)))
			must(t, err)
			return a
		}
		want := func(n int, besides string) {
			t.Helper()
			if got, err := r.Approvers(t.Context(), besides, nil); err != nil || got != n {
				t.Errorf("besides %s: %d, %v; want %d", besides, got, err, n)
			}
		}
		appoint("maria", identity.Owner, "")
		appoint("maria-laptop", identity.Approver, "maria")
		want(0, "maria")
		want(1, "somebody")
		for _, role := range []identity.Role{identity.Viewer, identity.HelpDesk, identity.Operator} {
			appoint("the-"+string(role), role, "")
		}
		want(0, "maria")
		first := appoint("paul", identity.Approver, "")
		second := appoint("paul", identity.Approver, "")
		want(1, "maria")
		r.clock.pass(time.Hour)
		appoint("olga", identity.Owner, "")
		want(2, "maria")
		must(t, errOf(r.RevokeAdministrator(t.Context(), first.Serial)))
		want(2, "maria")
		must(t, errOf(r.RevokeAdministrator(t.Context(), second.Serial)))
		want(1, "maria")
		r.clock.pass(enroll.DefaultAdminLifetime - time.Minute)
		want(1, "maria") // olga's is an hour younger
		r.clock.pass(time.Minute)
		want(0, "maria")
	})
}
