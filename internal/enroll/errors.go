package enroll

import "ringfence/internal/fault"

// Why a Join is refused. A wrong secret and an unknown token are the same to
// who asks, so that nobody learns which tokens exist.
var (
	ErrTokenUnknown = fault.New(fault.NotFound, "TOKEN_UNKNOWN", "no such enrolment token")
	ErrTokenRevoked = fault.New(fault.Refused, "TOKEN_REVOKED", "the enrolment token was revoked")
	ErrTokenExpired = fault.New(fault.Refused, "TOKEN_EXPIRED", "the enrolment token has expired")
	ErrTokenUsedUp  = fault.New(fault.Refused, "TOKEN_USED_UP", "the enrolment token has no use left")
	ErrModeMismatch = fault.New(fault.Refused, "MODE_MISMATCH", "the enrolment token is for another management mode")
	// ErrKeyReused is also Renew's and CreateAdministrator's.
	ErrKeyReused = fault.New(fault.Refused, "KEY_REUSED", "the key was certified before: make a new one")
)

// Why a certificate that TLS accepted does not let its holder in.
var (
	ErrCertificateUnknown    = fault.New(fault.Denied, "CERTIFICATE_UNKNOWN", "the certificate is not on record")
	ErrEnrollmentEnded       = fault.New(fault.Denied, "ENROLLMENT_ENDED", "the enrolment has ended")
	ErrCertificateSuperseded = fault.New(fault.Denied, "CERTIFICATE_SUPERSEDED", "a newer certificate took this one's place")
	// ErrCertificateRevoked is for administrators' certificates.
	ErrCertificateRevoked = fault.New(fault.Denied, "CERTIFICATE_REVOKED", "the certificate was revoked")
)

// Why an administrator's request is refused.
var (
	ErrRequestKeyReused = fault.New(fault.Conflict, "REQUEST_KEY_REUSED", "the request key was used for a different request")
	ErrEpochMoved       = fault.New(fault.Conflict, "EPOCH_MOVED", "the device has enrolled again since")
)

// Why an administrator may not.
var (
	// ErrOutOfScope is for what is named outright. What is only looked for is
	// not found.
	ErrOutOfScope = fault.New(fault.Denied, "OUT_OF_SCOPE", "your credential does not cover this group")
)

// Why a choice of devices is none.
var (
	ErrNoSelection = fault.New(fault.Invalid, "NO_SELECTION", "name devices, or a group or a user, and not both")
	ErrTooMany     = fault.New(fault.Invalid, "TOO_MANY_DEVICES", "more devices are named than one request may be about")
)

// What is not there.
var (
	ErrNoToken       = fault.New(fault.NotFound, "NO_TOKEN", "no such token")
	ErrNoDevice      = fault.New(fault.NotFound, "NO_DEVICE", "no such device")
	ErrNoCertificate = fault.New(fault.NotFound, "NO_CERTIFICATE", "no such certificate")
)

// ErrMoved is what a store says when what a change was decided on has changed
// meanwhile: look again, decide again.
var ErrMoved = fault.New(fault.Conflict, "MOVED", "it was changed by others meanwhile, try again")
