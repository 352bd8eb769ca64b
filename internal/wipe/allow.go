package wipe

import (
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Allowed says whether a device of that ownership, in that mode, can have an
// order of that kind: nil, ErrNoWorkProfile or ErrScopeNotForMode. A registration
// of an app is a device in mode AppAccount here. It is the closed table of
// docs/wipe.md, which is made from it.
//
// A device that is personally owned cannot even be asked for as a whole: see
// OfWholeDevice. The answer for it is here only because a closed table has every
// cell.
func Allowed(k ScopeKind, o device.Ownership, m device.Mode) error {
	if !m.Allowed(o) {
		return ErrScopeNotForMode
	}
	if m == device.AppAccount && k != AppData && k.rank() > 0 {
		return ErrScopeNotForMode // there is nothing else of the company's on the phone
	}
	switch k {
	case Lock, AppData:
		return nil
	case WorkProfile:
		if !m.HasWorkProfile() {
			return ErrNoWorkProfile
		}
		return nil
	case Relinquish:
		if o != device.Company || !m.HasWorkProfile() {
			return ErrScopeNotForMode
		}
		return nil
	case WholeDevice:
		if o != device.Company {
			return ErrScopeNotForMode
		}
		return nil
	default:
		return fault.New(fault.Internal, "", "there is no scope %q", k)
	}
}
