package compliance

import "ringfence/internal/device"

// TargetKind says by what an assignment finds its devices. The numbers are
// stored: do not reorder.
type TargetKind uint8

// The kinds of target.
const (
	// TargetAll is every device.
	TargetAll TargetKind = iota + 1
	// TargetGroup is the devices of a group.
	TargetGroup
	// TargetUser is the devices of a user.
	TargetUser
	// TargetDevice is one device.
	TargetDevice
)

// Assignment includes devices in a policy, or excludes them.
type Assignment struct {
	Kind TargetKind
	// Name is the group, user or device; empty for TargetAll.
	Name    string
	Exclude bool
}

// Device is what this slice must know of a device.
type Device struct {
	ID    device.ID
	Epoch device.Epoch
	// Enrolled is false for a device that has left.
	Enrolled  bool
	Ownership device.Ownership
	Mode      device.Mode
	// Group and User may be empty.
	Group string
	User  string
}

// Applies reports whether a policy is for a device: some assignment includes
// it and none excludes it.
func Applies(s Spec, d Device) bool {
	included := false
	for _, a := range s.Assignments {
		if !a.matches(d) {
			continue
		}
		if a.Exclude {
			return false
		}
		included = true
	}
	return included
}

// matches reports whether the assignment speaks of the device. An empty name
// speaks of nobody: a device without a group is in no group.
func (a Assignment) matches(d Device) bool {
	switch a.Kind {
	case TargetAll:
		return true
	case TargetGroup:
		return a.Name != "" && a.Name == d.Group
	case TargetUser:
		return a.Name != "" && a.Name == d.User
	case TargetDevice:
		return a.Name != "" && a.Name == string(d.ID)
	default:
		return false
	}
}
