package accesstest

import (
	"fmt"

	"ringfence/internal/access"
)

// Variation gives the i-th of many sign-ins on the fifty policies, and a line
// that names it. The first is SignIn.
func Variation(i int) (access.SignIn, access.Facts, string) {
	in, facts := SignIn()
	if i > 0 {
		in.Person.Name = name("u", 42+37*i, users)
		for j := range in.Person.Groups {
			in.Person.Groups[j] = name("g", 5*j+1+i, groups)
		}
		in.App = name("a", 7+i, apps)
		in.Platform = pick(i, access.IOS, access.Windows, access.Linux, access.Android)
		in.Client = pick(i, access.Browser, access.NativeClient, access.Browser, access.NativeClient, access.OtherClient)
		in.SignInRisk = pick(i, access.RiskMedium, access.RiskNone, access.RiskNone)
		in.UserRisk = pick(i, access.RiskNone, access.RiskNone, access.RiskNone, access.RiskNone, access.RiskNone, access.RiskNone, access.RiskHigh)
		in.MFA = i%4 < 2
		if i%3 > 0 || in.Platform != access.IOS {
			facts = access.Facts{}
		}
	}
	return in, facts, fmt.Sprintf("%s g+%d %s %v %v %v %v mfa:%t app:%t", in.Person.Name, i, in.App, in.Platform, in.Client,
		in.SignInRisk, in.UserRisk, in.MFA, facts.Registration != nil)
}

func pick[T any](i int, values ...T) T { return values[i%len(values)] }
