package compliance

import (
	"fmt"
	"slices"
	"strings"
)

// mergeVPNs joins VPN rules by name, and leaves out those whose certificate
// nobody asks for and those that would both be always on.
func mergeVPNs(c *compilation, certificates []CertificateProfile) []VPNRule {
	var merged []VPNRule
	inOrder(c.vpns, func(name string, wishes []asked[VPNRule]) {
		rule, problem := mergeVPN(wishes)
		if problem == "" {
			problem = lacksCertificate(rule, certificates)
		}
		if problem != "" {
			c.conflict(vpnSetting(name), problem, policiesOf(wishes))
			return
		}
		merged = append(merged, rule)
	})
	return oneAlwaysOn(c, merged)
}

// mergeVPN takes the strictest of the rules for one connection; problem says
// why there is none.
func mergeVPN(wishes []asked[VPNRule]) (merged VPNRule, problem string) {
	if !agree(wishes, appendVPNIdentity) {
		return VPNRule{}, "the rules with this name differ in provider, servers, certificate or settings"
	}
	merged = wishes[0].value
	for _, w := range wishes[1:] {
		v := w.value
		merged.AlwaysOn = merged.AlwaysOn || v.AlwaysOn
		merged.Lockdown = merged.Lockdown || v.Lockdown
		merged.DeniedPackages = sortedSet(slices.Concat(merged.DeniedPackages, v.DeniedPackages))
		switch {
		case len(merged.AllowedPackages) == 0:
			merged.AllowedPackages = v.AllowedPackages
		case len(v.AllowedPackages) > 0:
			merged.AllowedPackages = intersection(merged.AllowedPackages, v.AllowedPackages)
			// An empty list would let every app in.
			if len(merged.AllowedPackages) == 0 {
				return VPNRule{}, "no app is allowed by every rule with this name"
			}
		}
	}
	return merged, ""
}

// intersection of two sorted sets.
func intersection(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool {
		_, found := slices.BinarySearch(b, s)
		return !found
	})
}

func lacksCertificate(v VPNRule, certificates []CertificateProfile) (problem string) {
	if v.CertificateAlias == "" {
		return ""
	}
	if slices.ContainsFunc(certificates, func(c CertificateProfile) bool { return c.Alias == v.CertificateAlias }) {
		return ""
	}
	return fmt.Sprintf("unknown reference: no assigned policy gives the client certificate %q", v.CertificateAlias)
}

// oneAlwaysOn leaves out every always-on connection where there is more than
// one: a device keeps up one, and choosing would be guessing.
func oneAlwaysOn(c *compilation, rules []VPNRule) []VPNRule {
	var names, policies []string
	for _, v := range rules {
		if v.AlwaysOn {
			names = append(names, v.Name)
			policies = append(policies, policiesOf(c.vpns[v.Name])...)
		}
	}
	if len(names) < 2 {
		return rules
	}
	for _, name := range names {
		c.conflict(vpnSetting(name), "more than one connection is always on: "+strings.Join(names, ", "), policies)
	}
	rules = slices.DeleteFunc(rules, func(v VPNRule) bool { return v.AlwaysOn })
	return rules
}
