package access_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// TestExplain shows one explanation in full: who reads it must see why.
func TestExplain(t *testing.T) {
	s := compile(t,
		forAll(func(s *access.Spec) { // p0: applies, a choice is owed
			s.IncludePeople = access.People{Groups: []string{"Sales", "staff"}}
			s.Conditions.IncludeLocations.Names = []string{"home"}
			s.Grant = access.Grant{Operator: access.AnyOf, Controls: []access.Control{access.CompliantDevice, access.AppProtection}}
			s.Session = access.Session{SignInFrequency: time.Hour, Labels: []string{"limited"}}
			s.MaxAge.Compliance = 2 * time.Hour
		}),
		forAll(func(s *access.Spec) { // p1: several reasons not to apply
			s.ExcludePeople.Users = []string{"ADA"}
			s.Apps = access.Apps{Include: []string{"crm"}}
			s.Conditions.ExcludeLocations.Trusted = true
			s.Conditions.SignInRisks = []access.Risk{access.RiskHigh}
			s.Conditions.Custom = "never"
		}),
		forAll(func(s *access.Spec) { // p2: would block
			s.State, s.Grant.Controls = access.ReportOnly, []access.Control{access.Block}
			s.Conditions.DeviceFilter = access.DeviceFilter{Rule: "fails", Exclude: true}
		}),
	)
	in := &access.SignIn{
		Person: access.Person{Name: "Ada", Groups: []string{"sales"}, Version: 4}, App: "Mail", Client: access.Browser, Country: "DE",
	}
	findings := []access.Finding{{Rule: "pin.length", Expected: "6", Actual: "4", Remedy: "set a longer PIN"}}
	facts := &access.Facts{Device: &access.Device{
		ID: "device-one", Epoch: 3, Version: 5, Ownership: device.Company,
		Compliance: access.Verdict{Fitness: access.Unfit, EvidenceAt: noon.Add(-time.Hour), Version: 6, Findings: findings},
	}}
	want := access.Explanation{
		Outcome: access.AllowWith, WithReportOnly: access.Deny,
		Owed:    []access.ControlSet{choice(access.CompliantDevice, access.AppProtection)},
		Session: access.Session{SignInFrequency: time.Hour, Labels: []string{"limited"}},
		Policies: []access.PolicyResult{
			{
				Name: "p0", Revision: 1, State: access.On, Result: access.Owing, Operator: access.AnyOf,
				Matched: []access.Match{
					{Condition: access.ByPeople, Value: "group:sales"}, {Condition: access.ByApp, Value: "all"},
					{Condition: access.ByLocation, Value: "home"},
				},
				Controls: []access.ControlResult{
					{Control: access.CompliantDevice, Reason: access.NotFit, Age: time.Hour, MaxAge: 2 * time.Hour, Findings: findings},
					{Control: access.AppProtection, Reason: access.NoRegistration, MaxAge: 24 * time.Hour},
				},
			},
			{
				Name: "p1", Revision: 1, State: access.On,
				Matched: []access.Match{
					{Condition: access.ByPeople, Value: "everyone"}, {Condition: access.ByPeople, Value: "user:ada", Excluded: true},
					{Condition: access.ByLocation, Value: "home", Excluded: true},
				},
				Unmet: []access.Unmet{
					{Condition: access.ByPeople, Actual: "Ada", Excluded: true}, {Condition: access.ByApp, Actual: "Mail"},
					{Condition: access.ByLocation, Actual: "DE", Excluded: true},
					{Condition: access.ByCustom, Actual: "the rule does not match"},
					{Condition: access.BySignInRisk, Actual: "unknown", Missing: true},
				},
			},
			{
				Name: "p2", Revision: 1, State: access.ReportOnly, Result: access.Blocking,
				Matched: []access.Match{
					{Condition: access.ByPeople, Value: "everyone"}, {Condition: access.ByApp, Value: "all"},
				},
				Problems: []string{"device-filter: too much to do"},
			},
		},
		Missing: []access.Condition{access.BySignInRisk},
		Evidence: []access.Evidence{{
			About: "compliance", Subject: "device-one", Fitness: access.Unfit, Version: 6, At: noon.Add(-time.Hour), Age: time.Hour,
		}},
		Versions: access.Versions{
			Policies: 7, Person: 4, DeviceID: "device-one", DeviceEpoch: 3, Device: 5, Compliance: 6,
		},
		DecidedAt: noon, CachedUntil: noon.Add(time.Minute),
	}
	if diff := cmp.Diff(want, access.WhatIf(s, in, facts, noon)); diff != "" {
		t.Errorf("explanation (-want +got):\n%s", diff)
	}
}

// TestReasons has every reason why a verdict does not count.
func TestReasons(t *testing.T) {
	s := compile(t, forAll(asks(access.AllOf, access.CompliantDevice)))
	fit := access.Verdict{Fitness: access.Fit, EvidenceAt: noon.Add(-time.Hour)}
	with := func(change func(*access.Verdict)) *access.Facts {
		v := fit
		change(&v)
		return &access.Facts{Device: &access.Device{ID: "device-one", Compliance: v}}
	}
	for want, facts := range map[string]*access.Facts{
		"":           with(func(*access.Verdict) {}),
		"no-device":  {},
		"no-verdict": with(func(v *access.Verdict) { v.Fitness = access.NotJudged }),
		"stale":      with(func(v *access.Verdict) { v.EvidenceAt = noon.Add(-24 * time.Hour) }),
		"lapsed":     with(func(v *access.Verdict) { v.ChangesAt = noon }),
		"unfit":      with(func(v *access.Verdict) { v.Fitness = access.Unfit }),
	} {
		e := access.WhatIf(s, &access.SignIn{}, facts, noon)
		if got := e.Policies[0].Controls[0].Reason.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	early := access.WhatIf(s, &access.SignIn{}, with(func(v *access.Verdict) { v.EvidenceAt = noon.Add(time.Hour) }), noon)
	if got := early.Evidence[0].Age; got != 0 || early.Outcome != access.Allow {
		t.Errorf("evidence of a clock that is ahead: got %v old, %v", got, early.Outcome)
	}
	never := access.WhatIf(s, &access.SignIn{}, with(func(v *access.Verdict) { v.EvidenceAt = time.Time{} }), noon)
	if got := never.Policies[0].Controls[0]; got.Reason != access.NoVerdict || got.Age != 0 || never.Evidence[0].Age != 0 {
		t.Errorf("evidence that there never was: got %+v, %+v", got, never.Evidence)
	}
}

// TestLegacyIsSaid: who is denied for the client's sake is told so.
func TestLegacyIsSaid(t *testing.T) {
	s := compile(t, forAll(asks(0, access.MFA)))
	for client, want := range map[access.ClientApp]string{access.Browser: "allow-with false", access.OtherClient: "deny true"} {
		e := access.WhatIf(s, &access.SignIn{Client: client}, nil, noon)
		if got := fmt.Sprint(e.Outcome, e.LegacyClient); got != want {
			t.Errorf("%v: got %s, want %s", client, got, want)
		}
	}
}

// TestCachedUntil names the moment at which time alone changes the answer.
func TestCachedUntil(t *testing.T) {
	s, err := access.Compile(access.Ruleset{CacheFor: 12 * time.Hour, Policies: []access.Policy{
		{Name: "one", Spec: forAll(func(s *access.Spec) {
			s.Grant.Controls, s.MaxAge.Compliance = []access.Control{access.CompliantDevice}, 2*time.Hour
		})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	facts := fitPhone(time.Hour)
	in := &access.SignIn{}
	d := access.Decide(s, in, facts, noon)
	if want := noon.Add(time.Hour); d.Outcome != access.Allow || !d.CachedUntil.Equal(want) {
		t.Errorf("got %v until %v, want it until the evidence is stale at %v", d.Outcome, d.CachedUntil, want)
	}
	if d = access.Decide(s, in, facts, d.CachedUntil); d.Outcome != access.AllowWith {
		t.Errorf("then: got %v", d.Outcome)
	}
	facts.Device.Compliance.ChangesAt = noon.Add(time.Minute)
	if d = access.Decide(s, in, facts, noon); !d.CachedUntil.Equal(noon.Add(time.Minute)) {
		t.Errorf("got until %v, want it until the verdict lapses", d.CachedUntil)
	}
}

// TestVersions: each thing that a decision is given on has its own.
func TestVersions(t *testing.T) {
	s := compile(t)
	in, facts := &access.SignIn{}, func() *access.Facts {
		f := fitPhone(0)
		f.Registration = &access.Registration{ID: "registration", Epoch: 1}
		return f
	}
	base := access.VersionsOf(s, in, facts())
	for name, change := range map[string]func(*access.Facts){
		"device": func(f *access.Facts) { f.Device.Version++ }, "epoch": func(f *access.Facts) { f.Device.Epoch++ },
		"compliance":   func(f *access.Facts) { f.Device.Compliance.Version++ },
		"registration": func(f *access.Facts) { f.Registration.Version++ }, "its epoch": func(f *access.Facts) { f.Registration.Epoch++ },
		"protection": func(f *access.Facts) { f.Registration.Protection.Version++ },
		"no device":  func(f *access.Facts) { f.Device = nil }, "no registration": func(f *access.Facts) { f.Registration = nil },
	} {
		f := facts()
		change(f)
		if access.VersionsOf(s, in, f) == base {
			t.Errorf("%s changes and the versions do not", name)
		}
	}
	if access.VersionsOf(s, in, nil) == base {
		t.Error("knowing nothing has the versions of knowing something")
	}
}

// TestMissing names what nobody knows, once and in order.
func TestMissing(t *testing.T) {
	s := compile(t,
		forAll(func(s *access.Spec) { s.Conditions.UserRisks = []access.Risk{access.RiskHigh} }),
		forAll(func(s *access.Spec) {
			s.Conditions.UserRisks = []access.Risk{access.RiskLow}
			s.Conditions.IncludeLocations.Trusted = true
			s.Conditions.DeviceFilter.Rule = "model:x"
		}),
		forAll(func(s *access.Spec) { s.Conditions.ExcludePlatforms = []access.Platform{access.UnknownPlatform} }),
		forAll(func(s *access.Spec) {
			s.State = access.Off
			s.Conditions.Clients = []access.ClientApp{access.Browser}
		}),
	)
	want := []access.Condition{access.ByLocation, access.ByDeviceFilter, access.ByUserRisk}
	if diff := cmp.Diff(want, access.WhatIf(s, &access.SignIn{}, nil, noon).Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}
