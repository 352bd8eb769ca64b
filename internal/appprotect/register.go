package appprotect

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// retryWindow is how long a Register that is repeated is given its first answer.
const retryWindow = 10 * time.Minute

// RegisterRequest asks for one epoch. What it says of the app and the phone is
// the app's own word.
type RegisterRequest struct {
	// Challenge is from Begin.
	Challenge []byte
	// IDToken has the Nonce of the challenge and of the key in CSR.
	IDToken string
	// CSR is a PKCS#10 certificate request, DER.
	CSR []byte
	// Package and SignerSHA256 (lower-case hex) are the app.
	Package, SignerSHA256  string
	AppVersion, SDKVersion string
	// Tag is 32 lower-case hex digits.
	Tag   string
	Level apprules.Level
}

// Admission is what an app that has registered needs from now on.
type Admission struct {
	ID    device.ID
	Epoch device.Epoch
	// User is the person's name.
	User string
	Grant
}

const maxVersion = 64

var tagPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// check is the wire's rules once more, as far as the database depends on them.
func (r *RegisterRequest) check() error {
	switch {
	case len(r.Challenge) != challengeSize:
		return fault.InvalidField("challenge", "must have %d bytes", challengeSize)
	case !apprules.ValidPackage(r.Package):
		return fault.InvalidField("app.package", "is no package name")
	case !apprules.ValidDigest(r.SignerSHA256):
		return fault.InvalidField("app.signer_sha256", "must be 64 lower-case hexadecimal digits")
	case r.AppVersion == "" || !apprules.PlainText(r.AppVersion, maxVersion):
		return fault.InvalidField("app.app_version", "must be plain text of 1 to %d bytes", maxVersion)
	case r.SDKVersion == "" || !apprules.PlainText(r.SDKVersion, maxVersion):
		return fault.InvalidField("app.sdk_version", "must be plain text of 1 to %d bytes", maxVersion)
	case !tagPattern.MatchString(r.Tag):
		return fault.InvalidField("device_tag", "must be 32 lower-case hexadecimal digits")
	case r.Level < apprules.Unenrolled || r.Level > apprules.FullyManaged:
		return fault.InvalidField("level", "is no management level")
	}
	return nil
}

// digest is of all that is asked for.
func (r *RegisterRequest) digest() Digest {
	h := sha256.New()
	for _, part := range [][]byte{
		r.Challenge, []byte(r.IDToken), r.CSR, []byte(r.Package), []byte(r.SignerSHA256),
		[]byte(r.AppVersion), []byte(r.SDKVersion), []byte(r.Tag), {byte(r.Level)},
	} {
		// With its length, so that no two requests have the same bytes.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return Digest(h.Sum(nil))
}

// Register opens one epoch of a registration, and ends the one before. One that
// repeats another within ten minutes is given the first answer. One that is
// refused changes nothing, and its challenge stays unused.
//
// Errors: Invalid (with the field), Denied SIGN_IN_REFUSED, [ErrChallenge],
// [ErrAppNotAllowed], [ErrPersonDisabled], [ErrNameTaken], [ErrTooMany],
// [ErrKeyReused], [ErrMoved], and what SignIns says of an issuer that does not answer.
func (s *Service) Register(ctx context.Context, r RegisterRequest) (Admission, error) {
	if err := r.check(); err != nil {
		return Admission{}, err
	}
	a := &arrival{RegisterRequest: r, request: r.digest(), challenge: sha256.Sum256(r.Challenge)}
	admitted, err := s.arrive(ctx, a)
	// The challenge, or the key, was used: by this very request, perhaps.
	if errors.Is(err, ErrChallenge) || errors.Is(err, ErrKeyReused) {
		return s.again(ctx, a, err)
	}
	return admitted, err
}

// arrival is a Register under way.
type arrival struct {
	RegisterRequest
	request   Digest
	challenge Digest
	proof     proof
	person    Person
}

// arrive does what costs nothing first: strangers must not spend the server's
// time, or the issuer's.
func (s *Service) arrive(ctx context.Context, a *arrival) (Admission, error) {
	c, err := s.c.Registrations.Challenge(ctx, a.challenge)
	switch {
	case err != nil:
		return Admission{}, err
	case c.Package != a.Package || !s.clock().Before(c.ExpiresAt):
		return Admission{}, ErrChallenge
	}
	if a.proof, err = s.prove(a.CSR); err != nil {
		return Admission{}, err
	}
	person, err := s.c.SignIns.Verify(ctx, a.IDToken, Nonce(a.Challenge, a.proof.key))
	if err != nil {
		return Admission{}, err
	}
	if a.person, err = person.settled(); err != nil {
		return Admission{}, err
	}
	if err := s.admit(ctx, a); err != nil {
		return Admission{}, err
	}
	var admitted Admission
	err = fault.Retry(ErrMoved, func() error {
		var err error
		admitted, err = s.open(ctx, a)
		return err
	})
	return admitted, err
}

// settled gives the person as it is kept. Nobody without a name gets in.
func (p Person) settled() (Person, error) {
	const longest = 512
	p.Name = strings.ToLower(p.Name)
	for _, text := range []string{p.Issuer, p.Subject, p.Name} {
		if text == "" || !apprules.PlainText(text, longest) {
			return Person{}, fault.New(fault.Denied, "SIGN_IN_REFUSED", "the ID token does not say whose it is")
		}
	}
	// No policy can name another sort of group.
	p.Groups = sortedSet(slices.DeleteFunc(slices.Clone(p.Groups), func(g string) bool {
		return g == "" || !apprules.PlainText(g, maxName)
	}))
	return p, nil
}

// admit says whether the person may come in with this app.
func (s *Service) admit(ctx context.Context, a *arrival) error {
	at, err := s.bearings(ctx, &Registration{
		Person: a.person, Package: a.Package, SignerSHA256: a.SignerSHA256, Level: a.Level,
	})
	switch {
	case err != nil:
		return err
	case at.disabled:
		return ErrPersonDisabled
	case !at.Governed():
		return ErrAppNotAllowed
	}
	return nil
}

// MaxLive is how many registrations of one person last at once. Who can sign in
// could otherwise grow the fleet at will, and with it what the breaker of wipes
// lets through.
const MaxLive = 50

// maxOpened is how many epochs one person may open in a day. Each stays on record
// for ever.
const maxOpened = 200

// roomFor gives the registrations of a person that last, unless the person may
// have no more of them; next is whether one of them is to be opened anew.
func (s *Service) roomFor(ctx context.Context, p Person, next bool) ([]Registration, error) {
	theirs, err := s.c.Registrations.OfAccount(ctx, p.Issuer, p.Subject, MaxLive)
	switch {
	case err != nil:
		return nil, err
	case len(theirs) >= MaxLive && !next:
		return nil, ErrTooMany
	}
	opened, err := s.c.Registrations.OpenedSince(ctx, p.Issuer, p.Subject, s.clock().Add(-24*time.Hour))
	if err == nil && opened >= maxOpened {
		err = errTooManyToday
	}
	return theirs, err
}

// open stores the epoch. Everything that can be refused is, before the one
// write.
func (s *Service) open(ctx context.Context, a *arrival) (Admission, error) {
	before, err := s.c.Registrations.Find(ctx, a.person.Issuer, a.person.Subject, a.Tag, a.Package)
	if errors.Is(err, ErrNoRegistration) {
		before, err = Registration{ID: device.ID(s.c.NewID())}, nil
	}
	if err != nil {
		return Admission{}, err
	}
	theirs, err := s.roomFor(ctx, a.person, before.Epoch > 0 && before.Lasts())
	if err != nil {
		return Admission{}, err
	}
	now := s.clock()
	r := a.registration(&before, now)
	certificate, err := s.issue(ctx, &r, a.proof, now)
	if err != nil {
		return Admission{}, err
	}
	o := Opening{Registration: r, Certificate: certificate, Challenge: a.challenge}
	app := r.caller(certificate.Serial)
	app.RequestID = identity.From(ctx).RequestID
	o.Entry = byApp(app, "appprotect.register", fmt.Sprintf("epoch %d, %s, %s", r.Epoch, r.Package, r.Level))
	if before.Epoch > 0 && before.Lasts() {
		e := byApp(app, endAction, endDetail(before.Epoch, EndRegistered, ""))
		o.Displaced = &e
	}
	err = s.c.Registrations.Open(ctx, o)
	s.forget(r.ID)
	if err != nil {
		return Admission{}, err
	}
	if before.Epoch > 0 {
		s.ended(ctx, &before, EndRegistered)
	}
	s.renamed(ctx, theirs, a.person.Name)
	return s.admission(&r, &certificate), nil
}

// renamed judges a person's other registrations anew if the sign-in has given
// the person another name: policies and the directory know people by name.
func (s *Service) renamed(ctx context.Context, others []Registration, name string) {
	was := slices.DeleteFunc(others, func(r Registration) bool { return r.Person.Name == name })
	for i := range was {
		s.forget(was[i].ID)
	}
	if len(was) > 0 {
		s.PersonsChanged(ctx, []string{name})
	}
}

// registration is the new epoch.
func (a *arrival) registration(before *Registration, now time.Time) Registration {
	return Registration{
		ID: before.ID, Epoch: before.Epoch + 1, Person: a.person, Tag: a.Tag,
		Package: a.Package, SignerSHA256: a.SignerSHA256, Level: a.Level,
		AppVersion: a.AppVersion, SDKVersion: a.SDKVersion,
		RegisteredAt: now, RequestDigest: a.request, Version: before.Version + 1,
	}
}

// again gives the first answer to a Register again, or else the refusal.
func (s *Service) again(ctx context.Context, a *arrival, refusal error) (Admission, error) {
	r, certificate, err := s.c.Registrations.Opened(ctx, a.request)
	if errors.Is(err, ErrNoRegistration) {
		return Admission{}, refusal
	}
	if err != nil {
		return Admission{}, err
	}
	if !r.Lasts() || r.RequestDigest != a.request || certificate.Epoch != r.Epoch ||
		s.clock().Sub(r.RegisteredAt) > retryWindow {
		return Admission{}, refusal
	}
	return s.admission(&r, &certificate), nil
}

func (s *Service) admission(r *Registration, c *Certificate) Admission {
	return Admission{ID: r.ID, Epoch: r.Epoch, User: r.Person.Name, Grant: s.grant(c)}
}

// forget lets go of all that is remembered of a registration.
func (s *Service) forget(id device.ID) {
	s.apps.forget(id)
	s.memory.forget(id)
}
