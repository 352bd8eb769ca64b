package pki

import (
	"bytes"
	"testing"
)

// TestSecret: the same for one label and one folder, another for any other.
func TestSecret(t *testing.T) {
	a := newAuthority(t)
	again, err := OpenAuthority(a.dir, a.now)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(a *Authority, label string) []byte {
		t.Helper()
		s, err := a.Secret(label)
		if err != nil || len(s) != SecretLen {
			t.Fatalf("Secret(%q) = %d octets, %v", label, len(s), err)
		}
		return s
	}
	first := secret(a, "webkeys")
	if !bytes.Equal(first, secret(again, "webkeys")) {
		t.Error("the secret is another one when the folder is opened again")
	}
	for name, other := range map[string][]byte{
		"of another label":        secret(a, "links"),
		"of a longer label":       secret(a, "webkeys2"),
		"of another installation": secret(newAuthority(t), "webkeys"),
	} {
		if bytes.Equal(first, other) {
			t.Errorf("the secret %s is the same", name)
		}
	}
	key, err := a.root.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(key, first) || bytes.Contains(a.root.certificate.Raw, first) {
		t.Error("the secret is part of the root")
	}
}

func TestSecretLabel(t *testing.T) {
	a := newAuthority(t)
	for _, label := range []string{"", "Web", "a b", "a\n", "-a", string(make([]byte, 70))} {
		if s, err := a.Secret(label); err == nil {
			t.Errorf("Secret(%q) = %d octets, want an error", label, len(s))
		}
	}
}
