package compliance

import (
	"fmt"
	"testing"

	"ringfence/internal/device"
)

// BenchmarkManifestCompile compiles the manifest of one device from 1, 10 and
// 100 policies that all ask for something of every kind.
func BenchmarkManifestCompile(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			policies := manyPolicies(n)
			b.ReportAllocs()
			for b.Loop() {
				if m := Compile(policies, device.WorkProfile); len(m.Conflicts) > 0 {
					b.Fatalf("conflicts: %v", m.Conflicts)
				}
			}
		})
	}
}

func manyPolicies(n int) []Named {
	policies := make([]Named, n)
	for i := range policies {
		s := fullSpec()
		s.VPNs[0].Name, s.VPNs[0].AlwaysOn, s.VPNs[0].Lockdown = fmt.Sprintf("vpn-%d", i%5), false, false
		s.VPNs[0].DeniedPackages = []string{fmt.Sprintf("com.example.app%d", i)}
		s.Pins[1].MinimumLength = uint32(4 + i%12)
		policies[i] = Named{Name: fmt.Sprintf("policy-%03d", i), Revision: 1, Spec: s.Canonical()}
	}
	return policies
}

// BenchmarkDemand asks what is asked of a device when it has been asked before.
func BenchmarkDemand(b *testing.B) {
	var policies []Policy
	for _, p := range manyPolicies(100) {
		policies = append(policies, Policy{Name: p.Name, Revision: p.Revision, Spec: p.Spec})
	}
	snap := newSnapshot(policies, 1, new(recallBook))
	b.ReportAllocs()
	for b.Loop() {
		snap.demand(phone(), terms{})
	}
}

// BenchmarkEvaluate judges a fit phone.
func BenchmarkEvaluate(b *testing.B) {
	m := fullManifest()
	r, l := fitReport(m, t0), limits()
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(Evidence{Manifest: m, Report: &r, Limits: l}, t0)
	}
}
