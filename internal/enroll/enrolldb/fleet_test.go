package enrolldb_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestFleet(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		all := fleet(t, s) // 1 has left, 2 is a tombstone, 4 is purged
		if n, err := s.CountEnrolled(t.Context()); err != nil || n != 4 {
			t.Errorf("%d are enrolled, %v; want 4", n, err)
		}
		everyone := []device.ID{"nobody"}
		for i := range all {
			everyone = append(everyone, all[len(all)-1-i].ID, all[i].ID)
		}
		for name, tt := range map[string]struct {
			by    enroll.DeviceSelector
			limit int
			want  []int
		}{
			"ids":             {enroll.DeviceSelector{IDs: everyone}, 9, []int{0, 1, 2, 3, 5}},
			"ids, some":       {enroll.DeviceSelector{IDs: everyone}, 2, []int{0, 1}},
			"group":           {enroll.DeviceSelector{Group: "field"}, 9, []int{2, 3}},
			"group, one":      {enroll.DeviceSelector{Group: "field"}, 1, []int{2}},
			"group with left": {enroll.DeviceSelector{Group: "sales"}, 9, []int{0}},
			"user":            {enroll.DeviceSelector{User: "a@example.com"}, 9, []int{0, 2}},
			"both":            {enroll.DeviceSelector{Group: "sales", User: "a@example.com"}, 9, []int{0}},
			"odd user":        {enroll.DeviceSelector{User: "' OR 1=1 --"}, 9, nil},
		} {
			got, err := s.SelectDevices(t.Context(), tt.by, tt.limit)
			must(t, err)
			want := []enroll.Device{}
			for _, n := range tt.want {
				want = append(want, all[n])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestSelectManyIDs: more than one statement holds.
func TestSelectManyIDs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := token(0)
		k.MaxUses = 10
		given(t, s, k)
		var want []device.ID
		for n := range 3 {
			want = append(want, joined(t, s, join(n, k, "")).ID)
		}
		var ids []device.ID
		for n := range 1500 {
			ids = append(ids, device.ID(fmt.Sprintf("device-%08d-x", n)), device.ID(fmt.Sprintf("a-%08d", n)))
		}
		got, err := s.SelectDevices(t.Context(), enroll.DeviceSelector{IDs: append(ids, want...)}, 3)
		must(t, err)
		var found []device.ID
		for _, d := range got {
			found = append(found, d.ID)
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("devices (-want +got):\n%s", diff)
		}
	})
}

func TestTombstones(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := token(0)
		k.MaxUses = 10
		given(t, s, k)
		var want []device.ID
		for n := range 5 {
			d := joined(t, s, join(n, k, fmt.Sprintf("tag %d", n)))
			if n == 2 {
				continue // was not deleted
			}
			c := deletion(d)
			must(t, s.Save(t.Context(), c))
			if n == 3 { // has joined again
				d = joined(t, s, joinAgain(c.Device, k, issued(9), "tag 3"))
				got, err := s.Device(t.Context(), d.ID)
				must(t, err)
				if diff := cmp.Diff(d, got); diff != "" {
					t.Errorf("joined again (-want +got):\n%s", diff)
				}
				continue
			}
			want = append(want, d.ID)
		}
		var got []device.ID
		for after := device.ID(""); ; {
			page, err := s.Tombstones(t.Context(), after, 1)
			must(t, err)
			if len(page) == 0 {
				break
			}
			after = page[0].ID
			got = append(got, after)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tombstones (-want +got):\n%s", diff)
		}
	})
}

// TestPurgeIsWhole: the database itself refuses a purged record that something
// is left of, and one that works.
func TestPurgeIsWhole(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := given(t, s, token(1))
		d := joined(t, s, join(1, k, "tag"))
		working := deletion(d).Device
		must(t, s.Save(t.Context(), enroll.Change{Device: working, Entry: entry("enroll.delete")}))
		left := leaving(t, working)
		must(t, s.Save(t.Context(), left))
		whole := purge(t, left.Device)
		before := dump(t, db)
		for name, change := range map[string]func(*enroll.Device){
			"the user":     func(d *enroll.Device) { d.User = "a@example.com" },
			"the model":    func(d *enroll.Device) { d.Model = "Pixel 9" },
			"the version":  func(d *enroll.Device) { d.OSVersion = "15" },
			"the tag":      func(d *enroll.Device) { d.Tag = enroll.HashTag("tag") },
			"no mark":      func(d *enroll.Device) { d.DeletedAt, d.DeletedBy = time.Time{}, "" },
			"an enrolment": func(d *enroll.Device) { d.State, d.EndedAt = enroll.Enrolled, working.EndedAt },
		} {
			c := whole
			change(&c.Device)
			if err := s.Save(t.Context(), c); err == nil {
				t.Errorf("purged with %s left", name)
			}
		}
		if diff := cmp.Diff(before, dump(t, db)); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
		must(t, s.Save(t.Context(), whole))
		if _, err := s.DeviceByTag(t.Context(), enroll.HashTag("tag")); !errors.Is(err, enroll.ErrNoDevice) {
			t.Errorf("by its tag: %v", err)
		}
	})
}
