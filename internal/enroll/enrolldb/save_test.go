package enrolldb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// renewal makes the change that issues a certificate.
func renewal(t *testing.T, d enroll.Device, i enroll.Issued) enroll.Change {
	t.Helper()
	after, err := d.Apply(enroll.Event{Verb: enroll.Renew, Serial: d.Certificate.Serial, Certificate: i.Certificate()}, noon)
	must(t, err)
	return enroll.Change{Device: after, Issued: &i, Entry: entry("enroll.renew")}
}

// use makes the change of an issued certificate's first use.
func use(t *testing.T, d enroll.Device) enroll.Change {
	t.Helper()
	after, err := d.Apply(enroll.Event{Verb: enroll.Use, Serial: d.Next.Serial}, noon)
	must(t, err)
	return enroll.Change{Device: after, Entry: entry("enroll.promote")}
}

// leaving makes the change that ends an epoch.
func leaving(t *testing.T, d enroll.Device) enroll.Change {
	t.Helper()
	after, err := d.Apply(enroll.Event{Verb: enroll.Leave}, noon)
	must(t, err)
	over := enroll.Ending{Device: d.ID, Epoch: d.Epoch, Cause: enroll.Left, Reason: "the device left", EndedAt: noon}
	return enroll.Change{Device: after, Ending: &over, Entry: entry("enroll.leave")}
}

// deletion makes the change that makes a record a tombstone.
func deletion(d enroll.Device) enroll.Change {
	return enroll.Change{Device: d.Delete("admin:alice", noon.Add(time.Hour)), Entry: entry("enroll.delete")}
}

// purge makes the change that leaves nothing of a tombstone.
func purge(t *testing.T, d enroll.Device) enroll.Change {
	t.Helper()
	after, err := d.Purge(noon.Add(2 * time.Hour))
	must(t, err)
	return enroll.Change{Device: after, Entry: entry("enroll.purge")}
}

func TestSave(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		d := joined(t, s, join(1, given(t, s, token(1)), "tag"))
		// A life: renew, renew again with the same key, use, renew with the
		// first key, be deleted, leave, be purged.
		for i, make := range []func(enroll.Device) enroll.Change{
			func(d enroll.Device) enroll.Change { return renewal(t, d, issued(2)) },
			func(d enroll.Device) enroll.Change { return renewal(t, d, withSerial(issued(2), "c3")) },
			func(d enroll.Device) enroll.Change { return use(t, d) },
			func(d enroll.Device) enroll.Change { return renewal(t, d, withSerial(issued(1), "c4")) },
			deletion,
			func(d enroll.Device) enroll.Change { return leaving(t, d) },
			func(d enroll.Device) enroll.Change { return purge(t, d) },
		} {
			c := make(d)
			must(t, s.Save(t.Context(), c))
			got, err := s.Device(t.Context(), d.ID)
			must(t, err)
			if diff := cmp.Diff(c.Device, got); diff != "" {
				t.Errorf("step %d (-want +got):\n%s", i, diff)
			}
			d = got
		}
		for _, serial := range []string{"c1", "c2", "c3", "c4"} {
			if got, epoch, err := s.DeviceBySerial(t.Context(), serial); err != nil || got.ID != d.ID || epoch != 1 {
				t.Errorf("certificate %s is of %q epoch %d, %v", serial, got.ID, epoch, err)
			}
		}
	})
}

func TestSaveRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := given(t, s, token(1))
		d := joined(t, s, join(1, k, "tag"))
		joined(t, s, join(2, k, ""))
		second := joined(t, s, joinAgain(d, k, issued(3), "tag"))
		for name, tt := range map[string]struct {
			c    enroll.Change
			want error
		}{
			"of the epoch before":            {leaving(t, d), enroll.ErrMoved},
			"no such device":                 {leaving(t, enroll.Device{ID: "device-9", State: enroll.Enrolled, Version: 1}), enroll.ErrMoved},
			"another device's key":           {renewal(t, second, withSerial(issued(2), "c9")), enroll.ErrKeyReused},
			"the device's own, earlier, key": {renewal(t, second, withSerial(issued(1), "c9")), enroll.ErrKeyReused},
		} {
			before := dump(t, db)
			if err := s.Save(t.Context(), tt.c); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
			if diff := cmp.Diff(before, dump(t, db)); diff != "" {
				t.Errorf("%s left behind:\n%s", name, diff)
			}
		}
	})
}

func TestUnsettled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := given(t, s, token(1))
		var want []enroll.Ending
		for n := range 3 {
			c := leaving(t, joined(t, s, join(n, k, "")))
			must(t, s.Save(t.Context(), c))
			want = append(want, *c.Ending)
		}
		check := func(name string, after enroll.Ending, limit int, want []enroll.Ending) {
			t.Helper()
			got, err := s.Unsettled(t.Context(), after, limit)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		check("all", enroll.Ending{}, 10, want)
		check("first two", enroll.Ending{}, 2, want[:2])
		check("the rest", want[1], 10, want[2:])
		must(t, s.MarkSettled(t.Context(), want[1].Device, 1, noon))
		before := dump(t, db)
		must(t, s.MarkSettled(t.Context(), want[1].Device, 1, noon.Add(time.Hour)))
		must(t, s.MarkSettled(t.Context(), "device-unknown", 1, noon))
		if diff := cmp.Diff(before, dump(t, db)); diff != "" {
			t.Errorf("settling again changed:\n%s", diff)
		}
		check("after one was settled", enroll.Ending{}, 10, []enroll.Ending{want[0], want[2]})
	})
}

func TestSaveSeen(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := given(t, s, token(1))
		d := joined(t, s, join(1, k, ""))
		// More than share a transaction, most of them unknown.
		seen := map[device.ID]time.Time{d.ID: noon.Add(time.Hour)}
		for n := range 600 {
			seen[join(n+100, k, "").Device.ID] = noon
		}
		must(t, s.SaveSeen(t.Context(), seen))
		must(t, s.SaveSeen(t.Context(), map[device.ID]time.Time{d.ID: noon})) // late: no way back
		want := d
		want.LastSeenAt = noon.Add(time.Hour)
		got, err := s.Device(t.Context(), d.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
