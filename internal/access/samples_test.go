package access_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// signIn decides a sign-in of somebody from an address.
func signIn(t *testing.T, s *access.Service, name, app, address string) {
	t.Helper()
	in := access.SignIn{Person: access.Person{Name: name}, App: app}
	if address != "" {
		in.Address = netip.MustParseAddr(address)
	}
	outcome(t, s, access.Question{SignIn: in})
}

// TestSamples: decisions of one kind are one sample, with no address in it.
func TestSamples(t *testing.T) {
	f := newFake()
	f.adas()
	s := f.service(true)
	d := f.phones[phoneID]
	d.Compliance.Findings = []access.Finding{{Rule: "pin"}}
	f.phones[phoneID] = d
	first := f.now
	for _, address := range []string{"192.0.2.7", "::ffff:192.0.2.9"} {
		f.now = f.now.Add(time.Minute)
		outcome(t, s, access.Question{
			SignIn: access.SignIn{
				App: "Mail", Address: netip.MustParseAddr(address), Country: "se", MFA: true,
				Request: &access.Request{Action: "can_read", ResourceID: "secret"},
			},
			Device: phoneID, Registration: "0000000000000000000000000000000f",
		})
	}
	signIn(t, s, "bob", "wiki", "2001:db8:1:2:3:4:5:6%eth0")
	signIn(t, s, "bob", "wiki", "")
	if len(f.samples) != 0 {
		t.Fatal("a decision has stored something")
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Compliance.Findings = nil
	want := []access.Sample{
		{
			SignIn: access.SignIn{
				Person: access.Person{Name: "ada", Groups: []string{"Sales"}, Version: 5}, App: "mail", Country: "SE", MFA: true,
			},
			Network: netip.MustParsePrefix("192.0.2.0/24"), Facts: access.Facts{Device: &d}, Count: 2,
			FirstAt: first.Add(time.Minute), LastAt: f.now,
		},
		{SignIn: access.SignIn{Person: access.Person{Name: "bob"}, App: "wiki"}, Count: 1, FirstAt: f.now, LastAt: f.now},
		{
			SignIn:  access.SignIn{Person: access.Person{Name: "bob"}, App: "wiki"},
			Network: netip.MustParsePrefix("2001:db8:1::/48"), Count: 1, FirstAt: f.now, LastAt: f.now,
		},
	}
	slices.SortFunc(f.samples, func(a, b access.Sample) int {
		if a.SignIn.App != b.SignIn.App {
			return len(b.SignIn.Country) - len(a.SignIn.Country)
		}
		return a.Network.Bits() - b.Network.Bits()
	})
	if diff := cmp.Diff(want, f.samples, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if err := s.Flush(t.Context()); err != nil || len(f.samples) != len(want) {
		t.Errorf("flushed twice: %d samples, %v", len(f.samples), err)
	}
}

// TestSamplesOverflow: what there is no room for is counted, and decided as well
// as anything. What cannot be stored waits.
func TestSamplesOverflow(t *testing.T) {
	const room, more = 4096, 10
	f := newFake()
	s := f.service(true)
	for n := range room + more {
		signIn(t, s, fmt.Sprint("u", n), "mail", "")
	}
	signIn(t, s, "u0", "mail", "")
	signIn(t, s, string(make([]byte, 2000)), "mail", "") // too long for a sample
	outcome(t, s, access.Question{SignIn: access.SignIn{Person: access.Person{Name: "u0", Groups: make([]string, 600)}, App: "mail"}})
	f.broken = true
	if err := s.Flush(t.Context()); !errors.Is(err, errBroken) {
		t.Fatalf("flushed: %v", err)
	}
	f.broken = false
	signIn(t, s, "u0", "mail", "")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var counted uint64
	for _, sample := range f.samples {
		counted += sample.Count
	}
	if len(f.samples) != room || counted != room+2 || f.lost != more+2 {
		t.Errorf("%d samples of %d decisions, %d lost", len(f.samples), counted, f.lost)
	}
}

// TestRemember: what is new is stored, and what is gone; evidence alone not more
// often than every four hours.
func TestRemember(t *testing.T) {
	f := newFake()
	f.adas()
	s := f.service(true)
	both := []device.ID{phoneID, appID, phoneID, "0000000000000000000000000000000f"}
	remember := func(what string, after time.Duration, want int) {
		t.Helper()
		f.now = f.now.Add(after)
		before := len(f.moments)
		if err := s.Remember(t.Context(), both); err != nil {
			t.Fatal(err)
		}
		if got := len(f.moments) - before; got != want {
			t.Errorf("%s: %d moments, want %d", what, got, want)
		}
	}
	check := func(fitness access.Fitness) {
		d := f.phones[phoneID]
		d.Version++
		d.Compliance = access.Verdict{Fitness: fitness, EvidenceAt: f.now, Version: d.Compliance.Version + 1}
		f.phones[phoneID] = d
	}
	remember("first", 0, 2)
	remember("the same", time.Minute, 0)
	check(access.Fit)
	remember("new evidence", time.Minute, 0)
	check(access.Unfit)
	remember("another verdict", time.Minute, 1)
	remember("four hours later", 4*time.Hour, 2)
	delete(f.phones, phoneID)
	remember("gone", time.Minute, 1)
	remember("still gone", 5*time.Hour, 1) // the app lasts
	if last := f.moments[len(f.moments)-2]; last.ID != phoneID || last.Device != nil {
		t.Errorf("gone: %+v", last)
	}
	f.adas()
	f.now = f.now.Add(time.Minute)
	outcome(t, s, access.Question{Device: phoneID})
	before := len(f.moments)
	if err := s.Flush(t.Context()); err != nil || len(f.moments) != before+1 {
		t.Errorf("decided on: %d moments, %v", len(f.moments)-before, err)
	}
	f.broken = true
	if err := s.Remember(t.Context(), both); !errors.Is(err, errBroken) {
		t.Errorf("broken: %v", err)
	}
}

// TestSweep: 30 days and 90.
func TestSweep(t *testing.T) {
	f := newFake()
	s := f.service(true)
	for _, days := range []int{29, 30, 31, 90, 91} {
		at := f.now.AddDate(0, 0, -days)
		for n := range 600 {
			f.samples = append(f.samples, access.Sample{LastAt: at})
			f.moments = append(f.moments, access.Moment{ID: device.ID(fmt.Sprint(n)), At: at})
		}
	}
	if err := s.Sweep(t.Context()); err != nil || len(f.samples) != 1200 || len(f.moments) != 2400 {
		t.Errorf("left %d samples and %d moments, %v", len(f.samples), len(f.moments), err)
	}
	f.broken = true
	if err := s.Sweep(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("broken: %v", err)
	}
}
