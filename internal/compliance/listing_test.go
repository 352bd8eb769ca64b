package compliance

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// TestScope: what is outside a credential's groups does not exist for it.
func TestScope(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		clerk := phone()
		clerk.ID, clerk.Group = "phone-0002", "hr"
		w.devices[clerk.ID] = clerk
		w.apply(t, s, "p", fullSpec())
		for _, d := range []Device{phone(), clerk} {
			issueFor(t, s, d, "wifi")
			if _, err := s.CheckIn(t.Context(), callerOf(d), fitReport(fullManifest(), t0)); err != nil {
				t.Fatal(err)
			}
		}
		both, none := []device.ID{"phone-0001", "phone-0002"}, []device.ID(nil)
		for name, tt := range map[string]struct {
			ctx  context.Context
			want []device.ID
		}{
			"everywhere":    {adminContext(t), both},
			"one group":     {adminContext(t, "hr"), both[1:]},
			"two groups":    {adminContext(t, "hr", "sales"), both},
			"another group": {adminContext(t, "it"), none},
			"no group":      {identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Groups: []string{}}), none},
			"a device":      {identity.With(t.Context(), callerOf(clerk)), none},
			"nobody":        {t.Context(), none},
		} {
			t.Run(name, func(t *testing.T) {
				var inspected, listed, standing, own []device.ID
				for _, id := range both {
					if _, err := s.Inspect(tt.ctx, id); err == nil {
						inspected = append(inspected, id)
					} else if !errors.Is(err, ErrNoDevice) {
						t.Error(err)
					}
					list, err := s.ListCertificates(tt.ctx, id, 0, 10)
					if err == nil && len(list) == 1 {
						own = append(own, id)
					} else if !errors.Is(err, ErrNoDevice) {
						t.Error(err)
					}
				}
				list, err := s.ListCertificates(tt.ctx, "", 0, 10)
				if err != nil {
					t.Error(err)
				}
				for _, c := range list {
					listed = append([]device.ID{c.Key.Device}, listed...)
				}
				standings, err := s.Standings(tt.ctx, append(both, "phone-0003"))
				if err != nil {
					t.Error(err)
				}
				for _, d := range standings {
					standing = append(standing, d.Device)
				}
				for what, got := range map[string][]device.ID{"inspect": inspected, "certificates": listed, "certificates of a device": own, "standings": standing} {
					if diff := cmp.Diff(tt.want, got); diff != "" {
						t.Errorf("%s (-want +got):\n%s", what, diff)
					}
				}
			})
		}
		_, err := s.Inspect(adminContext(t), "phone-0003")
		if !errors.Is(err, ErrNoDevice) || fault.KindOf(err) != fault.NotFound {
			t.Errorf("a device that is none: %v", err)
		}
	})
}

func TestStandings(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		checkInAt(t, s, fitReport(Compile(nil, device.WorkProfile), t0), t0)
		w.advance(25 * time.Hour)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := s.Standings(adminContext(t), []device.ID{"phone-0001", "phone-0002"})
		want := []DeviceStanding{{Device: "phone-0001", Standing: NonCompliant, Since: t0.Add(day)}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("standings, %v (-want +got):\n%s", err, diff)
		}
	})
}

// TestWorkApps: a change of them is stored, and is no change of standing.
func TestWorkApps(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		fit := fitReport(Compile(nil, device.WorkProfile), t0)
		checkInAt(t, s, fit, t0)
		entries := len(w.entries)
		for i, apps := range [][]WorkApp{
			{{Package: "com.example.mail", Version: "4", UnsyncedChanges: 2}, {Package: "com.example.chat"}},
			{{Package: "com.example.mail", Version: "4", UnsyncedChanges: 3}},
			nil,
		} {
			w.advance(time.Minute)
			fit.Posture.WorkApps = apps
			checkInAt(t, s, fit, t0.Add(time.Duration(i+1)*time.Minute))
			got, err := s.WorkApps(t.Context(), []device.ID{"phone-0001", "phone-0002"})
			want := map[device.ID][]WorkApp{"phone-0001": apps}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("work apps, %v (-want +got):\n%s", err, diff)
			}
		}
		if n := len(w.entries) - entries; n != 0 {
			t.Errorf("%d entries for a change of work apps", n)
		}
		fit.Posture.WorkApps = []WorkApp{{Package: "a.b"}, {Package: "a.c"}, {Package: "a.b", Version: "2"}}
		_, err := s.CheckIn(t.Context(), callerOf(phone()), fit)
		wantFault(t, err, fault.Invalid, "posture.work_apps")
	})
}
