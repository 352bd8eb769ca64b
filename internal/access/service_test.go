package access_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/access/accesstest"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// outcome decides, and fails the test where that fails.
func outcome(t *testing.T, s *access.Service, q access.Question) access.Answer {
	t.Helper()
	a, err := s.Decide(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestDecideFacts: what is not known, or of somebody else, does not help; who
// signs in is whose phone or app it is, unless the door says so.
func TestDecideFacts(t *testing.T) {
	const nobody = device.ID("0000000000000000000000000000000f")
	named := func(name string, groups ...string) access.SignIn {
		return access.SignIn{Person: access.Person{Name: name, Groups: groups, Version: 77}, App: "mail"}
	}
	type known struct {
		Name          string
		Groups        []string
		Version       uint64
		Phone, App    bool
		FitPhone, Fit bool
	}
	for name, tt := range map[string]struct {
		q    access.Question
		want known
	}{
		"nothing":              {access.Question{}, known{}},
		"a phone's user":       {access.Question{Device: phoneID}, known{"ada", []string{"Sales"}, 5, true, false, true, false}},
		"an app's user":        {access.Question{Registration: appID}, known{"ada", []string{"Sales"}, 5, false, true, false, true}},
		"both":                 {access.Question{SignIn: named("ADA"), Device: phoneID, Registration: appID}, known{"ada", []string{"Sales"}, 5, true, true, true, true}},
		"another's app":        {access.Question{SignIn: named("bob", "it"), Registration: appID}, known{"bob", []string{"it"}, 0, false, false, false, false}},
		"another's phone":      {access.Question{SignIn: named("bob"), Device: phoneID}, known{"bob", nil, 0, false, false, false, false}},
		"unknown ids":          {access.Question{SignIn: named("ada"), Device: nobody, Registration: nobody}, known{"ada", []string{"Sales"}, 5, false, false, false, false}},
		"a phone as an app":    {access.Question{SignIn: named("ada"), Device: appID, Registration: phoneID}, known{"ada", []string{"Sales"}, 5, false, false, false, false}},
		"groups the door says": {access.Question{SignIn: named("ada", "admins")}, known{"ada", []string{"Sales"}, 5, false, false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.adas()
			s := f.service(false)
			applied(t, s, "phone", access.On, func(s *access.Spec) { s.Grant.Controls = []access.Control{access.CompliantDevice} })
			applied(t, s, "app", access.On, func(s *access.Spec) { s.Grant.Controls = []access.Control{access.AppProtection} })
			a := outcome(t, s, tt.q)
			got := known{
				a.SignIn.Person.Name, a.SignIn.Person.Groups, a.SignIn.Person.Version,
				a.Facts.Device != nil, a.Facts.Registration != nil, true, true,
			}
			for _, choice := range a.Decision.Owed.Choices() {
				got.FitPhone = got.FitPhone && !choice.Has(access.CompliantDevice)
				got.Fit = got.Fit && !choice.Has(access.AppProtection)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
			if got, want := a.Versions, a.Explain().Versions; got != want {
				t.Errorf("versions %v, explained %v", got, want)
			}
		})
	}
}

// TestDecideNobody: a registration without a user is nobody's, also of nobody.
func TestDecideNobody(t *testing.T) {
	f := newFake()
	f.apps[appID] = access.Registration{ID: appID}
	if a := outcome(t, f.service(true), access.Question{Registration: appID}); a.Facts.Registration != nil {
		t.Error("the registration of nobody counts")
	}
}

// TestDecideDisabled: an account out of use stays out, whatever a door says of its
// groups, now and in a supposition.
func TestDecideDisabled(t *testing.T) {
	f := newFake()
	f.adas()
	f.people["ada"] = access.Person{Name: "ada", Disabled: true}
	s := f.service(true)
	q := access.Question{SignIn: access.SignIn{Person: access.Person{Name: "ada", Groups: []string{"it"}}}, Device: phoneID}
	if a := outcome(t, s, q); a.Decision.Outcome != access.Deny || !a.Explain().PersonDisabled {
		t.Errorf("decided %v", a.Decision.Outcome)
	}
	a, err := s.WhatIf(t.Context(), access.Supposition{Question: q})
	if err != nil || a.Decision.Outcome != access.Deny {
		t.Errorf("supposed %v, %v", a.Decision.Outcome, err)
	}
}

// TestDecideBroken: whatever fails, there is no answer that lets anybody in.
func TestDecideBroken(t *testing.T) {
	for name, door := range map[string]func(f *fake, c *access.Config){
		"policies":  func(f *fake, c *access.Config) { c.Policies = f },
		"directory": func(f *fake, c *access.Config) { c.Directory = f },
		"phones":    func(f *fake, c *access.Config) { c.Phones = f },
		"apps":      func(f *fake, c *access.Config) { c.Apps = f },
	} {
		t.Run(name, func(t *testing.T) {
			f, broken := newFake(), newFake()
			f.adas()
			broken.broken = true
			c := access.Config{
				Policies: f, Samples: f, History: f, Directory: f, Phones: f, Apps: f,
				Now: func() time.Time { return accesstest.Now },
			}
			door(broken, &c)
			q := access.Question{SignIn: access.SignIn{Person: access.Person{Name: "ada"}}, Device: phoneID, Registration: appID}
			a, err := access.New(c).Decide(t.Context(), q)
			if !errors.Is(err, errBroken) || a.Decision.Outcome != access.Deny {
				t.Errorf("decided %v, %v", a.Decision.Outcome, err)
			}
			if a, err := access.New(c).WhatIf(t.Context(), access.Supposition{Question: q}); !errors.Is(err, errBroken) || a.Decision.Outcome != access.Deny {
				t.Errorf("supposed %v, %v", a.Decision.Outcome, err)
			}
		})
	}
}

// TestCache: where another may write, what it wrote counts at once; where nobody
// may, the policies are read once for each change.
func TestCache(t *testing.T) {
	for _, cache := range []bool{false, true} {
		f := newFake()
		s, other := f.service(cache), f.service(cache)
		for range 3 {
			if a := outcome(t, s, access.Question{}); a.Decision.Outcome != access.Allow {
				t.Errorf("cache %t: without policies: %v", cache, a.Decision.Outcome)
			}
		}
		if f.readings != 1 {
			t.Errorf("cache %t: policies read %d times", cache, f.readings)
		}
		applied(t, other, "mfa", access.On)
		want := access.AllowWith
		if cache {
			want = access.Allow // it was told that nobody else writes
		}
		if a := outcome(t, s, access.Question{}); a.Decision.Outcome != want {
			t.Errorf("cache %t: after another's change: %v, want %v", cache, a.Decision.Outcome, want)
		}
		applied(t, s, "block", access.On, func(s *access.Spec) { s.Grant.Controls = []access.Control{access.Block} })
		if a := outcome(t, s, access.Question{}); a.Decision.Outcome != access.Deny || a.Versions.Policies != 2 {
			t.Errorf("cache %t: after its own change: %v by %d", cache, a.Decision.Outcome, a.Versions.Policies)
		}
		if err := s.DeletePolicy(t.Context(), "block", 0); err != nil {
			t.Fatal(err)
		}
		if a := outcome(t, s, access.Question{}); a.Decision.Outcome != access.AllowWith {
			t.Errorf("cache %t: after it was deleted: %v", cache, a.Decision.Outcome)
		}
	}
}

// TestCacheDoubt: a change that says it failed may have happened.
func TestCacheDoubt(t *testing.T) {
	f := newFake()
	s := f.service(true)
	outcome(t, s, access.Question{})
	f.before = func() {
		applied(t, f.service(true), "mfa", access.On)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.broken = true
	}
	if _, _, err := s.ApplyPolicy(t.Context(), "mfa", asking(access.On, access.MFA), 0, false); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	f.broken = false
	if a := outcome(t, s, access.Question{}); a.Decision.Outcome != access.AllowWith {
		t.Errorf("decided %v by what was there before", a.Decision.Outcome)
	}
}

// TestWhatIf: other policies, other facts, another time, and nothing follows.
func TestWhatIf(t *testing.T) {
	f := newFake()
	f.adas()
	s := f.service(true)
	before := f.now
	tick := func() { f.now = f.now.Add(time.Hour) }
	if err := s.Remember(t.Context(), []device.ID{phoneID, appID}); err != nil {
		t.Fatal(err)
	}
	tick()
	applied(t, s, "phone", access.On, func(s *access.Spec) { s.Grant.Controls = []access.Control{access.CompliantDevice} })
	applied(t, s, "block", access.ReportOnly, func(s *access.Spec) { s.Grant.Controls = []access.Control{access.Block} })
	applied(t, s, "off", access.Off)
	applied(t, s, "sales", access.On, func(s *access.Spec) { s.IncludePeople = access.People{Groups: []string{"guests"}} })
	tick()
	if _, _, err := s.ApplyLocation(t.Context(), access.Location{Name: "hq", Countries: []string{"SE"}}, false); err != nil {
		t.Fatal(err)
	}
	unfit := f.phones[phoneID]
	unfit.Compliance.Fitness = access.Unfit
	f.phones[phoneID] = unfit
	if err := s.Remember(t.Context(), []device.ID{phoneID}); err != nil {
		t.Fatal(err)
	}
	ada := access.Question{SignIn: access.SignIn{App: "mail"}, Device: phoneID, Registration: appID}
	guest := ada
	guest.SignIn.Person = access.Person{Name: "ada", Groups: []string{"guests"}}
	moon := access.Location{Name: "moon", UnknownCountry: true}
	fromMoon := asking(access.On, access.Block)
	fromMoon.Conditions.IncludeLocations.Names = []string{"moon"}
	for name, tt := range map[string]struct {
		w    access.Supposition
		want access.Outcome
	}{
		"now":                     {access.Supposition{Question: ada}, access.AllowWith},
		"before any policy":       {access.Supposition{Question: ada, AsOf: before}, access.Allow},
		"while the phone was fit": {access.Supposition{Question: ada, AsOf: before.Add(90 * time.Minute)}, access.Allow},
		"as of now":               {access.Supposition{Question: ada, AsOf: f.now}, access.AllowWith},
		"nothing remembered":      {access.Supposition{Question: ada, AsOf: before.Add(-time.Hour)}, access.Allow},
		"other facts":             {access.Supposition{Question: ada, Facts: &access.Facts{Device: &access.Device{Compliance: access.Verdict{Fitness: access.Fit, EvidenceAt: f.now}}}}, access.Allow},
		"no facts":                {access.Supposition{Question: ada, Facts: &access.Facts{}}, access.AllowWith},
		"promoted":                {access.Supposition{Question: ada, Promote: []string{"block"}}, access.Deny},
		"promoted what is on":     {access.Supposition{Question: ada, Promote: []string{"phone"}}, access.AllowWith},
		"another policy":          {access.Supposition{Question: ada, Policies: []access.Policy{{Name: "phone", Spec: asking(access.Off, access.MFA)}}}, access.Allow},
		"nothing but these":       {access.Supposition{Question: ada, Only: true}, access.Allow},
		"a new place":             {access.Supposition{Question: ada, Policies: []access.Policy{{Name: "moon", Spec: fromMoon}}, Locations: []access.Location{moon}}, access.Deny},
		"another group":           {access.Supposition{Question: guest, Policies: []access.Policy{{Name: "phone", Spec: asking(access.Off, access.MFA)}}}, access.AllowWith},
		"in two days": {access.Supposition{Question: ada, AsOf: f.now.Add(48 * time.Hour), Facts: &access.Facts{
			Device: &access.Device{Compliance: access.Verdict{Fitness: access.Fit, EvidenceAt: f.now}},
		}}, access.AllowWith},
	} {
		a, err := s.WhatIf(t.Context(), tt.w)
		if err != nil || a.Decision.Outcome != tt.want {
			t.Errorf("%s: %v, %v, want %v", name, a.Decision.Outcome, err, tt.want)
		}
	}
	for name, w := range map[string]access.Supposition{
		"promote[0]":             {Promote: []string{"none"}},
		"promote[1]":             {Promote: []string{"block", "off"}},
		"policies[1].name":       {Policies: []access.Policy{{Name: "a", Spec: fromMoon}, {Name: "a", Spec: fromMoon}}},
		"policies[0].name":       {Policies: []access.Policy{{Spec: fromMoon}}},
		"locations[1].name":      {Locations: []access.Location{moon, moon}},
		"spec.state":             {Policies: []access.Policy{{Name: "a"}}},
		"location.networks":      {Locations: []access.Location{{Name: "a"}}},
		"spec.conditions.custom": {Policies: []access.Policy{{Name: "a", Spec: func() access.Spec { s := asking(access.On, access.MFA); s.Conditions.Custom = "broken"; return s }()}}},
		"spec.conditions.include_locations.names[0]": {Policies: []access.Policy{{Name: "a", Spec: fromMoon}}},
	} {
		_, err := s.WhatIf(t.Context(), w)
		if fields := fieldsOf(err); len(fields) != 1 || fields[0].Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Flush(t.Context()); err != nil || len(f.samples) != 0 || len(f.stored) != 6 {
		t.Errorf("something followed: %d samples, generation %d, %v", len(f.samples), len(f.stored)-1, err)
	}
}

func fieldsOf(err error) []fault.Field {
	if f, is := errors.AsType[*fault.Error](err); is && f.Kind == fault.Invalid {
		return f.Fields
	}
	return nil
}

// BenchmarkServiceDecide is a decision with 50 policies, where this process is the
// only writer.
func BenchmarkServiceDecide(b *testing.B) {
	f := newFake()
	f.adas()
	f.stored[0].Policies = accesstest.Policies(50)
	s := f.service(true)
	in, _ := accesstest.SignIn()
	in.Person.Name, in.Address = "ada", netip.MustParseAddr("192.0.2.7")
	q := access.Question{SignIn: in, Device: phoneID, Registration: appID}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Decide(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
