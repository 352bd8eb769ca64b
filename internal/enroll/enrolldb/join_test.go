package enrolldb_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestJoin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := given(t, s, token(1))
		j := join(1, k, "tag")
		want := joined(t, s, j)

		got, err := s.Device(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by id (-want +got):\n%s", diff)
		}
		got, err = s.DeviceByTag(t.Context(), enroll.HashTag("tag"))
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by tag (-want +got):\n%s", diff)
		}
		got, epoch, err := s.DeviceBySerial(t.Context(), j.Issued.Serial)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" || epoch != 1 {
			t.Errorf("by serial: epoch %d (-want +got):\n%s", epoch, diff)
		}
		first, err := s.Joined(t.Context(), j.Issued.Key)
		must(t, err)
		if diff := cmp.Diff(enroll.Joined{Device: want, Epoch: 1, Issued: j.Issued}, first); diff != "" {
			t.Errorf("by key (-want +got):\n%s", diff)
		}
		if k, err := s.Token(t.Context(), k.ID); err != nil || k.Uses != 1 {
			t.Errorf("the token has %d uses, %v", k.Uses, err)
		}
		if n := len(dump(t, db)["audit_entries"]); n != 2 {
			t.Errorf("%d entries, want the token's and the device's", n)
		}
	})
}

func TestJoinAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := given(t, s, token(1))
		before := joined(t, s, join(1, k, "tag"))
		must(t, s.SaveSeen(t.Context(), map[device.ID]time.Time{before.ID: noon}))
		before.LastSeenAt = noon

		want := joined(t, s, joinAgain(before, k, issued(2), "tag"))
		got, err := s.Device(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("second epoch (-want +got):\n%s", diff)
		}
		_, epoch, err := s.DeviceBySerial(t.Context(), issued(1).Serial)
		if err != nil || epoch != 1 {
			t.Errorf("the first certificate is of epoch %d, %v", epoch, err)
		}
		open, err := s.Unsettled(t.Context(), enroll.Ending{}, 10)
		must(t, err)
		wantOpen := []enroll.Ending{{
			Device: want.ID, Epoch: 1, Cause: enroll.Replaced, Reason: "the device enrolled again", EndedAt: noon, TokenID: k.ID,
		}}
		if diff := cmp.Diff(wantOpen, open); diff != "" {
			t.Errorf("unsettled (-want +got):\n%s", diff)
		}
	})
}

// TestJoinRefused: each leaves everything as it was.
func TestJoinRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k, once, dead := token(1), token(2), token(3)
		once.MaxUses, dead.CreatedAt, dead.ExpiresAt = 1, noon.Add(-time.Hour), noon
		for _, k := range []enroll.Token{k, once, dead} {
			given(t, s, k)
		}
		first := joined(t, s, join(1, k, "tag"))
		joined(t, s, join(2, once, ""))

		sameKey := join(3, k, "")
		sameKey.Issued.Key = issued(1).Key
		stale := first
		stale.Version++
		for name, tt := range map[string]struct {
			j    enroll.Join
			want error
		}{
			"used up":          {join(3, once, ""), enroll.ErrMoved},
			"expired":          {join(3, dead, ""), enroll.ErrMoved},
			"no such token":    {join(3, token(9), ""), enroll.ErrMoved},
			"tag is taken":     {join(3, k, "tag"), enroll.ErrMoved},
			"id is taken":      {joinAgain(enroll.Device{ID: first.ID}, k, issued(3), ""), enroll.ErrMoved},
			"key is taken":     {sameKey, enroll.ErrKeyReused},
			"record has moved": {joinAgain(stale, k, issued(3), "tag"), enroll.ErrMoved},
			"own key again":    {joinAgain(first, k, withSerial(issued(1), "c9"), "tag"), enroll.ErrKeyReused},
			"serial is taken":  {joinAgain(first, k, withSerial(issued(3), "c2"), "tag"), enroll.ErrMoved},
		} {
			before := dump(t, db)
			if err := s.Join(t.Context(), tt.j); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
			if diff := cmp.Diff(before, dump(t, db)); diff != "" {
				t.Errorf("%s left behind:\n%s", name, diff)
			}
		}
	})
}

// TestJoinRace: of many phones with a token for two, two get in.
func TestJoinRace(t *testing.T) {
	race := func(t *testing.T, stores ...*enrolldb.Store) {
		k := token(1)
		k.MaxUses = 2
		given(t, stores[0], k)
		const phones = 12
		errs := make([]error, phones)
		var all sync.WaitGroup
		for n := range phones {
			all.Go(func() { errs[n] = stores[n%len(stores)].Join(t.Context(), join(n, k, "")) })
		}
		all.Wait()
		in := 0
		for _, err := range errs {
			if err == nil {
				in++
			} else if !errors.Is(err, enroll.ErrMoved) {
				t.Errorf("a loser got %v", err)
			}
		}
		devices, err := stores[0].ListDevices(t.Context(), enroll.DeviceQuery{Limit: 100})
		must(t, err)
		after, err := stores[0].Token(t.Context(), k.ID)
		must(t, err)
		if in != 2 || len(devices) != 2 || after.Uses != 2 {
			t.Errorf("%d got in, %d devices, %d uses; want 2 of each", in, len(devices), after.Uses)
		}
	}
	t.Run("one server", func(t *testing.T) {
		dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { race(t, enrolldb.New(db)) })
	})
	t.Run("two servers", func(t *testing.T) {
		dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) { race(t, enrolldb.New(a), enrolldb.New(b)) })
	})
}

// TestJoinSameKeyRace: of many devices with one key, one gets in.
func TestJoinSameKeyRace(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		stores := []*enrolldb.Store{enrolldb.New(a), enrolldb.New(b)}
		k := token(1)
		k.MaxUses = 100
		given(t, stores[0], k)
		const phones = 8
		errs := make([]error, phones)
		var all sync.WaitGroup
		for n := range phones {
			j := join(n, k, "")
			j.Issued.Key = enroll.Digest{9}
			all.Go(func() { errs[n] = stores[n%2].Join(t.Context(), j) })
		}
		all.Wait()
		in := 0
		for _, err := range errs {
			if err == nil {
				in++
			} else if !errors.Is(err, enroll.ErrKeyReused) {
				t.Errorf("a loser got %v", err)
			}
		}
		if in != 1 {
			t.Errorf("%d devices share a key", in)
		}
	})
}

func withSerial(i enroll.Issued, serial string) enroll.Issued {
	i.Serial = serial
	return i
}
