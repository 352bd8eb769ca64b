package compliance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
)

// Manifest is everything asked of one device, merged. It is made by Compile
// and never changed.
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
	if len(m.Pins)+len(m.TrustedRoots)+len(m.Certificates)+len(m.VPNs)+len(m.Conflicts) == 0 {
		return
	}
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
	return appendList(b, m.Conflicts, appendConflict)
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
