package main

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"ringfence/internal/appprotect"
	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/pki"
	"ringfence/internal/rpc"
	"ringfence/internal/wipe"
)

// Each slice says in its own words what it needs. Here those words are
// connected to what other rooms offer; nothing is decided.

// enrollAuthority is pki as enroll sees it.
type enrollAuthority struct{ *pki.Authority }

func (enrollAuthority) ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	return pki.ParseCSR(der)
}

func (a enrollAuthority) IssueDevice(t enroll.Template) (enroll.Issued, error) {
	return a.issue(pki.Device, t)
}

func (a enrollAuthority) IssueAdmin(t enroll.Template) (enroll.Issued, error) {
	return a.issue(pki.Admin, t)
}

func (a enrollAuthority) TrustBundle() [][]byte { return a.Roots() }

func (a enrollAuthority) issue(p pki.Purpose, t enroll.Template) (enroll.Issued, error) {
	uris, err := parseURIs(t.URI)
	if err != nil {
		return enroll.Issued{}, err
	}
	chain, leaf, err := a.Issue(p, pki.Template{
		PublicKey: t.PublicKey, Subject: t.Subject, URIs: uris, NotBefore: t.NotBefore, NotAfter: t.NotAfter,
	})
	if err != nil {
		return enroll.Issued{}, err
	}
	return enroll.Issued{Chain: chain, Serial: pki.FormatSerial(leaf.SerialNumber), ExpiresAt: leaf.NotAfter}, nil
}

// profileAuthority is pki as compliance sees it.
type profileAuthority struct {
	*pki.Authority
	crlURL string
}

func (profileAuthority) ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	return pki.ParseCSR(der)
}

func (a profileAuthority) IssueProfile(t compliance.CertificateTemplate) (compliance.IssuedCertificate, error) {
	template := pki.Template{
		PublicKey: t.PublicKey, Subject: t.Subject,
		DNSNames: t.DNSNames, EmailAddresses: t.EmailAddresses, URIs: t.URIs,
		NotBefore: t.NotBefore, NotAfter: t.NotAfter, CRLURL: a.crlURL,
	}
	for _, u := range t.ExtendedKeyUsages {
		known, unknown, err := keyUsage(u)
		if err != nil {
			return compliance.IssuedCertificate{}, err
		}
		template.ExtKeyUsage = append(template.ExtKeyUsage, known...)
		template.UnknownExtKeyUsage = append(template.UnknownExtKeyUsage, unknown...)
	}
	chain, leaf, err := a.Issue(pki.Profile, template)
	if err != nil {
		return compliance.IssuedCertificate{}, err
	}
	return compliance.IssuedCertificate{
		Chain: chain, Serial: pki.FormatSerial(leaf.SerialNumber), NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
	}, nil
}

func keyUsage(u compliance.ExtendedKeyUsage) ([]x509.ExtKeyUsage, []asn1.ObjectIdentifier, error) {
	switch u {
	case compliance.UsageClientAuth:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil, nil
	case compliance.UsageEmailProtection:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}, nil, nil
	case compliance.UsageIPsecIKE:
		return nil, []asn1.ObjectIdentifier{pki.IPsecIKE}, nil
	default:
		return nil, nil, fmt.Errorf("extended key usage %v cannot be issued", u)
	}
}

func (a profileAuthority) CRL(l compliance.RevocationList) ([]byte, error) {
	revoked := make([]pki.Revoked, len(l.Revoked))
	for i, r := range l.Revoked {
		revoked[i] = pki.Revoked{Serial: r.Serial, At: r.At, Reason: int(r.Code)}
	}
	number := new(big.Int).SetUint64(l.Number)
	return a.Authority.CRL(pki.Profile, revoked, number, pki.Validity{ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate})
}

// devicesForCompliance and devicesForWipe are enroll's records in the words of
// those who ask.
type devicesForCompliance struct{ enroll *enroll.Service }

func (d devicesForCompliance) Facts(ctx context.Context, id device.ID) (compliance.Device, error) {
	r, err := d.enroll.Device(ctx, id)
	if err != nil {
		return compliance.Device{}, err
	}
	return compliance.Device{
		ID: r.ID, Epoch: r.Epoch, Enrolled: r.State == enroll.Enrolled,
		Ownership: r.Ownership, Mode: r.Mode, Group: r.Group, User: r.User,
	}, nil
}

type devicesForWipe struct{ enroll *enroll.Service }

func (d devicesForWipe) Facts(ctx context.Context, id device.ID) (wipe.Facts, error) {
	r, err := d.enroll.Device(ctx, id)
	if err != nil {
		return wipe.Facts{}, err
	}
	return factsForWipe(r), nil
}

func (d devicesForWipe) Select(ctx context.Context, t wipe.Target, limit int) ([]wipe.Facts, error) {
	found, err := d.enroll.Select(ctx, enroll.DeviceSelector{IDs: t.Devices, Group: t.Group, User: t.User}, limit)
	if err != nil {
		return nil, err
	}
	facts := make([]wipe.Facts, len(found))
	for i, r := range found {
		facts[i] = factsForWipe(r)
	}
	return facts, nil
}

func (d devicesForWipe) Enrolled(ctx context.Context) (int, error) {
	return d.enroll.CountEnrolled(ctx)
}

func factsForWipe(r enroll.Device) wipe.Facts {
	f := wipe.Facts{
		ID: r.ID, Epoch: r.Epoch, Enrolled: r.State == enroll.Enrolled, Ownership: r.Ownership, Mode: r.Mode,
		Group: r.Group, User: r.User, LastContact: r.LastSeenAt,
	}
	// To enrol is contact: what was seen of an earlier enrolment is not.
	if f.LastContact.Before(r.EnrolledAt) {
		f.LastContact = r.EnrolledAt
	}
	return f
}

// peopleForWipe is enroll's administrators in wipe's words.
type peopleForWipe struct{ enroll *enroll.Service }

func (p peopleForWipe) Approvers(ctx context.Context, besides string, groups []string) (int, error) {
	return p.enroll.Approvers(ctx, besides, groups)
}

func (p peopleForWipe) Revoked(ctx context.Context, credential string) (bool, error) {
	_, err := p.enroll.IdentifyAdmin(ctx, credential)
	if errors.Is(err, enroll.ErrCertificateRevoked) || errors.Is(err, enroll.ErrCertificateUnknown) {
		return true, nil
	}
	return false, err
}

// appsForWipe is what devices report of their work apps, and registrations of
// themselves, in wipe's words: those that would lose something.
type appsForWipe struct {
	compliance *compliance.Service
	apps       *appprotect.Service
}

func (a appsForWipe) Unsynced(ctx context.Context, ids []device.ID) (map[device.ID][]wipe.App, error) {
	reported, err := a.compliance.WorkApps(ctx, ids)
	if err != nil {
		return nil, err
	}
	// What has reported as a device is no registration.
	others := slices.DeleteFunc(slices.Clone(ids), func(id device.ID) bool {
		_, isDevice := reported[id]
		return isDevice
	})
	registered, err := a.apps.Standings(ctx, others)
	if err != nil {
		return nil, err
	}
	unsynced := make(map[device.ID][]wipe.App)
	for _, s := range registered {
		if r := s.State.Report; r != nil && r.UnsyncedChanges > 0 {
			unsynced[s.Registration.ID] = []wipe.App{{Package: s.Registration.Package, Changes: r.UnsyncedChanges}}
		}
	}
	for id, apps := range reported {
		for _, app := range apps {
			if app.UnsyncedChanges > 0 {
				unsynced[id] = append(unsynced[id], wipe.App{Package: app.Package, Changes: app.UnsyncedChanges})
			}
		}
	}
	return unsynced, nil
}

// leasesForCompliance tells what leases there are. It asks the slice at each
// call: the two need one another, and one of them is made first.
type leasesForCompliance struct{ p *parts }

func (l leasesForCompliance) Lease(ctx context.Context, group string) (compliance.Lease, error) {
	lease, err := l.p.wipe.Lease(ctx, group)
	return compliance.Lease{Number: lease.Number, LockAfter: lease.Lock, WipeAfter: lease.Wipe}, err
}

// enrollmentsForWipe lets wipe end an enrolment whose work profile is gone.
type enrollmentsForWipe struct{ enroll *enroll.Service }

func (e enrollmentsForWipe) End(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	return e.enroll.End(ctx, id, epoch, enroll.Wiped, reason)
}

// signedBy gives the certificates of the device or app that calls: that of the
// very connection, then its issuing authority. The root is published by itself.
func (p *parts) signedBy(ctx context.Context) ([][]byte, error) {
	client := rpc.ClientCertificate(ctx)
	if client.Leaf == nil {
		return nil, errors.New("the call came without a client certificate")
	}
	return [][]byte{client.Leaf.Raw, p.authority.Issuer(client.Purpose).Raw}, nil
}
