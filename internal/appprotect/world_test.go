package appprotect

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

var t0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

const (
	mailApp  = "com.example.mail"
	notesApp = "com.example.notes"
	oneTag   = "0123456789abcdef0123456789abcdef"
	otherTag = "fedcba9876543210fedcba9876543210"
	issuer   = "https://id.example.com"
)

// world is a server without I/O, and what it speaks with.
type world struct {
	t     testing.TB
	store *fake
	*outside
	s *Service
}

// outside is what other rooms know and do.
type outside struct {
	mu       sync.Mutex // guards the rest
	now      time.Time
	accounts map[string]Account
	levels   map[string][]apprules.Level
	issuers  []Issuer
	rung     map[device.ID]int
	rungAll  int
	// ordered has why, by "id/epoch"; ended why it ended.
	ordered, ended map[string]string
	refusing       error
	ids            int
	directoryFails error

	key  *ecdsa.PrivateKey
	root *x509.Certificate
	last int64
}

func newWorld(t testing.TB, cached bool) *world {
	w := &world{t: t, store: newFake(t), outside: newOutside(t)}
	w.s = w.replica(cached)
	return w
}

// eachWorld runs a test on a server that may remember and on one that may not.
func eachWorld(t *testing.T, run func(t *testing.T, w *world)) {
	for _, cached := range []bool{true, false} {
		t.Run(fmt.Sprintf("cache=%t", cached), func(t *testing.T) { run(t, newWorld(t, cached)) })
	}
}

func newOutside(t testing.TB) *outside {
	t.Helper()
	o := &outside{
		now: t0, accounts: map[string]Account{}, levels: map[string][]apprules.Level{},
		issuers: []Issuer{{URL: issuer, ClientIDs: []string{"mail"}}},
		rung:    map[device.ID]int{}, ordered: map[string]string{}, ended: map[string]string{},
		key: newKey(t), last: 0xabc000,
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"},
		NotBefore: t0.Add(-48 * time.Hour), NotAfter: t0.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, o.key.Public(), o.key)
	must(t, err)
	o.root, err = x509.ParseCertificate(der)
	must(t, err)
	return o
}

// replica is another server on the same store.
func (w *world) replica(cached bool) *Service {
	return New(Config{
		Policies: w.store, Registrations: w.store, States: w.store,
		Directory: w.outside, SignIns: w.outside, Phones: w.outside, Orders: w.outside,
		Authority: w.outside, Leases: w.outside, Bell: w.outside,
		Now: w.clock, NewID: w.newID, Random: rand.Reader, Cache: cached,
	})
}

func (o *outside) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *outside) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

func (o *outside) newID() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids++
	return fmt.Sprintf("%032x", o.ids)
}

func (o *outside) Standing(_ context.Context, name string) (Account, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.accounts[name], o.directoryFails
}

func (o *outside) setAccount(name string, a Account) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.accounts[name] = a
}

func (o *outside) Levels(_ context.Context, user string) ([]apprules.Level, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.levels[user], nil
}

func (o *outside) Issuers() []Issuer { return o.issuers }

// Verify reads the tokens of idToken.
func (o *outside) Verify(_ context.Context, token, nonce string) (Person, error) {
	parts := strings.Split(token, "|")
	if len(parts) != 5 || parts[0] != issuer && parts[0] != "https://other.example.com" || parts[4] != nonce {
		return Person{}, fault.New(fault.Denied, "SIGN_IN_REFUSED", "the ID token does not hold")
	}
	p := Person{Issuer: parts[0], Subject: parts[1], Name: parts[2]}
	if parts[3] != "" {
		p.Groups = strings.Split(parts[3], ",")
	}
	return p, nil
}

func idToken(p Person, nonce string) string {
	return strings.Join([]string{p.Issuer, p.Subject, p.Name, strings.Join(p.Groups, ","), nonce}, "|")
}

func (o *outside) Waiting(_ context.Context, id device.ID, epoch device.Epoch) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ordered := o.ordered[epochOf(id, epoch)]
	return ordered, nil
}

func (o *outside) WipeByPolicy(_ context.Context, id device.ID, epoch device.Epoch, why string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refusing == nil {
		o.ordered[epochOf(id, epoch)] = why
	}
	return o.refusing
}

func (o *outside) EnrollmentEnded(_ context.Context, id device.ID, epoch device.Epoch, reason string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended[epochOf(id, epoch)] = reason
	delete(o.ordered, epochOf(id, epoch))
	return nil
}

func epochOf(id device.ID, epoch device.Epoch) string { return fmt.Sprintf("%s/%d", id, epoch) }

func (o *outside) ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, fault.InvalidField("certificate_request", "does not hold").WithCause(err)
	}
	return csr, nil
}

func (o *outside) IssueApp(id device.ID, epoch device.Epoch, key any, from, until time.Time) ([][]byte, string, time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(o.last), Subject: pkix.Name{CommonName: epochOf(id, epoch)},
		NotBefore: from, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, o.root, key, o.key)
	return [][]byte{der}, c.SerialNumber.Text(16), until, err
}

func (o *outside) TrustBundle() [][]byte { return [][]byte{o.root.Raw} }

func (o *outside) SignLease(l Lease) ([]byte, error) { return []byte(leaseText(l)), nil }

func leaseText(l Lease) string {
	return fmt.Sprintf("%s/%d #%d at %s: %s, block after %s, wipe after %s, %.8s", l.ID[len(l.ID)-2:], l.Epoch, l.Number,
		l.IssuedAt.Format(time.TimeOnly), l.Standing, l.BlockAfter, l.WipeAfter, l.PolicyRevision)
}

func (o *outside) Ring(id device.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rung[id]++
}

func (o *outside) RingAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rungAll++
}

// rings gives how often a registration was rung since it was last asked.
func (o *outside) rings(id device.ID) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer delete(o.rung, id)
	return o.rung[id]
}

// app is one app on one phone.
type app struct {
	w      *world
	s      *Service
	person Person
	tag    string
	pkg    string
	signer string
	level  apprules.Level
	key    *ecdsa.PrivateKey

	admitted Admission
	caller   identity.Caller
	number   uint64
}

var bob = Person{Issuer: issuer, Subject: "sub-bob", Name: "Bob@Example.com", Groups: []string{"staff"}}

// mail is the mail app of a person on one phone.
func (w *world) mail(p Person) *app {
	return &app{w: w, s: w.s, person: p, tag: oneTag, pkg: mailApp, signer: signer, level: apprules.Unenrolled}
}

// joined is a registered one.
func (w *world) joined(p Person) *app {
	w.t.Helper()
	a := w.mail(p)
	must(w.t, a.register())
	return a
}

// policy makes a policy for everyone of what specOf reads.
func (w *world) policy(name, said string) {
	w.t.Helper()
	w.apply(name, specOf(w.t, sayings(said)))
}

func (w *world) apply(name string, spec Spec) {
	w.t.Helper()
	_, _, err := w.s.ApplyPolicy(w.t.Context(), name, spec, 0, false)
	must(w.t, err)
}

func (a *app) ctx() context.Context { return a.w.t.Context() }

// request asks for an epoch, with a new key and challenge.
func (a *app) request() RegisterRequest {
	a.w.t.Helper()
	begun, err := a.s.Begin(a.ctx(), a.pkg)
	must(a.w.t, err)
	a.key = newKey(a.w.t)
	return a.requestWith(begun.Challenge)
}

func (a *app) requestWith(challenge []byte) RegisterRequest {
	return RegisterRequest{
		Challenge: challenge, IDToken: idToken(a.person, Nonce(challenge, keyDigest(a.w.t, a.key))), CSR: csrOf(a.w.t, a.key),
		Package: a.pkg, SignerSHA256: a.signer, AppVersion: "1.2", SDKVersion: "3.4", Tag: a.tag, Level: a.level,
	}
}

func (a *app) register() error {
	a.w.t.Helper()
	return a.registerWith(a.request())
}

func (a *app) registerWith(r RegisterRequest) error {
	a.w.t.Helper()
	admitted, err := a.s.Register(a.ctx(), r)
	if err != nil {
		return err
	}
	a.admitted, a.number = admitted, 0
	a.caller, err = a.s.Identify(a.ctx(), serialOf(a.w.t, admitted.Chain))
	return err
}

// report is one of a phone that is as it should be.
func (w *world) report() apprules.Report {
	return apprules.Report{
		ObservedAt: w.clock(), AppVersion: apprules.Version{1, 2}, SDKVersion: apprules.Version{3, 4},
		OSVersion: apprules.Version{16}, Patch: "2026-11-01", Lock: apprules.LockHigh, RootChecked: true,
		PIN: apprules.PINState{Set: true},
	}
}

// checkIn reports a phone, changed by edit, with the next number.
func (a *app) checkIn(edit ...func(*apprules.Report)) (CheckInAnswer, error) {
	a.number++
	r := a.w.report()
	for _, e := range edit {
		e(&r)
	}
	return a.s.CheckIn(a.ctx(), a.caller, CheckInRequest{Number: a.number, Report: r})
}

// standing is what a check-in comes to.
func (a *app) standing(edit ...func(*apprules.Report)) string {
	a.w.t.Helper()
	answer, err := a.checkIn(edit...)
	if err != nil {
		return fault.ReasonOf(err)
	}
	return answer.Verdict.Standing.String() + " " + checksOf(&answer.Verdict, apprules.ActionWarn)
}

func rooted(r *apprules.Report) { r.RootSignals = apprules.SignRooted }

// kept is the state as it is stored.
func (a *app) kept() State {
	a.w.store.mu.Lock()
	defer a.w.store.mu.Unlock()
	return a.w.store.states[a.admitted.ID]
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func csrOf(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return der
}

func keyDigest(t testing.TB, key *ecdsa.PrivateKey) Digest {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	return sha256.Sum256(spki)
}

func serialOf(t testing.TB, chain [][]byte) string {
	t.Helper()
	leaf, err := x509.ParseCertificate(chain[0])
	must(t, err)
	return leaf.SerialNumber.Text(16)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantFault fails unless err is the fault, or for nil unless it is nil.
func wantFault(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func wantInvalid(t testing.TB, err error, field string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || !slices.ContainsFunc(f.Fields, func(e fault.Field) bool { return e.Name == field }) {
		t.Errorf("got %v, want Invalid on %s", err, field)
	}
}

// admin is the context of an administrator.
func (w *world) admin() context.Context {
	return identity.With(w.t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice", Role: identity.Owner, Serial: "aa", Peer: "192.0.2.1"})
}
