package forwardauth_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence/internal/access"
	"ringfence/internal/access/clientcert"
	"ringfence/internal/access/forwardauth"
	"ringfence/internal/access/forwardauth/proxytest"
	"ringfence/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)

// world is a door with everything around it faked but the decisions: those are
// made by real policies.
type world struct {
	t    testing.TB
	door *forwardauth.Door
	log  lockedBuffer

	mu       sync.Mutex // guards all below
	now      time.Time
	policies []access.Policy
	device   *access.Device
	problem  error // of the decider and of Identify
	panics   bool
	holders  map[string]forwardauth.Holder // by certificate
	tokens   map[string]bearer
	asked    []access.Question
	reviewed []access.Question
	counted  []string
}

type bearer struct {
	holder     forwardauth.Holder
	thumbprint string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func open(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: noon, holders: map[string]forwardauth.Holder{}, tokens: map[string]bearer{}}
	w.door = forwardauth.New(forwardauth.Config{
		Decider: forwardauth.DeciderFunc(func(_ context.Context, q access.Question) (access.Answer, error) {
			return w.decide(q, &w.asked)
		}),
		Review: forwardauth.DeciderFunc(func(_ context.Context, q access.Question) (access.Answer, error) {
			return w.decide(q, &w.reviewed)
		}),
		Phones: w, Assertions: w, Links: newSeal(), BaseURL: "https://mdm.example.com", Metrics: w,
		Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: w.clock,
	})
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) decide(q access.Question, into *[]access.Question) (access.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*into = append(*into, q)
	if w.panics {
		panic("the decider is broken")
	}
	if w.problem != nil {
		return access.Answer{}, w.problem
	}
	snapshot, err := access.Compile(access.Ruleset{Policies: w.policies, Generation: 1})
	if err != nil {
		return access.Answer{}, err
	}
	a := access.Answer{SignIn: q.SignIn}
	if w.device != nil && w.device.ID == q.Device {
		a.Facts.Device = w.device
	}
	a.Decision = access.Decide(snapshot, &a.SignIn, &a.Facts, w.now)
	return a, nil
}

func (w *world) Identify(_ context.Context, der []byte) (forwardauth.Holder, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.problem != nil {
		return forwardauth.Holder{}, w.problem
	}
	if h, ok := w.holders[string(der)]; ok {
		return h, nil
	}
	return forwardauth.Holder{}, fault.New(fault.Denied, "", "the certificate does not count")
}

func (w *world) VerifyAssertion(_ context.Context, token string) (forwardauth.Holder, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b, ok := w.tokens[token]; ok {
		return b.holder, b.thumbprint, nil
	}
	return forwardauth.Holder{}, "", fault.New(fault.Denied, "", "the assertion does not count")
}

func (w *world) Answered(outcome forwardauth.Outcome, form clientcert.Form) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted = append(w.counted, string(outcome)+" "+form.String())
}

// questions gives what the decider was asked since the last time.
func (w *world) questions() []access.Question {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.asked
	w.asked = nil
	return all
}

// compliantOnly is a policy that asks for a compliant device.
func compliantOnly() access.Policy {
	return access.Policy{Name: "phones", Revision: 3, Spec: access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
		Grant: access.Grant{Operator: access.AllOf, Controls: []access.Control{access.CompliantDevice}},
	}}
}

// asking is a policy that asks for any one of some controls.
func asking(name string, controls ...access.Control) access.Policy {
	p := compliantOnly()
	p.Name = name
	p.Spec.Grant = access.Grant{Operator: access.AnyOf, Controls: controls}
	return p
}

// fit is a phone that is compliant, and unfit one with a finding.
func fit() *access.Device {
	return &access.Device{
		ID: "phone-0001", Epoch: 1, User: "anna@example.com", Platform: access.Android, Version: 1,
		Compliance: access.Verdict{Fitness: access.Fit, EvidenceAt: noon.Add(-time.Hour), Version: 1},
	}
}

func unfit() *access.Device {
	d := fit()
	d.Compliance.Fitness = access.Unfit
	d.Compliance.Findings = []access.Finding{{
		Rule: "pin.length", Expected: "6 digits or more", Actual: "4", Remedy: "set a longer PIN",
		Link: "https://help.example.com/pin", Since: noon.Add(-2 * time.Hour),
	}}
	return d
}

// seal is what keeps tickets, in tests.
type seal struct{ aead cipher.AEAD }

func newSeal() seal {
	block, err := aes.NewCipher(make([]byte, 32))
	must(err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	must(err)
	return seal{aead}
}

func (s seal) Seal(plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, nil)) //nolint:gosec // the cipher makes the nonce itself
}

func (s seal) Open(sealed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, err
	}
	return s.aead.Open(nil, nil, raw, nil)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// authority issues certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	// above is what leads to the root, in PEM, this one first.
	above []byte
}

func newAuthority(name string, parent *authority) *authority {
	key, cert, chain := issue(parent, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return &authority{key, cert, chain}
}

func issue(parent *authority, c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	must(err)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	issuer, by, above := c, key, []byte(nil)
	if parent != nil {
		issuer, by, above = parent.cert, parent.key, parent.above
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), by)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return key, cert, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), above...)
}

// leaf is a certificate for a client or a server, ready to be used.
type leaf struct {
	proxytest.Pair
	der []byte
}

func (a *authority) leaf(name string, usage x509.ExtKeyUsage) leaf {
	key, cert, chain := issue(a, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return leaf{proxytest.Pair{Certificate: chain, Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}, cert.Raw}
}

func (l leaf) thumbprint() string {
	sum := sha256.Sum256(l.der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// binary is the certificate as RFC 9440 has it.
func (l leaf) binary() string { return ":" + base64.StdEncoding.EncodeToString(l.der) + ":" }

// material is made once: keys take time.
var material = sync.OnceValue(func() (m struct {
	root, phones, others *authority
	anna, stranger       leaf
}) {
	m.root = newAuthority("root", nil)
	m.phones = newAuthority("phones", m.root)
	m.others = newAuthority("others", nil)
	m.anna = m.phones.leaf("anna", x509.ExtKeyUsageClientAuth)
	m.stranger = m.others.leaf("stranger", x509.ExtKeyUsageClientAuth)
	return m
})

// reply is an answer, read.
type reply struct {
	StatusCode int
	Header     http.Header
	body       string
}

func replyOf(rec *httptest.ResponseRecorder) reply {
	return reply{rec.Code, rec.Header().Clone(), rec.Body.String()}
}

// ask asks the door as a proxy does. Headers are "Name: value".
func (w *world) ask(query string, headers ...string) reply {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, forwardauth.CheckPath+"?"+query, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.door.Check().ServeHTTP(rec, r)
	return replyOf(rec)
}

// visit opens a link.
func (w *world) visit(link string) reply {
	w.t.Helper()
	path, ok := strings.CutPrefix(link, "https://mdm.example.com")
	if !ok {
		w.t.Fatalf("the link %q leads elsewhere", link)
	}
	rec := httptest.NewRecorder()
	w.door.Remedy().ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil))
	return replyOf(rec)
}

var errBroken = errors.New("the database is gone")
