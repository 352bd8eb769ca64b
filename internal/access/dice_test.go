package access_test

import (
	"fmt"
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// dice makes policies and sign-ins of few words, so that they meet. Zero is
// always the simplest choice, so that counter-examples shrink to what matters.
type dice struct {
	t    *rapid.T
	word uint64
	left uint64
}

// pick gives a number below n. Many are taken of one draw: drawing is what
// costs most.
func (d *dice) pick(n uint64) uint64 {
	if d.left < n {
		// Small numbers are drawn more often than they should; spread out, they
		// are as good as others, and zero is still zero.
		d.word = rapid.Uint64().Draw(d.t, "word") * 0x9e3779b97f4a7c15
		d.word, d.left = d.word^d.word>>32, 1<<62
	}
	v := d.word % n
	d.word, d.left = d.word/n, d.left/n
	return v
}

// rare is true once in n times.
func (d *dice) rare(n uint64) bool { return d.pick(n) == n-1 }

// one gives any of the values.
func one[T any](d *dice, values ...T) T { return values[d.pick(uint64(len(values)))] }

// some gives a few different ones of the values; most often none.
func some[T any](d *dice, values ...T) []T {
	if d.pick(4) < 3 {
		return nil
	}
	return few(d, values...)
}

// few gives at least one of the values.
func few[T any](d *dice, values ...T) []T {
	var chosen []T
	for _, v := range values {
		if d.pick(2) == 1 {
			chosen = append(chosen, v)
		}
	}
	if len(chosen) == 0 {
		chosen = append(chosen, values[0])
	}
	return chosen
}

var (
	noon      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	platforms = []access.Platform{access.Android, access.IOS, access.Windows, access.UnknownPlatform}
	clients   = []access.ClientApp{access.Browser, access.NativeClient, access.ActiveSync, access.UnknownClient}
	risks     = []access.Risk{access.RiskNone, access.RiskMedium, access.RiskHigh, access.UnknownRisk}
	flows     = []access.Flow{access.OrdinaryFlow, access.DeviceCode, access.Transfer}
	owners    = []device.Ownership{device.Personal, device.Company, ""}
	allModes  = []device.Mode{device.WorkProfile, device.FullyManaged, device.AppAccount, ""}
	controls  = []access.Control{
		access.MFA, access.CompliantDevice, access.AppProtection, access.ManagedDevice, access.ApprovedApp,
		access.CertificateBound,
	}
	locations = []access.Location{
		{Name: "Office", Networks: nets("192.0.2.0/24", "2001:db8::/32"), Trusted: true},
		{Name: "plants", Networks: nets("10.0.0.0/8", "10.1.0.0/16", "172.16.0.0/30", "10.1.2.0/24"), Countries: []string{"CH"}},
		{Name: "home", Countries: []string{"DE", "AT"}, Trusted: true},
		{Name: "nowhere", UnknownCountry: true},
	}
	addresses = []netip.Addr{
		{}, netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("10.255.255.255"),
		netip.MustParseAddr("172.16.0.0"), netip.MustParseAddr("172.16.0.4"), netip.MustParseAddr("2001:db8:1::1"),
		netip.MustParseAddr("9.255.255.255"),
	}
)

func nets(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func (d *dice) config() access.Ruleset {
	c := access.Ruleset{Locations: locations, Filters: plainRules{}, Generation: 7, CacheFor: one(d, time.Hour, time.Minute)}
	for i := range d.pick(7) {
		c.Policies = append(c.Policies, access.Policy{
			Name: fmt.Sprintf("%c%d", 'a'+d.pick(3), i), Revision: 1, Spec: d.spec(),
		})
	}
	return c
}

func (d *dice) spec() access.Spec {
	s := access.Spec{State: one(d, access.On, access.On, access.On, access.ReportOnly, access.Off)}
	if d.pick(3) < 2 {
		s.IncludePeople.Everyone = true
	} else {
		s.IncludePeople = d.people()
		if len(s.IncludePeople.Users)+len(s.IncludePeople.Groups)+len(s.IncludePeople.Roles) == 0 {
			s.IncludePeople.Groups = []string{"Sales"}
		}
	}
	if d.rare(3) {
		s.ExcludePeople = d.people()
	}
	switch d.pick(8) {
	case 0, 1, 2, 3:
		s.Apps = access.Apps{All: true, Exclude: some(d, "mail", "Wiki")}
	case 4, 5, 6:
		s.Apps = access.Apps{Include: few(d, "mail", "Wiki", "crm"), Exclude: some(d, "MAIL")}
	default:
		s.Actions = few(d, access.RegisterDevice, access.RegisterSecurityInfo)
	}
	s.Conditions = d.conditions()
	s.Session = access.Session{Labels: some(d, "limited", "no-download")}
	switch d.pick(6) {
	case 4:
		s.Session.EverySignIn = true
	case 5:
		s.Session.SignInFrequency = one(d, time.Hour, 8*time.Hour)
	}
	s.Grant = access.Grant{Operator: one(d, access.AllOf, access.AnyOf), Controls: few(d, controls...)}
	if d.rare(6) {
		s.Grant, s.Session = access.Grant{Controls: []access.Control{access.Block}}, access.Session{}
	}
	s.MaxAge = access.MaxAge{Compliance: one(d, 0, time.Hour, 2*time.Hour), Registration: one(d, 0, time.Hour)}
	return s
}

func (d *dice) people() access.People {
	return access.People{
		Users: some(d, "ada", "Bob"), Groups: some(d, "Sales", "staff", "interns"), Roles: some(d, "admin", "Auditor"),
	}
}

// conditions are most often of one or two kinds: of all kinds together, next
// to no sign-in meets them.
func (d *dice) conditions() access.Conditions {
	rule := func() string { return one(d, "always", "model:x", "fails", "never") }
	var c access.Conditions
	kinds := []func(){
		func() { c.IncludePlatforms, c.ExcludePlatforms = some(d, platforms...), some(d, platforms...) },
		func() { c.Clients = few(d, clients...) },
		func() { c.IncludeLocations = d.places() },
		func() { c.ExcludeLocations = d.places() },
		func() { c.DeviceFilter = access.DeviceFilter{Rule: rule(), Exclude: d.pick(2) == 1} },
		func() { c.Custom = rule() },
		func() { c.SignInRisks = few(d, risks...) },
		func() { c.UserRisks = few(d, risks...) },
		func() { c.Ownerships = few(d, owners...) },
		func() { c.Modes = few(d, allModes...) },
		func() { c.Flows = few(d, flows...) },
	}
	for range one(d, 0, 1, 1, 2, 2, 11) {
		kinds[d.pick(uint64(len(kinds)))]()
	}
	return c
}

func (d *dice) places() access.Places {
	return access.Places{Trusted: d.rare(4), Names: few(d, "Office", "plants", "HOME", "nowhere")}
}

func (d *dice) signIn() *access.SignIn {
	return &access.SignIn{
		Person: access.Person{
			Name: one(d, "ada", "Ada", "bob", "eve"), Groups: some(d, "sales", "STAFF", "interns", "other"),
			Roles: some(d, "Admin", "auditor"), Disabled: d.rare(16),
		},
		App: one(d, "mail", "Mail", "wiki", "unheard-of"), Action: one(d, 0, 0, 0, 0, 0, access.RegisterDevice),
		Platform: one(d, platforms...), Client: one(d, clients...), Address: one(d, addresses...),
		Country: one(d, "", "DE", "CH", "FR"), SignInRisk: one(d, risks...), UserRisk: one(d, risks...),
		Flow: one(d, flows...), MFA: d.pick(2) == 1, CertificateBound: d.pick(2) == 1,
	}
}

func (d *dice) facts() *access.Facts {
	f := new(access.Facts)
	if d.pick(3) > 0 {
		f.Device = &access.Device{
			ID: "device-one", Epoch: 2, Version: 3, Ownership: one(d, owners...), Mode: one(d, allModes...),
			Platform: one(d, platforms...), Model: one(d, "x", "y"), Compliance: d.verdict(),
		}
	}
	if d.pick(3) > 0 {
		f.Registration = &access.Registration{
			ID: "registration", Platform: one(d, platforms...), Approved: d.pick(2) == 1, Protection: d.verdict(),
		}
	}
	return f
}

func (d *dice) verdict() access.Verdict {
	const never = time.Duration(-1 << 63)
	at := func(offsets ...time.Duration) time.Time {
		if offset := one(d, offsets...); offset != never {
			return noon.Add(offset)
		}
		return time.Time{}
	}
	return access.Verdict{
		Fitness:    one(d, access.Fit, access.Fit, access.Unfit, access.NotJudged),
		EvidenceAt: at(-time.Second, -time.Hour, -time.Hour+1, -2*time.Hour, -24*time.Hour, -23*time.Hour, time.Minute, never),
		ChangesAt:  at(never, never, never, time.Minute, -time.Minute, 1, 0),
		Findings:   []access.Finding{{Rule: "pin.length", Remedy: "set a longer PIN"}},
	}
}
