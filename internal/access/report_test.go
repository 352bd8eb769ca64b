package access_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ringfence/internal/access"
)

// TestReport counts what would be different, alone and together.
func TestReport(t *testing.T) {
	f := newFake()
	s := f.service(true)
	if _, _, err := s.ApplyLocation(t.Context(), access.Location{Name: "away", Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, false); err != nil {
		t.Fatal(err)
	}
	applied(t, s, "mfa", access.On, func(s *access.Spec) { s.Apps = access.Apps{Include: []string{"mail"}} })
	applied(t, s, "old", access.On, func(s *access.Spec) {
		s.Conditions.Clients, s.Grant.Controls = []access.ClientApp{access.OtherClient}, []access.Control{access.Block}
		s.Apps = access.Apps{Include: []string{"wiki"}}
	})
	applied(t, s, "away", access.ReportOnly, func(s *access.Spec) {
		s.Conditions.IncludeLocations.Names, s.Grant.Controls = []string{"away"}, []access.Control{access.Block}
	})
	applied(t, s, "fit", access.ReportOnly, func(s *access.Spec) {
		s.Grant = access.Grant{Operator: access.AnyOf, Controls: []access.Control{access.MFA, access.CompliantDevice}}
	})
	applied(t, s, "never", access.ReportOnly, func(s *access.Spec) { s.Conditions.Custom = "never" })
	applied(t, s, "off", access.Off)
	applied(t, s, "again", access.ReportOnly, func(s *access.Spec) { s.Apps = access.Apps{Include: []string{"mail"}} })

	phone := func(id string, fitness access.Fitness) access.Facts {
		return access.Facts{Device: &access.Device{ID: phoneID, Epoch: 1, Model: id, Compliance: access.Verdict{Fitness: fitness, EvidenceAt: f.now}}}
	}
	home, away := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24")
	add := func(count uint64, name, app string, client access.ClientApp, network netip.Prefix, mfa bool, facts access.Facts) {
		f.samples = append(f.samples, access.Sample{
			SignIn:  access.SignIn{Person: access.Person{Name: name}, App: app, Client: client, MFA: mfa},
			Network: network, Facts: facts, Count: count, FirstAt: f.now.Add(-time.Hour), LastAt: f.now.Add(time.Duration(len(f.samples)) * time.Second),
		})
	}
	none := access.Facts{}
	add(1, "ada", "mail", access.Browser, home, true, none)                               // nothing changes
	add(2, "ada", "mail", access.Browser, home, false, none)                              // asked for MFA anyway
	add(4, "ada", "wiki", access.Browser, home, false, phone("a", access.Unfit))          // fit asks
	add(8, "bob", "wiki", access.Browser, away, false, phone("b", access.Fit))            // away blocks
	add(16, "bob", "wiki", access.OtherClient, away, false, none)                         // denied anyway
	add(32, "eve", "calendar", access.OtherClient, home, false, none)                     // a legacy client cannot be asked: blocked
	add(64, "eve", "mail", access.Browser, netip.Prefix{}, false, phone("b", access.Fit)) // asked for MFA anyway, from nowhere
	f.lost = 3

	report, err := s.Report(t.Context(), access.ReportRequest{Examples: 1})
	if err != nil {
		t.Fatal(err)
	}
	type effect struct {
		Name                    string
		Applied, Block, Prompt  uint64
		Users, Devices, Example int
		Owed                    []string
	}
	short := func(name string, e access.Effect) effect {
		out := effect{name, e.Applied, e.WouldBlock, e.WouldPrompt, e.Users, e.Devices, len(e.Examples), nil}
		for _, o := range e.Owed {
			out.Owed = append(out.Owed, o.Choice.String())
		}
		return out
	}
	effects := func(r access.Report) (all []effect) {
		for _, p := range r.Policies {
			all = append(all, short(p.Name, p.Effect))
		}
		return append(all, short("", r.Together))
	}
	want := []effect{
		{"again", 1 + 2 + 64, 0, 0, 0, 0, 0, nil},
		{"away", 8 + 16, 8, 0, 1, 1, 1, nil},
		{"fit", 127, 32, 4, 2, 1, 1, []string{"mfa or compliant-device"}},
		{"never", 0, 0, 0, 0, 0, 0, nil},
		{"", 127, 40, 4, 3, 1, 1, []string{"mfa or compliant-device"}},
	}
	if diff := cmp.Diff(want, effects(report)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	report.Policies, report.Together = nil, access.Effect{}
	rest := access.Report{
		Generation: 8, Since: f.now.Add(-time.Hour), Until: f.now.Add(6 * time.Second), Samples: 7, SignIns: 127, Lost: 3,
		Allowed: 1 + 4 + 8 + 32, Prompted: 2 + 64, Denied: 16,
	}
	if diff := cmp.Diff(rest, report, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}

	report, err = s.Report(t.Context(), access.ReportRequest{Promote: []string{"away", "never"}, Since: f.now.Add(3 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if got := short("", report.Together); got.Applied != 24 || got.Block != 8 || got.Prompt != 0 || report.Samples != 4 {
		t.Errorf("some together: %+v of %d samples", got, report.Samples)
	}
	for _, name := range []string{"off", "mfa"} {
		if _, err := s.Report(t.Context(), access.ReportRequest{Promote: []string{"away", name}}); len(fieldsOf(err)) != 1 || fieldsOf(err)[0].Name != "promote[1]" {
			t.Errorf("promoted what does not report, %q: %v", name, err)
		}
	}
	f.broken = true
	if _, err := s.Report(t.Context(), access.ReportRequest{}); !errors.Is(err, errBroken) {
		t.Errorf("broken: %v", err)
	}
}

// TestReportAgrees: what a report says of all together is what each decision says.
func TestReportAgrees(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := &dice{t: r}
		c := d.config()
		f := newFake()
		f.stored[0] = access.Stored{Policies: c.Policies}
		for _, l := range c.Locations {
			f.stored[0].Locations = append(f.stored[0].Locations, access.StoredLocation{Location: l})
		}
		in, facts := *d.signIn(), *d.facts()
		in.Address = netip.Addr{}
		f.samples = []access.Sample{{SignIn: in, Facts: facts, Count: 1, FirstAt: f.now, LastAt: f.now}}
		s := f.service(true)
		report, err := s.Report(t.Context(), access.ReportRequest{Examples: 1})
		if err != nil {
			r.Fatal(err)
		}
		snapshot, err := s.Snapshot(t.Context())
		if err != nil {
			r.Fatal(err)
		}
		now := access.Decide(snapshot, &in, &facts, f.now)
		blocks := now.Outcome != access.Deny && now.WithReportOnly == access.Deny
		if got := report.Together.WouldBlock == 1; got != blocks {
			r.Fatalf("would block: %t, and the decision says %v, then %v", got, now.Outcome, now.WithReportOnly)
		}
		if now.Outcome == access.Allow && (report.Together.WouldPrompt == 1) != (now.WithReportOnly == access.AllowWith) {
			r.Fatalf("would prompt: %d, and the decision says %v, then %v", report.Together.WouldPrompt, now.Outcome, now.WithReportOnly)
		}
	})
}
