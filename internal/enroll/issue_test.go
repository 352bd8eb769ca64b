package enroll

import (
	"crypto/x509/pkix"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDeviceTemplate(t *testing.T) {
	want := Template{
		PublicKey: "key",
		Subject:   pkix.Name{CommonName: "device-1", OrganizationalUnit: []string{"epoch 2"}},
		URI:       "urn:ringfence:device:device-1:epoch:2",
		NotBefore: noon.Add(-25 * time.Hour),
		NotAfter:  noon.Add(90 * 24 * time.Hour),
	}
	got := DeviceTemplate("device-1", 2, "key", noon, DefaultDeviceLifetime)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
}

func TestAdminTemplate(t *testing.T) {
	want := Template{
		PublicKey: "key",
		Subject:   pkix.Name{CommonName: "alice"},
		URI:       "urn:ringfence:administrator:alice",
		NotBefore: noon.Add(-25 * time.Hour),
		NotAfter:  noon.Add(time.Hour),
	}
	if diff := cmp.Diff(want, AdminTemplate("alice", "key", noon, time.Hour)); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
}

func TestRenewAfter(t *testing.T) {
	for _, tt := range []struct{ life, want time.Duration }{
		{90 * 24 * time.Hour, 60 * 24 * time.Hour},
		{time.Minute, 40 * time.Second},
		{0, 0},
	} {
		got := RenewAfter(noon, noon.Add(tt.life))
		if diff := cmp.Diff(noon.Add(tt.want), got); diff != "" {
			t.Errorf("life %v (-want +got):\n%s", tt.life, diff)
		}
	}
}

func TestHashTag(t *testing.T) {
	if !HashTag("").IsZero() {
		t.Error("no tag has a hash")
	}
	once, again, other := HashTag("a"), HashTag("a"), HashTag("b")
	if once != again || once == other {
		t.Error("tags are not told apart")
	}
}
