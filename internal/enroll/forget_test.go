package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// forgetter notes what it was asked to forget, and fails on demand. before, where
// given, is called first.
type forgetter struct {
	mu        sync.Mutex
	failing   bool
	before    func()
	forgotten []string
}

func (f *forgetter) forget(_ context.Context, id device.ID, epoch device.Epoch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing {
		return errors.New("not now")
	}
	if f.before != nil {
		f.before()
	}
	f.forgotten = append(f.forgotten, fmt.Sprintf("%s/%d", id, epoch))
	return nil
}

func (f *forgetter) fail(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = on
}

func (f *forgetter) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	took := f.forgotten
	f.forgotten = nil
	return took
}

// TestDeleteIsForgottenFirst: nothing is purged before everybody has forgotten,
// and nobody forgets before every end is settled.
func TestDeleteIsForgottenFirst(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		r.join(secret, "tag")
		c := r.join(secret, "tag")
		find := func() enroll.Device {
			t.Helper()
			d, err := r.Device(t.Context(), c.Device)
			must(t, err)
			return d
		}
		r.others.before = func() {
			if d := find(); !d.Tombstone() || d.State != enroll.Retired {
				t.Errorf("while it is forgotten the record is %+v", d)
			}
		}
		r.settler.take()
		for _, s := range []interface{ fail(on bool) }{r.settler, r.others} {
			s.fail(true)
			if err := errOf(r.DeleteDevice(alice(t), c.Device, 0, "sold")); err == nil {
				t.Error("nobody hears that the device is not forgotten")
			}
			if err := r.Sweep(t.Context()); err == nil {
				t.Error("nobody hears that the device is not forgotten still")
			}
			if d := find(); !d.Tombstone() || d.State != enroll.Retired || d.User == "" {
				t.Errorf("before it is forgotten the record is %+v", d)
			}
			s.fail(false)
		}
		must(t, r.Sweep(t.Context()))
		if d := find(); !d.Purged() {
			t.Errorf("after the sweep the record is %+v", d)
		}
		must(t, r.Sweep(t.Context()))
		if diff := cmp.Diff([]string{fmt.Sprintf("%s/2", c.Device)}, r.others.take()); diff != "" {
			t.Errorf("forgotten (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{fmt.Sprintf("%s/2", c.Device)}, r.settler.take()); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
		for _, row := range r.dump()["enroll_endings"] {
			if row["reason"] != "" || row["settled_at"] == nil {
				t.Errorf("an end says still: %v", row)
			}
		}
	})
}

// TestForgottenAndBack: a phone that joins again in the middle of it keeps its
// record.
func TestForgottenAndBack(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(9)
		c := r.join(secret, "tag")
		r.others.before = func() { r.join(secret, "tag") }
		got, err := r.DeleteDevice(alice(t), c.Device, 0, "sold")
		if err != nil || got.Epoch != 2 || got.Tombstone() || got.State != enroll.Enrolled || got.User == "" {
			t.Errorf("the record is %+v, %v", got, err)
		}
		r.others.before, r.others.forgotten = nil, nil
		must(t, r.Sweep(t.Context()))
		if got := r.others.take(); got != nil {
			t.Errorf("forgotten: %v", got)
		}
	})
}

// user is who a token is for, as the database has it, and whether its entry was
// made.
func (r *room) user(k enroll.Token) (user string, forgotten int) {
	r.t.Helper()
	got, err := r.Token(alice(r.t), k.ID)
	must(r.t, err)
	for _, e := range r.record() {
		if e.Action == "enroll.token.forget" && e.Target == "token/"+k.ID {
			forgotten++
		}
	}
	if (got.User == "") != (got.Description == "") {
		r.t.Errorf("token of %q: description %q", got.User, got.Description)
	}
	return got.User, forgotten
}

// TestTokenForgets: as soon as nobody needs to know whom it was for.
func TestTokenForgets(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		make := func(user string, uses uint32) (enroll.Token, string) {
			k, secret, err := r.CreateToken(alice(t), enroll.TokenSpec{
				RequestKey: fmt.Sprintf("request-%d", requests.Add(1)), Description: "for " + user, Lifetime: time.Hour,
				Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: user, MaxUses: uses,
			})
			must(t, err)
			return k, secret
		}
		gone := func(c identity.Caller) {
			t.Helper()
			d, err := r.DeleteDevice(alice(t), c.Device, 0, "sold")
			must(t, err)
			if !d.Purged() {
				t.Errorf("after the deletion: %+v", d)
			}
		}
		check := func(when string, k enroll.Token, user string, forgotten int) {
			t.Helper()
			if got, n := r.user(k); got != user || n != forgotten {
				t.Errorf("%s: the token is for %q, forgotten %d times; want %q, %d", when, got, n, user, forgotten)
			}
		}
		const maria = "maria@example.com"

		once, secret := make(maria, 1)
		gone(r.join(secret, ""))
		check("single use", once, "", 1)
		_, _, err := r.CreateToken(alice(t), enroll.TokenSpec{
			RequestKey: once.RequestKey, Description: "for " + maria, Lifetime: time.Hour,
			Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: maria, MaxUses: 1,
		})
		if !errors.Is(err, enroll.ErrRequestKeyReused) {
			t.Errorf("the call that made the token, again: %v", err)
		}

		twice, secret := make(maria, 2)
		a, b := r.join(secret, ""), r.join(secret, "")
		gone(a)
		check("another phone is there", twice, maria, 0)
		gone(b)
		check("both are gone", twice, "", 1)

		first, firstSecret := make(maria, 1)
		second, secondSecret := make(maria, 1)
		third, _ := make(maria, 1)
		r.join(firstSecret, "tag")
		c := r.join(secondSecret, "tag")
		check("joined with another", first, maria, 0)
		gone(c)
		check("an earlier epoch's", first, "", 1)
		check("the last epoch's", second, "", 1)
		check("nobody's", third, maria, 0)

		revoked, secret := make(maria, 2)
		gone(r.join(secret, ""))
		expires, secret := make(maria, 2)
		gone(r.join(secret, ""))
		must(t, r.Sweep(t.Context()))
		check("good for one more", revoked, maria, 0)
		must(t, errOf(r.RevokeToken(alice(t), revoked.ID)))
		must(t, r.Sweep(t.Context()))
		check("revoked", revoked, "", 1)
		check("good for one more still", expires, maria, 0)
		r.clock.pass(time.Hour)
		for range 2 {
			must(t, r.Sweep(t.Context()))
		}
		check("expired", expires, "", 1)
		check("nobody's, expired", third, maria, 0)
	})
}

// TestTokenForgetsOfMany: more than a page at once.
func TestTokenForgetsOfMany(t *testing.T) {
	r := newRoom(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	const many = 103
	for range many {
		r.token(2)
	}
	// As if each had let in a device that was purged: making those takes long.
	must(t, r.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec("UPDATE enroll_tokens SET forget_at = 1")
		return err
	}))
	r.clock.pass(enroll.MaxTokenLifetime)
	must(t, r.Sweep(t.Context()))
	left, entries := 0, 0
	for _, row := range r.dump()["enroll_tokens"] {
		if row["user_name"] != "" {
			left++
		}
	}
	for _, e := range r.record() {
		if e.Action == "enroll.token.forget" {
			entries++
		}
	}
	if left != 0 || entries != many {
		t.Errorf("%d tokens name their user still, %d entries", left, entries)
	}
}
