package compliancerpc

import (
	"ringfence/internal/compliance"
	"ringfence/internal/wire"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// reportFromWire shares no list with the request. Errors are Invalid: a time
// that is none.
func reportFromWire(r *compliancev1.CheckInRequest) (compliance.Report, error) {
	observed, ok := wire.FromTime(r.GetObservedAt())
	if !ok {
		return compliance.Report{}, notATime("observed_at")
	}
	posture, err := postureFromWire(r.GetPosture())
	return compliance.Report{
		ObservedAt:      observed,
		Posture:         posture,
		AppliedRevision: r.GetAppliedRevision(),
		Results:         wire.Each(r.GetResults(), resultFromWire),
	}, err
}

func postureFromWire(p *compliancev1.Posture) (compliance.Posture, error) {
	posture := compliance.Posture{
		OSVersion:          p.GetOsVersion(),
		SecurityPatchLevel: p.GetSecurityPatchLevel(),
		TrustedRootSHA256:  wire.Each(p.GetTrustedRootSha256(), func(s string) string { return s }),
		VPNs: wire.Each(p.GetVpns(), func(v *compliancev1.VpnState) compliance.VPNState {
			return compliance.VPNState{Name: v.GetName(), AlwaysOn: v.GetAlwaysOn(), Lockdown: v.GetLockdown()}
		}),
		WorkApps: wire.Each(p.GetWorkApps(), func(a *compliancev1.WorkApp) compliance.WorkApp {
			return compliance.WorkApp{Package: a.GetPackage(), Version: a.GetVersion(), UnsyncedChanges: a.GetUnsyncedChanges()}
		}),
	}
	for i, l := range p.GetLocks() {
		changed, ok := wire.FromTime(l.GetChangedAt())
		if !ok {
			return compliance.Posture{}, notATime("posture.locks[%d].changed_at", i)
		}
		posture.Locks = append(posture.Locks, compliance.LockState{
			Scope:      word[compliance.PinScope](l.GetScope()),
			Set:        l.GetSet(),
			Quality:    word[compliance.PinQuality](l.GetQuality()),
			Complexity: word[compliance.PinComplexity](l.GetComplexity()),
			Length:     l.GetLength(),
			ChangedAt:  changed,
		})
	}
	for i, c := range p.GetClientCertificates() {
		notAfter, ok := wire.FromTime(c.GetNotAfter())
		if !ok {
			return compliance.Posture{}, notATime("posture.client_certificates[%d].not_after", i)
		}
		posture.Certificates = append(posture.Certificates, compliance.InstalledCertificate{
			Alias: c.GetAlias(), Serial: c.GetSerial(), NotAfter: notAfter,
		})
	}
	return posture, nil
}

func postureToWire(p compliance.Posture) *compliancev1.Posture {
	return &compliancev1.Posture{
		OsVersion:          p.OSVersion,
		SecurityPatchLevel: p.SecurityPatchLevel,
		Locks: wire.Each(p.Locks, func(l compliance.LockState) *compliancev1.LockState {
			return &compliancev1.LockState{
				Scope:      compliancev1.PinScope(l.Scope),
				Set:        l.Set,
				Quality:    compliancev1.PinQuality(l.Quality),
				Complexity: compliancev1.PinComplexity(l.Complexity),
				Length:     l.Length,
				ChangedAt:  wire.Time(l.ChangedAt),
			}
		}),
		ClientCertificates: wire.Each(p.Certificates, func(c compliance.InstalledCertificate) *compliancev1.InstalledCertificate {
			return &compliancev1.InstalledCertificate{Alias: c.Alias, Serial: c.Serial, NotAfter: wire.Time(c.NotAfter)}
		}),
		TrustedRootSha256: p.TrustedRootSHA256,
		Vpns: wire.Each(p.VPNs, func(v compliance.VPNState) *compliancev1.VpnState {
			return &compliancev1.VpnState{Name: v.Name, AlwaysOn: v.AlwaysOn, Lockdown: v.Lockdown}
		}),
		WorkApps: wire.Each(p.WorkApps, func(a compliance.WorkApp) *compliancev1.WorkApp {
			return &compliancev1.WorkApp{Package: a.Package, Version: a.Version, UnsyncedChanges: a.UnsyncedChanges}
		}),
	}
}

func resultFromWire(r *compliancev1.SettingResult) compliance.SettingResult {
	return compliance.SettingResult{
		Setting: r.GetSetting(), Status: word[compliance.ApplyStatus](r.GetStatus()), Detail: r.GetDetail(),
	}
}

func resultToWire(r compliance.SettingResult) *compliancev1.SettingResult {
	return &compliancev1.SettingResult{
		Setting: r.Setting, Status: compliancev1.ApplyStatus(r.Status), Detail: r.Detail,
	}
}
