package signin

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// tokenOf makes a token of an issuer, signed by somebody.
func tokenOf(t *testing.T, issuer string, key *ecdsa.PrivateKey) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": "s1", "aud": "mail", "nonce": "n", "preferred_username": "alice",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestHostileProvider: a provider, or who speaks in its place, misbehaves. Only
// the last one, over TLS that is trusted, gets anybody in.
func TestHostileProvider(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(keys) }))
	defer elsewhere.Close()
	describe := func(w io.Writer, issuer, keysURL string) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, keysURL)
	}
	const discovery, jwks = "/.well-known/openid-configuration", "/keys"
	normal := func(w http.ResponseWriter, r *http.Request, self string) {
		switch r.URL.Path {
		case discovery:
			describe(w, self, self+jwks)
		case jwks:
			_, _ = w.Write(keys)
		}
	}
	tests := []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, self string)
		trust  bool // its certificate
		want   error
	}{
		{"another issuer", func(w http.ResponseWriter, r *http.Request, self string) { describe(w, self+"/", self+jwks) }, true, ErrUnavailable},
		{"no JSON", func(w http.ResponseWriter, r *http.Request, self string) { _, _ = io.WriteString(w, "<html>") }, true, ErrUnavailable},
		{"no keys' address", func(w http.ResponseWriter, r *http.Request, self string) { describe(w, self, "") }, true, ErrUnavailable},
		{"keys over http", func(w http.ResponseWriter, r *http.Request, self string) { describe(w, self, elsewhere.URL) }, true, ErrUnavailable},
		{"keys in a file", func(w http.ResponseWriter, r *http.Request, self string) { describe(w, self, "file:///etc/passwd") }, true, ErrUnavailable},
		{"redirected elsewhere", func(w http.ResponseWriter, r *http.Request, self string) {
			if r.URL.Path == jwks {
				http.Redirect(w, r, elsewhere.URL, http.StatusFound)
				return
			}
			normal(w, r, self)
		}, true, ErrUnavailable},
		{"redirected for ever", func(w http.ResponseWriter, r *http.Request, self string) {
			http.Redirect(w, r, discovery, http.StatusFound)
		}, true, ErrUnavailable},
		{"endless description", func(w http.ResponseWriter, r *http.Request, self string) { endless(w) }, true, ErrUnavailable},
		{"endless keys", func(w http.ResponseWriter, r *http.Request, self string) {
			if r.URL.Path == jwks {
				endless(w)
				return
			}
			normal(w, r, self)
		}, true, ErrUnavailable},
		{"keys broken", func(w http.ResponseWriter, r *http.Request, self string) {
			if r.URL.Path == jwks {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			normal(w, r, self)
		}, true, ErrUnavailable},
		{"no key", func(w http.ResponseWriter, r *http.Request, self string) {
			if r.URL.Path == jwks {
				_, _ = io.WriteString(w, `{"keys":[]}`)
				return
			}
			normal(w, r, self)
		}, true, ErrRefused},
		{"a certificate of nobody we trust", normal, false, ErrUnavailable},
		{"redirected within", func(w http.ResponseWriter, r *http.Request, self string) {
			if r.URL.Path == jwks {
				http.Redirect(w, r, "/more"+jwks, http.StatusFound)
				return
			}
			if r.URL.Path == "/more"+jwks {
				_, _ = w.Write(keys)
				return
			}
			normal(w, r, self)
		}, true, nil},
		{"as it should be", normal, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var self string
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tt.answer(w, r, self) }))
			server.Config.ErrorLog = nil
			server.StartTLS()
			defer server.Close()
			self = server.URL
			issuer := Issuer{URL: self, ClientIDs: []string{"mail"}}
			if tt.trust {
				issuer.CAFile = filepath.Join(t.TempDir(), "ca.pem")
				text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
				if err := os.WriteFile(issuer.CAFile, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			v, err := New(Config{Issuers: []Issuer{issuer}, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(t.Context(), tokenOf(t, self, key), "n")
			if !errors.Is(err, tt.want) || (err == nil) != (got.Name == "alice") {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// endless writes until nobody listens.
func endless(w io.Writer) {
	for {
		if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
			return
		}
	}
}

func TestParseKeys(t *testing.T) {
	weak := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 1024/8))
	const curve = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	tests := []struct {
		name, key string
		want      int
	}{
		{"good", `{` + curve + `}`, 1},
		{"for signing", `{` + curve + `,"use":"sig"}`, 1},
		{"for encryption", `{` + curve + `,"use":"enc"}`, 0},
		{"private", `{` + curve + `,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, 0},
		{"not on the curve", strings.Replace(`{`+curve+`}`, "f83O", "f83P", 1), 0},
		{"secret", `{"kty":"oct","k":"c2VjcmV0"}`, 0},
		{"weak", `{"kty":"RSA","e":"AQAB","n":"` + weak + `"}`, 0},
		{"not known here", `{"kty":"AKP","alg":"ML-DSA-65","pub":"AA"}`, 0},
		{"no object", `7`, 0},
	}
	for _, tt := range tests {
		keys, err := parseKeys([]byte(`{"keys":[` + tt.key + `]}`))
		if err != nil || len(keys) != tt.want {
			t.Errorf("%s: %d keys, %v, want %d", tt.name, len(keys), err, tt.want)
		}
	}
	if _, err := parseKeys([]byte(`{"keys":[` + strings.Repeat("1,", 100) + `1]}`)); err == nil {
		t.Error("101 keys, and no error")
	}
	if _, err := parseKeys([]byte(`[]`)); err == nil {
		t.Error("no key set, and no error")
	}
}

func TestPause(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 7: time.Minute, 1 << 20: time.Minute} {
		if got := pause(failures); got != want {
			t.Errorf("pause(%d) = %v, want %v", failures, got, want)
		}
	}
}
