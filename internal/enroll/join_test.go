package enroll_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestJoin(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		k, secret := r.token(1)
		a, err := r.Join(identity.With(t.Context(), identity.Caller{RequestID: "r2"}), r.phone(secret, "tag"))
		must(t, err)
		leaf := leafOf(t, a.Chain)
		want := enroll.Admission{
			Device: a.Device, Epoch: 1, Ownership: device.Personal, Mode: device.WorkProfile,
			Grant: enroll.Grant{Chain: a.Chain, TrustBundle: r.ca.TrustBundle(), RenewAfter: r.clock.Now().Add(60 * 24 * time.Hour)},
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Errorf("admission (-want +got):\n%s", diff)
		}
		// The request asked for another name.
		if got := leaf.Subject.CommonName; got != string(a.Device) {
			t.Errorf("the certificate is for %q", got)
		}

		caller := identity.Caller{
			Kind: identity.Device, Device: a.Device, Epoch: 1, Serial: leaf.SerialNumber.Text(16),
			Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: "someone@example.com",
		}
		for range 2 { // read, then remembered
			if diff := cmp.Diff(caller, r.identify(a.Chain)); diff != "" {
				t.Errorf("caller (-want +got):\n%s", diff)
			}
		}
		record := []audit.Entry{
			{Actor: "admin:alice", Action: "enroll.token.create", Target: "token/" + k.ID, RequestID: "r1",
				Detail: "personal work-profile, group sales, max uses 1, until 2026-01-03T12:00:00Z"},
			{Actor: "device:" + string(a.Device), Action: "enroll.join", Target: "device/" + string(a.Device), RequestID: "r2",
				Detail: "epoch 1, personal work-profile, group sales, token " + k.ID},
		}
		if diff := cmp.Diff(record, r.record()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestJoinRefused: each leaves everything as it was, and no certificate is made
// for whoever has no right token.
func TestJoinRefused(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(100)
		_, once := r.token(1)
		revoked, dead := r.token(1)
		_, err := r.RevokeToken(alice(t), revoked.ID)
		must(t, err)
		_, late := r.token(1)
		member := r.phone(secret, "tag")
		_, err = r.Join(t.Context(), member)
		must(t, err)
		must(t, errOf(r.Join(t.Context(), r.phone(once, ""))))

		wrong := []byte(secret)
		wrong[50] ^= 1
		cut := r.phone(secret, "")
		cut.CSR = cut.CSR[:len(cut.CSR)-1]
		forged := r.phone(secret, "")
		forged.CSR = bytes.Clone(forged.CSR)
		forged.CSR[len(forged.CSR)-1] ^= 1
		trailing := r.phone(secret, "")
		trailing.CSR = append(trailing.CSR, 0)
		replayed := r.phone(secret, "other")
		replayed.CSR = member.CSR
		replayed.Secret = late
		dedicated := r.phone(secret, "")
		dedicated.Mode = device.Dedicated
		noModel, noVersion, noPlatform := r.phone(secret, ""), r.phone(secret, ""), r.phone(secret, "")
		noModel.Model = "Pixel\x00"
		noVersion.OSVersion = strings.Repeat("1", 33)
		noPlatform.Platform = "toaster"
		for name, tt := range map[string]struct {
			j    enroll.JoinRequest
			want error
		}{
			"NUL in the model":  {noModel, nil},
			"endless version":   {noVersion, nil},
			"unknown platform":  {noPlatform, nil},
			"no token":          {r.phone("", ""), enroll.ErrTokenUnknown},
			"not a token":       {r.phone("' OR 1=1 --", ""), enroll.ErrTokenUnknown},
			"unknown token":     {r.phone("0123456789ab_"+secret[13:], ""), enroll.ErrTokenUnknown},
			"wrong secret":      {r.phone(string(wrong), ""), enroll.ErrTokenUnknown},
			"used up":           {r.phone(once, ""), enroll.ErrTokenUsedUp},
			"revoked":           {r.phone(dead, ""), enroll.ErrTokenRevoked},
			"other mode":        {dedicated, enroll.ErrModeMismatch},
			"malformed request": {cut, nil},
			"forged request":    {forged, nil},
			"trailing octet":    {trailing, nil},
			"replayed request":  {replayed, enroll.ErrKeyReused},
		} {
			before := r.dump()
			_, err := r.Join(t.Context(), tt.j)
			if tt.want == nil {
				if fault.KindOf(err) != fault.Invalid {
					t.Errorf("%s: %v, want Invalid", name, err)
				}
			} else if !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
			if diff := cmp.Diff(before, r.dump()); diff != "" {
				t.Errorf("%s left behind:\n%s", name, diff)
			}
		}

		issued := r.ca.issued.Load()
		r.clock.pass(enroll.DefaultTokenLifetime)
		if _, err := r.Join(t.Context(), r.phone(late, "")); !errors.Is(err, enroll.ErrTokenExpired) {
			t.Errorf("expired: %v", err)
		}
		if n := r.ca.issued.Load(); n != issued {
			t.Error("a certificate was made for an expired token")
		}
	})
}

func errOf[T any](_ T, err error) error { return err }

// TestJoinUnknownAndWrongLookAlike: a stranger cannot tell which tokens exist.
func TestJoinUnknownAndWrongLookAlike(t *testing.T) {
	r := newRoom(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	_, secret := r.token(1)
	unknown := "0123456789ab" + secret[12:]
	wrong := secret[:13] + "AAAA" + secret[17:]
	one, other := errOf(r.Join(t.Context(), r.phone(unknown, ""))), errOf(r.Join(t.Context(), r.phone(wrong, "")))
	if one == nil || one != other {
		t.Errorf("unknown: %v; wrong: %v", one, other)
	}
	if n := r.ca.issued.Load(); n != 0 {
		t.Error("the authority worked for a stranger")
	}
}

func TestJoinRetry(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		k, secret := r.token(1)
		many, secretOfMany := r.token(5)
		for _, tt := range []struct {
			id, secret string
		}{{k.ID, secret}, {many.ID, secretOfMany}} {
			phone := r.phone(tt.secret, "tag-"+tt.id)
			want, err := r.Join(t.Context(), phone)
			must(t, err)
			before := r.dump()

			r.clock.pass(enroll.RetryWindow - time.Microsecond)
			got, err := r.Join(t.Context(), phone)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the second answer (-first +second):\n%s", diff)
			}
			// The same key, another request: that is no retry.
			if diff := cmp.Diff(before, r.dump()); diff != "" {
				t.Errorf("the retry changed:\n%s", diff)
			}
			r.clock.pass(time.Microsecond)
			late := errOf(r.Join(t.Context(), phone))
			if !errors.Is(late, enroll.ErrTokenUsedUp) && !errors.Is(late, enroll.ErrKeyReused) {
				t.Errorf("after ten minutes: %v", late)
			}
			if diff := cmp.Diff(before, r.dump()); diff != "" {
				t.Errorf("the late retry changed:\n%s", diff)
			}
		}
	})
}

// TestJoinRetryIsNoWayBack: neither after the enrolment ended, nor for another
// request of the same key, nor with another token.
func TestJoinRetryIsNoWayBack(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(10)
		_, other := r.token(10)
		key := newKey(t)
		phone := r.phone(secret, "tag")
		phone.CSR = request(t, key)
		a, err := r.Join(t.Context(), phone)
		must(t, err)

		again, moved := phone, phone
		again.CSR = request(t, key)
		moved.Secret = other
		for name, j := range map[string]enroll.JoinRequest{"another request": again, "another token": moved} {
			if err := errOf(r.Join(t.Context(), j)); !errors.Is(err, enroll.ErrKeyReused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, r.Leave(t.Context(), r.identify(a.Chain)))
		if err := errOf(r.Join(t.Context(), phone)); !errors.Is(err, enroll.ErrKeyReused) {
			t.Errorf("after leaving: %v", err)
		}
		r.refused(serialOf(t, a.Chain), enroll.ErrEnrollmentEnded)
	})
}

func TestJoinAgain(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(10)
		first := r.join(secret, "tag")
		second := r.join(secret, "tag")
		if second.Device != first.Device || second.Epoch != 2 {
			t.Errorf("enrolled again as %s epoch %d, want %s epoch 2", second.Device, second.Epoch, first.Device)
		}
		r.refused(first.Serial, enroll.ErrEnrollmentEnded)
		if diff := cmp.Diff([]string{fmt.Sprintf("%s/1", first.Device)}, r.settler.take()); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
		if r.bell.count(first.Device) != 1 {
			t.Error("the older epoch's streams were not rung")
		}

		// After leaving there is nothing left to settle.
		must(t, r.Leave(t.Context(), second))
		r.settler.take()
		third := r.join(secret, "tag")
		if third.Device != first.Device || third.Epoch != 3 {
			t.Errorf("enrolled again as %s epoch %d, want %s epoch 3", third.Device, third.Epoch, first.Device)
		}
		if got := r.settler.take(); got != nil {
			t.Errorf("settled %v twice", got)
		}
		if other := r.join(secret, "another tag"); other.Device == first.Device {
			t.Error("another phone is taken for the first")
		}
		if one, other := r.join(secret, ""), r.join(secret, ""); one.Device == other.Device {
			t.Error("two phones without a tag are taken for one")
		}
	})
}

// TestJoinRace: of many phones with a single-use token, one gets in.
func TestJoinRace(t *testing.T) {
	race := func(t *testing.T, servers ...*room) {
		_, secret := servers[0].token(1)
		const phones = 10
		errs := make([]error, phones)
		var all sync.WaitGroup
		for n := range phones {
			phone := servers[0].phone(secret, "")
			all.Go(func() { errs[n] = errOf(servers[n%len(servers)].Join(t.Context(), phone)) })
		}
		all.Wait()
		in := 0
		for _, err := range errs {
			if err == nil {
				in++
			} else if !errors.Is(err, enroll.ErrTokenUsedUp) {
				t.Errorf("a loser got %v", err)
			}
		}
		if in != 1 {
			t.Errorf("%d phones got in with a single-use token", in)
		}
	}
	t.Run("one server", func(t *testing.T) { each(t, func(t *testing.T, r *room) { race(t, r) }) })
	t.Run("two servers", func(t *testing.T) {
		dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
			r := newRoom(t, a)
			race(t, r, r.server(b))
		})
	})
}

// TestJoinTagRace: one phone that joins many times at once is one device, and
// each time is an epoch.
func TestJoinTagRace(t *testing.T) {
	race := func(t *testing.T, servers ...*room) {
		_, secret := servers[0].token(100)
		const times = 6
		got := make([]enroll.Admission, times)
		errs := make([]error, times)
		var all sync.WaitGroup
		for n := range times {
			phone := servers[0].phone(secret, "tag")
			all.Go(func() { got[n], errs[n] = servers[n%len(servers)].Join(t.Context(), phone) })
		}
		all.Wait()
		epochs := map[device.Epoch]bool{}
		for n := range times {
			must(t, errs[n])
			epochs[got[n].Epoch] = true
			if got[n].Device != got[0].Device {
				t.Errorf("devices %s and %s have one tag", got[n].Device, got[0].Device)
			}
		}
		if len(epochs) != times {
			t.Errorf("%d epochs of %d joins: %v", len(epochs), times, epochs)
		}
		// Only the last one stands.
		for _, a := range got {
			_, err := servers[0].Identify(t.Context(), serialOf(t, a.Chain))
			if (err == nil) != (a.Epoch == times) {
				t.Errorf("epoch %d: %v", a.Epoch, err)
			}
		}
	}
	t.Run("one server", func(t *testing.T) { each(t, func(t *testing.T, r *room) { race(t, r) }) })
	t.Run("two servers", func(t *testing.T) {
		dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
			r := newRoom(t, a)
			race(t, r, r.server(b))
		})
	})
}

// TestJoinRetryRace: one request sent many times at once counts once.
func TestJoinRetryRace(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		k, secret := r.token(3)
		phone := r.phone(secret, "")
		const times = 6
		got := make([]enroll.Admission, times)
		errs := make([]error, times)
		var all sync.WaitGroup
		for n := range times {
			all.Go(func() { got[n], errs[n] = r.Join(t.Context(), phone) })
		}
		all.Wait()
		for n := range times {
			must(t, errs[n])
			if diff := cmp.Diff(got[0], got[n]); diff != "" {
				t.Errorf("two answers:\n%s", diff)
			}
		}
		if k, err := r.Token(t.Context(), k.ID); err != nil || k.Uses != 1 {
			t.Errorf("%d uses, %v", k.Uses, err)
		}
	})
}
