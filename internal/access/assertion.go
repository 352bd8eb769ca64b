package access

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// AssertionType is the typ of an assertion's header. Whoever verifies one asks
// for it, so that nothing else that the same keys sign can be taken for one.
const AssertionType = "device-assertion+jwt"

// assertionLife is how long an assertion is good for, at most. What it says may
// be wrong for as long, for whoever asks nobody else.
const assertionLife = 5 * time.Minute

// maxAudience is how long the name of an audience may be, in bytes.
const maxAudience = 512

// The kinds of whom an assertion is about.
const (
	AboutDevice = "device"
	AboutApp    = "app"
)

// errCallerEnded is for a caller whose enrolment ended after its call began. The
// reason is the one that every slice gives.
var errCallerEnded = fault.New(fault.Denied, "ENROLLMENT_ENDED", "the enrolment has ended")

// AssertionClaims are the claims of an assertion (RFC 7519). Times are in
// seconds since 1970.
type AssertionClaims struct {
	Issuer string `json:"iss"`
	// Subject is the id of the phone, or of the app's registration.
	Subject   device.ID `json:"sub"`
	Audience  string    `json:"aud"`
	IssuedAt  int64     `json:"iat"`
	ExpiresAt int64     `json:"exp"`
	ID        string    `json:"jti"`
	// Confirmation binds it to the certificate that the caller has shown: who
	// shows another one has it from somebody else (RFC 8705, section 3.1).
	Confirmation Confirmation `json:"cnf"`
	// User is the person of the phone or of the registration.
	User string `json:"user,omitempty"`
	// Kind is AboutDevice or AboutApp.
	Kind string `json:"kind"`
	// Compliant: the phone is compliant, or the app fit, on evidence no older
	// than DefaultMaxAge; Standing is "fit" then. Else it says why not, by the
	// name of a [Reason].
	Compliant bool   `json:"compliant"`
	Standing  string `json:"standing"`
	// EvidenceAt is when the phone looked; 0 where it never did.
	EvidenceAt int64 `json:"evidence_at,omitempty"`
	// Version is that of the verdict, Epoch that of the enrolment.
	Version uint64       `json:"version"`
	Epoch   device.Epoch `json:"epoch"`
}

// Confirmation names a certificate.
type Confirmation struct {
	// SHA256 is the digest of its DER, in base64url without padding.
	SHA256 string `json:"x5t#S256"`
}

// ConfirmationOf names the certificate with the given SHA-256.
func ConfirmationOf(certSHA256 [32]byte) Confirmation {
	return Confirmation{SHA256: base64.RawURLEncoding.EncodeToString(certSHA256[:])}
}

// Check reports whether claims, whose signature was verified, are an issuer's
// word to one of the audiences at now. It does not look at what they say. The
// error is a Denied fault.
func (c AssertionClaims) Check(issuer string, audiences []string, now time.Time) error {
	switch {
	case issuer == "" || c.Issuer != issuer:
		return deniedAssertion("was issued by somebody else")
	case !slices.Contains(audiences, c.Audience) || c.Audience == "":
		return deniedAssertion("is meant for somebody else")
	case c.ExpiresAt-c.IssuedAt > int64(assertionLife/time.Second), now.Unix() >= c.ExpiresAt:
		return deniedAssertion("has expired")
	case c.Subject == "" || c.Kind != AboutDevice && c.Kind != AboutApp || c.Confirmation.SHA256 == "":
		return deniedAssertion("is not whole")
	default:
		return nil
	}
}

func deniedAssertion(why string) error {
	return fault.New(fault.Denied, "ASSERTION_NOT_VALID", "the assertion %s", why)
}

// AssertionSigner makes signed tokens.
type AssertionSigner interface {
	// Sign gives claims, as JSON, as a JWT with that typ in its header.
	Sign(ctx context.Context, typ string, claims any) (string, error)
}

// AssertionConfig is what assertions need. All of it is required.
type AssertionConfig struct {
	Phones Phones
	Apps   Accounts
	Signer AssertionSigner
	// Issuer is the URL under which our keys are published.
	Issuer string
	Now    func() time.Time
	NewID  func() string
}

// Assertions gives phones and apps signed statements of their own verdicts, for
// APIs that ask nobody.
type Assertions struct{ c AssertionConfig }

// NewAssertions makes Assertions.
func NewAssertions(c AssertionConfig) *Assertions { return &Assertions{c: c} }

// Assertion is a signed statement.
type Assertion struct {
	Token     string
	ExpiresAt time.Time
}

// Issue gives a caller, a device or an app, the statement of its own verdict for
// an audience, bound to the certificate of its connection. One that is not
// compliant gets a statement that says so. Errors are Invalid faults on
// audience, Denied where the caller's enrolment is over, and those of the rooms.
func (a *Assertions) Issue(ctx context.Context, caller identity.Caller, certSHA256 [32]byte, audience string) (Assertion, error) {
	if !nameable(audience) {
		return Assertion{}, fault.InvalidField("audience", "must be 1 to %d visible ASCII characters", maxAudience)
	}
	claims, verdict, err := a.about(ctx, caller)
	if err != nil {
		return Assertion{}, err
	}
	claims.Issuer, claims.Audience, claims.ID = a.c.Issuer, audience, a.c.NewID()
	claims.Confirmation = ConfirmationOf(certSHA256)
	claims.judge(verdict, a.c.Now())
	token, err := a.c.Signer.Sign(ctx, AssertionType, claims)
	if err != nil {
		return Assertion{}, err
	}
	return Assertion{Token: token, ExpiresAt: time.Unix(claims.ExpiresAt, 0).UTC()}, nil
}

// about says whom the caller's assertion is about.
func (a *Assertions) about(ctx context.Context, caller identity.Caller) (AssertionClaims, *Verdict, error) {
	c := AssertionClaims{Subject: caller.Device, Epoch: caller.Epoch}
	var epoch device.Epoch
	var verdict *Verdict
	var err error
	switch caller.Kind {
	case identity.Device:
		var phone Device
		phone, err = a.c.Phones.Phone(ctx, caller.Device)
		c.Kind, c.User, epoch, verdict = AboutDevice, phone.User, phone.Epoch, &phone.Compliance
	case identity.App:
		var app Registration
		app, err = a.c.Apps.App(ctx, caller.Device)
		c.Kind, c.User, epoch, verdict = AboutApp, app.User, app.Epoch, &app.Protection
	default:
		return c, nil, fault.New(fault.Denied, "CALLER_NOT_ALLOWED", "only a device or an app has a verdict of its own")
	}
	if errors.Is(err, ErrNotKnown) || err == nil && epoch != caller.Epoch {
		return c, nil, errCallerEnded
	}
	return c, verdict, err
}

// judge fills in what the verdict says. It looks a second ahead: times are told
// in whole seconds, and what is said must hold until the assertion expires.
func (c *AssertionClaims) judge(v *Verdict, now time.Time) {
	c.IssuedAt, c.Version = now.Unix(), v.Version
	if !v.EvidenceAt.IsZero() {
		c.EvidenceAt = v.EvidenceAt.Unix()
	}
	soon := now.Add(time.Second)
	s := standingOf(v, NoVerdict, soon)
	until := now.Add(assertionLife)
	reason := s.reason(DefaultMaxAge)
	c.Compliant, c.Standing = reason == 0, reason.String()
	if c.Compliant {
		c.Standing, until = Fit.String(), s.turn(DefaultMaxAge, until)
	}
	c.ExpiresAt = until.Unix()
}

// nameable reports whether text can be an audience.
func nameable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxAudience
}
