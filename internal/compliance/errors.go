package compliance

import "ringfence/internal/fault"

// The reasons a program acts on.
const (
	// ReasonRevisionMoved: somebody else changed the policy meanwhile.
	ReasonRevisionMoved = "REVISION_MOVED"
	// ReasonTemplateEmpty: a template needs a value the device does not have.
	ReasonTemplateEmpty = "TEMPLATE_EMPTY"
	// ReasonTemplateInvalid: with this device's values a template gives no
	// valid name.
	ReasonTemplateInvalid = "TEMPLATE_INVALID"
	// ReasonKeyRevoked: the certificate for this key was revoked.
	ReasonKeyRevoked = "KEY_REVOKED"
	// ReasonEnrollmentEnded: the enrolment the call speaks for is over.
	ReasonEnrollmentEnded = "ENROLLMENT_ENDED"
)

// The sentinels, for errors.Is.
var (
	ErrRevisionMoved = fault.New(fault.Conflict, ReasonRevisionMoved,
		"the policy was changed meanwhile: look at its latest revision")
	ErrTemplateEmpty = fault.New(fault.Refused, ReasonTemplateEmpty,
		"a template needs a value this device does not have")
	ErrTemplateInvalid = fault.New(fault.Refused, ReasonTemplateInvalid,
		"a template gives no valid name for this device")
	ErrKeyRevoked = fault.New(fault.Refused, ReasonKeyRevoked,
		"the certificate for this key was revoked: make a new key")
	ErrEnrollmentEnded = fault.New(fault.Denied, ReasonEnrollmentEnded,
		"the enrolment has ended")
)

func errNoPolicy(name string) error {
	return fault.New(fault.NotFound, "", "no policy %q", name)
}

func errNoRevision(name string, revision uint64) error {
	return fault.New(fault.NotFound, "", "policy %q has no revision %d", name, revision)
}
