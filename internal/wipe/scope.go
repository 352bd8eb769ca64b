package wipe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ringfence/internal/fault"
)

// ScopeKind names what sort of thing goes.
type ScopeKind string

// The kinds of scope. There is none wider than a work profile, and no way to
// make a Scope of any other kind.
const (
	WorkProfile ScopeKind = "work-profile"
	AppData     ScopeKind = "app-data"
)

// ScopeKinds gives every kind there is.
func ScopeKinds() []ScopeKind { return []ScopeKind{WorkProfile, AppData} }

// MaxPackages bounds how many apps one order names.
const MaxPackages = 100

const (
	maxPackageLength = 255
	packageRule      = `^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$`
)

var packagePattern = regexp.MustCompile(packageRule)

// Scope says what goes: the work profile, or the work data of named apps. It
// is made by OfWorkProfile and OfAppData only; the zero Scope names nothing
// and no order can have it.
type Scope struct {
	kind     ScopeKind
	packages []string // sorted and unique; empty unless AppData
}

// OfWorkProfile is the scope of the whole work profile.
func OfWorkProfile() Scope { return Scope{kind: WorkProfile} }

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

// Packages gives the named apps in order; empty for a work profile.
func (s Scope) Packages() []string { return slices.Clone(s.packages) }

// EndsEnrollment reports whether nothing is left to manage afterwards.
func (s Scope) EndsEnrollment() bool { return s.kind == WorkProfile }

// Equal reports whether both name the same.
func (s Scope) Equal(other Scope) bool {
	return s.kind == other.kind && slices.Equal(s.packages, other.packages)
}

// Covers reports whether carrying out s leaves nothing of other to do: s is
// equal or wider.
func (s Scope) Covers(other Scope) bool {
	switch {
	case s.kind == "" || other.kind == "":
		return false
	case s.kind == WorkProfile:
		return true
	default:
		return other.kind == AppData && s.names(other.packages)
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
	case WorkProfile:
		return "work profile"
	case AppData:
		return "app data of " + strings.Join(s.packages, ", ")
	default:
		return "nothing"
	}
}
