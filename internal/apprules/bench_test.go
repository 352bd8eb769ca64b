package apprules

import "testing"

// BenchmarkEvaluate judges a well phone by every check that has thresholds.
func BenchmarkEvaluate(b *testing.B) {
	e := Evidence{
		Effective: effective(b, "launch.offline.block=2h; launch.app_version.block=5; launch.os_version.block=13; launch.patch_level.warn=2025-01-05; launch.rooted=wipe; launch.integrity.block=basic; launch.device_lock.block=low; launch.threat_level.block=low; launch.working_hours.warn=UTC mon-sun 08:00-18:00"),
		Report:    wellReport(fields{}), Registration: Registration{OnlineAt: t0},
	}
	b.ReportAllocs()
	for b.Loop() {
		if v := Evaluate(e, t0); v.Standing != StandingOK {
			b.Fatal(v.Findings)
		}
	}
}
