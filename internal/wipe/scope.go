package wipe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// ScopeKind names what sort of thing goes.
type ScopeKind string

// The kinds of scope, from the narrowest. There is no way to make a Scope of
// any other kind, and none to make WholeDevice of a personally owned device.
const (
	// Lock takes nothing: the work side asks for its PIN again.
	Lock ScopeKind = "lock"
	// AppData is the work data of named apps.
	AppData ScopeKind = "app-data"
	// WorkProfile is the work profile.
	WorkProfile ScopeKind = "work-profile"
	// Relinquish is the work profile of a company's device that the person
	// keeps: the company gives the device up.
	Relinquish ScopeKind = "relinquish"
	// WholeDevice is a company's device as it left the factory.
	WholeDevice ScopeKind = "whole-device"
)

// ScopeKinds gives every kind there is, from the narrowest.
func ScopeKinds() []ScopeKind {
	return []ScopeKind{Lock, AppData, WorkProfile, Relinquish, WholeDevice}
}

// rank orders the kinds by what they take; 0 is none.
func (k ScopeKind) rank() int { return slices.Index(ScopeKinds(), k) + 1 }

// MaxPackages bounds how many apps one order names.
const MaxPackages = 100

const (
	maxPackageLength = 255
	packageRule      = `^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$`
)

var packagePattern = regexp.MustCompile(packageRule)

// Scope says what goes. It is made by the functions below only; the zero Scope
// names nothing and no order can have it.
type Scope struct {
	kind     ScopeKind
	packages []string // sorted and unique; empty unless AppData
	personal bool     // of WholeDevice: a personal side goes too
}

// OfWorkProfile is the scope of the whole work profile.
func OfWorkProfile() Scope { return Scope{kind: WorkProfile} }

// OfRelinquish is the scope of the work profile of a device that is given up.
func OfRelinquish() Scope { return Scope{kind: Relinquish} }

// OfLock is the scope of nothing but a lock.
func OfLock() Scope { return Scope{kind: Lock} }

// OfWholeDevice is the scope of a device as it left the factory, for a device
// of the company in that mode; false for any other device: then there is no such
// scope.
func OfWholeDevice(o device.Ownership, m device.Mode) (Scope, bool) {
	if o != device.Company || !m.Allowed(o) {
		return Scope{}, false
	}
	return Scope{kind: WholeDevice, personal: m.HasWorkProfile()}, true
}

// OfAppData is the scope of the named apps' work data: 1 to MaxPackages
// distinct Android package names. Anything else, such as a path, is Invalid.
func OfAppData(packages []string) (Scope, error) {
	const field = "scope.app_data.packages"
	if len(packages) == 0 || len(packages) > MaxPackages {
		return Scope{}, fault.InvalidField(field, "must name 1 to %d apps", MaxPackages)
	}
	for i, p := range packages {
		if !isPackage(p) {
			return Scope{}, fault.InvalidField(fmt.Sprintf("%s[%d]", field, i), "is not an Android package name")
		}
	}
	sorted := slices.Sorted(slices.Values(packages))
	if len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		return Scope{}, fault.InvalidField(field, "names an app twice")
	}
	return Scope{kind: AppData, packages: sorted}, nil
}

func isPackage(s string) bool {
	return len(s) <= maxPackageLength && packagePattern.MatchString(s)
}

// Kind says what sort of thing goes; empty for the zero Scope.
func (s Scope) Kind() ScopeKind { return s.kind }

// PersonalSide reports whether a personal side goes too, which only a company's
// device with a work profile has, as a whole.
func (s Scope) PersonalSide() bool { return s.personal }

// Packages gives the named apps in order; empty for other scopes.
func (s Scope) Packages() []string { return slices.Clone(s.packages) }

// EndsEnrollment reports whether nothing is left to manage afterwards.
func (s Scope) EndsEnrollment() bool { return s.kind.rank() >= WorkProfile.rank() }

// fits says whether a device, or a registration, can have an order of this very
// scope: what Allowed says, that a scope of the whole device was made for such a
// device, and that of a registration its own app and no other is named. A personal
// side that the scope does not name stays.
func (s Scope) fits(f Facts) error {
	err := Allowed(s.kind, f.Ownership, f.Mode)
	switch {
	case err != nil:
		return err
	case f.Mode == device.AppAccount && !slices.Equal(s.packages, []string{f.App}):
		return ErrOtherApp
	case s.kind != WholeDevice:
		return nil
	}
	switch whole, ok := OfWholeDevice(f.Ownership, f.Mode); {
	case !ok || s.personal && !whole.personal:
		return ErrScopeNotForMode
	case whole.personal && !s.personal:
		return ErrPersonalSide
	}
	return nil
}

// Equal reports whether both name the same.
func (s Scope) Equal(other Scope) bool {
	return s.kind == other.kind && s.personal == other.personal && slices.Equal(s.packages, other.packages)
}

// Covers reports whether carrying out s leaves nothing of other to do: s is
// equal or wider. Nothing but a lock covers a lock, which is for at once: a wider
// order may be held, or wait for the phone.
func (s Scope) Covers(other Scope) bool {
	switch {
	case s.kind == "" || other.kind == "":
		return false
	case other.kind == Lock:
		return s.kind == Lock
	case s.EndsEnrollment():
		return s.kind.rank() >= other.kind.rank()
	default:
		return s.kind == other.kind && s.names(other.packages)
	}
}

// names reports whether every one of packages is named in s.
func (s Scope) names(packages []string) bool {
	for _, p := range packages {
		if _, ok := slices.BinarySearch(s.packages, p); !ok {
			return false
		}
	}
	return true
}

// String names the scope in a few words; Full names every app.
func (s Scope) String() string {
	const shown = 3
	if len(s.packages) > shown {
		return fmt.Sprintf("app data of %s and %d more", strings.Join(s.packages[:shown], ", "), len(s.packages)-shown)
	}
	return s.Full()
}

// Full names the scope with every app in it.
func (s Scope) Full() string {
	switch s.kind {
	case Lock:
		return "lock of the work side"
	case WorkProfile:
		return "work profile"
	case Relinquish:
		return "work profile, and the device is given up"
	case WholeDevice:
		if s.personal {
			return "whole device, its personal side too"
		}
		return "whole device"
	case AppData:
		return "app data of " + strings.Join(s.packages, ", ")
	default:
		return "nothing"
	}
}
