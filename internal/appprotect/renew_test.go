package appprotect

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/apprules"
)

// TestCertificateOutlivesTheLease: an app that comes back before its lease has
// wiped the account has a certificate to come back with, however often one in use
// is renewed.
func TestCertificateOutlivesTheLease(t *testing.T) {
	const day = 24 * time.Hour
	for said, want := range map[string]time.Duration{
		"": (90 + 14) * day, "launch.offline.wipe=30d": (30 + 14) * day, "launch.offline.wipe=3650d": 400 * day,
	} {
		eachWorld(t, func(t *testing.T, w *world) {
			w.policy("all", said)
			a := w.joined(bob)
			c, err := x509.ParseCertificate(a.admitted.Chain[0])
			must(t, err)
			if got := c.NotAfter.Sub(t0); got != want {
				t.Errorf("%q: it lives %v, want %v", said, got, want)
			}
			if got := a.admitted.RenewAfter.Sub(t0); got != 14*day/3*2 {
				t.Errorf("%q: renewed after %v", said, got)
			}
		})
	}
}

// TestConfigSources: what is configured names the policies that say it.
func TestConfigSources(t *testing.T) {
	one, two := specOf(t, sayings("config.custom.c=1; config.connected_apps=true")), specOf(t, sayings("config.custom.c=1; config.permissions.a.B=deny"))
	m := Merge([]Named{{Name: "one", Spec: one}, {Name: "two", Spec: two}}, ada, mailSchema)
	want := []Source{
		{apprules.Key("config.connected_apps"), []string{"one"}},
		{apprules.Key("config.custom.c"), []string{"one", "two"}},
		{apprules.Key("config.permissions.a.B"), []string{"two"}},
	}
	if diff := cmp.Diff(want, m.Sources); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
