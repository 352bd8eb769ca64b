package enroll

import (
	"errors"
	"testing"
	"time"

	"ringfence/internal/device"
)

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)

func TestAdmit(t *testing.T) {
	secret := Digest{1, 2, 3}
	tests := []struct {
		name string
		edit func(*Token, *JoinFacts)
		want error
	}{
		{"right", func(*Token, *JoinFacts) {}, nil},
		{"last use", func(t *Token, _ *JoinFacts) { t.Uses = 2 }, nil},
		{"last moment", func(t *Token, _ *JoinFacts) { t.ExpiresAt = noon.Add(time.Microsecond) }, nil},
		{"wrong secret", func(_ *Token, f *JoinFacts) { f.Secret[31] ^= 1 }, ErrTokenUnknown},
		{"no such token", func(t *Token, _ *JoinFacts) { *t = Token{} }, ErrTokenUnknown},
		{"no such token, no secret", func(t *Token, f *JoinFacts) { *t = Token{}; f.Secret = Digest{} }, ErrTokenUnknown},
		{"wrong secret of a dead token", func(t *Token, f *JoinFacts) { f.Secret[0] ^= 1; t.RevokedAt = noon }, ErrTokenUnknown},
		{"revoked", func(t *Token, _ *JoinFacts) { t.RevokedAt = noon }, ErrTokenRevoked},
		{"revoked and expired", func(t *Token, _ *JoinFacts) { t.RevokedAt, t.ExpiresAt = noon, noon }, ErrTokenRevoked},
		{"expired", func(t *Token, _ *JoinFacts) { t.ExpiresAt = noon }, ErrTokenExpired},
		{"used up", func(t *Token, _ *JoinFacts) { t.Uses = 3 }, ErrTokenUsedUp},
		{"other mode", func(_ *Token, f *JoinFacts) { f.Mode = device.Dedicated }, ErrModeMismatch},
		{"no mode", func(_ *Token, f *JoinFacts) { f.Mode = "" }, ErrModeMismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token := Token{
				ID: "token-1", Secret: secret, Mode: device.WorkProfile,
				MaxUses: 3, Uses: 1, ExpiresAt: noon.Add(time.Hour),
			}
			facts := JoinFacts{Secret: secret, Mode: device.WorkProfile}
			tt.edit(&token, &facts)
			if got := Admit(token, facts, noon); !errors.Is(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestUsable(t *testing.T) {
	token := Token{MaxUses: 1, ExpiresAt: noon}
	if !token.Usable(noon.Add(-1)) || token.Usable(noon) {
		t.Error("a token is usable until it expires, and no longer")
	}
}

func TestRepeats(t *testing.T) {
	tests := []struct {
		name string
		edit func(j *Joined, t *Token, request *Digest)
		age  time.Duration
		want bool
	}{
		{"at once", nil, 0, true},
		{"last moment", nil, RetryWindow - 1, true},
		{"too late", nil, RetryWindow, false},
		{"from the future", nil, -1, false},
		{"other token", func(_ *Joined, t *Token, _ *Digest) { t.ID = "token-2" }, 0, false},
		{"other request of the same key", func(_ *Joined, _ *Token, r *Digest) { r[0]++ }, 0, false},
		{"left since", func(j *Joined, _ *Token, _ *Digest) { j.Device.State = Left }, 0, false},
		{"enrolled again since", func(j *Joined, _ *Token, _ *Digest) { j.Device.Epoch++ }, 0, false},
		{"renewed since", func(j *Joined, _ *Token, _ *Digest) { j.Device.Certificate.Serial = "b" }, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request, token := Digest{7}, Token{ID: "token-1"}
			j := Joined{
				Device: Device{Epoch: 2, State: Enrolled, TokenID: "token-1", Certificate: Certificate{Serial: "a"}},
				Epoch:  2,
				Issued: Issued{Serial: "a", Request: request, IssuedAt: noon},
			}
			if tt.edit != nil {
				tt.edit(&j, &token, &request)
			}
			if got := j.Repeats(token, request, noon.Add(tt.age)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMayRepeat(t *testing.T) {
	for _, tt := range []struct {
		refusal error
		want    bool
	}{
		{ErrTokenUsedUp, true}, {ErrTokenExpired, true}, {ErrTokenRevoked, true}, {ErrKeyReused, true},
		{ErrTokenUnknown, false}, {ErrModeMismatch, false}, {ErrMoved, false},
	} {
		if got := mayRepeat(tt.refusal); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.refusal, got, tt.want)
		}
	}
}
