package compliancedb

import (
	"fmt"
	"time"

	"ringfence/internal/compliance"
)

func encodeReport(rep compliance.Report) []byte {
	w := &writer{b: append(make([]byte, 0, 512), reportVersion)}
	w.time(rep.ObservedAt)
	w.text(rep.Posture.OSVersion)
	w.text(rep.Posture.SecurityPatchLevel)
	writeList(w, rep.Posture.Locks, func(w *writer, l compliance.LockState) {
		w.octet(byte(l.Scope))
		w.flag(l.Set)
		w.octet(byte(l.Quality))
		w.octet(byte(l.Complexity))
		w.number(uint64(l.Length))
		w.time(l.ChangedAt)
	})
	writeList(w, rep.Posture.Certificates, func(w *writer, c compliance.InstalledCertificate) {
		w.text(c.Alias)
		w.text(c.Serial)
		w.time(c.NotAfter)
	})
	writeList(w, rep.Posture.TrustedRootSHA256, (*writer).text)
	writeList(w, rep.Posture.VPNs, func(w *writer, v compliance.VPNState) {
		w.text(v.Name)
		w.flag(v.AlwaysOn)
		w.flag(v.Lockdown)
	})
	w.text(rep.AppliedRevision)
	writeList(w, rep.Results, func(w *writer, s compliance.SettingResult) {
		w.text(s.Setting)
		w.octet(byte(s.Status))
		w.text(s.Detail)
	})
	writeList(w, rep.Posture.WorkApps, func(w *writer, a compliance.WorkApp) {
		w.text(a.Package)
		w.text(a.Version)
		w.number(uint64(a.UnsyncedChanges))
	})
	return w.b
}

func decodeReport(b []byte) (compliance.Report, error) {
	r := newReader(b, reportVersion)
	var rep compliance.Report
	rep.ObservedAt = r.time()
	rep.Posture.OSVersion = r.text()
	rep.Posture.SecurityPatchLevel = r.text()
	rep.Posture.Locks = readList(r, func(r *reader) compliance.LockState {
		return compliance.LockState{
			Scope: compliance.PinScope(r.octet()), Set: r.flag(), Quality: compliance.PinQuality(r.octet()),
			Complexity: compliance.PinComplexity(r.octet()), Length: r.small(), ChangedAt: r.time(),
		}
	})
	rep.Posture.Certificates = readList(r, func(r *reader) compliance.InstalledCertificate {
		return compliance.InstalledCertificate{Alias: r.text(), Serial: r.text(), NotAfter: r.time()}
	})
	rep.Posture.TrustedRootSHA256 = readList(r, (*reader).text)
	rep.Posture.VPNs = readList(r, func(r *reader) compliance.VPNState {
		return compliance.VPNState{Name: r.text(), AlwaysOn: r.flag(), Lockdown: r.flag()}
	})
	rep.AppliedRevision = r.text()
	rep.Results = readList(r, func(r *reader) compliance.SettingResult {
		return compliance.SettingResult{Setting: r.text(), Status: compliance.ApplyStatus(r.octet()), Detail: r.text()}
	})
	if r.version > reportWithoutWorkApps {
		rep.Posture.WorkApps = readList(r, func(r *reader) compliance.WorkApp {
			return compliance.WorkApp{Package: r.text(), Version: r.text(), UnsyncedChanges: r.small()}
		})
	}
	if err := r.end(); err != nil {
		return compliance.Report{}, fmt.Errorf("read report: %w", err)
	}
	return rep, nil
}

func encodeVerdict(v compliance.Verdict) []byte {
	w := &writer{b: append(make([]byte, 0, 256), verdictVersion)}
	w.octet(byte(v.Standing))
	w.time(v.EvaluatedAt)
	w.time(v.EvidenceAt)
	w.time(v.Since)
	w.time(v.ChangesAt)
	writeList(w, v.Findings, func(w *writer, f compliance.Finding) {
		w.text(f.Rule)
		w.text(f.Expected)
		w.text(f.Actual)
		w.number(uint64(max(0, f.EvidenceAge)))
		w.time(f.Since)
		w.text(f.Remedy)
		w.time(f.GraceUntil)
	})
	return w.b
}

func decodeVerdict(b []byte) (compliance.Verdict, error) {
	r := newReader(b, verdictVersion)
	v := compliance.Verdict{
		Standing: compliance.Standing(r.octet()), EvaluatedAt: r.time(), EvidenceAt: r.time(),
		Since: r.time(), ChangesAt: r.time(),
	}
	v.Findings = readList(r, func(r *reader) compliance.Finding {
		return compliance.Finding{
			Rule: r.text(), Expected: r.text(), Actual: r.text(), EvidenceAge: time.Duration(r.number()),
			Since: r.time(), Remedy: r.text(), GraceUntil: r.time(),
		}
	})
	if err := r.end(); err != nil {
		return compliance.Verdict{}, fmt.Errorf("read verdict: %w", err)
	}
	return v, nil
}
