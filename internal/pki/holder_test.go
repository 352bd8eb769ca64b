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
			if err != nil || got.Purpose != purpose || !got.Leaf.Equal(leaf) {
				t.Errorf("%s certificate: as %s, %v", purpose, got.Purpose, err)
			}
		} else if !errors.Is(err, ErrClient) || got != (Verified{}) {
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
	for _, tt := range tests {
		if _, err := a.VerifyHolder(tt.der, tt.now); !errors.Is(err, ErrClient) {
			t.Errorf("%s: got %v, want ErrClient", tt.name, err)
		}
	}
}
