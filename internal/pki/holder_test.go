package pki

import (
	"errors"
	"testing"
	"time"
)

// TestVerifyHolder: what a phone may show to a proxy, and nothing else of ours.
func TestVerifyHolder(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	for _, purpose := range issuingPurposes {
		chain, leaf, _ := issue(t, a, purpose)
		got, err := a.VerifyHolder(chain[0], noon)
		if want := purpose == Device || purpose == App || purpose == Profile; want {
			if err != nil || got != (Held{purpose, FormatSerial(leaf.SerialNumber)}) {
				t.Errorf("%s certificate: as %s, %v", purpose, got.Purpose, err)
			}
		} else if !errors.Is(err, ErrClient) || got != (Held{}) {
			t.Errorf("%s certificate: got %v, %v, want ErrClient", purpose, got, err)
		}
	}
	chain, _, _ := issue(t, a, Profile)
	foreign, _, _ := issue(t, other, Profile)
	tests := []struct {
		name string
		der  []byte
		now  time.Time
	}{
		{"nothing", nil, noon},
		{"another installation's", foreign[0], noon},
		{"expired", chain[0], noon.Add(2 * day)},
		{"not yet valid", chain[0], noon.Add(-2 * time.Hour)},
		{"the issuing authority itself", chain[1], noon},
		{"the root", a.Roots()[0], noon},
		{"garbage", []byte{1, 2, 3}, noon},
		{"trailing data", append(append([]byte{}, chain[0]...), 0), noon},
		{"oversized", make([]byte, maxCertificate+1), noon},
	}
	// Whether the certificate was seen before makes no difference.
	for range 2 {
		for _, tt := range tests {
			if _, err := a.VerifyHolder(tt.der, tt.now); !errors.Is(err, ErrClient) {
				t.Errorf("%s: got %v, want ErrClient", tt.name, err)
			}
		}
		if got, err := a.VerifyHolder(chain[0], noon); err != nil || got.Purpose != Profile {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if len(a.signed.kept) != 4 {
		t.Errorf("%d certificates are remembered, want the four that hold", len(a.signed.kept))
	}
}

// TestSignaturesAreBounded: however many certificates there are.
func TestSignaturesAreBounded(t *testing.T) {
	var m signatures
	for i := range maxSigned + 10 {
		key := [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}
		m.put(key, seen{})
		if _, ok := m.get(key); !ok {
			t.Fatal("the newest was not remembered")
		}
	}
	if len(m.kept) != maxSigned {
		t.Errorf("%d are remembered, want %d", len(m.kept), maxSigned)
	}
}

// BenchmarkVerifyHolder is what a door pays for each certificate.
func BenchmarkVerifyHolder(b *testing.B) {
	a := newAuthority(b)
	chain, _, _ := issue(b, a, Device)
	b.Run("seen", func(b *testing.B) {
		for b.Loop() {
			if _, err := a.VerifyHolder(chain[0], noon); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if _, err := a.verifyHolder(chain[0], noon); err != nil {
				b.Fatal(err)
			}
		}
	})
}
