package compliance

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// IssueCertificate issues a client certificate that the caller's manifest asks
// for. The same request for the same key gets the certificate of the first,
// until that is due for renewal or the profile asks for another. The chain is
// DER, leaf first, without the root.
//
// Errors: NotFound (no such alias), Invalid on certificate_request,
// ErrTemplateEmpty, ErrTemplateInvalid, ErrKeyRevoked, ErrTooManyCertificates,
// ErrEnrollmentEnded.
func (s *Service) IssueCertificate(ctx context.Context, caller identity.Caller, alias string, request []byte) ([][]byte, error) {
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return nil, err
	}
	facts := factsOf(caller)
	d, err := s.demand(ctx, snap, facts)
	if err != nil {
		return nil, err
	}
	profile, found := d.manifest.Certificate(alias)
	if !found {
		return nil, fault.New(fault.NotFound, "", "the manifest asks for no client certificate %q", alias)
	}
	csr, err := s.config.Authority.ParseCSR(request)
	if err != nil {
		return nil, err
	}
	i := issuance{profile: profile, group: caller.Group, now: s.now(), key: CertificateKey{
		Device: caller.Device, Epoch: caller.Epoch, Alias: alias, SHA256: sha256.Sum256(csr.RawSubjectPublicKeyInfo),
	}}
	if err := i.plan(facts, csr); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		chain, err := s.issueOnce(ctx, i)
		// The same request came in twice at once: the other's answer is ours.
		if err != nil && fault.KindOf(err) == fault.Conflict && try < maxTries {
			continue
		}
		return chain, err
	}
}

// issuance is one certificate on its way.
type issuance struct {
	profile  CertificateProfile
	group    string
	key      CertificateKey
	template CertificateTemplate
	digest   [sha256.Size]byte
	now      time.Time
}

func (i *issuance) plan(d Device, csr *x509.CertificateRequest) (err error) {
	if i.template, err = i.profile.Template(d, csr, i.now); err != nil {
		return err
	}
	i.digest = i.template.digest(i.profile)
	return nil
}

func (s *Service) issueOnce(ctx context.Context, i issuance) ([][]byte, error) {
	last, err := s.config.Certificates.Latest(ctx, i.key)
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return nil, err
	case err == nil && last.Revocation != nil:
		return nil, ErrKeyRevoked
	case err == nil && last.stillGood(i.profile, i.digest, i.now):
		return last.Chain, nil
	}
	issued, err := s.config.Authority.IssueProfile(i.template)
	if err != nil {
		return nil, err
	}
	c := Certificate{
		Serial: issued.Serial, Key: i.key, Group: i.group, Profile: i.digest, Ordinal: last.Ordinal + 1,
		Subject: i.template.Subject.String(), Chain: issued.Chain,
		NotBefore: storedTime(issued.NotBefore), NotAfter: storedTime(issued.NotAfter),
	}
	// Recorded before it is given out: what is not recorded cannot be revoked.
	e := audit.By(ctx, "compliance.certificate.issue", "certificate/"+c.Serial,
		fmt.Sprintf("%s for device %s, epoch %d", c.Key.Alias, c.Key.Device, c.Key.Epoch))
	if err := s.config.Certificates.Record(ctx, c, e); err != nil {
		return nil, err
	}
	return c.Chain, nil
}
