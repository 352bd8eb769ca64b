package enroll

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// JoinRequest asks to enrol one phone. What it says of the phone is the
// phone's own word.
type JoinRequest struct {
	// Secret is the token's.
	Secret string
	// CSR is a PKCS#10 certificate request, DER.
	CSR []byte
	// HardwareTag is empty for none.
	HardwareTag string
	Platform    device.Platform
	Model       string
	OSVersion   string
	Mode        device.Mode
}

// What a phone says of itself, in characters.
const (
	maxModel     = 64
	maxOSVersion = 32
)

// check is the wire's rules once more, as far as the database depends on them.
func (r JoinRequest) check() error {
	if r.Platform != device.Android {
		return fault.InvalidField("platform", "%q is not known", r.Platform)
	}
	if err := checkText("model", r.Model, maxModel); err != nil {
		return err
	}
	return checkText("os_version", r.OSVersion, maxOSVersion)
}

// Admission is what a phone that joined needs from now on.
type Admission struct {
	Device    device.ID
	Epoch     device.Epoch
	Ownership device.Ownership
	Mode      device.Mode
	Grant
}

// Grant is a certificate and what goes with it.
type Grant struct {
	// Chain is DER, leaf first, without the root.
	Chain [][]byte
	// TrustBundle is the root certificates, DER.
	TrustBundle [][]byte
	// RenewAfter is when to ask for the next certificate.
	RenewAfter time.Time
}

func (s *Service) grant(i Issued) Grant {
	return Grant{Chain: i.Chain, TrustBundle: s.c.Authority.TrustBundle(), RenewAfter: i.RenewAfter()}
}

// Join redeems a token and opens an epoch. A Join that is refused counts no use
// and leaves nothing behind. One that repeats a Join with the same token and
// request within RetryWindow is given the first answer.
//
// Errors: [ErrTokenUnknown], [ErrTokenRevoked], [ErrTokenExpired],
// [ErrTokenUsedUp], [ErrModeMismatch], [ErrKeyReused], Invalid (with the field),
// [ErrMoved].
func (s *Service) Join(ctx context.Context, r JoinRequest) (Admission, error) {
	if err := r.check(); err != nil {
		return Admission{}, err
	}
	lookup, secret, err := ParseSecret(r.Secret)
	if err != nil {
		return Admission{}, err
	}
	j := &joining{JoinRequest: r, lookup: lookup, facts: JoinFacts{Secret: secret, Mode: r.Mode}}
	var admitted Admission
	err = fault.Retry(ErrMoved, func() error {
		var err error
		admitted, err = s.join(ctx, j)
		return err
	})
	return admitted, err
}

// joining is a Join under way, which may take several attempts.
type joining struct {
	JoinRequest
	lookup string
	facts  JoinFacts
	proof  *proof // nil until the certificate request has been checked
}

// join is one attempt. The token comes first: checking a signature for whoever
// has none would let strangers spend the server's time.
func (s *Service) join(ctx context.Context, j *joining) (Admission, error) {
	now := s.clock()
	token, err := s.c.Tokens.TokenByLookup(ctx, j.lookup)
	if err != nil && !errors.Is(err, ErrNoToken) {
		return Admission{}, err
	}
	// No secret opens the zero Token of a lookup that was not found.
	refusal := Admit(token, j.facts, now)
	if refusal != nil && !mayRepeat(refusal) {
		return Admission{}, refusal
	}
	if err := s.proveOnce(j); err != nil {
		return Admission{}, err
	}
	if refusal == nil {
		admitted, err := s.enter(ctx, j, token, now)
		if !errors.Is(err, ErrKeyReused) {
			return admitted, err
		}
		refusal = err
	}
	return s.repeat(ctx, j, token, refusal)
}

// proveOnce checks the certificate request, in the first attempt only.
func (s *Service) proveOnce(j *joining) error {
	if j.proof != nil {
		return nil
	}
	p, err := s.prove(j.CSR)
	if err != nil {
		return err
	}
	j.proof = &p
	return nil
}

// prove checks a certificate request.
func (s *Service) prove(der []byte) (proof, error) {
	csr, err := s.c.Authority.ParseCSR(der)
	if err != nil {
		return proof{}, err
	}
	return prove(csr)
}

// enter opens the epoch. Everything that can be refused is, before the one
// write.
func (s *Service) enter(ctx context.Context, j *joining, token Token, now time.Time) (Admission, error) {
	entrance := Entrance{
		Token: token, Tag: HashTag(j.HardwareTag),
		Platform: j.Platform, Model: j.Model, OSVersion: j.OSVersion,
	}
	before, err := s.known(ctx, entrance.Tag)
	if err != nil {
		return Admission{}, err
	}
	t := DeviceTemplate(before.ID, before.Epoch+1, j.proof.PublicKey, now, s.c.DeviceLifetime)
	issued, err := s.issue(t, *j.proof, now)
	if err != nil {
		return Admission{}, err
	}
	entrance.Certificate = issued.Certificate()
	d := Open(before, entrance, now)
	displaced := Displaced(before, now)
	done := s.changing(before)
	err = s.c.Enrolments.Join(ctx, Join{
		Device: d, Issued: issued, Displaced: displaced, Entry: joinEntry(ctx, d, displaced, before.Tombstone()),
	})
	done()
	if err != nil {
		return Admission{}, err
	}
	if displaced != nil {
		s.finish(ctx, *displaced)
	}
	return s.admission(d, issued), nil
}

// known gives the record of the phone with this tag, or that of a new device,
// which has an id and nothing else.
func (s *Service) known(ctx context.Context, tag Digest) (Device, error) {
	if !tag.IsZero() {
		d, err := s.c.Devices.DeviceByTag(ctx, tag)
		if !errors.Is(err, ErrNoDevice) {
			return d, err
		}
	}
	return Device{ID: device.ID(s.c.NewID())}, nil
}

// issue has a device certificate made.
func (s *Service) issue(t Template, p proof, now time.Time) (Issued, error) {
	i, err := s.c.Authority.IssueDevice(t)
	i.IssuedAt, i.Key, i.Request = now, p.Key, p.Request
	return i, err
}

// repeat gives the first answer to a Join again, or else the refusal.
func (s *Service) repeat(ctx context.Context, j *joining, t Token, refusal error) (Admission, error) {
	first, err := s.c.Devices.Joined(ctx, j.proof.Key)
	if errors.Is(err, ErrNoCertificate) {
		return Admission{}, refusal
	}
	if err != nil {
		return Admission{}, err
	}
	// The clock is read after the database, so that the first answer, which
	// another call may just have made, is not from the future.
	if !first.Repeats(t, j.proof.Request, s.clock()) {
		return Admission{}, refusal
	}
	return s.admission(first.Device, first.Issued), nil
}

func (s *Service) admission(d Device, i Issued) Admission {
	return Admission{
		Device: d.ID, Epoch: d.Epoch, Ownership: d.Ownership, Mode: d.Mode, Grant: s.grant(i),
	}
}

func joinEntry(ctx context.Context, d Device, displaced *Ending, lifted bool) audit.Entry {
	detail := fmt.Sprintf("epoch %d, %s %s, group %s, token %s", d.Epoch, d.Ownership, d.Mode, d.Group, d.TokenID)
	if displaced != nil {
		detail += fmt.Sprintf(", cut epoch %d short", displaced.Epoch)
	}
	if lifted {
		detail += ", lifted its record's deletion"
	}
	return byDevice(ctx, d, "enroll.join", detail)
}
