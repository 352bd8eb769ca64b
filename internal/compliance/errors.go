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
	// ReasonTooManyCertificates: the device has as many for the alias as it may.
	ReasonTooManyCertificates = "TOO_MANY_CERTIFICATES"
	// ReasonNoDevice: the device is not on record.
	ReasonNoDevice = "NO_DEVICE"
	// ReasonEnrollmentEnded: the enrolment the call speaks for is over.
	ReasonEnrollmentEnded = "ENROLLMENT_ENDED"
	// ReasonCertificateUnknown: the certificate is not on record.
	ReasonCertificateUnknown = "CERTIFICATE_UNKNOWN"
	// ReasonCertificateRevoked: it was revoked.
	ReasonCertificateRevoked = "CERTIFICATE_REVOKED"
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
	ErrTooManyCertificates = fault.New(fault.Refused, ReasonTooManyCertificates,
		"the device has %d certificates for the alias that have not ended: report the one installed, which ends those before it, or have some revoked",
		MaxLiveCertificates)
	// ErrNoDevice is also said of a device that is none of the caller's business.
	ErrNoDevice        = fault.New(fault.NotFound, ReasonNoDevice, "no such device")
	ErrEnrollmentEnded = fault.New(fault.Denied, ReasonEnrollmentEnded,
		"the enrolment has ended")
	ErrCertificateUnknown = fault.New(fault.Denied, ReasonCertificateUnknown, "the certificate is not on record")
	ErrCertificateRevoked = fault.New(fault.Denied, ReasonCertificateRevoked, "the certificate was revoked")
)

func errNoCertificate(serial string) error {
	return fault.New(fault.NotFound, "", "no client certificate %q", serial)
}

func errNoPolicy(name string) error {
	return fault.New(fault.NotFound, "", "no policy %q", name)
}

func errNoRevision(name string, revision uint64) error {
	return fault.New(fault.NotFound, "", "policy %q has no revision %d", name, revision)
}
