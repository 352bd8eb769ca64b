package appprotect

import "ringfence/internal/fault"

// The faults that a caller can act on.
var (
	ErrChallenge       = fault.New(fault.Refused, "CHALLENGE_EXPIRED", "the challenge is unknown, used or too old: begin again")
	ErrSignInOff       = fault.New(fault.Refused, "SIGN_IN_OFF", "this server has no issuer to sign in with: it is given by --oidc-issuer")
	ErrAppNotAllowed   = fault.New(fault.Refused, "APP_NOT_ALLOWED", "no policy is for this person in an app of that package and signer: ask an administrator")
	ErrPersonDisabled  = fault.New(fault.Refused, "PERSON_DISABLED", "the account is disabled")
	ErrNameTaken       = fault.New(fault.Refused, "NAME_TAKEN", "another account has this person's name: an administrator must look into it")
	ErrTooMany         = fault.New(fault.Refused, "TOO_MANY_REGISTRATIONS", "this person has as many registrations as one may: retire some, or sign out in apps that are not in use")
	errTooManyToday    = fault.New(fault.Refused, ErrTooMany.Reason, "this person has registered %d times within a day: try again tomorrow", maxOpened)
	ErrReportOvertaken = fault.New(fault.Refused, "REPORT_OVERTAKEN", "another report with this or a greater number was heard")
	ErrRevisionMoved   = fault.New(fault.Conflict, "REVISION_MOVED", "the policy was changed meanwhile: look at its latest revision")
	ErrEpochMoved      = fault.New(fault.Conflict, "EPOCH_MOVED", "the app has registered again since")
	ErrMoved           = fault.New(fault.Conflict, "MOVED", "it was changed meanwhile: try again")
	ErrKeyReused       = fault.New(fault.Refused, "KEY_REUSED", "this key was certified before: make a new one")
	// ErrCertificateUnknown is Identify's, for a certificate that TLS accepted.
	ErrCertificateUnknown = fault.New(fault.Denied, "CERTIFICATE_UNKNOWN", "the certificate is not on record")
	ErrEnded              = fault.New(fault.Denied, "ENROLLMENT_ENDED", "the registration has ended")
	ErrNoPolicy           = fault.New(fault.NotFound, "NO_POLICY", "no such app protection policy")
	ErrNoApp              = fault.New(fault.NotFound, "NO_APP", "no such app")
	ErrNoRegistration     = fault.New(fault.NotFound, "NO_REGISTRATION", "no such registration")
	ErrNoCertificate      = fault.New(fault.NotFound, "NO_CERTIFICATE", "no such certificate")
)
