package compliance

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ruleManifest is the rule that the newest manifest is applied.
const ruleManifest = "manifest.revision"

// judgeEvidence: the report must not be too old.
func (j *judgement) judgeEvidence() {
	stale := j.Report.ObservedAt.Add(j.Limits.EvidenceAge)
	if !j.passed(stale) {
		return
	}
	j.find(Finding{
		Rule:     "evidence.age",
		Expected: "a report of the last " + duration(j.Limits.EvidenceAge),
		Actual:   "last looked " + j.Report.ObservedAt.Format(time.RFC3339),
		Remedy:   "bring the phone online and open the work agent; check that its clock is right",
	}, stale)
}

// judgeManifest: the manifest must be applied, and must not have conflicts.
func (j *judgement) judgeManifest() {
	if asked := j.Manifest.Revision(); asked != j.Report.AppliedRevision {
		j.excuse(Finding{
			Rule:     ruleManifest,
			Expected: orNone(asked),
			Actual:   orNone(j.Report.AppliedRevision),
			Remedy:   "keep the phone online: the work agent applies the new settings by itself",
		})
	}
	for _, c := range j.Manifest.Conflicts {
		j.excuse(Finding{
			Rule:     "conflict." + c.Setting,
			Expected: "policies that agree",
			Actual:   c.Detail + " (" + strings.Join(c.Policies, ", ") + ")",
			Remedy:   "ask your administrator to make these policies agree",
		})
	}
}

// result is the device's word on a setting of the manifest as it is now.
func (j *judgement) result(setting string) (SettingResult, bool) {
	if j.Report.AppliedRevision != j.Manifest.Revision() {
		return SettingResult{}, false
	}
	for _, r := range j.Report.Results {
		if r.Setting == setting {
			return r, true
		}
	}
	return SettingResult{}, false
}

// judgeRoots: each trusted root must be installed.
func (j *judgement) judgeRoots() {
	for i, r := range j.Manifest.TrustedRoots {
		if slices.Contains(j.Report.Posture.TrustedRootSHA256, j.Manifest.rootDigests[i]) {
			continue
		}
		j.miss(Finding{
			Rule: rootSetting(r.Name), Expected: "installed, SHA-256 " + j.Manifest.rootDigests[i], Actual: "not installed",
			Remedy: "keep the phone online: the work agent installs it",
		})
	}
}

// judgeCertificates: each client certificate must be there and valid.
//
// A revoked one counts at once, without the grace that a new manifest has: it
// was good until somebody had a reason to distrust it, and whoever asks the
// revocation list turns it away from now on, so that the verdict must not say
// otherwise. A phone that is online cures it within a minute.
func (j *judgement) judgeCertificates() {
	for _, c := range j.Manifest.Certificates {
		i := slices.IndexFunc(j.Report.Posture.Certificates, func(i InstalledCertificate) bool { return i.Alias == c.Alias })
		if i < 0 {
			j.miss(certificateFinding(c.Alias, "not installed"))
			continue
		}
		installed := j.Report.Posture.Certificates[i]
		if r := j.Manifest.revoked(installed); r != nil {
			f := certificateFinding(c.Alias, "revoked on "+r.At.Format(time.RFC3339))
			f.Remedy = "keep the phone online: the work agent makes a new key and obtains another certificate"
			j.find(f, r.At)
			continue
		}
		if expires := installed.NotAfter; j.passed(expires) {
			j.find(certificateFinding(c.Alias, "expired "+expires.Format(time.RFC3339)), expires)
		}
	}
}

func certificateFinding(alias, actual string) Finding {
	return Finding{
		Rule: certificateSetting(alias), Expected: "a valid certificate", Actual: actual,
		Remedy: "keep the phone online: the work agent obtains it",
	}
}

// judgeVPNs: each connection must be there, as strict as asked.
func (j *judgement) judgeVPNs() {
	for _, v := range j.Manifest.VPNs {
		i := slices.IndexFunc(j.Report.Posture.VPNs, func(s VPNState) bool { return s.Name == v.Name })
		if i < 0 {
			j.miss(Finding{
				Rule: vpnSetting(v.Name), Expected: "set up", Actual: "not set up",
				Remedy: "install " + v.ProviderPackage + " in the work profile and open the work agent",
			})
			continue
		}
		state := j.Report.Posture.VPNs[i]
		if v.AlwaysOn && !state.AlwaysOn {
			j.miss(Finding{
				Rule: vpnSetting(v.Name) + ".always_on", Expected: "on", Actual: "off",
				Remedy: "turn on \"always-on VPN\" for " + v.ProviderPackage,
			})
		}
		if v.Lockdown && !state.Lockdown {
			j.miss(Finding{
				Rule: vpnSetting(v.Name) + ".lockdown", Expected: "on", Actual: "off",
				Remedy: "turn on \"block connections without VPN\" for " + v.ProviderPackage,
			})
		}
	}
}

// judgeResults: no setting may have failed.
func (j *judgement) judgeResults() {
	if j.Report.AppliedRevision != j.Manifest.Revision() {
		return
	}
	for _, r := range j.Report.Results {
		if r.Status != Failed && r.Status != Unsupported || !j.Manifest.asks(r.Setting) {
			continue
		}
		f := Finding{Rule: "setting." + r.Setting, Expected: Applied.String(), Actual: r.Status.String()}
		f.Remedy = "open the work agent and try again; if it stays so, ask your administrator"
		if r.Status == Unsupported {
			f.Remedy = "this phone cannot have the setting: ask your administrator"
		}
		if r.Detail != "" {
			f.Actual += ": " + r.Detail
		}
		j.find(f, time.Time{})
	}
}

func orNone(revision string) string {
	if revision == "" {
		return "none"
	}
	return revision
}

// duration writes whole days and hours for people.
func duration(d time.Duration) string {
	switch {
	case d%day == 0 && d > day:
		return fmt.Sprintf("%d days", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return d.String()
	}
}
