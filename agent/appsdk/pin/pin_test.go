package pin

import (
	"crypto/rand"
	"encoding/json"
	"testing"
)

func secretOf() []byte {
	s := make([]byte, SecretSize)
	_, _ = rand.Read(s)
	return s
}

func TestKnows(t *testing.T) {
	secret := secretOf()
	v := New(secret, "7305", Full())
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var again Verifier
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		v      Verifier
		secret []byte
		pin    string
		want   bool
	}{
		"the PIN":               {again, secret, "7305", true},
		"another":               {again, secret, "7306", false},
		"none":                  {again, secret, "", false},
		"another's secret":      {again, secretOf(), "7305", false},
		"no secret":             {again, nil, "7305", false},
		"no verifier":           {Verifier{}, secret, "7305", false},
		"without a tag":         {edited(again, func(v *Verifier) { v.Tag = nil }), secret, "7305", false},
		"another salt":          {edited(again, func(v *Verifier) { v.Salt = []byte("salt") }), secret, "7305", false},
		"cheaper":               {edited(again, func(v *Verifier) { v.Passes = 1 }), secret, "7305", false},
		"without bound, memory": {edited(again, func(v *Verifier) { v.Memory = 1 << 30 }), secret, "7305", false},
		"without bound, passes": {edited(again, func(v *Verifier) { v.Passes = 1 << 30 }), secret, "7305", false},
		"no lanes":              {edited(again, func(v *Verifier) { v.Lanes = 0 }), secret, "7305", false},
	} {
		if got := c.v.Knows(c.secret, c.pin); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if twin := New(secret, "7305", Full()); string(twin.Salt) == string(v.Salt) || string(twin.Tag) == string(v.Tag) {
		t.Error("two verifiers of a PIN are the same")
	}
}

func edited(v Verifier, fn func(*Verifier)) Verifier { fn(&v); return v }

func TestAgo(t *testing.T) {
	secret := secretOf()
	history := []Verifier{New(secret, "1", Full()), New(secret, "2", Full())}
	for pin, want := range map[string]uint32{"1": 1, "2": 2, "3": 0} {
		if got := Ago(history, secret, pin); got != want {
			t.Errorf("Ago(%s) is %d, want %d", pin, got, want)
		}
	}
}
