// Package accesstest has a set of policies as a company may have them, and a
// sign-in, for tests and for comparing engines.
package accesstest

import (
	"fmt"
	"time"

	"ringfence/internal/access"
)

// Now is the time at which the facts are fresh.
var Now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// The policies name people, groups and apps by number, of so many.
const (
	users  = 1000
	groups = 100
	apps   = 40
)

// Policies gives n policies in ten shapes, which come again and again with
// other people and apps. Fifty of them are the set that engines are compared
// on.
func Policies(n int) []access.Policy {
	all := make([]access.Policy, n)
	for i := range all {
		s := shapes[i%10](i / 10)
		s.State = access.On
		if len(s.Grant.Controls) > 1 && s.Grant.Operator == 0 {
			s.Grant.Operator = access.AllOf
		}
		all[i] = access.Policy{Name: fmt.Sprintf("p%05d", i), Revision: 1, Spec: s}
	}
	return all
}

// SignIn gives the sign-in and the facts that engines are compared on.
func SignIn() (access.SignIn, access.Facts) {
	in := access.SignIn{
		Person: access.Person{Name: "u42"}, App: "a7", Platform: access.IOS, Client: access.Browser,
		SignInRisk: access.RiskMedium, UserRisk: access.RiskNone, MFA: true,
	}
	for j := range 20 {
		in.Person.Groups = append(in.Person.Groups, name("g", 5*j+1, groups))
	}
	return in, access.Facts{Registration: &access.Registration{
		ID: "0123456789abcdef0123456789abcdef", Epoch: 1, Package: "com.example.mail", Platform: access.IOS,
		Protection: access.Verdict{Fitness: access.Fit, EvidenceAt: Now.Add(-time.Hour)},
	}}
}

func name(kind string, n, of int) string { return fmt.Sprint(kind, n%of) }

func names(kind string, of int, numbers ...int) []string {
	var all []string
	seen := map[string]bool{}
	for _, n := range numbers {
		if text := name(kind, n, of); !seen[text] {
			seen[text] = true
			all = append(all, text)
		}
	}
	return all
}

func groupsOf(n ...int) access.People { return access.People{Groups: names("g", groups, n...)} }

func appsOf(n ...int) access.Apps { return access.Apps{Include: names("a", apps, n...)} }

func allBut(n ...int) access.Apps { return access.Apps{All: true, Exclude: names("a", apps, n...)} }

func ask(controls ...access.Control) access.Grant { return access.Grant{Controls: controls} }

func anyOf(controls ...access.Control) access.Grant {
	return access.Grant{Operator: access.AnyOf, Controls: controls}
}

var (
	everyone = access.People{Everyone: true}
	mobile   = []access.Platform{access.IOS, access.Android}
	desktop  = []access.Platform{access.Windows, access.MacOS}
)

// shapes make the k-th policy of each shape.
var shapes = [10]func(k int) access.Spec{
	func(k int) access.Spec { // legacy clients stay out
		return access.Spec{
			IncludePeople: everyone, ExcludePeople: groupsOf(99*k + 99), Apps: allBut(),
			Conditions: access.Conditions{Clients: []access.ClientApp{access.ActiveSync, access.OtherClient}},
			Grant:      ask(access.Block),
		}
	},
	func(k int) access.Spec { // some groups, some apps: a second factor
		return access.Spec{
			IncludePeople: groupsOf(7*k+1, 7*k+2), ExcludePeople: groupsOf(90 + k),
			Apps: appsOf(3*k, 3*k+1, 3*k+2), Grant: ask(access.MFA),
		}
	},
	func(k int) access.Spec { // work apps on phones
		return access.Spec{
			IncludePeople: everyone, Apps: appsOf(k, k+7, k+14, k+21),
			Conditions: access.Conditions{IncludePlatforms: mobile},
			Grant:      anyOf(access.CompliantDevice, access.AppProtection),
		}
	},
	func(k int) access.Spec { // desktops
		return access.Spec{
			IncludePeople: everyone, Apps: allBut(k+30, k+31),
			Conditions: access.Conditions{IncludePlatforms: desktop},
			Grant:      anyOf(access.CompliantDevice, access.ManagedDevice),
		}
	},
	func(k int) access.Spec { // people with rights, in a browser
		return access.Spec{
			IncludePeople: groupsOf(11*k, 11*k+3, 11*k+5), Apps: allBut(),
			Conditions: access.Conditions{Clients: []access.ClientApp{access.Browser}},
			Grant:      ask(access.MFA, access.CompliantDevice),
		}
	},
	func(k int) access.Spec { // sign-ins at risk
		return access.Spec{
			IncludePeople: everyone, ExcludePeople: groupsOf(80 + k), Apps: allBut(),
			Conditions: access.Conditions{SignInRisks: []access.Risk{access.RiskMedium, access.RiskHigh}},
			Grant:      ask(access.MFA),
		}
	},
	func(k int) access.Spec { // people at risk
		return access.Spec{
			IncludePeople: everyone, ExcludePeople: access.People{Users: names("u", users, 900+k)}, Apps: allBut(),
			Conditions: access.Conditions{UserRisks: []access.Risk{access.RiskHigh}},
			Grant:      ask(access.Block),
		}
	},
	func(k int) access.Spec { // named people
		return access.Spec{
			IncludePeople: access.People{
				Users: names("u", users, k, k+10, k+20, k+30, k+42), Groups: names("g", groups, 5*k),
			},
			Apps: appsOf(k+2, k+9), Grant: ask(access.CompliantDevice, access.MFA),
		}
	},
	func(k int) access.Spec { // platforms that nobody knows
		return access.Spec{
			IncludePeople: everyone, ExcludePeople: groupsOf(60+k, 70+k), Apps: appsOf(k, k+8, k+16, k+24, k+32),
			Conditions: access.Conditions{
				ExcludePlatforms: []access.Platform{access.Windows, access.MacOS, access.IOS, access.Android},
			},
			Grant: ask(access.Block),
		}
	},
	func(k int) access.Spec { // one group, one app
		return access.Spec{
			IncludePeople: groupsOf(13*k + 4), Apps: appsOf(k + 7),
			Conditions: access.Conditions{IncludePlatforms: mobile, Clients: []access.ClientApp{access.NativeClient}},
			Grant:      ask(access.AppProtection, access.CompliantDevice),
		}
	},
}
