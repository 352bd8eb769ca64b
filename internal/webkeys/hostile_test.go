package webkeys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"ringfence/internal/webkeys"
)

var b64 = base64.RawURLEncoding.EncodeToString

// forge makes a token with any header and any signature.
func forge(header, payload string, sign func(input []byte) []byte) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(sign([]byte(input)))
}

const hello = `{"text":"hello"}`

// keyOf gives the key of an algorithm that signs now.
func (f *fixture) keyOf(a webkeys.Algorithm) webkeys.Key {
	f.t.Helper()
	f.sign(a)
	keys, err := f.Keys(f.t.Context())
	f.must(err)
	for _, k := range keys {
		if k.Algorithm == a {
			return k
		}
	}
	f.t.Fatal("no key")
	return webkeys.Key{}
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func sum(input []byte) []byte {
	h := sha256.Sum256(input)
	return h[:]
}

// TestPublicKeyAsSecret: our public key, in every form it has, is no secret that
// a token may be signed with.
func TestPublicKeyAsSecret(t *testing.T) {
	f := newFixture(t)
	for _, a := range webkeys.Algorithms() {
		k := f.keyOf(a)
		der, err := x509.MarshalPKIXPublicKey(k.Public)
		f.must(err)
		published, err := f.JWKS(t.Context())
		f.must(err)
		one, err := json.Marshal(jose.JSONWebKey{Key: k.Public})
		f.must(err)
		block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		secrets := map[string][]byte{
			"DER": der, "PEM": block, "PEM without its last line": bytes.TrimSpace(block),
			"key set": published, "JWK": one, "nothing": nil, "kid": []byte(k.ID),
		}
		if key, ok := k.Public.(*rsa.PublicKey); ok {
			secrets["PKCS #1"], secrets["modulus"] = x509.MarshalPKCS1PublicKey(key), key.N.Bytes()
		}
		for form, secret := range secrets {
			for _, alg := range []string{"HS256", string(a)} {
				header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, alg, k.ID, typ)
				f.refused(alg+" with our public key as "+form, forge(header, hello, hs256(secret)))
			}
		}
	}
}

// TestHeaders: signatures are right here, made with the private key that the
// token names; what is wrong is the header.
func TestHeaders(t *testing.T) {
	f := newFixture(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.must(err)
	f.Service = webkeys.New(webkeys.Config{
		Store: f.store, Sealer: f.sealer(), Now: func() time.Time { return f.at },
		Generate: func(webkeys.Algorithm) (crypto.Signer, error) { return private, nil },
	})
	k := f.keyOf(webkeys.ES256)
	sign := func(input []byte) []byte {
		r, s, err := ecdsa.Sign(rand.Reader, private, sum(input))
		f.must(err)
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	header := func(more string) string { return fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":%q%s}`, k.ID, typ, more) }
	f.believed("as it should be", forge(header(""), hello, sign))

	jwk, err := json.Marshal(jose.JSONWebKey{Key: &private.PublicKey})
	f.must(err)
	for what, h := range map[string]string{
		"none":                     strings.Replace(header(""), "ES256", "none", 1),
		"None":                     strings.Replace(header(""), "ES256", "None", 1),
		"no algorithm":             strings.Replace(header(""), `"alg":"ES256",`, "", 1),
		"an empty algorithm":       strings.Replace(header(""), `"ES256"`, `""`, 1),
		"an algorithm, not a text": strings.Replace(header(""), `"ES256"`, `["ES256"]`, 1),
		"a null algorithm":         strings.Replace(header(""), `"ES256"`, `null`, 1),
		"the algorithm es256":      strings.Replace(header(""), "ES256", "es256", 1),
		"another algorithm":        strings.Replace(header(""), "ES256", "ES384", 1),
		"RSA":                      strings.Replace(header(""), "ES256", "RS256", 1),
		"another type":             strings.Replace(header(""), typ, "secevent+jwt", 1),
		"the type JWT":             strings.Replace(header(""), typ, "JWT", 1),
		"a longer type":            strings.Replace(header(""), typ, "application/"+typ, 1),
		"a type in capitals":       strings.Replace(header(""), typ, "AT+JWT", 1),
		"no type":                  fmt.Sprintf(`{"alg":"ES256","kid":%q}`, k.ID),
		"no kid":                   fmt.Sprintf(`{"alg":"ES256","typ":%q}`, typ),
		"another kid":              strings.Replace(header(""), k.ID[:4], "xxxx", 1),
		"a kid that is a path":     strings.Replace(header(""), k.ID, "../../dev/null", 1),
		"alg twice":                header(`,"alg":"ES256"`),
		"alg twice, none first":    `{"alg":"none",` + header("")[1:],
		"kid twice":                header(fmt.Sprintf(`,"kid":%q`, k.ID)),
		"typ twice":                header(`,"typ":"` + typ + `"`),
		"typ in another case":      header(`,"TYP":"secevent+jwt"`),
		"an escaped name":          header(`,"\u0061lg":"none"`),
		"crit":                     header(`,"crit":["b64"],"b64":false`),
		"crit of nothing":          header(`,"crit":[]`),
		"b64":                      header(`,"b64":false`),
		"jwk":                      header(`,"jwk":` + string(jwk)),
		"jku":                      header(`,"jku":"https://evil.example/keys"`),
		"x5u":                      header(`,"x5u":"https://evil.example/cert"`),
		"x5c":                      header(`,"x5c":["AAAA"]`),
		"x5t":                      header(`,"x5t#S256":"AAAA"`),
		"zip":                      header(`,"zip":"DEF"`),
		"cty":                      header(`,"cty":"JWT"`),
		"a stranger":               header(`,"x":"y"`),
		"two objects":              header("") + header(""),
		"a list":                   "[" + header("") + "]",
		"no JSON":                  header("")[1:],
		"cut short":                header("")[:40],
		"a long one":               header(strings.Repeat(" ", 512)),
		"a byte order mark":        "\ufeff" + header(""),
		"nothing":                  "",
	} {
		f.refused("a header with "+what, forge(h, hello, sign))
	}
}

// TestKidOfAnother: the key that a token names is used with its own algorithm.
func TestKidOfAnother(t *testing.T) {
	f := newFixture(t)
	for _, a := range webkeys.Algorithms() {
		for _, b := range webkeys.Algorithms() {
			if a == b {
				continue
			}
			k := f.keyOf(b)
			parts := strings.Split(f.sign(a), ".")
			for _, alg := range []webkeys.Algorithm{a, b} {
				parts[0] = b64(fmt.Appendf(nil, `{"alg":%q,"kid":%q,"typ":%q}`, alg, k.ID, typ))
				f.refused(fmt.Sprintf("signed by %s, kid of %s, alg %s", a, b, alg), strings.Join(parts, "."))
			}
		}
	}
}

// TestForms: one form is a token, and nothing that decoders may let through.
func TestForms(t *testing.T) {
	f := newFixture(t)
	token := f.sign(webkeys.ES256)
	f.believed("as it should be", token)
	parts := strings.Split(token, ".")
	for what, text := range map[string]string{
		"nothing":               "",
		"two parts":             parts[0] + "." + parts[1],
		"four parts":            token + "." + parts[2],
		"five parts":            token + "." + parts[2] + "." + parts[2],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"no payload":            parts[0] + ".." + parts[2],
		"a space before":        " " + token,
		"a line end after":      token + "\n",
		"padding":               token + "=",
		"another payload":       parts[0] + "." + b64([]byte(`{"text":"bye"}`)) + "." + parts[2],
		"another signature":     parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"an ASN.1 signature":    parts[0] + "." + parts[1] + "." + b64(append([]byte{0x30, 0x44}, make([]byte, 68)...)),
		"a cut signature":       token[:len(token)-4],
		"JSON":                  fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]),
		"a long payload":        parts[0] + "." + strings.Repeat("A", webkeys.MaxToken) + "." + parts[2],
		"10 MB":                 strings.Repeat("A", 10<<20),
		"base64 of other signs": strings.NewReplacer("-", "+", "_", "/").Replace(parts[0]) + "+." + parts[1] + "." + parts[2],
	} {
		f.refused(what, text)
	}
	for _, other := range []string{"", "JWT", "secevent+jwt", "device-assertion+jwt"} {
		if err := f.Verify(t.Context(), token, other, new(claims)); err == nil {
			t.Errorf("believed as %q", other)
		}
	}
}

// TestReceiver checks what we sign from the outside: with the published set and
// nothing else, by another program's code and by the standard library.
func TestReceiver(t *testing.T) {
	f := newFixture(t)
	for _, a := range webkeys.Algorithms() {
		token := f.sign(a)
		text, err := f.JWKS(t.Context())
		f.must(err)
		var published jose.JSONWebKeySet
		f.must(json.Unmarshal(text, &published))
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a)})
		f.must(err)
		h := signed.Signatures[0].Protected
		keys := published.Key(h.KeyID)
		if len(keys) != 1 || keys[0].Use != "sig" || keys[0].Algorithm != string(a) || !keys[0].IsPublic() {
			t.Fatalf("%s: keys of %q in the published set: %+v", a, h.KeyID, keys)
		}
		f.check("type", any(typ), h.ExtraHeaders[jose.HeaderType])
		payload, err := signed.Verify(keys[0])
		f.must(err)
		f.check("payload", hello, string(payload))
		standard(t, token, keys[0].Key)
		if bytes.Contains(text, []byte(`"d":`)) {
			t.Errorf("%s: a private key is published", a)
		}
	}
}

// standard verifies with the standard library.
func standard(t *testing.T, token string, public any) {
	t.Helper()
	at := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[at+1:])
	if err != nil {
		t.Fatal(err)
	}
	input := []byte(token[:at])
	ok := false
	switch k := public.(type) {
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(k, crypto.SHA256, sum(input), signature) == nil && k.Size() == 256
	case *ecdsa.PublicKey:
		ok = len(signature) == 64 && ecdsa.Verify(k, sum(input), bigInt(signature[:32]), bigInt(signature[32:]))
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, input, signature)
	}
	if !ok {
		t.Errorf("a %T does not verify %s", public, token)
	}
}

// TestStrangers: made-up kids do not make the store busy.
func TestStrangers(t *testing.T) {
	f := newFixture(t)
	counted := &counting{Store: f.store}
	f.Service = webkeys.New(webkeys.Config{Store: counted, Sealer: f.sealer(), Now: func() time.Time { return f.at }})
	f.sign(webkeys.ES256)
	before := counted.reads
	for i := range 1000 {
		header := fmt.Sprintf(`{"alg":"ES256","kid":"k%d","typ":%q}`, i, typ)
		f.refused("a made-up kid", forge(header, hello, func([]byte) []byte { return make([]byte, 64) }))
	}
	if got := counted.reads - before; got > 10 {
		t.Errorf("%d reads of the store, want at most 10", got)
	}
}
