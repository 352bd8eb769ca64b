// Package device holds the few words every room shares about a phone: what
// identifies it, one enrolment of it, whose it is and how it is managed.
package device

import (
	"fmt"
	"regexp"
)

// ID names a device for as long as its record exists, across enrolments; or a
// registration of an app, which is treated like one.
type ID string

var idPattern = regexp.MustCompile(`^[a-z0-9-]{8,64}$`)

// ParseID checks that s has the form of a device id.
func ParseID(s string) (ID, error) {
	if !idPattern.MatchString(s) {
		return "", fmt.Errorf("device id must match %s", idPattern)
	}
	return ID(s), nil
}

// Epoch counts the enrolments of one device, or those of a registration, from 1. Whatever was meant for one
// epoch is void in the next.
type Epoch uint64

// Ownership says whose phone it is.
type Ownership string

// The ownerships.
const (
	Personal Ownership = "personal"
	Company  Ownership = "company"
)

// Mode is the Android Enterprise management mode, or what takes its place where a
// phone has none.
type Mode string

// The modes.
const (
	WorkProfile  Mode = "work-profile"
	FullyManaged Mode = "fully-managed"
	Dedicated    Mode = "dedicated"
	// AppAccount is no mode of a phone: it is that of a registration, one
	// person's work account in one app, on a phone that nobody has enrolled.
	AppAccount Mode = "app-account"
)

// Allowed reports whether what is of ownership o may be managed in mode m: a
// personal phone only ever has a work profile, and a work account in an app is
// on a phone that is taken for personal.
func (m Mode) Allowed(o Ownership) bool {
	switch m {
	case WorkProfile:
		return o == Personal || o == Company
	case FullyManaged, Dedicated:
		return o == Company
	case AppAccount:
		return o == Personal
	default:
		return false
	}
}

// Enrols reports whether it is a mode that a phone is enrolled in.
func (m Mode) Enrols() bool { return m == WorkProfile || m == FullyManaged || m == Dedicated }

// HasWorkProfile reports whether the mode keeps work apart from a personal side.
func (m Mode) HasWorkProfile() bool { return m == WorkProfile }

// Platform is the operating system family.
type Platform string

// Android is the one platform so far.
const Android Platform = "android"
