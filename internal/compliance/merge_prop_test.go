package compliance

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ringfence/internal/device"
)

// Small vocabularies, so that policies meet.
var (
	genName    = rapid.SampledFrom([]string{"a", "b", "c"})
	genPackage = rapid.SampledFrom([]string{"a.a", "b.b", "c.c", "d.d"})
	genLimit   = rapid.SampledFrom([]uint32{0, 4, 5, 9})
)

func genPin(t *rapid.T) PinRule {
	return PinRule{
		Scope:                 rapid.SampledFrom([]PinScope{PinDevice, PinWorkProfile}).Draw(t, "scope"),
		Quality:               PinQuality(rapid.IntRange(0, 7).Draw(t, "quality")),
		Complexity:            PinComplexity(rapid.IntRange(0, 3).Draw(t, "complexity")),
		MinimumLength:         genLimit.Draw(t, "length"),
		HistoryLength:         genLimit.Draw(t, "history"),
		ExpiresAfterDays:      genLimit.Draw(t, "days"),
		FailuresBeforeRemoval: genLimit.Draw(t, "failures"),
		InactivityLockSeconds: genLimit.Draw(t, "seconds"),
	}
}

func genVPN(t *rapid.T) VPNRule {
	alwaysOn := rapid.Bool().Draw(t, "always on")
	return VPNRule{
		Name: genName.Draw(t, "vpn"), ProviderPackage: "com.example.vpn",
		Servers:          []VPNServer{{Address: rapid.SampledFrom([]string{"one", "one", "one", "two"}).Draw(t, "server")}},
		CertificateAlias: rapid.SampledFrom([]string{"", "", "", "a"}).Draw(t, "alias"),
		AlwaysOn:         alwaysOn, Lockdown: alwaysOn && rapid.Bool().Draw(t, "lockdown"),
		AllowedPackages: rapid.SliceOfNDistinct(genPackage, 0, 4, rapid.ID[string]).Draw(t, "allowed"),
		DeniedPackages:  rapid.SliceOfNDistinct(genPackage, 0, 2, rapid.ID[string]).Draw(t, "denied"),
	}
}

func genSpec(t *rapid.T) Spec {
	return Spec{
		Pins: rapid.SliceOfNDistinct(rapid.Custom(genPin), 0, 2, func(p PinRule) PinScope { return p.Scope }).Draw(t, "pins"),
		TrustedRoots: rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) TrustedRoot {
			return TrustedRoot{Name: genName.Draw(t, "root"), CertificatePEM: roots()[rapid.IntRange(0, 1).Draw(t, "which")]}
		}), 0, 2, func(r TrustedRoot) string { return r.Name }).Draw(t, "roots"),
		Certificates: rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) CertificateProfile {
			c := clientProfile()
			c.Alias = genName.Draw(t, "alias")
			c.ValidityDays = rapid.SampledFrom([]uint32{90, 90, 30}).Draw(t, "validity")
			return c
		}), 0, 2, func(c CertificateProfile) string { return c.Alias }).Draw(t, "certificates"),
		VPNs: rapid.SliceOfNDistinct(rapid.Custom(genVPN), 0, 2, func(v VPNRule) string { return v.Name }).Draw(t, "vpns"),
	}
}

func genPolicies(t *rapid.T) []Named {
	specs := rapid.SliceOfN(rapid.Custom(genSpec), 0, 5).Draw(t, "specs")
	policies := make([]Named, len(specs))
	for i, s := range specs {
		policies[i] = Named{Name: string(rune('a' + i)), Revision: 1, Spec: s}
	}
	return policies
}

func TestCompileIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := genPolicies(t)
		want := Compile(policies, device.WorkProfile)
		got := Compile(rapid.Permutation(policies).Draw(t, "order"), device.WorkProfile)
		if diff := cmp.Diff(want, got, byContent); diff != "" || got.Revision() != want.Revision() {
			t.Fatalf("in another order (-want +got), revisions %s and %s:\n%s", want.Revision(), got.Revision(), diff)
		}
	})
}

// TestCompileTwiceIsOnce: a policy that says again what was said changes
// nothing but who is named in a conflict.
func TestCompileTwiceIsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := genPolicies(t)
		want := Compile(policies, device.WorkProfile)
		got := Compile(slices.Concat(policies, policies), device.WorkProfile)
		if diff := cmp.Diff(want, got, byContent); diff != "" {
			t.Fatalf("every policy twice (-want +got):\n%s", diff)
		}
	})
}

// TestCompileInSteps: what two manifests ask together is what all their
// policies ask, where nothing is in conflict.
func TestCompileInSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := genPolicies(t)
		want := Compile(policies, device.WorkProfile)
		cut := rapid.IntRange(0, len(policies)).Draw(t, "cut")
		first, second := Compile(policies[:cut], device.WorkProfile), Compile(policies[cut:], device.WorkProfile)
		if len(want.Conflicts)+len(first.Conflicts)+len(second.Conflicts) > 0 {
			t.Skip("conflicts name policies")
		}
		got := Compile([]Named{{Name: "1", Spec: specOf(first)}, {Name: "2", Spec: specOf(second)}}, device.WorkProfile)
		if diff := cmp.Diff(want, got, byContent); diff != "" {
			t.Fatalf("in two steps (-want +got):\n%s", diff)
		}
	})
}

func specOf(m *Manifest) Spec {
	return Spec{Pins: m.Pins, TrustedRoots: m.TrustedRoots, Certificates: m.Certificates, VPNs: m.VPNs}
}

// TestCompileIsNeverWeaker: whatever any policy asks is asked of the device,
// at least as strictly, or is named as a conflict.
func TestCompileIsNeverWeaker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := genPolicies(t)
		m := Compile(policies, device.WorkProfile)
		conflicts := make(map[string]bool)
		for _, c := range m.Conflicts {
			conflicts[c.Setting] = true
			if m.asks(c.Setting) {
				t.Fatalf("%s is asked and in conflict", c.Setting)
			}
		}
		for _, p := range policies {
			for _, pin := range p.Spec.Pins {
				checkPinKept(t, m, pin)
			}
			for _, r := range p.Spec.TrustedRoots {
				if !conflicts[rootSetting(r.Name)] && !slices.Contains(m.TrustedRoots, r) {
					t.Fatalf("root %s of %s is lost", r.Name, p.Name)
				}
			}
			for _, c := range p.Spec.Certificates {
				if _, found := m.Certificate(c.Alias); !found && !conflicts[certificateSetting(c.Alias)] {
					t.Fatalf("certificate %s of %s is lost", c.Alias, p.Name)
				}
			}
			for _, v := range p.Spec.VPNs {
				if !conflicts[vpnSetting(v.Name)] {
					checkVPNKept(t, m, v)
				}
			}
		}
	})
}

func checkPinKept(t *rapid.T, m *Manifest, asked PinRule) {
	i := slices.IndexFunc(m.Pins, func(p PinRule) bool { return p.Scope == asked.Scope })
	if i < 0 {
		t.Fatalf("pin rule %+v is lost", asked)
	}
	got := m.Pins[i]
	notAbove := func(limit, asked uint32) bool { return asked == 0 || limit != 0 && limit <= asked }
	if got.Quality < asked.Quality || got.Complexity < asked.Complexity || got.MinimumLength < asked.MinimumLength ||
		got.HistoryLength < asked.HistoryLength || !notAbove(got.ExpiresAfterDays, asked.ExpiresAfterDays) ||
		!notAbove(got.FailuresBeforeRemoval, asked.FailuresBeforeRemoval) ||
		!notAbove(got.InactivityLockSeconds, asked.InactivityLockSeconds) {
		t.Fatalf("%+v is weaker than %+v", got, asked)
	}
}

// checkVPNKept: every app that a policy keeps off the connection is kept off.
func checkVPNKept(t *rapid.T, m *Manifest, asked VPNRule) {
	i := slices.IndexFunc(m.VPNs, func(v VPNRule) bool { return v.Name == asked.Name })
	if i < 0 {
		t.Fatalf("vpn %s is lost", asked.Name)
	}
	got := m.VPNs[i]
	if asked.AlwaysOn && !got.AlwaysOn || asked.Lockdown && !got.Lockdown || got.Lockdown && !got.AlwaysOn {
		t.Fatalf("%+v is weaker than %+v", got, asked)
	}
	uses := func(v VPNRule, app string) bool {
		return !slices.Contains(v.DeniedPackages, app) &&
			(len(v.AllowedPackages) == 0 || slices.Contains(v.AllowedPackages, app))
	}
	for _, app := range []string{"a.a", "b.b", "c.c", "d.d", "other.app"} {
		if uses(got, app) && !uses(asked, app) {
			t.Fatalf("%s uses %+v, but may not by %+v", app, got, asked)
		}
	}
}
