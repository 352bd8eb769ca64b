package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// signer makes assertions.
type signer struct {
	t   *testing.T
	key *ecdsa.PrivateKey
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, key}
}

func (s signer) sign(kid, typ string, claims map[string]any) string {
	s.t.Helper()
	by, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: kid}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		s.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		s.t.Fatal(err)
	}
	signed, err := by.Sign(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func TestBelieve(t *testing.T) {
	now := time.Unix(1800000000, 0)
	us, them := newSigner(t), newSigner(t)
	certificate := []byte("a certificate")
	sum := sha256.Sum256(certificate)
	claims := map[string]any{
		"iss": "https://mdm.example.com", "sub": "d1", "aud": api, "exp": now.Add(time.Minute).Unix(), "kind": "device", "compliant": true,
		"cnf": map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	but := func(name string, value any) map[string]any {
		c := maps.Clone(claims)
		c[name] = value
		return c
	}
	b := &believer{issuer: "https://mdm.example.com", audience: api, certificate: certificate}
	b.keys.Keys = []jose.JSONWebKey{{Key: us.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}
	good := us.sign("k1", assertionType, claims)
	changed, err := tampered(good, api, "https://x.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ token, doubt string }{
		"as it is":            {good, ""},
		"no token":            {"x", "no signed token"},
		"changed":             {changed, "signature"},
		"somebody else's key": {them.sign("k1", assertionType, claims), "signature"},
		"an unknown key":      {us.sign("k2", assertionType, claims), "not published"},
		"no key named":        {us.sign("", assertionType, claims), "not published"},
		"of another type":     {us.sign("k1", "at+jwt", claims), "of type"},
		"another issuer":      {us.sign("k1", assertionType, but("iss", "https://x")), "issued by"},
		"another audience":    {us.sign("k1", assertionType, but("aud", "https://x")), "meant for"},
		"expired":             {us.sign("k1", assertionType, but("exp", now.Unix())), "expired"},
		"another certificate": {us.sign("k1", assertionType, but("cnf", map[string]string{"x5t#S256": "AAAA"})), "another certificate"},
		"bound to none":       {us.sign("k1", assertionType, but("cnf", nil)), "another certificate"},
		"without a signature": {good[:strings.LastIndexByte(good, '.')+1], "signature"},
	} {
		w, err := b.believe(test.token, now)
		if test.doubt == "" {
			if err != nil || w.Subject != "d1" || !w.Compliant {
				t.Errorf("%s: believe = %+v, %v", name, w, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.doubt) || strings.Contains(err.Error(), test.token) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.doubt)
		}
		if w != (word{}) {
			t.Errorf("%s: says %+v beside the doubt", name, w)
		}
	}
}
