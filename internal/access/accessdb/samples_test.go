package accessdb_test

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/accessdb"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func sample(app string, count uint64, first, last time.Duration) access.Sample {
	return access.Sample{
		SignIn: access.SignIn{
			Person: access.Person{Name: "ada", Groups: []string{"sales"}, Roles: []string{"owner"}, Disabled: true, Version: 3},
			App:    app, Action: access.RegisterDevice, Platform: access.Linux, Client: access.Browser, Country: "SE",
			SignInRisk: access.RiskLow, UserRisk: access.RiskHigh, Flow: access.Transfer, MFA: true, CertificateBound: true,
		},
		Network: netip.MustParsePrefix("192.0.2.0/24"),
		Facts:   access.Facts{Device: phone(1), Registration: app1()},
		Count:   count, FirstAt: t0.Add(first), LastAt: t0.Add(last),
	}
}

func app1() *access.Registration { return app(2) }

func samples(t *testing.T, s *accessdb.Store, since time.Time) map[string]access.Sample {
	t.Helper()
	all := map[string]access.Sample{}
	ok(t, s.EachSample(t.Context(), since, func(s access.Sample) error {
		all[s.SignIn.App] = s
		return nil
	}))
	return all
}

func lost(t *testing.T, s *accessdb.Store) uint64 {
	t.Helper()
	n, err := s.LostSamples(t.Context())
	ok(t, err)
	return n
}

// TestSamples: kinds are counted on, whichever server tells first; new ones are
// kept as long as there is room.
func TestSamples(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		ok(t, s.SaveSamples(ctx, []access.Sample{sample("mail", 2, 0, time.Hour), {Count: 1, FirstAt: t0, LastAt: t0}}, 0, 2))
		later, earlier := sample("mail", 3, 2*time.Hour, 3*time.Hour), sample("mail", 1, -time.Hour, -time.Minute)
		later.SignIn.Person.Groups, later.Facts.Device.Compliance.Fitness = []string{"it"}, access.Fit
		ok(t, s.SaveSamples(ctx, []access.Sample{later, sample("wiki", 4, 0, 0)}, 7, 2))
		ok(t, s.SaveSamples(ctx, []access.Sample{earlier}, 0, 2))
		want := later
		want.Count, want.FirstAt = 6, t0.Add(-time.Hour)
		same(t, "samples", map[string]access.Sample{"mail": want, "": {Count: 1, FirstAt: t0, LastAt: t0}}, samples(t, s, time.Time{}))
		same(t, "lost", 11, lost(t, s))
		same(t, "since", map[string]access.Sample{"mail": want}, samples(t, s, t0.Add(time.Microsecond)))

		n, err := s.ForgetSamples(ctx, t0.Add(time.Second), 5)
		ok(t, err)
		same(t, "forgotten", 1, n)
		same(t, "left", map[string]access.Sample{"mail": want}, samples(t, s, time.Time{}))
		stop := errors.New("stop")
		wants(t, "stopped", s.EachSample(ctx, time.Time{}, func(access.Sample) error { return stop }), stop)
	})
}

// TestManySamples: they are read page by page, and one that is too long is lost.
func TestManySamples(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, _ *sqldb.DB) {
		var many []access.Sample
		for n := range 1201 {
			one := sample("mail", 1, 0, 0)
			one.SignIn.Person.Name = string(id(n))
			many = append(many, one)
		}
		long := sample("mail", 5, 0, 0)
		long.SignIn.Person.Groups = []string{strings.Repeat("g", 300_000)}
		ok(t, s.SaveSamples(t.Context(), append(many, long), 0, 5000))
		seen := map[string]int{}
		ok(t, s.EachSample(t.Context(), t0, func(s access.Sample) error { seen[s.SignIn.Person.Name]++; return nil }))
		same(t, "seen", 1201, len(seen))
		same(t, "lost", 5, lost(t, s))
		n, err := s.ForgetSamples(t.Context(), t0, 1000)
		ok(t, err)
		same(t, "not older", 0, n)
		for _, want := range []int{1000, 201, 0} {
			n, err := s.ForgetSamples(t.Context(), t0.Add(time.Microsecond), 1000)
			ok(t, err)
			same(t, "forgotten", want, n)
		}
	})
}

// TestSamplesRace: two servers that tell of the same kinds at once lose none.
func TestSamplesRace(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		stores := []*accessdb.Store{accessdb.New(a), accessdb.New(b)}
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				for range 5 {
					if err := stores[i%2].SaveSamples(t.Context(), []access.Sample{sample("a", 1, 0, 0), sample("b", 1, 0, 0)}, 1, 10); err != nil {
						errs[i] = err
					}
				}
			})
		}
		wg.Wait()
		ok(t, errors.Join(errs...))
		all := samples(t, stores[0], time.Time{})
		same(t, "counts", [2]uint64{20, 20}, [2]uint64{all["a"].Count, all["b"].Count})
		same(t, "lost", 20, lost(t, stores[1]))
	})
}

func TestMoments(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		at := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Hour) }
		all := []access.Moment{
			{ID: id(1), At: at(0), Device: phone(1)}, {ID: id(1), At: at(2)}, {ID: id(2), At: at(1), Registration: app(2)},
		}
		ok(t, s.SaveMoments(ctx, all))
		ok(t, s.SaveMoments(ctx, []access.Moment{{ID: id(1), At: at(0)}})) // stays as it is
		ids := []device.ID{id(2), id(1), id(1), id(7)}
		for _, want := range []struct {
			at   time.Time
			want []access.Moment
		}{
			{at(0).Add(-1000), nil}, {at(0), all[:1]}, {at(1), []access.Moment{all[0], all[2]}}, {at(9), all[1:]},
		} {
			got, err := s.Moments(ctx, ids, want.at)
			ok(t, err)
			same(t, want.at.String(), want.want, got)
		}
		n, err := s.ForgetMoments(ctx, at(1), 5)
		ok(t, err)
		same(t, "forgotten", 1, n)
		got, err := s.Moments(ctx, ids, at(0))
		ok(t, err)
		same(t, "left", nil, got)

		long := phone(3)
		for range 3000 {
			long.Compliance.Findings = append(long.Compliance.Findings, access.Finding{Rule: strings.Repeat("r", 100)})
		}
		ok(t, s.SaveMoments(ctx, []access.Moment{{ID: id(3), At: t0, Device: long}}))
		brief := *long
		brief.Compliance.Findings = nil
		got, err = s.Moments(ctx, []device.ID{id(3)}, t0)
		ok(t, err)
		same(t, "without its findings", []access.Moment{{ID: id(3), At: t0, Device: &brief}}, got)

		var many []device.ID
		for n := range 600 {
			many = append(many, id(n))
		}
		got, err = s.Moments(ctx, many, at(9))
		ok(t, err)
		same(t, "of many", 3, len(got))
	})
}
