package enroll

import (
	"cmp"
	"regexp"
	"slices"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// namePattern is what the record and its filters can hold.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,62}$`)

// Role is identity's word, for those who keep it.
type Role = identity.Role

// maxGroups is how many groups one credential may be for.
const maxGroups = 100

// Appointment is what an administrator's credential is made for. It never
// changes: another role is another credential.
type Appointment struct {
	// Name is how the record names whoever uses the credential. It belongs to
	// one person for good, and may have several credentials.
	Name string
	Role Role
	// Person is who that is; Name where empty. Where two people are needed, all
	// credentials of one person count once.
	Person string
	// Groups bounds the credential to these groups of devices; none is every
	// group.
	Groups []string
}

// normal fills in what was left out, and puts the groups in the one order in
// which they are kept.
func (a Appointment) normal() Appointment {
	a.Person = cmp.Or(a.Person, a.Name)
	a.Groups = slices.Compact(slices.Sorted(slices.Values(a.Groups)))
	return a
}

func (a Appointment) check() error {
	if !namePattern.MatchString(a.Name) {
		return fault.InvalidField("name", "must match %s", namePattern)
	}
	if _, err := identity.ParseRole(string(a.Role)); err != nil {
		return fault.InvalidField("role", "%v", err)
	}
	if !namePattern.MatchString(a.Person) {
		return fault.InvalidField("person", "must match %s", namePattern)
	}
	if len(a.Groups) > maxGroups {
		return fault.InvalidField("groups", "has %d, %d are allowed", len(a.Groups), maxGroups)
	}
	for _, g := range a.Groups {
		if !groupPattern.MatchString(g) {
			return fault.InvalidField("groups", "%q must match %s", g, groupPattern)
		}
	}
	return nil
}

// besides refuses a name that the record knows as another person's: it could
// not tell any more which of the two has done what.
func (a Appointment) besides(known []Administrator) error {
	for _, k := range known {
		if k.Name == a.Name && k.Person != a.Person {
			return fault.InvalidField("person", "the name %s is %s's: choose another name, or name that person", a.Name, k.Person)
		}
	}
	return nil
}
