package compliance

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
)

// Manifest is everything asked of one device, merged. It is made by Compile
// and never changed. Lease and RevokedKeys are not of policies: Compile leaves
// them empty.
type Manifest struct {
	// Pins holds at most one rule a scope, by scope.
	Pins []PinRule
	// TrustedRoots are in the order of their names.
	TrustedRoots []TrustedRoot
	// Certificates are in the order of their aliases, with defaults filled in.
	Certificates []CertificateProfile
	// VPNs are in the order of their names.
	VPNs []VPNRule
	// Conflicts are settings that could not be merged, in the order of their
	// settings. They are left out above.
	Conflicts []Conflict
	// Lease is zero for none.
	Lease Lease
	// RevokedKeys are keys of Certificates that the device must destroy, in the
	// order of their aliases, then of their digests.
	RevokedKeys []RevokedKey

	revision string
	// rootDigests are the SHA-256 of TrustedRoots, hex, one for each.
	rootDigests []string
}

// Conflict names what could not be merged.
type Conflict struct {
	// Setting is as in SettingResult.
	Setting string
	// Policies are the names of those that disagree, in order.
	Policies []string
	// Detail says what they disagree about.
	Detail string
}

// Revision is the SHA-256 of the manifest's content, lower-case hex; "" where
// nothing is asked.
func (m *Manifest) Revision() string { return m.revision }

// Certificate gives the profile of an alias.
func (m *Manifest) Certificate(alias string) (CertificateProfile, bool) {
	for _, c := range m.Certificates {
		if c.Alias == alias {
			return c, true
		}
	}
	return CertificateProfile{}, false
}

// aliases are those of Certificates.
func (m *Manifest) aliases() []string {
	aliases := make([]string, len(m.Certificates))
	for i, c := range m.Certificates {
		aliases[i] = c.Alias
	}
	return aliases
}

// revoked gives the revocation of an installed certificate; nil where it is not
// revoked.
func (m *Manifest) revoked(c InstalledCertificate) *RevokedKey {
	for i := range m.RevokedKeys {
		if r := &m.RevokedKeys[i]; r.Alias == c.Alias && r.Serial == c.Serial {
			return r
		}
	}
	return nil
}

// under is the manifest with what is asked of one device beside the policies.
func (m *Manifest) under(t terms) *Manifest {
	keys := m.revokedKeys(t.recalls)
	if t.lease == (Lease{}) && len(keys) == 0 {
		return m
	}
	own := *m
	own.Lease, own.RevokedKeys = t.lease, keys
	own.revise()
	return &own
}

// revokedKeys are the recalls of what the manifest asks for.
func (m *Manifest) revokedKeys(recalls []Recall) []RevokedKey {
	var keys []RevokedKey
	for _, r := range slices.Backward(recalls) {
		if _, asked := m.Certificate(r.Key.Alias); !asked || len(keys) == maxRevokedKeys {
			continue
		}
		keys = append(keys, RevokedKey{
			Alias: r.Key.Alias, SHA256: hex.EncodeToString(r.Key.SHA256[:]), Serial: r.Serial, At: r.At,
		})
	}
	slices.SortFunc(keys, func(a, b RevokedKey) int {
		return cmp.Or(strings.Compare(a.Alias, b.Alias), strings.Compare(a.SHA256, b.SHA256), strings.Compare(a.Serial, b.Serial))
	})
	return keys
}

// asks reports whether the manifest asks for a setting.
func (m *Manifest) asks(setting string) bool {
	for _, p := range m.Pins {
		if pinSetting(p.Scope) == setting {
			return true
		}
	}
	for _, r := range m.TrustedRoots {
		if rootSetting(r.Name) == setting {
			return true
		}
	}
	for _, c := range m.Certificates {
		if certificateSetting(c.Alias) == setting {
			return true
		}
	}
	for _, v := range m.VPNs {
		if vpnSetting(v.Name) == setting {
			return true
		}
	}
	return false
}

// The names of settings, as devices report on them.

func pinSetting(s PinScope) string {
	switch s { // each check-in asks: no text is made
	case PinDevice:
		return "pin.device"
	case PinWorkProfile:
		return "pin.work_profile"
	default:
		return "pin." + s.String()
	}
}

func rootSetting(name string) string         { return "trusted_root." + name }
func certificateSetting(alias string) string { return "client_certificate." + alias }
func vpnSetting(name string) string          { return "vpn." + name }

// seal computes what follows from the content.
func (m *Manifest) seal() {
	m.rootDigests = make([]string, len(m.TrustedRoots))
	for i, r := range m.TrustedRoots {
		m.rootDigests[i] = rootDigest(r.CertificatePEM)
	}
	if len(m.Pins)+len(m.TrustedRoots)+len(m.Certificates)+len(m.VPNs)+len(m.Conflicts) > 0 {
		m.revise()
	}
}

// revise gives the manifest the revision of its content.
func (m *Manifest) revise() {
	sum := sha256.Sum256(m.encoded())
	m.revision = hex.EncodeToString(sum[:])
}

// encoded is the content as bytes. A change of this form changes every
// revision, so that every device applies its manifest again: harmless, but not
// to be done lightly.
func (m *Manifest) encoded() []byte {
	b := append(make([]byte, 0, 4096), "ringfence manifest 1\n"...)
	b = appendList(b, m.Pins, appendPin)
	b = appendList(b, m.TrustedRoots, appendRoot)
	b = appendList(b, m.Certificates, appendCertificate)
	b = appendList(b, m.VPNs, appendVPN)
	b = appendList(b, m.Conflicts, appendConflict)
	// What most manifests do not have changes no revision of theirs.
	if m.Lease != (Lease{}) {
		b = appendLease(appendText(b, "lease"), m.Lease)
	}
	if len(m.RevokedKeys) > 0 {
		b = appendList(appendText(b, "revoked keys"), m.RevokedKeys, appendRevokedKey)
	}
	return b
}

// rootDigest is the SHA-256 of a certificate, lower-case hex. What is no PEM,
// which Validate keeps out, is hashed as it is.
func rootDigest(certificate string) string {
	content := []byte(certificate)
	if block, _ := pem.Decode(content); block != nil {
		content = block.Bytes
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
