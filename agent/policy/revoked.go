package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// revokedKeys are digests of keys by alias.
type revokedKeys map[string]map[string]bool

func revokedIn(m *compliancev1.Manifest) revokedKeys {
	revoked := make(revokedKeys)
	for _, k := range m.GetRevokedKeys() {
		if revoked[k.GetAlias()] == nil {
			revoked[k.GetAlias()] = make(map[string]bool)
		}
		revoked[k.GetAlias()][k.GetKeySha256()] = true
	}
	return revoked
}

// has reports whether a key, as its SubjectPublicKeyInfo, is revoked for an alias.
func (r revokedKeys) has(alias string, spki []byte) bool {
	if len(r[alias]) == 0 {
		return false
	}
	sum := sha256.Sum256(spki)
	return r[alias][hex.EncodeToString(sum[:])]
}

// current reports whether the installed certificate is to go.
func (r revokedKeys) current(c Certificate) bool {
	leaf := c.Leaf()
	return leaf != nil && r.has(c.Alias, leaf.RawSubjectPublicKeyInfo)
}

// pending reports whether the request under way is for a key that is to go.
func (r revokedKeys) pending(c Certificate) bool {
	if c.Pending == nil || len(c.Pending.CSR) == 0 {
		return false
	}
	csr, err := x509.ParseCertificateRequest(c.Pending.CSR)
	return err == nil && r.has(c.Alias, csr.RawSubjectPublicKeyInfo)
}

// dropRevoked destroys keys that must not be used any more, with their
// certificates. Obtaining others is the next step.
func (r *round) dropRevoked(m *compliancev1.Manifest) error {
	revoked := revokedIn(m)
	if len(revoked) == 0 {
		return nil
	}
	records, err := r.device().Certificates()
	if err != nil {
		return err
	}
	for alias, record := range records {
		if revoked.pending(record) {
			if err := r.abandon(&record); err != nil {
				return err
			}
		}
		if !revoked.current(record) {
			continue
		}
		if err := r.liftLockdown(alias); err != nil {
			return err
		}
		r.applier.o.Log.Info("a certificate was revoked: its key is destroyed", "alias", alias)
		record.Spent = append(record.Spent, record.Current.Key)
		record.Current = nil
		if err := r.device().SaveCertificate(record); err != nil {
			return err
		}
		if err := r.destroySpent(&record); err != nil {
			return err
		}
	}
	return nil
}

// liftLockdown lets traffic past the connections that use a certificate, before
// it goes.
func (r *round) liftLockdown(alias string) error {
	vpns, err := r.device().VPNs()
	if err != nil {
		return err
	}
	for _, v := range vpns {
		if v.GetCertificateAlias() != alias || !v.GetLockdown() {
			continue
		}
		open := proto.CloneOf(v)
		open.Lockdown = false
		if err := r.device().SetVPN(open); err != nil {
			return err
		}
	}
	return nil
}
