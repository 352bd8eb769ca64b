package accessdb_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/access"
	"ringfence/internal/access/accessdb"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// t0 has microseconds, so that losing them would show.
var t0 = time.Date(2026, time.March, 1, 12, 0, 0, 123456000, time.UTC)

func each(t *testing.T, run func(t *testing.T, s *accessdb.Store, db *sqldb.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { run(t, accessdb.New(db), db) })
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func step(from uint64, what string) access.Step {
	return access.Step{
		From: from, At: t0.Add(time.Duration(from+1) * time.Minute),
		Entry: audit.Server("access.test", "test/1", what),
	}
}

// recorded gives the details of the record, in order.
func recorded(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	details := []string{}
	ok(t, db.Read(t.Context()).Raw("SELECT detail FROM audit_entries ORDER BY sequence").Scan(&details).Error)
	return details
}

// full is a spec with everything that a spec can have, valid or not.
func full() access.Spec {
	return access.Spec{
		Description: "both \" and \\ and é and \u2028", State: access.ReportOnly,
		IncludePeople: access.People{Users: []string{"ada"}, Groups: []string{"sales", "it"}, Roles: []string{"owner"}},
		ExcludePeople: access.People{Users: []string{"bob"}, Groups: []string{"glass"}, Roles: []string{"guest"}},
		Apps:          access.Apps{All: true, Include: []string{"mail"}, Exclude: []string{"wiki"}},
		Actions:       []access.Action{access.RegisterDevice, access.RegisterSecurityInfo},
		Conditions: access.Conditions{
			IncludePlatforms: []access.Platform{access.UnknownPlatform, access.Android}, ExcludePlatforms: []access.Platform{access.IOS},
			Clients:          []access.ClientApp{access.UnknownClient, access.OtherClient},
			IncludeLocations: access.Places{Trusted: true, Names: []string{"hq"}},
			ExcludeLocations: access.Places{Names: []string{"moon", "mars"}},
			DeviceFilter:     access.DeviceFilter{Rule: `device.model == "x"`, Exclude: true}, Custom: `true && !false`,
			SignInRisks: []access.Risk{access.UnknownRisk, access.RiskHigh}, UserRisks: []access.Risk{access.RiskNone},
			Ownerships: []device.Ownership{"", device.Company}, Modes: []device.Mode{device.WorkProfile, ""},
			Flows: []access.Flow{access.OrdinaryFlow, access.Transfer},
		},
		Grant:   access.Grant{Operator: access.AnyOf, Controls: []access.Control{access.MFA, access.CertificateBound}},
		Session: access.Session{EverySignIn: true, SignInFrequency: time.Hour, Labels: []string{"limited"}},
		MaxAge:  access.MaxAge{Compliance: time.Hour, Registration: 2 * time.Hour},
	}
}

func policy(name string, revision uint64) access.Policy {
	s := full()
	s.Description = fmt.Sprint(name, " ", revision)
	return access.Policy{
		Name: name, Revision: revision, Spec: s, CreatedAt: t0,
		RevisedAt: t0.Add(time.Duration(revision) * time.Hour), RevisedBy: "admin:alice",
	}
}

func location(name string, version uint64) access.StoredLocation {
	return access.StoredLocation{
		Location: access.Location{
			Name:      name,
			Networks:  []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
			Countries: []string{"DE", "SE"}, UnknownCountry: true, Trusted: true,
		},
		Version: version, CreatedAt: t0, ChangedAt: t0.Add(time.Duration(version) * time.Hour), ChangedBy: "admin:alice",
	}
}

func id(n int) device.ID { return device.ID(fmt.Sprintf("%032x", n)) }

func phone(n int) *access.Device {
	return &access.Device{
		ID: id(n), Epoch: 2, User: "ada", Ownership: device.Company, Mode: device.FullyManaged, Platform: access.Android,
		Group: "sales", Model: "m", OSVersion: "16", SecurityPatch: "2026-02-05",
		WorkApps: []string{"a", "b"}, Version: 1 << 60, Compliance: verdict(),
	}
}

func app(n int) *access.Registration {
	return &access.Registration{
		ID: id(n), Epoch: 3, User: "ada", Package: "com.example.mail", Platform: access.Android, Approved: true,
		Version: 9, Protection: verdict(),
	}
}

func verdict() access.Verdict {
	return access.Verdict{
		Fitness: access.Unfit, EvidenceAt: t0, ChangesAt: t0.Add(time.Hour), Version: 4,
		Findings: []access.Finding{{Rule: "pin", Expected: "8", Actual: "4", Remedy: "set one", Link: "https://example.com", Since: t0}, {Rule: "old"}},
	}
}
