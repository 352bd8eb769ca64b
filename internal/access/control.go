package access

import (
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// Control is what a policy asks for before it lets somebody in. The numbers are
// stored: do not reorder.
type Control uint8

// The grant controls.
const (
	// Block asks for nothing: it shuts. It stands alone.
	Block Control = iota + 1
	// MFA: the person has shown a second factor in this session.
	MFA
	// CompliantDevice: the phone is enrolled, and compliant on evidence that is
	// fresh enough.
	CompliantDevice
	// ManagedDevice: the phone is enrolled.
	ManagedDevice
	// AppProtection: the app is registered, and fit on evidence that is fresh
	// enough.
	AppProtection
	// ApprovedApp: the app is registered, and one the organisation approves.
	ApprovedApp
	// CertificateBound: the session is bound to a certificate of an enrolment.
	CertificateBound
)

var controlNames = []string{
	"", "block", "mfa", "compliant-device", "managed-device", "app-protection", "approved-app", "certificate-bound-session",
}

func (c Control) String() string { return nameOf(controlNames, c) }

// Operator says how many of a policy's controls are needed.
type Operator uint8

// The operators. The numbers are stored: do not reorder.
const (
	AllOf Operator = iota + 1
	AnyOf
)

var operatorNames = []string{"", "and", "or"}

func (o Operator) String() string { return nameOf(operatorNames, o) }

// ControlSet is a set of controls other than Block.
type ControlSet uint8

// sets is how many sets there are: as many as Owed has bits.
const sets = ControlSet(1 << (CertificateBound - Block))

// One control more, and this does not compile: Owed is full.
const _ = 64 - sets

// setOf makes a set; Block is left out.
func setOf(controls ...Control) ControlSet {
	var s ControlSet
	for _, c := range controls {
		if c > Block && c <= CertificateBound {
			s |= 1 << (c - MFA)
		}
	}
	return s
}

// Has reports whether the set has the control in it.
func (s ControlSet) Has(c Control) bool { return s&setOf(c) != 0 }

// All gives the controls in the order in which people are asked for them.
func (s ControlSet) All() iter.Seq[Control] {
	return func(yield func(Control) bool) {
		for c := MFA; c <= CertificateBound; c++ {
			if s.Has(c) && !yield(c) {
				return
			}
		}
	}
}

// String gives the controls with "or" between them: a set that is owed is one
// choice.
func (s ControlSet) String() string {
	var names []string
	for c := range s.All() {
		names = append(names, c.String())
	}
	return strings.Join(names, " or ")
}

// Owed is what must still be done before access is given: every choice in it,
// each by any one of its controls. There are 6 controls and so 64 sets of them;
// a choice is the bit that its set is the number of.
type Owed uint64

// add notes one choice.
func (o *Owed) add(choice ControlSet) { *o |= 1 << choice }

// addEach notes each control as a choice of its own.
func (o *Owed) addEach(controls ControlSet) {
	for rest := controls; rest != 0; rest &= rest - 1 {
		o.add(rest & -rest)
	}
}

// Choices gives the choices, the smallest first. One that another makes
// superfluous is left out: who must do MFA has met "MFA or a compliant device".
func (o Owed) Choices() []ControlSet {
	var all, needed []ControlSet
	for set := range sets {
		if o>>set&1 != 0 {
			all = append(all, set)
		}
	}
	slices.SortStableFunc(all, func(a, b ControlSet) int {
		return bits.OnesCount8(uint8(a)) - bits.OnesCount8(uint8(b))
	})
	for _, choice := range all {
		if !slices.ContainsFunc(needed, func(n ControlSet) bool { return n&^choice == 0 }) {
			needed = append(needed, choice)
		}
	}
	return needed
}
