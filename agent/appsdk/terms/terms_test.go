package terms

import (
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"ringfence/internal/apprules"
	"ringfence/internal/pki"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func authority(t *testing.T) (*pki.Authority, []*x509.Certificate) {
	t.Helper()
	a, err := pki.OpenAuthority(t.TempDir(), func() time.Time { return epoch })
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(a.Roots()[0])
	if err != nil {
		t.Fatal(err)
	}
	return a, []*x509.Certificate{root}
}

func leaseOf(id string, epochNumber, number uint64) *appprotectv1.LeaseToSign {
	return &appprotectv1.LeaseToSign{
		Format: leaseFormat, RegistrationId: id, Epoch: epochNumber, Number: number, IssuedAt: timestamppb.New(epoch),
		PolicyRevision: strings.Repeat("0a", 32), BlockAfter: durationpb.New(time.Hour), Standing: appprotectv1.Standing_STANDING_OK,
	}
}

// TestOrderIsNoLease: what the order signer has signed is none, and content that
// is no lease neither.
func TestOrderIsNoLease(t *testing.T) {
	a, roots := authority(t)
	content, err := proto.Marshal(leaseOf("r", 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	order, err := a.SignOrder(content)
	if err != nil {
		t.Fatal(err)
	}
	e := Expected{Roots: roots, ID: "r", Epoch: 1, Number: 1, Now: epoch}
	if _, err := ReadLease(order, e); !errors.Is(err, ErrLease) {
		t.Errorf("an order: %v", err)
	}
	for _, content := range []string{"\xff", "\x0a\x01x"} {
		signed, err := a.SignLease([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLease(signed, e); !errors.Is(err, ErrLease) {
			t.Errorf("%q: %v", content, err)
		}
	}
	signed, err := a.SignLease(content)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadLease(signed, e)
	if err != nil || got.BlockAfter != time.Hour || got.WipeAfter != 0 || got.Standing != apprules.StandingOK || !got.IssuedAt.Equal(epoch) {
		t.Errorf("%+v, %v", got, err)
	}
	e.Now = epoch.AddDate(100, 0, 0)
	if _, err := ReadLease(signed, e); !errors.Is(err, ErrLease) {
		t.Errorf("after its signer's time: %v", err)
	}
	if _, err := ReadLease(signed, Expected{Roots: roots, Now: epoch}); !errors.Is(err, ErrLease) {
		t.Errorf("by nobody: %v", err)
	}
}

// TestLeaseIsTaken: exactly if it is this registration's, of this epoch, answers
// this report, and is newer than the one before.
func TestLeaseIsTaken(t *testing.T) {
	a, roots := authority(t)
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Uint64Range(0, 3)
		id := rapid.SampledFrom([]string{"r", "s"})
		m := leaseOf(id.Draw(t, "id"), small.Draw(t, "epoch"), small.Draw(t, "number"))
		e := Expected{Roots: roots, ID: id.Draw(t, "mine"), Epoch: small.Draw(t, "my epoch"), Number: small.Draw(t, "report"), After: small.Draw(t, "before"), Now: epoch}
		content, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := a.SignLease(content)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ReadLease(signed, e)
		want := m.GetRegistrationId() == e.ID && m.GetEpoch() == e.Epoch && e.Epoch > 0 && m.GetNumber() == e.Number && e.Number > e.After
		if got := err == nil; got != want {
			t.Fatalf("taken %t, want %t: %v for %+v", got, want, m, e)
		}
	})
}

// FuzzReadLease: no input makes it fail otherwise than by saying no.
func FuzzReadLease(f *testing.F) {
	f.Add([]byte("lease"))
	f.Fuzz(func(t *testing.T, signed []byte) {
		if _, err := ReadLease(signed, Expected{ID: "r", Epoch: 1, Number: 1, Now: epoch}); !errors.Is(err, ErrLease) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzReadPolicy: what is taken has the revision that was asked for, and any
// change of it has not.
func FuzzReadPolicy(f *testing.F) {
	raw, err := proto.Marshal(&appprotectv1.EffectivePolicy{Governed: true, Settings: []*appprotectv1.Setting{{Key: "data.print_blocked", Values: []string{"true"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, "x")
	f.Fuzz(func(t *testing.T, raw []byte, revision string) {
		m := &appprotectv1.EffectivePolicy{}
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		if e, err := ReadPolicy(m, revision); err == nil && e.Revision() != revision {
			t.Errorf("%q was taken for %q", e.Revision(), revision)
		} else if err != nil && !errors.Is(err, ErrPolicy) {
			t.Errorf("%v", err)
		}
	})
}

// TestPolicy: the order of what came does not matter; all that came does.
func TestPolicy(t *testing.T) {
	plain := map[apprules.Key][]string{"data.print_blocked": {"true"}, "data.send_to": {"managed-apps"}}
	s, err := apprules.ParseSettings(plain)
	if err != nil {
		t.Fatal(err)
	}
	connected := true
	c := apprules.Config{
		Values: map[string][]string{"domains": {"b", "a"}}, Custom: map[string]string{"color": "red"},
		Permissions: map[string]apprules.Grant{"android.permission.CAMERA": apprules.GrantDeny}, ConnectedApps: &connected,
	}
	want := apprules.Seal(s, c, true)
	made := func() *appprotectv1.EffectivePolicy {
		m := &appprotectv1.EffectivePolicy{Revision: want.Revision(), Governed: true, Config: &appprotectv1.AppConfiguration{
			Values:        []*appprotectv1.Setting{{Key: "domains", Values: []string{"a", "b"}}},
			Custom:        []*appprotectv1.Setting{{Key: "color", Values: []string{"red"}}},
			Permissions:   []*appprotectv1.Setting{{Key: "android.permission.CAMERA", Values: []string{"deny"}}},
			ConnectedApps: &connected,
		}}
		for _, key := range slices.Backward(slices.Sorted(maps.Keys(plain))) {
			m.Settings = append(m.Settings, &appprotectv1.Setting{Key: string(key), Values: plain[key]})
		}
		return m
	}
	if e, err := ReadPolicy(made(), want.Revision()); err != nil || !e.Settings.Equal(s) || !e.Config.Equal(c) {
		t.Errorf("%+v, %v", e, err)
	}
	for name, edit := range map[string]func(*appprotectv1.EffectivePolicy){
		"not governed":        func(m *appprotectv1.EffectivePolicy) { m.Governed = false },
		"a setting less":      func(m *appprotectv1.EffectivePolicy) { m.Settings = m.Settings[1:] },
		"another value":       func(m *appprotectv1.EffectivePolicy) { m.Settings[0].Values = []string{"all-apps"} },
		"no config":           func(m *appprotectv1.EffectivePolicy) { m.Config = nil },
		"another permission":  func(m *appprotectv1.EffectivePolicy) { m.Config.Permissions[0].Values = []string{"grant"} },
		"no such answer":      func(m *appprotectv1.EffectivePolicy) { m.Config.Permissions[0].Values = []string{"maybe"} },
		"two of a custom key": func(m *appprotectv1.EffectivePolicy) { m.Config.Custom[0].Values = []string{"red", "blue"} },
		"a value twice":       func(m *appprotectv1.EffectivePolicy) { m.Config.Values = append(m.Config.Values, m.Config.Values[0]) },
		"nobody says":         func(m *appprotectv1.EffectivePolicy) { m.Config.ConnectedApps = nil },
		"another name":        func(m *appprotectv1.EffectivePolicy) { m.Revision = strings.Repeat("0", 64) },
	} {
		m := made()
		edit(m)
		if _, err := ReadPolicy(m, want.Revision()); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
