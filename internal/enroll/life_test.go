package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestRenew(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(1)
		old := r.join(secret, "")
		r.clock.pass(60 * 24 * time.Hour)

		key := newKey(t)
		replaced, err := r.Renew(identity.With(t.Context(), old), old, request(t, key))
		must(t, err)
		next, err := r.Renew(identity.With(t.Context(), old), old, request(t, key)) // the retry, same key
		must(t, err)
		if want := r.clock.Now().Add(60 * 24 * time.Hour); !next.RenewAfter.Equal(want) {
			t.Errorf("renew after %v, want %v", next.RenewAfter, want)
		}
		r.refused(serialOf(t, replaced.Chain), enroll.ErrCertificateSuperseded)
		if got, err := r.Identify(t.Context(), old.Serial); err != nil || !cmp.Equal(got, old) {
			t.Errorf("until the first use the old one works: %+v, %v", got, err)
		}

		fresh := old
		fresh.Serial = serialOf(t, next.Chain)
		for range 3 { // promoted, read, remembered
			if diff := cmp.Diff(fresh, r.identify(next.Chain)); diff != "" {
				t.Errorf("the new certificate (-want +got):\n%s", diff)
			}
		}
		r.refused(old.Serial, enroll.ErrCertificateSuperseded)
		if err := errOf(r.Renew(t.Context(), old, request(t, newKey(t)))); !errors.Is(err, enroll.ErrCertificateSuperseded) {
			t.Errorf("a late Renew with the old certificate: %v", err)
		}
		d, err := r.Device(t.Context(), old.Device)
		must(t, err)
		if d.Certificate.Serial != fresh.Serial || d.Next != (enroll.Certificate{}) || d.Epoch != 1 {
			t.Errorf("the record has %+v, then %+v, epoch %d", d.Certificate, d.Next, d.Epoch)
		}
		record := r.record()
		want := fmt.Sprintf("epoch 1, certificate %s takes the place of %s", fresh.Serial, old.Serial)
		last := record[len(record)-1]
		if last.Action != "enroll.promote" || last.Detail != want || last.Actor != "device:"+string(old.Device) {
			t.Errorf("the last entry is %+v", last)
		}
	})
}

func TestRenewRefused(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(10)
		key := newKey(t)
		phone := r.phone(secret, "tag")
		phone.CSR = request(t, key)
		a, err := r.Join(t.Context(), phone)
		must(t, err)
		first := r.identify(a.Chain)
		other := r.join(secret, "")
		second := r.join(secret, "tag") // the next epoch
		gone := r.join(secret, "")
		must(t, r.Leave(t.Context(), gone))

		for name, tt := range map[string]struct {
			caller identity.Caller
			csr    []byte
			want   error
		}{
			"older epoch":                {first, request(t, newKey(t)), enroll.ErrEnrollmentEnded},
			"left":                       {gone, request(t, newKey(t)), enroll.ErrEnrollmentEnded},
			"another device's key":       {other, request(t, key), enroll.ErrKeyReused},
			"the older epoch's key":      {second, phone.CSR, enroll.ErrKeyReused},
			"certificate of another":     {identity.Caller{Device: other.Device, Epoch: 1, Serial: second.Serial}, request(t, newKey(t)), enroll.ErrCertificateSuperseded},
			"device that does not exist": {identity.Caller{Device: "nobody-at-all", Epoch: 1}, request(t, newKey(t)), enroll.ErrNoDevice},
		} {
			before := r.dump()
			if err := errOf(r.Renew(t.Context(), tt.caller, tt.csr)); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
			if diff := cmp.Diff(before, r.dump()); diff != "" {
				t.Errorf("%s left behind:\n%s", name, diff)
			}
		}
		if err := errOf(r.Renew(t.Context(), other, []byte("no request"))); fault.KindOf(err) != fault.Invalid {
			t.Errorf("malformed: %v", err)
		}
	})
}

func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(10)
		ways := map[enroll.State]func(c identity.Caller) error{
			enroll.Left: func(c identity.Caller) error { return r.Leave(identity.With(t.Context(), c), c) },
			enroll.Retired: func(c identity.Caller) error {
				d, err := r.RetireDevice(alice(t), c.Device, 0, "stolen")
				if err == nil && d.State == enroll.Enrolled {
					t.Error("the answer says it is still enrolled")
				}
				return err
			},
			enroll.Wiped: func(c identity.Caller) error {
				return r.End(identity.With(t.Context(), c), c.Device, c.Epoch, enroll.Wiped, "order 7\nis done")
			},
		}
		entries := map[enroll.State][3]string{
			enroll.Left:    {"enroll.leave", "device", "epoch 1: the device left"},
			enroll.Retired: {"enroll.retire", "admin:alice", "epoch 1: stolen"},
			enroll.Wiped:   {"enroll.wiped", "device", "epoch 1: order 7 is done"},
		}
		for state, end := range ways {
			c := r.join(secret, "")
			must(t, end(c))
			r.refused(c.Serial, enroll.ErrEnrollmentEnded)
			d, err := r.Device(t.Context(), c.Device)
			must(t, err)
			if d.State != state || !d.EndedAt.Equal(r.clock.Now()) {
				t.Errorf("%s: the record says %s at %v", state, d.State, d.EndedAt)
			}
			if r.bell.count(c.Device) != 1 {
				t.Errorf("%s: rung %d times", state, r.bell.count(c.Device))
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("%s/1", c.Device)}, r.settler.take()); diff != "" {
				t.Errorf("%s: settled (-want +got):\n%s", state, diff)
			}
			record := r.record()
			last, want := record[len(record)-1], entries[state]
			if last.Action != want[0] || !strings.HasPrefix(last.Actor, want[1]) || last.Detail != want[2] {
				t.Errorf("%s: the entry is %+v", state, last)
			}

			// Whatever comes later changes nothing.
			before := r.dump()
			for again, end := range ways {
				if err := end(c); err != nil {
					t.Errorf("%s after %s: %v", again, state, err)
				}
			}
			if diff := cmp.Diff(before, r.dump()); diff != "" {
				t.Errorf("after %s, ending again changed:\n%s", state, diff)
			}
			if got := r.settler.take(); got != nil {
				t.Errorf("after %s, settled again: %v", state, got)
			}
		}
	})
}

func TestEndOfAnotherEpoch(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(10)
		first := r.join(secret, "tag")
		second := r.join(secret, "tag")
		before := r.dump()
		must(t, r.End(t.Context(), first.Device, 1, enroll.Wiped, "late"))
		for name, tt := range map[string]struct{ got, want error }{
			"an epoch to come":          {r.End(t.Context(), first.Device, 3, enroll.Wiped, "early"), enroll.ErrEpochMoved},
			"retire the older epoch":    {errOf(r.RetireDevice(alice(t), first.Device, 1, "x")), enroll.ErrEpochMoved},
			"retire an epoch to come":   {errOf(r.RetireDevice(alice(t), first.Device, 3, "x")), enroll.ErrEpochMoved},
			"retire nobody":             {errOf(r.RetireDevice(alice(t), "nobody-at-all", 0, "x")), enroll.ErrNoDevice},
			"end of nobody's enrolment": {r.End(t.Context(), "nobody-at-all", 1, enroll.Left, "x"), enroll.ErrNoDevice},
		} {
			if !errors.Is(tt.got, tt.want) {
				t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
			}
		}
		if err := r.End(t.Context(), first.Device, 2, enroll.Replaced, "x"); err == nil {
			t.Error("ended as replaced")
		}
		if err := errOf(r.RetireDevice(alice(t), first.Device, 2, "a\x1b[2J")); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a reason with a control character: %v", err)
		}
		if diff := cmp.Diff(before, r.dump()); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
		if _, err := r.Identify(t.Context(), second.Serial); err != nil {
			t.Errorf("the second epoch is hurt: %v", err)
		}
		must(t, errOf(r.RetireDevice(alice(t), first.Device, 2, "x")))
		r.refused(second.Serial, enroll.ErrEnrollmentEnded)
	})
}

// TestRetireOnAnotherServer: what one server ends, the other refuses at once.
func TestRetireOnAnotherServer(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		one := newRoom(t, a)
		other := one.server(b)
		_, secret := one.token(1)
		c := one.join(secret, "")
		if got, err := other.Identify(t.Context(), c.Serial); err != nil || !cmp.Equal(got, c) {
			t.Errorf("the other server sees %+v, %v", got, err)
		}
		must(t, errOf(one.RetireDevice(alice(t), c.Device, 0, "stolen")))
		other.refused(c.Serial, enroll.ErrEnrollmentEnded)
	})
}

// TestRetireUnderLoad: once RetireDevice has returned, nobody is let in with
// the certificate, however many calls looked it up meanwhile.
func TestRetireUnderLoad(t *testing.T) {
	r := newRoom(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	_, secret := r.token(100)
	for range 10 {
		c := r.join(secret, "")
		stop := make(chan struct{})
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = r.Identify(t.Context(), c.Serial)
					}
				}
			})
		}
		must(t, errOf(r.RetireDevice(alice(t), c.Device, 0, "stolen")))
		for range 20 {
			r.refused(c.Serial, enroll.ErrEnrollmentEnded)
		}
		close(stop)
		calls.Wait()
		r.refused(c.Serial, enroll.ErrEnrollmentEnded)
	}
}

func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(200)
		r.settler.fail(true)
		var want []string
		for range 3 {
			c := r.join(secret, "")
			// The end is the truth, whatever the other rooms say.
			must(t, r.Leave(t.Context(), c))
			want = append(want, fmt.Sprintf("%s/1", c.Device))
		}
		if err := r.Sweep(t.Context()); err == nil {
			t.Error("nobody hears that nothing could be settled")
		}
		r.settler.fail(false)
		must(t, r.Sweep(t.Context()))
		if diff := cmp.Diff(want, r.settler.take()); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
		must(t, r.Sweep(t.Context()))
		if got := r.settler.take(); got != nil {
			t.Errorf("settled again: %v", got)
		}
	})
}

// TestEndOutlivesTheCall: who hangs up after the end is durable does not keep
// it from being settled.
func TestEndOutlivesTheCall(t *testing.T) {
	r := newRoom(t, dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	_, secret := r.token(1)
	c := r.join(secret, "")
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if err := r.Leave(ctx, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("left without a context: %v", err)
	}
	if _, err := r.Identify(t.Context(), c.Serial); err != nil {
		t.Fatalf("half left: %v", err)
	}
	must(t, r.Leave(t.Context(), c))
	if diff := cmp.Diff([]string{fmt.Sprintf("%s/1", c.Device)}, r.settler.take()); diff != "" {
		t.Errorf("settled (-want +got):\n%s", diff)
	}
}

func TestIdentifyUnknown(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		for _, serial := range []string{"", "abc", "' OR 1=1 --", strings.Repeat("f", 40)} {
			r.refused(serial, enroll.ErrCertificateUnknown)
			if _, err := r.IdentifyAdmin(t.Context(), serial); !errors.Is(err, enroll.ErrCertificateUnknown) {
				t.Errorf("administrator %q: %v", serial, err)
			}
		}
	})
}

func TestSeen(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(1)
		c := r.join(secret, "")
		must(t, r.FlushSeen(t.Context())) // nothing yet
		now := r.clock.Now()
		r.Touch(c.Device, now.Add(time.Minute))
		r.Touch(c.Device, now)
		r.Touch("nobody-at-all", now)
		seenAt := func() time.Time {
			d, err := r.Device(t.Context(), c.Device)
			must(t, err)
			return d.LastSeenAt
		}
		if !seenAt().IsZero() {
			t.Error("written before its time")
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.FlushSeen(cancelled); err == nil {
			t.Error("flushed without a context")
		}
		must(t, r.FlushSeen(t.Context())) // kept from the failed one
		if diff := cmp.Diff(now.Add(time.Minute), seenAt()); diff != "" {
			t.Errorf("last seen (-want +got):\n%s", diff)
		}
	})
}

func TestListDevices(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(10)
		var want []device.ID
		for range 5 {
			want = append(want, r.join(secret, "").Device)
			r.clock.pass(time.Second)
		}
		var got []device.ID
		pages := 0
		for q := (enroll.DeviceQuery{Limit: 2, Group: "sales"}); ; pages++ {
			page, next, err := r.ListDevices(t.Context(), q)
			must(t, err)
			for _, d := range page {
				got = append(got, d.ID)
			}
			if q.After = next; next.IsZero() {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
			t.Errorf("%d more pages (-want +got):\n%s", pages, diff)
		}
	})
}
