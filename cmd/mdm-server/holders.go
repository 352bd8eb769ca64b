package main

import (
	"context"
	"strings"

	"ringfence/internal/access"
	"ringfence/internal/access/extauthz"
	"ringfence/internal/access/forwardauth"
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/pki"
	"ringfence/internal/transmit"
)

// holder is who holds a certificate that a proxy has verified.
type holder struct {
	Device, Registration device.ID
	User, Serial         string
}

// errHolder is the one answer to a certificate that is nobody's. What exactly is
// wrong is behind it.
var errHolder = fault.New(fault.Denied, "CERTIFICATE_NOT_OURS", "the certificate is of no phone or app that is enrolled")

// holderOf says whose a certificate is, DER: of a device, of an app, or one that
// a policy has a phone ask for. It must be issued by this installation, on
// record, neither expired nor revoked, and of an epoch that lasts.
func (p *parts) holderOf(ctx context.Context, der []byte) (holder, error) {
	held, err := p.authority.VerifyHolder(der, p.now())
	if err != nil {
		return holder{}, errHolder
	}
	switch held.Purpose {
	case pki.Device:
		return holding(p.enroll.Identify(ctx, held.Serial))
	case pki.App:
		return holding(p.apps.Identify(ctx, held.Serial))
	default:
		return p.profileHolder(ctx, held.Serial, der)
	}
}

func holding(c identity.Caller, err error) (holder, error) {
	if err != nil {
		return holder{}, err
	}
	h := holder{User: strings.ToLower(c.User), Serial: c.Serial}
	if c.Kind == identity.App {
		h.Registration = c.Device
	} else {
		h.Device = c.Device
	}
	return h, nil
}

func (p *parts) profileHolder(ctx context.Context, serial string, der []byte) (holder, error) {
	id, epoch, err := p.compliance.Holder(ctx, serial, der)
	if err != nil {
		return holder{}, err
	}
	d, err := p.enroll.Device(ctx, id)
	if err != nil {
		return holder{}, err
	}
	if d.State != enroll.Enrolled || d.Epoch != epoch {
		return holder{}, errHolder
	}
	return holder{Device: id, User: strings.ToLower(d.User), Serial: serial}, nil
}

// holdersForProxies and holdersForEnvoy are holders in the words of the doors.
type holdersForProxies struct{ p *parts }

func (h holdersForProxies) Identify(ctx context.Context, der []byte) (forwardauth.Holder, error) {
	found, err := h.p.holderOf(ctx, der)
	return forwardauth.Holder(found), err
}

type holdersForEnvoy struct{ p *parts }

func (h holdersForEnvoy) Identify(ctx context.Context, der []byte) (extauthz.Holder, error) {
	found, err := h.p.holderOf(ctx, der)
	return extauthz.Holder(found), err
}

// assertionsForProxies checks the assertions that phones show in place of a
// certificate.
type assertionsForProxies struct{ p *parts }

func (a assertionsForProxies) VerifyAssertion(ctx context.Context, token string) (forwardauth.Holder, string, error) {
	doors := &a.p.access
	var c access.AssertionClaims
	if err := doors.keys.Verify(ctx, token, access.AssertionType, &c); err != nil {
		return forwardauth.Holder{}, "", err
	}
	if err := c.Check(doors.issuer, []string{doors.issuer}, a.p.now()); err != nil {
		return forwardauth.Holder{}, "", err
	}
	h := forwardauth.Holder{User: c.User}
	facts, err := a.p.present(ctx, c.Kind, c.Subject)
	switch {
	case err != nil:
		return forwardauth.Holder{}, "", err
	case facts != c.Epoch:
		return forwardauth.Holder{}, "", errHolder
	case c.Kind == access.AboutApp:
		h.Registration = c.Subject
	default:
		h.Device = c.Subject
	}
	return h, c.Confirmation.SHA256, nil
}

// present gives the epoch that lasts of a phone or a registration.
func (p *parts) present(ctx context.Context, kind string, id device.ID) (device.Epoch, error) {
	if kind == access.AboutApp {
		r, err := p.apps.Registration(ctx, id)
		if err == nil && !r.Registration.Lasts() {
			return 0, errHolder
		}
		return r.Registration.Epoch, err
	}
	d, err := p.enroll.Device(ctx, id)
	if err == nil && d.State != enroll.Enrolled {
		return 0, errHolder
	}
	return d.Epoch, err
}

// subjectsForTransmit says whose a phone or a registration is.
type subjectsForTransmit struct{ p *parts }

func (s subjectsForTransmit) Subject(ctx context.Context, id device.ID) (user string, known bool, err error) {
	d, err := s.p.enroll.Device(ctx, id)
	if err == nil {
		return strings.ToLower(d.User), d.User != "", nil
	}
	if fault.KindOf(err) != fault.NotFound {
		return "", false, err
	}
	r, err := s.p.apps.Registration(ctx, id)
	switch {
	case err == nil:
		return r.Registration.Person.Name, true, nil
	case fault.KindOf(err) == fault.NotFound:
		return "", false, nil
	default:
		return "", false, err
	}
}

// certificatesForTransmit says whose a certificate is.
type certificatesForTransmit struct{ p *parts }

func (c certificatesForTransmit) Certificate(ctx context.Context, serial string) (transmit.Certificate, device.ID, bool, error) {
	issuer := c.p.authority.Issuer(pki.Profile).Subject.String()
	id, known, err := c.p.compliance.Issued(ctx, serial)
	return transmit.Certificate{Issuer: issuer}, id, known, err
}
