package compliance

import (
	"testing"
	"time"

	"ringfence/internal/fault"
)

func TestReportValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Report)
		field  string
	}{
		{"fit", func(*Report) {}, ""},
		{"five minutes ahead", func(r *Report) { r.ObservedAt = t0.Add(MaxAhead) }, ""},
		{"more than that", func(r *Report) { r.ObservedAt = t0.Add(MaxAhead + time.Microsecond) }, "observed_at"},
		{"a day ahead", func(r *Report) { r.ObservedAt = t0.Add(day) }, "observed_at"},
		{"a day behind", func(r *Report) { r.ObservedAt = t0.Add(-day) }, ""},
		{"patch level", func(r *Report) { r.Posture.SecurityPatchLevel = "2026-02-05" }, ""},
		{"impossible patch level", func(r *Report) { r.Posture.SecurityPatchLevel = "2026-02-30" }, "posture.security_patch_level"},
		{"lock twice", func(r *Report) { r.Posture.Locks[1].Scope = PinDevice }, "posture.locks"},
		{"certificate twice", func(r *Report) { r.Posture.Certificates = append(r.Posture.Certificates, r.Posture.Certificates[0]) }, "posture.client_certificates"},
		{"vpn twice", func(r *Report) { r.Posture.VPNs = append(r.Posture.VPNs, VPNState{Name: "a"}, VPNState{Name: "a"}) }, "posture.vpns"},
		{"root twice", func(r *Report) { r.Posture.TrustedRootSHA256 = []string{"b", "a", "b"} }, "posture.trusted_root_sha256"},
		{"result twice", func(r *Report) { r.Results = append(r.Results, r.Results[0]) }, "results"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := fitReport(fullManifest(), t0)
			tt.change(&r)
			r = r.Normalize()
			err := r.Validate(t0)
			if tt.field == "" {
				if err != nil {
					t.Errorf("Validate: %v", err)
				}
				return
			}
			wantFault(t, err, fault.Invalid, tt.field)
		})
	}
}

func TestSameContent(t *testing.T) {
	base := func() Report { return fitReport(fullManifest(), t0) }
	same := func(a, b Report) bool {
		a, b = a.Normalize(), b.Normalize()
		return a.SameContent(&b)
	}
	later := base()
	later.ObservedAt = t0.Add(day)
	if !same(base(), later) {
		t.Error("a later look at the same is not the same")
	}
	backwards := base()
	backwards.Posture.Locks[0], backwards.Posture.Locks[1] = backwards.Posture.Locks[1], backwards.Posture.Locks[0]
	if !same(base(), backwards) {
		t.Error("another order is not the same")
	}
	for name, change := range map[string]func(*Report){
		"os":          func(r *Report) { r.Posture.OSVersion = "17" },
		"patch":       func(r *Report) { r.Posture.SecurityPatchLevel = "2026-02-05" },
		"lock":        func(r *Report) { r.Posture.Locks[0].Length = 9 },
		"lock time":   func(r *Report) { r.Posture.Locks[0].ChangedAt = t0 },
		"certificate": func(r *Report) { r.Posture.Certificates[0].Serial = "2b" },
		"expiry":      func(r *Report) { r.Posture.Certificates[0].NotAfter = t0 },
		"root":        func(r *Report) { r.Posture.TrustedRootSHA256 = nil },
		"vpn":         func(r *Report) { r.Posture.VPNs[0].Lockdown = false },
		"revision":    func(r *Report) { r.AppliedRevision = "0a" },
		"result":      func(r *Report) { r.Results[0].Detail = "x" },
	} {
		changed := base()
		change(&changed)
		if same(base(), changed) {
			t.Errorf("another %s is the same", name)
		}
	}
}
