// Package device holds the few words every room shares about a phone: what
// identifies it, one enrolment of it, whose it is and how it is managed.
package device

import (
	"fmt"
	"regexp"
)

// ID names a device for as long as its record exists, across enrolments.
type ID string

var idPattern = regexp.MustCompile(`^[a-z0-9-]{8,64}$`)

// ParseID checks that s has the form of a device id.
func ParseID(s string) (ID, error) {
	if !idPattern.MatchString(s) {
		return "", fmt.Errorf("device id must match %s", idPattern)
	}
	return ID(s), nil
}

// Epoch counts the enrolments of one device, from 1. Whatever was meant for one
// epoch is void in the next.
type Epoch uint64

// Ownership says whose phone it is.
type Ownership string

// The ownerships.
const (
	Personal Ownership = "personal"
	Company  Ownership = "company"
)

// Mode is the Android Enterprise management mode.
type Mode string

// The modes.
const (
	WorkProfile  Mode = "work-profile"
	FullyManaged Mode = "fully-managed"
	Dedicated    Mode = "dedicated"
)

// Allowed reports whether a phone of ownership o may be managed in mode m: a
// personal phone only ever has a work profile.
func (m Mode) Allowed(o Ownership) bool {
	switch m {
	case WorkProfile:
		return o == Personal || o == Company
	case FullyManaged, Dedicated:
		return o == Company
	default:
		return false
	}
}

// HasWorkProfile reports whether the mode keeps work apart from a personal side.
func (m Mode) HasWorkProfile() bool { return m == WorkProfile }

// Platform is the operating system family.
type Platform string

// Android is the one platform so far.
const Android Platform = "android"
