package accesscel

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestActionNames(t *testing.T) {
	for rule, want := range map[string][]string{
		`action.name == "write"`:                                        {"write"},
		`"write" != action.name && signin.mfa`:                          {"write"},
		`!(action.name in ["read", "write"]) || action.name == "erase"`: {"read", "write", "erase"},
		`resource.id in ["a"] && person.name == "b"`:                    nil,
		`has(action.name) && "x" in person.groups`:                      nil,
		`action.properties.name == "x" || resource.name == "y"`:         nil,
		`action.name.startsWith("re")`:                                  nil,
		`["x"].exists(a, a == "p" && action.name == "q")`:               {"q"},
		`action.name ==`: nil,
	} {
		if diff := cmp.Diff(want, rules(t).ActionNames(rule)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rule, diff)
		}
	}
}
