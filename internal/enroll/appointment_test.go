package enroll

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/identity"
)

func TestAppointment(t *testing.T) {
	many := make([]string, maxGroups+1)
	for i := range many {
		many[i] = fmt.Sprintf("g%d", i)
	}
	with := func(change func(*Appointment)) Appointment {
		a := Appointment{Name: "alice", Role: identity.Operator}
		change(&a)
		return a
	}
	tests := map[string]struct {
		given Appointment
		field string // that is refused; "" for none
		want  Appointment
	}{
		"plain": {with(func(*Appointment) {}), "", Appointment{Name: "alice", Role: identity.Operator, Person: "alice"}},
		"whole": {
			Appointment{Name: "alice-phone", Role: identity.HelpDesk, Person: "a.smith@example.com", Groups: []string{"sales", "hr", "sales"}}, "",
			Appointment{Name: "alice-phone", Role: identity.HelpDesk, Person: "a.smith@example.com", Groups: []string{"hr", "sales"}},
		},
		"no name":               {with(func(a *Appointment) { a.Name = "" }), "name", Appointment{}},
		"a large letter":        {with(func(a *Appointment) { a.Name = "Alice" }), "name", Appointment{}},
		"a slash":               {with(func(a *Appointment) { a.Name = "a/b" }), "name", Appointment{}},
		"a space":               {with(func(a *Appointment) { a.Name = "a b" }), "name", Appointment{}},
		"a climbing path":       {with(func(a *Appointment) { a.Name = "../a" }), "name", Appointment{}},
		"a flag":                {with(func(a *Appointment) { a.Name = "-a" }), "name", Appointment{}},
		"a long name":           {with(func(a *Appointment) { a.Name = strings.Repeat("a", 64) }), "name", Appointment{}},
		"no role":               {with(func(a *Appointment) { a.Role = "" }), "role", Appointment{}},
		"a role there is not":   {with(func(a *Appointment) { a.Role = "root" }), "role", Appointment{}},
		"a person in large":     {with(func(a *Appointment) { a.Person = "Alice" }), "person", Appointment{}},
		"a person with a line":  {with(func(a *Appointment) { a.Person = "a\nb" }), "person", Appointment{}},
		"a group with a space":  {with(func(a *Appointment) { a.Groups = []string{"sales", "a b"} }), "groups", Appointment{}},
		"an empty group":        {with(func(a *Appointment) { a.Groups = []string{""} }), "groups", Appointment{}},
		"more groups than some": {with(func(a *Appointment) { a.Groups = many }), "groups", Appointment{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			given := slices.Clone(tt.given.Groups)
			got := tt.given.normal()
			err := got.check()
			if field := fieldOf(err); field != tt.field {
				t.Errorf("%v, want field %q", err, tt.field)
			}
			if diff := cmp.Diff(tt.want, got); tt.field == "" && diff != "" {
				t.Errorf("appointment (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(given, tt.given.Groups); diff != "" {
				t.Errorf("the caller's own groups (-want +got):\n%s", diff)
			}
		})
	}
}

// A name in the record is one person, whatever credentials it has had.
func TestNamesBelongToPersons(t *testing.T) {
	known := []Administrator{{Appointment: Appointment{Name: "alice", Role: identity.Owner, Person: "a.smith"}, RevokedAt: noon}}
	for person, want := range map[string]string{"a.smith": "", "alice": "person", "bob": "person"} {
		err := Appointment{Name: "alice", Role: identity.Viewer, Person: person}.besides(known)
		if got := fieldOf(err); got != want {
			t.Errorf("alice as %s: %v, want field %q", person, err, want)
		}
	}
	if err := (Appointment{Name: "bob", Person: "a.smith"}).besides(known); err != nil {
		t.Errorf("another name of the same person: %v", err)
	}
}
