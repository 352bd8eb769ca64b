package wipe

import (
	"encoding/json"
	"regexp"
	"slices"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	maxPackages    = 100
	maxPackageName = 255
)

var packagePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$`)

// ValidPackage reports whether name is an Android package name. Nothing else
// may ever become part of a path.
func ValidPackage(name string) bool {
	return len(name) <= maxPackageName && packagePattern.MatchString(name)
}

// Kind is what an order is for. The zero Kind is of an order that was not
// understood.
type Kind string

// The kinds.
const (
	// AppData takes the work data of named apps.
	AppData Kind = "app-data"
	// WorkProfile takes the work profile, and with it the enrolment.
	WorkProfile Kind = "work-profile"
	// Relinquish takes the work profile of a company's phone, which the company
	// gives up with it.
	Relinquish Kind = "relinquish"
	// WholeDevice takes everything from a company's phone. See CompanyDevice.
	WholeDevice Kind = "whole-device"
	// Lock takes nothing, and locks the work side.
	Lock Kind = "lock"
)

// Scope says what goes.
type Scope struct {
	Kind Kind `json:"kind,omitempty"`
	// Packages are the apps of AppData, in order, each once.
	Packages []string `json:"packages,omitempty"`
}

// UnmarshalJSON reads a scope as it is written today, and as it was in journals
// from before there were kinds: workProfile true, or packages.
func (s *Scope) UnmarshalJSON(data []byte) error {
	var old struct {
		Kind        Kind     `json:"kind"`
		WorkProfile bool     `json:"workProfile"`
		Packages    []string `json:"packages"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return err
	}
	switch {
	case old.Kind != "":
	case old.WorkProfile:
		old.Kind = WorkProfile
	case len(old.Packages) > 0:
		old.Kind = AppData
	}
	*s = Scope{Kind: old.Kind, Packages: old.Packages}
	return nil
}

// Ends reports whether the enrolment goes with the scope. Its keys go too, so
// that the phone commits itself first, and confirms with a key of its own.
func (s Scope) Ends() bool {
	return s.Kind == WorkProfile || s.Kind == Relinquish || s.Kind == WholeDevice
}

// scopeOf reads what an order is for; an errImpossible where this phone cannot
// do it.
func scopeOf(s *wipev1.Scope, e Enrollment) (Scope, error) {
	switch {
	case s.GetWorkProfile() != nil:
		if !e.HasWorkProfile {
			return Scope{}, impossible("this phone has no work profile")
		}
		return Scope{Kind: WorkProfile}, nil
	case s.GetRelinquish() != nil:
		if !e.HasWorkProfile || e.Company == nil {
			return Scope{}, impossible("this phone is not the company's with a personal side: it cannot be given up")
		}
		return Scope{Kind: Relinquish}, nil
	case s.GetLock() != nil:
		return Scope{Kind: Lock}, nil
	case s.GetAppData() != nil:
		return appData(s.GetAppData().GetPackages())
	default:
		return Scope{}, impossible("it names nothing")
	}
}

func appData(packages []string) (Scope, error) {
	if len(packages) == 0 || len(packages) > maxPackages {
		return Scope{}, impossible("it names %d apps, 1 to %d are allowed", len(packages), maxPackages)
	}
	for _, name := range packages {
		if !ValidPackage(name) {
			return Scope{}, impossible("%.40q is not a package name", name)
		}
	}
	sorted := slices.Sorted(slices.Values(packages))
	return Scope{Kind: AppData, Packages: slices.Compact(sorted)}, nil
}

// wire gives the scope as statements name it. That of a whole device has no
// word there: the order's digest names it.
func (s Scope) wire() *wipev1.Scope {
	switch s.Kind {
	case AppData:
		return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: s.Packages}}}
	case WorkProfile:
		return &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}
	case Relinquish:
		return &wipev1.Scope{Scope: &wipev1.Scope_Relinquish{Relinquish: &wipev1.Relinquish{}}}
	case Lock:
		return &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}
	default:
		return nil
	}
}
