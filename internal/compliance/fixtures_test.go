package compliance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// roots are two CA certificates and one that is none, made once.
var roots = sync.OnceValue(func() [3]string {
	var made [3]string
	for i := range made {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: "root"},
			NotBefore: t0, NotAfter: t0.AddDate(10, 0, 0), BasicConstraintsValid: true, IsCA: i < 2,
		}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			panic(err)
		}
		made[i] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return made
})

func phone() Device {
	return Device{
		ID: "phone-0001", Epoch: 1, Enrolled: true, Ownership: device.Personal, Mode: device.WorkProfile,
		Group: "sales", User: "alice@example.com",
	}
}

func callerOf(d Device) identity.Caller {
	return identity.Caller{
		Kind: identity.Device, Device: d.ID, Epoch: d.Epoch, Ownership: d.Ownership, Mode: d.Mode,
		Group: d.Group, User: d.User, RequestID: "request-1",
	}
}

// adminContext is that of an administrator, who reaches these groups; every
// group where none is named.
func adminContext(t testing.TB, groups ...string) context.Context {
	return identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "ann", Role: identity.Owner, Groups: groups})
}

func everyone() []Assignment { return []Assignment{{Kind: TargetAll}} }

func clientProfile() CertificateProfile {
	return CertificateProfile{Alias: "wifi", CommonName: "{{device.id}}", KeyType: KeyECP256, ValidityDays: 90}
}

func vpnRule() VPNRule {
	return VPNRule{
		Name: "corp", ProviderPackage: "com.example.vpn", Servers: []VPNServer{{Address: "vpn.example.com:443"}},
		CertificateAlias: "wifi", AlwaysOn: true, Lockdown: true,
	}
}

// fullSpec asks for something of every kind.
func fullSpec() Spec {
	return Spec{
		Pins: []PinRule{
			{Scope: PinDevice, Complexity: ComplexityLow},
			{Scope: PinWorkProfile, Quality: QualityNumericComplex, MinimumLength: 6, ExpiresAfterDays: 90},
		},
		TrustedRoots: []TrustedRoot{{Name: "corp", CertificatePEM: roots()[0]}},
		Certificates: []CertificateProfile{clientProfile()},
		VPNs:         []VPNRule{vpnRule()},
		Assignments:  everyone(),
	}
}

// fitReport is a report under which fullSpec's manifest holds.
func fitReport(m *Manifest, at time.Time) Report {
	return Report{
		ObservedAt: at,
		Posture: Posture{
			OSVersion: "16",
			Locks: []LockState{
				{Scope: PinDevice, Set: true, Complexity: ComplexityMedium},
				{Scope: PinWorkProfile, Set: true, Quality: QualityNumericComplex, Length: 6, ChangedAt: t0.AddDate(0, 0, -1)},
			},
			Certificates:      []InstalledCertificate{{Alias: "wifi", Serial: "1a", NotAfter: t0.AddDate(0, 1, 0)}},
			TrustedRootSHA256: []string{rootDigest(roots()[0])},
			VPNs:              []VPNState{{Name: "corp", AlwaysOn: true, Lockdown: true}},
		},
		AppliedRevision: m.Revision(),
		Results:         []SettingResult{{Setting: "pin.device", Status: Applied}},
	}
}

func limits() Limits { return Limits{}.withDefaults() }

func wantFault(t *testing.T, err error, kind fault.Kind, field string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("got error %v, want a fault of kind %v", err, kind)
	}
	var f *fault.Error
	if field != "" {
		f, _ = err.(*fault.Error)
		if f == nil || len(f.Fields) != 1 || f.Fields[0].Name != field {
			t.Errorf("got fields of %+v, want %q", f, field)
		}
	}
}
