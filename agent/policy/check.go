package policy

import (
	"fmt"
	"regexp"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Limits of what one phone takes on. They are those of a check-in: what could
// not be reported is not applied.
const (
	maxRoots        = 100
	maxCertificates = 50
	maxVPNs         = 20
	maxRevokedKeys  = 100

	maxServers  = 20
	maxPackages = 500
	maxSettings = 25
)

var (
	namePattern     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	revisionPattern = regexp.MustCompile(`^[0-9a-f]{0,64}$`)
	packagePattern  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$`)
	serverPattern   = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$`)
	settingPattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// ValidName reports whether s may name a root, a certificate or a VPN, and so
// become part of a path.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// checkManifest refuses what would be work without bound. What is wrong with a
// single setting is that setting's own result.
func checkManifest(revision string, m *compliancev1.Manifest) error {
	switch {
	case !revisionPattern.MatchString(revision):
		return fmt.Errorf("the manifest's revision is not one")
	case len(m.GetTrustedRoots()) > maxRoots:
		return fmt.Errorf("the manifest asks for %d roots, %d are possible", len(m.GetTrustedRoots()), maxRoots)
	case len(m.GetClientCertificates()) > maxCertificates:
		return fmt.Errorf("the manifest asks for %d certificates, %d are possible", len(m.GetClientCertificates()), maxCertificates)
	case len(m.GetVpns()) > maxVPNs:
		return fmt.Errorf("the manifest asks for %d VPNs, %d are possible", len(m.GetVpns()), maxVPNs)
	case len(m.GetRevokedKeys()) > maxRevokedKeys:
		return fmt.Errorf("the manifest names %d revoked keys, %d are possible", len(m.GetRevokedKeys()), maxRevokedKeys)
	case len(m.GetPins()) > 2:
		return fmt.Errorf("the manifest asks for %d locks, 2 are possible", len(m.GetPins()))
	}
	return nil
}

// checkVPN gives what is wrong with a rule, "" if nothing.
func checkVPN(v *compliancev1.VpnRule) string {
	switch {
	case !validPackage(v.GetProviderPackage()):
		return "the provider is not a package name"
	case len(v.GetServers()) == 0 || len(v.GetServers()) > maxServers:
		return fmt.Sprintf("%d servers, 1 to %d are possible", len(v.GetServers()), maxServers)
	case v.GetCertificateAlias() != "" && !ValidName(v.GetCertificateAlias()):
		return "the certificate's alias is not one"
	case v.GetLockdown() && !v.GetAlwaysOn():
		return "lockdown needs always-on"
	case len(v.GetAllowedPackages()) > maxPackages || len(v.GetDeniedPackages()) > maxPackages:
		return fmt.Sprintf("more than %d apps", maxPackages)
	case len(v.GetProviderSettings()) > maxSettings:
		return fmt.Sprintf("more than %d provider settings", maxSettings)
	}
	for _, s := range v.GetServers() {
		if len(s.GetAddress()) > 259 || !serverPattern.MatchString(s.GetAddress()) {
			return "a server's address is neither a host name nor an IP address"
		}
	}
	for _, list := range [][]string{v.GetAllowedPackages(), v.GetDeniedPackages()} {
		for _, name := range list {
			if !validPackage(name) {
				return "an app is not a package name"
			}
		}
	}
	for key := range v.GetProviderSettings() {
		if !settingPattern.MatchString(key) {
			return "a provider setting's key has characters that are not possible"
		}
	}
	return ""
}

func validPackage(name string) bool { return len(name) <= 255 && packagePattern.MatchString(name) }
