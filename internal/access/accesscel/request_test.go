package accesscel

import (
	"strconv"
	"strings"
	"testing"

	"ringfence/internal/access"
)

// asking is a sign-in by a door that says what it wants.
func asking() *access.SignIn {
	in := ada()
	in.Request = &access.Request{
		Action: "delete", ResourceType: "record", ResourceID: "Record-1",
		Subject:          map[string]any{"role": "admin", "level": int64(3)},
		ActionAttributes: map[string]any{"soft": true},
		Resource:         map[string]any{"status": "archived", "size": 1.5, "empty": ""},
		Context:          map[string]any{"count": float64(2), "Case": "Kept"},
	}
	return in
}

func TestRequest(t *testing.T) {
	failed := "fails"
	for rule, want := range map[string]any{
		`action.name == "delete"`:                                              true,
		`resource.type == "record" && resource.id == "Record-1"`:               true,
		`resource.properties.status == "archived"`:                             true,
		`resource.properties["status"] == "archived"`:                          true,
		`has(resource.properties.status)`:                                      true,
		`has(resource.properties.empty)`:                                       true,
		`has(resource.properties.owner)`:                                       false,
		`has(resource.properties.owner) && resource.properties.owner == "ada"`: false,
		`!has(resource.properties.owner) || resource.properties.owner == ""`:   true,
		`"status" in resource.properties`:                                      true,
		`resource.properties.owner == "ada"`:                                   failed,
		`resource.properties["owner"] != "ada"`:                                failed,
		`action.properties.soft == true`:                                       true,
		`action.properties.soft != false`:                                      true,
		`action.properties.soft ? false : true`:                                false,
		`person.properties.role == "admin" && person.name == "ada"`:            true,
		`person.properties.level > 2 && person.properties.level == 3.0`:        true,
		`resource.properties.size > 1`:                                         true,
		`context.properties.count == 2`:                                        true,
		`context.properties.Case == "Kept"`:                                    true,
		`context.properties.count == "2"`:                                      false,
		`context.properties.count > "1"`:                                       failed,
		`context.properties.count.startsWith("1")`:                             failed,
		`context.properties.Case ? true : false`:                               failed,
		`context.properties.all(k, k != "secret")`:                             true,
		`size(context.properties) == 2`:                                        true,
	} {
		check(t, rule, asking(), want)
	}
}

// TestNoRequest: a door that only knows of sign-ins asks for nothing.
func TestNoRequest(t *testing.T) {
	for rule, want := range map[string]any{
		`has(action.name) || has(resource.type) || has(resource.id)`:       false,
		`has(person.properties) || has(context.properties)`:                false,
		`action.name == "" && resource.id != "x"`:                          true,
		`has(resource.properties.status)`:                                  false,
		`size(action.properties) == 0`:                                     true,
		`resource.properties.status == "archived"`:                         "fails",
		`has(action.name) && action.properties.soft == true`:               false,
		`has(person.properties.role) && person.properties.role == "admin"`: false,
	} {
		check(t, rule, ada(), want)
		empty := ada()
		empty.Request = new(access.Request)
		check(t, rule, empty, want)
	}
}

// check asks a rule; want is true, false or "fails".
func check(t *testing.T, text string, in *access.SignIn, want any) {
	t.Helper()
	f, err := rules(t).Condition(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	var got any
	if got, err = f.Match(in, pixel); err != nil {
		got = "fails"
	}
	if got != want {
		t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
	}
}

// TestRequestRefused: what can be known to be wrong is told when the rule is
// saved, and what a door says cannot make a rule dear.
func TestRequestRefused(t *testing.T) {
	for rule, want := range map[string]string{
		`action.nam == "x"`:             "undefined field 'nam'",
		`action.name == 1`:              "no matching overload",
		`resource.properties == 1`:      "no matching overload",
		`resource.properties.status`:    "gives a dyn",
		`resource.properties[1] == "x"`: "no matching overload",
		`context.time == "now"`:         "undefined field 'time'",
		`action{name: "x"} == action`:   "undeclared reference",
		`request.action == "x"`:         "undeclared reference",
		`context.properties.all(a, context.properties.all(b, a == b))`:                                           "comprehension",
		strings.Repeat(`context.properties.exists(k, k.contains(string(person.properties.x))) || `, 50) + `true`: "may cost",
	} {
		f, err := rules(t).Condition(rule)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, %v; want an error with %q", rule, f, err, want)
		}
	}
	for _, rule := range []string{`action.name == "x"`, `resource.id == "x"`, `context.properties.x == 1`} {
		if _, err := rules(t).DeviceFilter(rule); err == nil {
			t.Errorf("%s: a device filter sees what the door asks for", rule)
		}
	}
}

func TestRequestCostIsCounted(t *testing.T) {
	many := asking()
	many.Request.Context = map[string]any{}
	for i := range 30_000 {
		many.Request.Context[strconv.Itoa(i)] = true
	}
	check(t, `context.properties.exists(k, k == "needle")`, many, "fails")
	long := asking()
	long.Request.Resource["status"] = strings.Repeat("a", 1<<20)
	check(t, `resource.properties.status.contains("b")`, long, "fails")
}

func TestDeviceUser(t *testing.T) {
	facts := &access.Facts{Device: &access.Device{User: "Ada@example.com"}}
	for rule, want := range map[string]bool{
		`device.user == "ada@example.com"`:               true,
		`has(device.user) && device.user != person.name`: true,
	} {
		f, err := rules(t).Condition(rule)
		if err != nil {
			t.Fatal(err)
		}
		for _, on := range []struct {
			facts *access.Facts
			want  bool
		}{{facts, want}, {unknown, false}, {nil, false}} {
			if got, err := f.Match(ada(), on.facts); got != on.want || err != nil {
				t.Errorf("%s: got %v, %v; want %v", rule, got, err, on.want)
			}
		}
	}
}

// TestConditionFails: a condition that reads what the door does not say shuts.
func TestConditionFails(t *testing.T) {
	spec := access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
		Conditions: access.Conditions{Custom: `resource.properties.status == "archived"`},
		Grant:      access.Grant{Controls: []access.Control{access.Block}},
	}
	s, err := access.Compile(access.Ruleset{Policies: []access.Policy{{Name: "one", Spec: spec}}, Filters: rules(t)})
	if err != nil {
		t.Fatal(err)
	}
	active := asking()
	active.Request.Resource["status"] = "active"
	for _, test := range []struct {
		in   *access.SignIn
		want access.Outcome
	}{{asking(), access.Deny}, {active, access.Allow}, {ada(), access.Deny}} {
		if d := access.Decide(s, test.in, nil, pixelTime); d.Outcome != test.want {
			t.Errorf("%+v: got %v, want %v", test.in.Request, d.Outcome, test.want)
		}
	}
}
