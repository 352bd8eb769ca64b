package compliancedb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

func TestWorkApps(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		var writes []compliance.Write
		var ids []device.ID
		for i := range 6000 {
			ids = append(ids, device.ID(fmt.Sprintf("phone-%04d", i)))
			if i%30 != 0 {
				continue
			}
			st := state(ids[i], 1, 0, t0)
			st.Report.Posture.WorkApps = []compliance.WorkApp{{Package: "com.example.mail", UnsyncedChanges: uint32(i)}}
			if i == 30 {
				st.Report.Posture.WorkApps = nil
			}
			writes = append(writes, compliance.Write{State: st})
		}
		_, err := s.SaveAll(t.Context(), writes)
		ok(t, err)
		got, err := s.WorkApps(t.Context(), ids)
		ok(t, err)
		if len(got) != 200 {
			t.Fatalf("work apps of %d devices", len(got))
		}
		if apps, reported := got["phone-0030"]; !reported || len(apps) != 0 {
			t.Errorf("a device without work apps: %v, %v", apps, reported)
		}
		if diff := cmp.Diff(uint32(5970), got["phone-5970"][0].UnsyncedChanges); diff != "" {
			t.Error(diff)
		}
		if none, err := s.WorkApps(t.Context(), nil); err != nil || len(none) != 0 {
			t.Errorf("of nobody: %v, %v", none, err)
		}
	})
}

func TestStandings(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		for i, group := range []string{"sales", "hr", ""} {
			st := state(device.ID(fmt.Sprintf("phone-000%d", i)), 1, 0, t0)
			st.Group = group
			st.Verdict.Since = t0.Add(time.Duration(i) * time.Hour)
			save(t, s, st)
		}
		standing := func(i int) compliance.DeviceStanding {
			return compliance.DeviceStanding{
				Device: device.ID(fmt.Sprintf("phone-000%d", i)), Standing: compliance.NonCompliant, Since: t0.Add(time.Duration(i) * time.Hour),
			}
		}
		ids := []device.ID{"phone-0002", "phone-0000", "phone-0009", "phone-0001"}
		for name, tt := range map[string]struct {
			groups []string
			want   []compliance.DeviceStanding
		}{
			"every group": {nil, []compliance.DeviceStanding{standing(0), standing(1), standing(2)}},
			"one":         {[]string{"hr"}, []compliance.DeviceStanding{standing(1)}},
			"two":         {[]string{"hr", "sales"}, []compliance.DeviceStanding{standing(0), standing(1)}},
			"no group":    {[]string{}, nil},
		} {
			got, err := s.Standings(t.Context(), ids, tt.groups)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
			}
		}
	})
}

func TestIssuedByGroup(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		for i, group := range []string{"sales", "hr", "", "sales"} {
			c := certificate(fmt.Sprint(i), device.ID(fmt.Sprintf("phone-000%d", i)), 1, 1)
			c.Group = group
			ok(t, s.Record(ctx, c, entry("")))
		}
		serials := func(groups ...string) (list []string) {
			issued, err := s.Issued(ctx, compliance.CertificateQuery{Groups: groups, Limit: 10})
			ok(t, err)
			for _, c := range issued {
				list = append(list, c.Serial)
			}
			return list
		}
		for name, tt := range map[string]struct{ got, want []string }{
			"every group": {serials(), []string{"3", "2", "1", "0"}},
			"one":         {serials("sales"), []string{"3", "0"}},
			"two":         {serials("sales", "hr"), []string{"3", "1", "0"}},
			"another":     {serials("it"), nil},
		} {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if none, err := s.Issued(ctx, compliance.CertificateQuery{Groups: []string{}, Limit: 10}); err != nil || len(none) != 0 {
			t.Errorf("of no group: %v, %v", none, err)
		}
		// The device may be in another group in its next epoch.
		ok(t, s.EndEpoch(ctx, "phone-0000", 1, compliance.Revocation{At: t0}, entry("")))
		if diff := cmp.Diff([]string{"3"}, serials("sales")); diff != "" {
			t.Errorf("after an epoch has ended (-want +got):\n%s", diff)
		}
	})
}
