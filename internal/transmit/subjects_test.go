package transmit

import (
	"math/rand/v2"
	"slices"
	"testing"

	"ringfence/internal/device"
)

// TestRules compares the rules as they are kept and looked up with the obvious:
// go through everything that was ever said, and let the last that matches count.
func TestRules(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[dice.IntN(len(all))] }
	for range 2000 {
		var kept, said []Rule
		for n := range 1 + dice.IntN(12) {
			r := Rule{
				Subject: Subject{Device: device.ID(pick("", "d1", "d2")), User: pick("", "u1", "u2"), Tenant: pick("", "t")},
				Out:     dice.IntN(2) == 0, Number: uint64(n + 1),
			}
			if r.Subject.IsZero() {
				continue
			}
			said = append(said, r)
			drop, keep := follow(kept, r)
			kept = slices.DeleteFunc(kept, func(k Rule) bool { return slices.Contains(drop, k.Subject) })
			if keep != nil {
				kept = append(kept, *keep)
			}
		}
		rules := rulingOf(kept)
		for _, d := range []device.ID{"d1", "d2", "d3"} {
			for _, u := range []string{"", "u1", "u3"} {
				event := Subject{Device: d, User: u, Tenant: "t"}
				want := false
				for _, r := range said {
					if covers(r.Subject, event) {
						want = r.Out
					}
				}
				if got := rules.out(event); got != want {
					t.Fatalf("after %+v, %+v is left out: %v, want %v (kept %+v)", said, event, got, want, kept)
				}
			}
		}
	}
}

// covers says whether all that a rule names is the event's.
func covers(rule, event Subject) bool {
	return (rule.Device == "" || rule.Device == event.Device) &&
		(rule.User == "" || rule.User == event.User) && (rule.Tenant == "" || rule.Tenant == event.Tenant)
}

func TestDelivered(t *testing.T) {
	check(t, "all", Supported(), delivered(nil))
	check(t, "some", []EventType{ComplianceChange, SessionRevoked},
		delivered([]string{string(SessionRevoked), "https://example.com/unknown", string(ComplianceChange)}))
	if got := delivered([]string{}); len(got) != 0 {
		t.Errorf("none were asked for, and %v are told", got)
	}
}
