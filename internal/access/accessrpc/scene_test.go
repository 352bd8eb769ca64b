package accessrpc

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence/internal/access"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pinTooShort is a phone that is not compliant, on evidence of some age.
func pinTooShort(age time.Duration) *access.Device {
	return &access.Device{
		ID: phoneID, Epoch: 2, User: "ada", Version: 8, Platform: access.Android,
		Compliance: access.Verdict{
			Fitness: access.Unfit, EvidenceAt: t0.Add(-age), Version: 9,
			Findings: []access.Finding{{Rule: "pin", Remedy: "choose a longer PIN"}},
		},
	}
}

// answer decides a sign-in of Ada's to mail at t0.
func answer(t testing.TB, phone *access.Device, specs ...access.Spec) access.Answer {
	t.Helper()
	r := access.Ruleset{Generation: 7}
	for i, s := range specs {
		r.Policies = append(r.Policies, access.Policy{Name: fmt.Sprintf("p%d", i), Revision: 1, Spec: s})
	}
	snapshot, err := access.Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	return decide(snapshot, access.Facts{Device: phone}, t0)
}

func decide(snapshot *access.Snapshot, facts access.Facts, now time.Time) access.Answer {
	a := &access.Answer{SignIn: access.SignIn{Person: access.Person{Name: "ada", Version: 5}, App: "mail"}, Facts: facts}
	a.Decision = access.Decide(snapshot, &a.SignIn, &a.Facts, now)
	a.Versions = access.VersionsOf(snapshot, &a.SignIn, &a.Facts)
	return *a
}
