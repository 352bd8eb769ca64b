package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"ringfence/internal/oauth"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit/ssf"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// TestNoCallsHome: nobody has the server call what only the server reaches, unless
// whoever runs it says so.
func TestNoCallsHome(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), openDoors).start(t)
	a := s.admin(t)
	p := s.partner(t, a, "idp", "ssf.manage")
	id, _ := p.polled(t)
	streams := transmitv1.NewTransmitAdminServiceClient(a.conn)
	for _, endpoint := range []string{
		"https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://localhost/", "https://LOCALHOST.:8443/", "https://a.localhost/",
		"https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[fe80::1%25eth0]/", "https://0.0.0.0/",
		"https://100.64.0.1/", "https://192.168.1.1:6443/", "https://172.16.0.1/", "https://[fd00::1]/", "http://hooks.example.com/", "https://user:pass@hooks.example.com/",
		"file:///etc/passwd", "https:///", "https://hooks.example.com/#part",
	} {
		push := pushTo(endpoint)
		for method, body := range map[string]says{
			http.MethodPost: push, http.MethodPatch: {"stream_id": id, "delivery": push["delivery"]}, http.MethodPut: {"stream_id": id, "delivery": push["delivery"]},
		} {
			if got := p.asks(t, method, ssf.StreamsPath, body); got.status != http.StatusBadRequest || strings.Contains(got.body, "169.254") {
				t.Errorf("%s %s: %d %s", method, endpoint, got.status, got.body)
			}
		}
		_, err := streams.CreateWebhook(t.Context(), &transmitv1.CreateWebhookRequest{Endpoint: endpoint})
		wantField(t, endpoint, err, "endpoint")
	}
	left := must[*transmitv1.ListStreamsResponse](t)(streams.ListStreams(t.Context(), &transmitv1.ListStreamsRequest{})).GetStreams()
	if len(left) != 1 || left[0].GetEndpoint() != "" {
		t.Errorf("streams: %v", left)
	}
}

// TestNoRedirects: a receiver sends nobody elsewhere, and one that cannot prove who
// it is gets nothing.
func TestNoRedirects(t *testing.T) {
	r, elsewhere := receives(t), receives(t)
	s := install(t, dbtest.DSN(t, sqldb.SQLite), calling(r)).start(t)
	a := s.admin(t)
	p := s.partner(t, a, "idp", "ssf.manage")
	id := p.streams(t, r)
	r.becomes(func(w http.ResponseWriter, req *http.Request) int {
		http.Redirect(w, req, elsewhere.URL, http.StatusTemporaryRedirect)
		return http.StatusTemporaryRedirect
	})
	// By its name the certificate is not for it; and the name is not allowed.
	byName := strings.Replace(r.URL, "127.0.0.1", "ip6-localhost", 1)
	p.gets(t, http.StatusCreated, p.asks(t, http.MethodPost, ssf.StreamsPath, pushTo(byName)))
	s.join(t, a.token(t))
	streams := transmitv1.NewTransmitAdminServiceClient(a.conn)
	eventually(t, "the failures", func() (bool, error) {
		for _, st := range must[*transmitv1.ListStreamsResponse](t)(streams.ListStreams(t.Context(), &transmitv1.ListStreamsRequest{})).GetStreams() {
			if st.GetHealth().GetFailures() == 0 || st.GetHealth().GetPending() != 1 || st.GetHealth().GetDeliveredAt() != nil {
				return false, errNotYet
			}
			if why := st.GetHealth().GetLastError(); st.GetId() == id && why != "answered 307" || strings.Contains(why, "127.0.0.1") {
				t.Errorf("it failed: %s", why)
			}
		}
		return true, nil
	})
	if n := len(elsewhere.requests(0)); n != 0 {
		t.Errorf("elsewhere got %d requests", n)
	}
}

// forge signs claims by a key of the forger's choice.
func forge(tb testing.TB, key jose.SigningKey, typ string, claims []byte) string {
	tb.Helper()
	signer := must[jose.Signer](tb)(jose.NewSigner(key, new(jose.SignerOptions).WithType(jose.ContentType(typ))))
	return must[string](tb)(must[*jose.JSONWebSignature](tb)(signer.Sign(claims)).CompactSerialize())
}

// TestForgedTokens: no token opens the door but one that this installation signed,
// for this, for somebody who is let in now.
func TestForgedTokens(t *testing.T) {
	r := receives(t)
	s := install(t, dbtest.DSN(t, sqldb.SQLite), calling(r)).start(t)
	a := s.admin(t)
	p := s.partner(t, a, "idp", "ssf.manage")
	p.streams(t, r)
	h := s.join(t, a.token(t))
	p.arrives(t, r, h.id, created)
	parts := strings.Split(p.token, ".")
	head := must[*jose.JSONWebSignature](t)(jose.ParseSignedCompact(p.token, []jose.SignatureAlgorithm{jose.RS256})).Signatures[0].Protected
	claims := must[[]byte](t)(base64.RawURLEncoding.DecodeString(parts[1]))
	public := p.keys.Key(head.KeyID)[0]
	der := must[[]byte](t)(x509.MarshalPKIXPublicKey(public.Key))
	shared := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	stranger := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt","kid":"` + head.KeyID + `"}`))
	own := p.token
	for name, token := range map[string]string{
		"none":                    none + "." + parts[1] + ".",
		"none with its signature": none + "." + parts[1] + "." + parts[2],
		"HS256 by the public key": forge(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: shared, KeyID: head.KeyID}}, "at+jwt", claims),
		"a stranger's key":        forge(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: stranger, KeyID: head.KeyID}}, "at+jwt", claims),
		"another's claims":        parts[0] + "." + base64.RawURLEncoding.EncodeToString(bytes.Replace(claims, []byte("ssf.manage"), []byte("ssf.all"), 1)) + "." + parts[2],
		"a security event":        r.requests(http.StatusAccepted)[0].body,
		"nothing":                 "",
	} {
		p.token = token
		if got := p.asks(t, http.MethodGet, ssf.StreamsPath, nil); got.status != http.StatusUnauthorized || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	p.token = own
	p.gets(t, http.StatusOK, p.asks(t, http.MethodGet, ssf.StatusPath+"?stream_id="+p.only(t), nil))
	s.clock.forward(oauth.TokenLife + 2*time.Minute)
	if got := p.asks(t, http.MethodGet, ssf.StreamsPath, nil); got.status != http.StatusUnauthorized {
		t.Errorf("an old token: %d", got.status)
	}
	reader := s.partner(t, a, "reader", "ssf.read")
	if got := reader.asks(t, http.MethodPost, ssf.StreamsPath, says{}); got.status != http.StatusForbidden || !strings.Contains(got.header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("who may only read makes a stream: %d %v", got.status, got.header)
	}
}

// only is the id of the one stream.
func (p *partner) only(tb testing.TB) string {
	tb.Helper()
	var all []struct {
		ID string `json:"stream_id"`
	}
	got := p.asks(tb, http.MethodGet, ssf.StreamsPath, nil)
	if err := json.Unmarshal([]byte(got.body), &all); err != nil || len(all) != 1 || strings.Contains(got.body, "Bearer of") {
		tb.Fatalf("its streams: %s", got.body)
	}
	return all[0].ID
}

// vast is a text of JSON that does not end soon.
func vast(length int64) io.Reader {
	return io.MultiReader(strings.NewReader(`{"grant_type":"`), io.LimitReader(letters{}, length))
}

type letters struct{}

func (letters) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

// TestVastBodies: whatever is sent to the HTTPS doors, the server reads no more
// than it has use for, and keeps none of it.
func TestVastBodies(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), openDoors).start(t)
	a := s.admin(t)
	p := s.partner(t, a, "idp", "ssf.manage", "access.evaluate")
	_, poll := p.polled(t)
	before := inUse()
	for range 3 {
		for _, path := range []string{
			oauth.TokenPath, ssf.StreamsPath, ssf.StatusPath, ssf.AddPath, ssf.RemovePath, ssf.VerifyPath, poll,
			"/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/resource", "/access/v1/search/action",
			oauth.MetadataPath, oauth.JWKSPath, ssf.MetadataPath, ssf.ResourcePath, "/.well-known/authzen-configuration", "/forward-auth", "/",
		} {
			for _, token := range []string{"Bearer " + p.token, ""} {
				req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, doorURL+path, vast(10<<20)))
				req.Header.Set("Content-Type", "application/json")
				if path == oauth.TokenPath {
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				req.Header.Set("Authorization", token)
				got := p.sends(t, req)
				switch own := path == oauth.TokenPath || strings.HasPrefix(path, ssf.Prefix) || strings.HasPrefix(path, "/access/v1/"); {
				case own && (token != "" || path == oauth.TokenPath) && got.status != http.StatusRequestEntityTooLarge && got.status != http.StatusBadRequest:
					t.Errorf("%s: %d %.200s", path, got.status, got.body)
				case got.status < http.StatusBadRequest || got.status >= http.StatusInternalServerError:
					t.Errorf("%s: %d %.200s", path, got.status, got.body)
				}
			}
		}
	}
	if grown := int64(inUse()) - int64(before); grown > 8<<20 {
		t.Errorf("%d octets more are in use", grown)
	}
}

// inUse is what the heap holds.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
