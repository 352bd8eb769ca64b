package compliancerpc

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/compliance"
	"ringfence/internal/wire"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func policyToWire(p compliance.Policy) *compliancev1.Policy {
	return &compliancev1.Policy{
		Name: p.Name, Revision: p.Revision, Spec: specToWire(p.Spec),
		CreatedAt: wire.Time(p.CreatedAt), RevisedAt: wire.Time(p.RevisedAt), RevisedBy: p.RevisedBy,
	}
}

func specFromWire(s *compliancev1.PolicySpec) compliance.Spec {
	return compliance.Spec{
		Description:  s.GetDescription(),
		Pins:         wire.Each(s.GetPins(), pinFromWire),
		TrustedRoots: wire.Each(s.GetTrustedRoots(), rootFromWire),
		Certificates: wire.Each(s.GetClientCertificates(), profileFromWire),
		VPNs:         wire.Each(s.GetVpns(), vpnFromWire),
		Assignments:  wire.Each(s.GetAssignments(), assignmentFromWire),
	}
}

func specToWire(s compliance.Spec) *compliancev1.PolicySpec {
	return &compliancev1.PolicySpec{
		Description:        s.Description,
		Pins:               wire.Each(s.Pins, pinToWire),
		TrustedRoots:       wire.Each(s.TrustedRoots, rootToWire),
		ClientCertificates: wire.Each(s.Certificates, profileToWire),
		Vpns:               wire.Each(s.VPNs, vpnToWire),
		Assignments:        wire.Each(s.Assignments, assignmentToWire),
	}
}

func manifestToWire(m *compliance.Manifest) *compliancev1.Manifest {
	return &compliancev1.Manifest{
		Pins:               wire.Each(m.Pins, pinToWire),
		TrustedRoots:       wire.Each(m.TrustedRoots, rootToWire),
		ClientCertificates: wire.Each(m.Certificates, profileToWire),
		Vpns:               wire.Each(m.VPNs, vpnToWire),
		Conflicts: wire.Each(m.Conflicts, func(c compliance.Conflict) *compliancev1.Conflict {
			return &compliancev1.Conflict{Setting: c.Setting, Policies: c.Policies, Detail: c.Detail}
		}),
		Lease: leaseToWire(m.Lease),
		RevokedKeys: wire.Each(m.RevokedKeys, func(k compliance.RevokedKey) *compliancev1.RevokedKey {
			return &compliancev1.RevokedKey{Alias: k.Alias, KeySha256: k.SHA256}
		}),
	}
}

// leaseToWire leaves the zero lease out, and a wipe that never comes.
func leaseToWire(l compliance.Lease) *compliancev1.Lease {
	if l == (compliance.Lease{}) {
		return nil
	}
	w := &compliancev1.Lease{Number: l.Number, LockAfter: durationpb.New(l.LockAfter)}
	if l.WipeAfter > 0 {
		w.WipeAfter = durationpb.New(l.WipeAfter)
	}
	return w
}

func pinFromWire(p *compliancev1.PinRule) compliance.PinRule {
	return compliance.PinRule{
		Scope:                 word[compliance.PinScope](p.GetScope()),
		Quality:               word[compliance.PinQuality](p.GetQuality()),
		Complexity:            word[compliance.PinComplexity](p.GetComplexity()),
		MinimumLength:         p.GetMinimumLength(),
		HistoryLength:         p.GetHistoryLength(),
		ExpiresAfterDays:      p.GetExpiresAfterDays(),
		FailuresBeforeRemoval: p.GetFailuresBeforeRemoval(),
		InactivityLockSeconds: p.GetInactivityLockSeconds(),
	}
}

func pinToWire(p compliance.PinRule) *compliancev1.PinRule {
	return &compliancev1.PinRule{
		Scope:                 compliancev1.PinScope(p.Scope),
		Quality:               compliancev1.PinQuality(p.Quality),
		Complexity:            compliancev1.PinComplexity(p.Complexity),
		MinimumLength:         p.MinimumLength,
		HistoryLength:         p.HistoryLength,
		ExpiresAfterDays:      p.ExpiresAfterDays,
		FailuresBeforeRemoval: p.FailuresBeforeRemoval,
		InactivityLockSeconds: p.InactivityLockSeconds,
	}
}

func rootFromWire(r *compliancev1.TrustedRoot) compliance.TrustedRoot {
	return compliance.TrustedRoot{Name: r.GetName(), CertificatePEM: r.GetCertificatePem()}
}

func rootToWire(r compliance.TrustedRoot) *compliancev1.TrustedRoot {
	return &compliancev1.TrustedRoot{Name: r.Name, CertificatePem: r.CertificatePEM}
}

func profileFromWire(c *compliancev1.ClientCertificateProfile) compliance.CertificateProfile {
	return compliance.CertificateProfile{
		Alias:                   c.GetAlias(),
		CommonName:              c.GetCommonName(),
		Organization:            c.GetOrganization(),
		SANDNSNames:             c.GetSanDnsNames(),
		SANEmailAddresses:       c.GetSanEmailAddresses(),
		SANURIs:                 c.GetSanUris(),
		KeyType:                 word[compliance.KeyType](c.GetKeyType()),
		ValidityDays:            c.GetValidityDays(),
		ExtendedKeyUsages:       wire.Each(c.GetExtendedKeyUsages(), word[compliance.ExtendedKeyUsage]),
		RenewalThresholdPercent: c.GetRenewalThresholdPercent(),
	}
}

func profileToWire(c compliance.CertificateProfile) *compliancev1.ClientCertificateProfile {
	return &compliancev1.ClientCertificateProfile{
		Alias:             c.Alias,
		CommonName:        c.CommonName,
		Organization:      c.Organization,
		SanDnsNames:       c.SANDNSNames,
		SanEmailAddresses: c.SANEmailAddresses,
		SanUris:           c.SANURIs,
		KeyType:           compliancev1.KeyType(c.KeyType),
		ValidityDays:      c.ValidityDays,
		ExtendedKeyUsages: wire.Each(c.ExtendedKeyUsages, func(u compliance.ExtendedKeyUsage) compliancev1.ExtendedKeyUsage {
			return compliancev1.ExtendedKeyUsage(u)
		}),
		RenewalThresholdPercent: c.RenewalThresholdPercent,
	}
}

func vpnFromWire(v *compliancev1.VpnRule) compliance.VPNRule {
	return compliance.VPNRule{
		Name:            v.GetName(),
		ProviderPackage: v.GetProviderPackage(),
		Servers: wire.Each(v.GetServers(), func(s *compliancev1.VpnServer) compliance.VPNServer {
			return compliance.VPNServer{Address: s.GetAddress(), Description: s.GetDescription()}
		}),
		CertificateAlias: v.GetCertificateAlias(),
		AlwaysOn:         v.GetAlwaysOn(),
		Lockdown:         v.GetLockdown(),
		AllowedPackages:  v.GetAllowedPackages(),
		DeniedPackages:   v.GetDeniedPackages(),
		ProviderSettings: v.GetProviderSettings(),
	}
}

func vpnToWire(v compliance.VPNRule) *compliancev1.VpnRule {
	return &compliancev1.VpnRule{
		Name:            v.Name,
		ProviderPackage: v.ProviderPackage,
		Servers: wire.Each(v.Servers, func(s compliance.VPNServer) *compliancev1.VpnServer {
			return &compliancev1.VpnServer{Address: s.Address, Description: s.Description}
		}),
		CertificateAlias: v.CertificateAlias,
		AlwaysOn:         v.AlwaysOn,
		Lockdown:         v.Lockdown,
		AllowedPackages:  v.AllowedPackages,
		DeniedPackages:   v.DeniedPackages,
		ProviderSettings: v.ProviderSettings,
	}
}

// assignmentFromWire gives an assignment of no kind for a target it does not
// know, which the slice refuses.
func assignmentFromWire(a *compliancev1.Assignment) compliance.Assignment {
	d := compliance.Assignment{Exclude: a.GetExclude()}
	switch target := a.GetTarget().(type) {
	case *compliancev1.Assignment_All:
		if target.All {
			d.Kind = compliance.TargetAll
		}
	case *compliancev1.Assignment_Group:
		d.Kind, d.Name = compliance.TargetGroup, target.Group
	case *compliancev1.Assignment_User:
		d.Kind, d.Name = compliance.TargetUser, target.User
	case *compliancev1.Assignment_Device:
		d.Kind, d.Name = compliance.TargetDevice, target.Device
	}
	return d
}

func assignmentToWire(a compliance.Assignment) *compliancev1.Assignment {
	w := &compliancev1.Assignment{Exclude: a.Exclude}
	switch a.Kind {
	case compliance.TargetAll:
		w.Target = &compliancev1.Assignment_All{All: true}
	case compliance.TargetGroup:
		w.Target = &compliancev1.Assignment_Group{Group: a.Name}
	case compliance.TargetUser:
		w.Target = &compliancev1.Assignment_User{User: a.Name}
	case compliance.TargetDevice:
		w.Target = &compliancev1.Assignment_Device{Device: a.Name}
	}
	return w
}
