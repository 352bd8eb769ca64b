package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"ringfence/internal/appprotect"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// benchIssuer is an OpenID Connect provider of which there is no more than what a
// verifier asks: its description and its key. Tokens are made ahead of the
// measurement, as the person's signing in is not the server's work.
type benchIssuer struct {
	url    string
	key    *ecdsa.PrivateKey
	signer jose.Signer
}

func startIssuer(b *testing.B) *benchIssuer {
	b.Helper()
	i := &benchIssuer{key: newKey(b)}
	public := jose.JSONWebKey{Key: i.key.Public(), KeyID: "1", Algorithm: string(jose.ES256), Use: "sig"}
	mux := http.NewServeMux()
	answer := func(path string, body any) {
		text := must[[]byte](b)(json.Marshal(body))
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text)
		})
	}
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	i.url = server.URL
	answer("/.well-known/openid-configuration", map[string]any{
		"issuer": i.url, "jwks_uri": i.url + "/keys", "authorization_endpoint": i.url + "/auth", "token_endpoint": i.url + "/token",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
	answer("/keys", jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	i.signer = must[jose.Signer](b)(jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "1"}}, nil))
	return i
}

// trusted has a server take its tokens.
func (i *benchIssuer) trusted(c *Config) {
	quiet(c)
	c.Accounts.Issuers, c.Accounts.HTTPLoopback = []string{i.url + ",client-id=mail"}, true
}

// token is an ID token for the nth person.
func (i *benchIssuer) token(n int, nonce string) (string, error) {
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": i.url, "aud": "mail", "sub": fmt.Sprintf("subject-%d", n), "preferred_username": fmt.Sprintf("person-%d@example.com", n),
		"groups": []string{"sales", "staff"}, "nonce": nonce, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// registers makes everything that n Registers need, of one person each.
func (i *benchIssuer) registers(b *testing.B, s *server, n int) []asking {
	b.Helper()
	clients := make([]appprotectv1.AppServiceClient, benchCallers)
	for c := range clients {
		clients[c] = appprotectv1.NewAppServiceClient(dial(b, s.at.Device, s.roots(b), nil))
	}
	list := make([]asking, n)
	inParallel(n, func(n int) error {
		client, key := clients[n%len(clients)], newKey(b)
		begun, err := client.BeginRegistration(b.Context(), &appprotectv1.BeginRegistrationRequest{Package: mailPackage})
		if err != nil {
			return err
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return err
		}
		token, err := i.token(n, appprotect.Nonce(begun.GetChallenge(), sha256.Sum256(spki)))
		if err != nil {
			return err
		}
		list[n] = asking{key: key, client: client, RegisterRequest: &appprotectv1.RegisterRequest{
			Challenge: begun.GetChallenge(), CertificateRequest: newCSR(b, key), DeviceTag: phoneTag, IdToken: token,
			App:   &appprotectv1.AppIdentity{Package: mailPackage, SignerSha256: mailSigner, AppVersion: "2.0", SdkVersion: "1.0"},
			Level: appprotectv1.Level_LEVEL_UNENROLLED,
		}}
		return nil
	}, b)
	return list
}

// checks verifies a token's signature and nothing else.
func (i *benchIssuer) checks(token string) error {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	_, err = signed.Verify(i.key.Public())
	return err
}

// everyday is a policy of the size that is common.
var everyday = map[string]any{
	"data.send_to": "managed-apps", "data.receive_from": "managed-apps", "access.pin_length": 6, "launch.rooted": "block",
	"launch.os_version.block": "14", "launch.os_version.warn": "15", "launch.patch_level.warn": "2026-01-01",
	"launch.offline.block": "12h", "launch.account_disabled": "block",
}
