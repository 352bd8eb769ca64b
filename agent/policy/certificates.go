package policy

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"google.golang.org/protobuf/proto"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	defaultThreshold = 20 // percent of the validity left

	maxChain       = 5
	maxCertificate = 16 << 10
)

// Leaf gives the installed certificate, nil without one.
func (c Certificate) Leaf() *x509.Certificate {
	if c.Current == nil || len(c.Current.Chain) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(c.Current.Chain[0])
	if err != nil {
		return nil
	}
	return leaf
}

// profileDigest names what a certificate is asked to be. When to renew it is no
// part of that.
func profileDigest(p *compliancev1.ClientCertificateProfile) (string, error) {
	p = proto.CloneOf(p)
	p.RenewalThresholdPercent = 0
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// renewAt is when a certificate wants a successor: at the threshold's share of
// its validity before its end.
func renewAt(leaf *x509.Certificate, thresholdPercent uint32) time.Time {
	share := min(thresholdPercent, 99)
	if share == 0 {
		share = defaultThreshold
	}
	validity := leaf.NotAfter.Sub(leaf.NotBefore)
	return leaf.NotAfter.Add(-validity / 100 * time.Duration(share))
}

// obtainCertificates asks for what is missing, has changed or runs out.
func (r *round) obtainCertificates(m *compliancev1.Manifest) error {
	records, err := r.device().Certificates()
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, p := range m.GetClientCertificates() {
		alias := p.GetAlias()
		if !ValidName(alias) || seen[alias] {
			r.skip("client certificate", alias)
			continue
		}
		seen[alias] = true
		record, ok := records[alias]
		if !ok {
			record.Alias = alias
		}
		if err := r.obtain(p, record); err != nil {
			return err
		}
	}
	return nil
}

// obtain brings one certificate up to date.
func (r *round) obtain(p *compliancev1.ClientCertificateProfile, record Certificate) error {
	digest, err := profileDigest(p)
	if err != nil {
		return err
	}
	if err := r.destroySpent(&record); err != nil {
		return err
	}
	setting := "client_certificate." + p.GetAlias()
	leaf := record.Leaf()
	usable := leaf != nil && record.Current.Profile == digest && r.now.Before(leaf.NotAfter)
	if usable {
		at := renewAt(leaf, p.GetRenewalThresholdPercent())
		if r.now.Before(at) {
			r.dueAt(at)
			r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_APPLIED, "")
			return nil
		}
	}
	failure, err := r.request(p, digest, &record)
	if err != nil {
		return err
	}
	switch {
	case failure == nil:
		r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_APPLIED, "")
	case usable: // the old one still does
		r.note(setting, compliancev1.ApplyStatus_APPLY_STATUS_APPLIED, "not renewed yet: %s", failure.GetDetail())
	default:
		r.note(setting, failure.GetStatus(), "%s", failure.GetDetail())
	}
	return nil
}

// removeCertificates destroys certificates no longer asked for. Keys go first:
// a record without a key is found again, a key without a record is not.
func (r *round) removeCertificates(m *compliancev1.Manifest) error {
	wanted := make(map[string]bool)
	for _, p := range m.GetClientCertificates() {
		wanted[p.GetAlias()] = true
	}
	records, err := r.device().Certificates()
	if err != nil {
		return err
	}
	for alias, record := range records {
		if wanted[alias] {
			continue
		}
		for _, key := range record.keys() {
			if err := r.device().DeleteKey(key); err != nil {
				return err
			}
		}
		if err := r.device().RemoveCertificate(alias); err != nil {
			return err
		}
		delete(r.applier.notBefore, alias)
	}
	return nil
}

// keys names every key of a record.
func (c Certificate) keys() []string {
	keys := append([]string(nil), c.Spent...)
	if c.Current != nil {
		keys = append(keys, c.Current.Key)
	}
	if c.Pending != nil {
		keys = append(keys, c.Pending.Key)
	}
	return keys
}

// destroySpent destroys keys that were replaced.
func (r *round) destroySpent(record *Certificate) error {
	if len(record.Spent) == 0 {
		return nil
	}
	for _, key := range record.Spent {
		if err := r.device().DeleteKey(key); err != nil {
			return err
		}
	}
	record.Spent = nil
	return r.device().SaveCertificate(*record)
}

// belongs reports whether a certificate is for a key.
func belongs(leaf *x509.Certificate, key crypto.Signer) bool {
	pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(key.Public())
}
