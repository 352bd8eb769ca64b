package enroll_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
)

// hearing is a store that tells of each change when it is written and whoever made
// it does not know yet: as those hear of it who follow the record.
type hearing struct {
	*enrolldb.Store
	heard func(enroll.Device)
}

var _ enroll.Enrolments = hearing{}

func (h hearing) Save(ctx context.Context, c enroll.Change) error {
	err := h.Store.Save(ctx, c)
	if err == nil {
		h.heard(c.Device)
	}
	return err
}

func (h hearing) Join(ctx context.Context, j enroll.Join) error {
	err := h.Store.Join(ctx, j)
	if err == nil {
		h.heard(j.Device)
	}
	return err
}

func (h hearing) SaveSeen(ctx context.Context, seen map[device.ID]time.Time) error {
	err := h.Store.SaveSeen(ctx, seen)
	if err == nil {
		h.heard(enroll.Device{})
	}
	return err
}

// hear replaces the room's service by one whose store tells.
func (r *room) hear(heard func(enroll.Device)) {
	store := enrolldb.New(r.db)
	telling := hearing{store, heard}
	r.Service = enroll.New(enroll.Config{
		Tokens: store, Devices: store, Fleet: store, Enrolments: telling, Administrators: store,
		Authority: r.ca, Bell: r.bell, Settle: r.settler.settle, Pending: r.orders.pending, Forget: r.others.forget,
		Now: r.clock.Now, NewID: newID, Random: rand.Reader, Cache: r.db.Exclusive(),
	})
}

// TestDeviceIsNeverOlderThanAChange: whoever hears of a change in the moment it is
// written reads it, and so does whoever reads later, though others read all the
// time.
func TestDeviceIsNeverOlderThanAChange(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		var changes int
		r.hear(func(want enroll.Device) {
			if want.ID == "" {
				return
			}
			changes++
			got, err := r.Device(t.Context(), want.ID)
			if err != nil || got.Version != want.Version || got.State != want.State || got.Epoch != want.Epoch {
				t.Errorf("version %d is read (%s, %v), want %d (%s)", got.Version, got.State, err, want.Version, want.State)
			}
		})
		_, secret := r.token(100)
		id := r.join(secret, "the one phone").Device
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				last := uint64(0)
				for {
					select {
					case <-stop:
						return
					default:
					}
					d, err := r.Device(t.Context(), id)
					if err != nil || d.Version < last {
						t.Errorf("version %d after %d, %v", d.Version, last, err)
						return
					}
					last = d.Version
				}
			})
		}
		for range 10 {
			_, err := r.RetireDevice(alice(t), id, 0, "a test")
			must(t, err)
			if d, err := r.Device(t.Context(), id); err != nil || d.State != enroll.Retired {
				t.Errorf("a retired phone is %s, %v", d.State, err)
			}
			r.join(secret, "the one phone")
			if d, err := r.Device(t.Context(), id); err != nil || d.State != enroll.Enrolled {
				t.Errorf("a phone that has joined again is %s, %v", d.State, err)
			}
		}
		close(stop)
		readers.Wait()
		if changes < 21 {
			t.Errorf("%d changes were heard of", changes)
		}
	})
}

// TestDeviceAsStored: a record that is remembered is the stored one, also when it
// was only seen, deleted or purged.
func TestDeviceAsStored(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(1)
		id := r.join(secret, "").Device
		check := func(what string) {
			t.Helper()
			for range 2 {
				got, err := r.Device(t.Context(), id)
				must(t, err)
				want, err := enrolldb.New(r.db).Device(t.Context(), id)
				must(t, err)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: (-stored +read)\n%s", what, diff)
				}
			}
		}
		check("joined")
		r.clock.pass(time.Minute)
		r.Touch(id, r.clock.Now())
		must(t, r.FlushSeen(t.Context()))
		check("seen")
		_, err := r.DeleteDevice(alice(t), id, 0, "a test")
		must(t, err)
		check("deleted")
		must(t, r.Sweep(t.Context()))
		check("purged")
		if _, err := r.Device(t.Context(), "nobody"); err == nil {
			t.Error("a device that is not there has a record")
		}
	})
}
