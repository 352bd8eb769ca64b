package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// deeds are the entries about a device, oldest first: who, what and why.
func (r *room) deeds(id device.ID) []string {
	r.t.Helper()
	var deeds []string
	for _, e := range r.record() {
		if e.Target == "device/"+string(id) {
			deeds = append(deeds, e.Actor+" "+e.Action+": "+e.Detail)
		}
	}
	return deeds
}

// TestDelete: where nothing waits, all of it happens at once.
func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		c := r.join(secret, "tag")
		before, err := r.Device(t.Context(), c.Device)
		must(t, err)
		got, err := r.DeleteDevice(alice(t), c.Device, c.Epoch, "sold")
		must(t, err)

		want := before
		want.State, want.EndedAt, want.DeletedAt, want.PurgedAt = enroll.Retired, r.clock.Now(), r.clock.Now(), r.clock.Now()
		want.DeletedBy, want.Version = "admin:alice", before.Version+3
		want.Tag, want.User, want.Model, want.OSVersion = enroll.Digest{}, "", "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what is left (-want +got):\n%s", diff)
		}
		found, err := r.FindDevice(alice(t), c.Device)
		must(t, err)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("the record (-want +got):\n%s", diff)
		}
		r.refused(c.Serial, enroll.ErrEnrollmentEnded)
		if r.bell.count(c.Device) != 1 {
			t.Errorf("rung %d times", r.bell.count(c.Device))
		}
		if diff := cmp.Diff([]string{fmt.Sprintf("%s/1", c.Device)}, r.settler.take()); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			"admin:alice enroll.delete: epoch 1: sold",
			"admin:alice enroll.retire: epoch 1: the device's record was deleted",
			"admin:alice enroll.purge: epoch 1: nothing waits for the device any more",
		}, r.deeds(c.Device)[1:]); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		if strings.Contains(fmt.Sprint(r.dump()["enroll_devices"]), "someone@example.com") {
			t.Error("the table holds the user still")
		}

		// Again, later, and by another: nothing.
		quiet := r.dump()
		r.clock.pass(time.Hour)
		again, err := r.DeleteDevice(alice(t), c.Device, 0, "sold again")
		must(t, err)
		must(t, r.Sweep(t.Context()))
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("deleted again (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(quiet, r.dump()); diff != "" {
			t.Errorf("deleting again changed:\n%s", diff)
		}
		// The phone is a stranger from now on.
		next := r.join(secret, "tag")
		if next.Device == c.Device || next.Epoch != 1 {
			t.Errorf("after the purge the phone is %s epoch %d", next.Device, next.Epoch)
		}
	})
}

// TestTombstone: where orders wait, the phone works until they are settled.
func TestTombstone(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		c, other := r.join(secret, "tag"), r.join(secret, "")
		r.orders.wait(c, true)
		for range 2 {
			got, err := r.DeleteDevice(alice(t), c.Device, 0, "sold")
			must(t, err)
			if !got.Tombstone() || got.State != enroll.Enrolled || got.User == "" {
				t.Errorf("while orders wait: %+v", got)
			}
			must(t, r.Sweep(t.Context()))
			r.clock.pass(time.Minute)
		}
		if got, err := r.Identify(t.Context(), c.Serial); err != nil || !cmp.Equal(got, c) {
			t.Errorf("the phone is let in as %+v, %v", got, err)
		}
		renewed, err := r.Renew(identity.With(t.Context(), c), c, request(t, newKey(t)))
		must(t, err)
		c = r.identify(renewed.Chain)
		if got := r.devicePages(alice(t), enroll.DeviceQuery{Limit: 9}); len(got) != 1 || got[0] != string(other.Device) {
			t.Errorf("listed: %v", got)
		}
		if got := r.devicePages(alice(t), enroll.DeviceQuery{Limit: 9, Deleted: true}); len(got) != 2 {
			t.Errorf("listed with what was deleted: %v", got)
		}
		found, err := r.FindDevice(alice(t), c.Device)
		if err != nil || !found.Tombstone() {
			t.Errorf("found %+v, %v", found, err)
		}

		r.orders.fail(true)
		if err := r.Sweep(t.Context()); err == nil {
			t.Error("nobody hears that it is not known whether orders wait")
		}
		r.orders.fail(false)
		r.orders.wait(c, false)
		must(t, r.Sweep(t.Context()))
		r.refused(c.Serial, enroll.ErrEnrollmentEnded)
		found, err = r.FindDevice(alice(t), c.Device)
		if err != nil || !found.Purged() || found.User != "" || found.State != enroll.Retired {
			t.Errorf("after its orders were settled: %+v, %v", found, err)
		}
		deeds := r.deeds(c.Device)
		if diff := cmp.Diff([]string{
			"admin:alice enroll.delete: epoch 1: sold",
			"server enroll.retire: epoch 1: the device's record was deleted",
			"server enroll.purge: epoch 1: nothing waits for the device any more",
		}, []string{deeds[1], deeds[len(deeds)-2], deeds[len(deeds)-1]}); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		if got := r.devicePages(alice(t), enroll.DeviceQuery{Limit: 9, Deleted: true, Group: "sales"}); len(got) != 2 {
			t.Errorf("the purged record is listed no more: %v", got)
		}
	})
}

// TestTombstoneJoinsAgain: the same device, its next epoch, and no mark.
func TestTombstoneJoinsAgain(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		first := r.join(secret, "tag")
		r.orders.wait(first, true)
		must(t, errOf(r.DeleteDevice(alice(t), first.Device, 0, "sold")))
		second := r.join(secret, "tag")
		if second.Device != first.Device || second.Epoch != 2 {
			t.Errorf("joined as %s epoch %d", second.Device, second.Epoch)
		}
		r.orders.wait(first, false)
		must(t, r.Sweep(t.Context()))
		d, err := r.FindDevice(alice(t), first.Device)
		must(t, err)
		if d.Tombstone() || d.Purged() || d.DeletedBy != "" || d.State != enroll.Enrolled || d.User == "" {
			t.Errorf("the record is %+v", d)
		}
		deeds := r.deeds(first.Device)
		if last := deeds[len(deeds)-1]; !strings.HasSuffix(last, ", cut epoch 1 short, lifted its record's deletion") {
			t.Errorf("the last entry is %q", last)
		}
		if err := errOf(r.DeleteDevice(alice(t), first.Device, 1, "sold")); !errors.Is(err, enroll.ErrEpochMoved) {
			t.Errorf("delete the epoch before: %v", err)
		}
	})
}

// TestDeleteWhatEnded: a record whose epoch is over keeps how it ended, also
// while orders for it are open.
func TestDeleteWhatEnded(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		for state, end := range map[enroll.State]func(c identity.Caller) error{
			enroll.Left:    func(c identity.Caller) error { return r.Leave(identity.With(t.Context(), c), c) },
			enroll.Retired: func(c identity.Caller) error { return errOf(r.RetireDevice(alice(t), c.Device, 0, "x")) },
			enroll.Wiped: func(c identity.Caller) error {
				return r.End(t.Context(), c.Device, c.Epoch, enroll.Wiped, "x")
			},
		} {
			c := r.join(secret, "")
			must(t, end(c))
			endedAt := r.clock.Now()
			r.clock.pass(time.Hour)
			r.orders.wait(c, true)
			got, err := r.DeleteDevice(alice(t), c.Device, 0, "old")
			if err != nil || !got.Tombstone() {
				t.Errorf("%s, orders open: %+v, %v", state, got, err)
			}
			r.orders.wait(c, false)
			got, err = r.DeleteDevice(alice(t), c.Device, 0, "old")
			must(t, err)
			if got.State != state || !got.EndedAt.Equal(endedAt) || !got.Purged() {
				t.Errorf("%s: %+v", state, got)
			}
		}
	})
}

func TestDeleteRefused(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		c := r.join(secret, "")
		before := r.dump()
		for name, tt := range map[string]struct {
			got  error
			want error
		}{
			"nobody":           {errOf(r.DeleteDevice(alice(t), "nobody-at-all", 0, "x")), enroll.ErrNoDevice},
			"an epoch to come": {errOf(r.DeleteDevice(alice(t), c.Device, 2, "x")), enroll.ErrEpochMoved},
		} {
			if !errors.Is(tt.got, tt.want) {
				t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
			}
		}
		for _, reason := range []string{"", "a\nb", strings.Repeat("a", 201)} {
			if err := errOf(r.DeleteDevice(alice(t), c.Device, 0, reason)); fault.KindOf(err) != fault.Invalid {
				t.Errorf("reason %q: %v", reason, err)
			}
		}
		if diff := cmp.Diff(before, r.dump()); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
	})
}

// TestDeleteOutlivesACrash: whatever step comes last, Sweep does the rest.
func TestDeleteOutlivesACrash(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		marked, ended := r.join(secret, ""), r.join(secret, "")
		r.orders.fail(true)
		for _, c := range []identity.Caller{marked, ended} {
			if err := errOf(r.DeleteDevice(alice(t), c.Device, 0, "sold")); err == nil {
				t.Error("nobody hears that it is not known whether orders wait")
			}
		}
		must(t, r.End(t.Context(), ended.Device, 1, enroll.Retired, "the device's record was deleted"))
		r.orders.fail(false)
		must(t, r.Sweep(t.Context()))
		for _, c := range []identity.Caller{marked, ended} {
			if d, err := r.FindDevice(alice(t), c.Device); err != nil || !d.Purged() {
				t.Errorf("after the sweep: %+v, %v", d, err)
			}
		}
	})
}

// TestSweepOfManyTombstones: more than a page, one of them stuck.
func TestSweepOfManyTombstones(t *testing.T) {
	r := newRoom(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	_, secret := r.token(200)
	var all []identity.Caller
	for range 103 {
		c := r.join(secret, "")
		r.orders.wait(c, true)
		must(t, errOf(r.DeleteDevice(alice(t), c.Device, 0, "sold")))
		all = append(all, c)
	}
	for _, c := range all[1:] {
		r.orders.wait(c, false)
	}
	must(t, r.Sweep(t.Context()))
	for i, c := range all {
		d, err := r.FindDevice(alice(t), c.Device)
		must(t, err)
		if d.Tombstone() != (i == 0) || d.Purged() != (i > 0) {
			t.Errorf("device %d: tombstone %v, purged %v", i, d.Tombstone(), d.Purged())
		}
	}
}

// TestDeleteOnTwoServers: two at once are one deletion, and one purge.
func TestDeleteOnTwoServers(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		one := newRoom(t, a)
		two := one.server(b)
		_, secret := one.token(9)
		c := one.join(secret, "")
		errs := make(chan error, 4)
		for _, r := range []*room{one, two} {
			go func() { errs <- errOf(r.DeleteDevice(alice(t), c.Device, 0, "sold")) }()
			go func() { errs <- r.Sweep(context.WithoutCancel(t.Context())) }()
		}
		for range 4 {
			must(t, <-errs)
		}
		deeds := one.deeds(c.Device)
		for i, d := range deeds {
			deeds[i] = strings.Fields(d)[1]
		}
		want := []string{"enroll.join:", "enroll.delete:", "enroll.retire:", "enroll.purge:"}
		if diff := cmp.Diff(want, deeds, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}
