package wipe

import (
	"fmt"

	"ringfence/internal/device"
)

// Outlook says in plain words what a wipe would do, for who orders it.
type Outlook struct {
	// Removes and Keeps are lines: what would go, what would stay.
	Removes []string
	Keeps   []string
	// EndsEnrollment is whether nothing would be left to manage.
	EndsEnrollment bool
}

// Foresee says what carrying out scope s on the device would do. It describes
// what Plan allows and decides nothing.
func Foresee(f Facts, s Scope) Outlook {
	switch s.kind {
	case Lock:
		return Outlook{
			Removes: []string{"nothing: the work side asks for its PIN again"},
			Keeps:   []string{"everything"},
		}
	case AppData:
		if f.Mode == device.AppAccount {
			return foreseeAccount(f)
		}
		return foreseeApps(f, s.packages)
	case WholeDevice:
		return foreseeDevice(f, s)
	default:
		return foreseeProfile(f, s)
	}
}

// foreseeDevice is for a device of the company only.
func foreseeDevice(f Facts, s Scope) Outlook {
	o := Outlook{
		EndsEnrollment: true,
		Removes: []string{
			"everything on the device, which goes back to how it left the factory",
			fmt.Sprintf("the enrolment (epoch %d): the device's certificates are revoked", f.Epoch),
		},
		Keeps: []string{"nothing"},
	}
	if s.personal {
		o.Removes = append([]string{"THE PERSONAL SIDE TOO: every personal app, file, photo, message and account"}, o.Removes...)
	}
	return o
}

func foreseeProfile(f Facts, s Scope) Outlook {
	o := Outlook{
		EndsEnrollment: true,
		Removes: []string{
			"the work profile: every work app and its data, work files, work accounts",
			"the keys, certificates and VPN that policies set up in the work profile",
			fmt.Sprintf("the enrolment (epoch %d): the device's certificates are revoked", f.Epoch),
		},
		Keeps: []string{personalSide},
	}
	switch {
	case s.kind == Relinquish:
		o.Removes = append(o.Removes, "what the company restricts on the phone")
		o.Keeps = append(o.Keeps, "the phone itself, which the person keeps: the company gives it up")
	case f.Ownership == device.Company:
		o.Keeps = append(o.Keeps, "the phone itself, which is the company's: it is not reset, and no longer managed")
	default:
		o.Keeps = append(o.Keeps, "the phone itself: it is not reset, and no longer managed")
	}
	return o
}

// foreseeAccount is for a registration: the phone is nobody's business.
func foreseeAccount(f Facts) Outlook {
	return Outlook{
		EndsEnrollment: true,
		Removes: []string{
			"the work account's data in " + f.App,
			fmt.Sprintf("the registration (epoch %d): its certificates stop working", f.Epoch),
		},
		Keeps: []string{
			"the app itself, ready to be signed in to again",
			"personal accounts in it, and all of their data",
			"everything else on the phone",
		},
	}
}

const personalSide = "the personal side: every personal app, file, photo, message, account and setting"

func foreseeApps(f Facts, packages []string) Outlook {
	o := Outlook{Keeps: []string{
		"the named apps themselves, ready to be signed in to again",
		"every other work app and its data",
		"the enrolment, its policies and certificates",
	}}
	for _, p := range packages {
		o.Removes = append(o.Removes, "the work data of "+p)
	}
	if f.Mode.HasWorkProfile() {
		o.Keeps = append(o.Keeps, personalSide+", in the named apps too")
	} else {
		o.Keeps = append(o.Keeps, "everything else on the phone")
	}
	return o
}
