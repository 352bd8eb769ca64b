package enroll_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// authority is a small certificate authority.
type authority struct {
	key    *ecdsa.PrivateKey
	root   *x509.Certificate
	serial atomic.Int64
	issued atomic.Int64
}

func newAuthority(t *testing.T, now time.Time) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(10 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	root, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{key: key, root: root}
}

func (a *authority) ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fault.InvalidField("certificate_request", "is no request").WithCause(err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve == elliptic.P224() {
		return nil, fault.InvalidField("certificate_request", "has a weak key")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fault.InvalidField("certificate_request", "is not signed by its key").WithCause(err)
	}
	return csr, nil
}

func (a *authority) IssueDevice(t enroll.Template) (enroll.Issued, error) { return a.issue(t) }
func (a *authority) IssueAdmin(t enroll.Template) (enroll.Issued, error)  { return a.issue(t) }
func (a *authority) TrustBundle() [][]byte                                { return [][]byte{a.root.Raw} }

func (a *authority) issue(t enroll.Template) (enroll.Issued, error) {
	a.issued.Add(1)
	name, err := url.Parse(t.URI)
	if err != nil {
		return enroll.Issued{}, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc000 + a.serial.Add(1)), Subject: t.Subject, URIs: []*url.URL{name},
		NotBefore: t.NotBefore, NotAfter: t.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.root, t.PublicKey, a.key)
	if err != nil {
		return enroll.Issued{}, err
	}
	return enroll.Issued{
		Chain: [][]byte{der, a.root.Raw}, Serial: c.SerialNumber.Text(16), ExpiresAt: c.NotAfter.Truncate(time.Second),
	}, nil
}

// bell counts its rings.
type bell struct {
	mu    sync.Mutex
	rings map[device.ID]int
}

func (b *bell) Ring(id device.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rings[id]++
}

func (b *bell) count(id device.ID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rings[id]
}

// settler notes which ends it was asked to settle, and fails on demand.
type settler struct {
	mu      sync.Mutex
	failing bool
	settled []string
}

func (s *settler) settle(_ context.Context, id device.ID, epoch device.Epoch, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		return errors.New("not now")
	}
	s.settled = append(s.settled, fmt.Sprintf("%s/%d", id, epoch))
	return nil
}

func (s *settler) fail(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = on
}

func (s *settler) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.settled
	s.settled = nil
	return took
}

// orders says for which epochs orders wait.
type orders struct {
	mu      sync.Mutex
	failing bool
	waiting map[string]bool
}

func (o *orders) pending(_ context.Context, id device.ID, epoch device.Epoch) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failing {
		return false, errors.New("not now")
	}
	return o.waiting[fmt.Sprintf("%s/%d", id, epoch)], nil
}

// wait lets orders for an epoch wait, or settles them.
func (o *orders) wait(c identity.Caller, on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting[fmt.Sprintf("%s/%d", c.Device, c.Epoch)] = on
}

func (o *orders) fail(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failing = on
}

// room is a Service with all its surroundings.
type room struct {
	*enroll.Service
	t       *testing.T
	db      *sqldb.DB
	clock   *clock
	ca      *authority
	bell    *bell
	settler *settler
	orders  *orders
	others  *forgetter
}

// ids makes ids that sort by age.
var ids atomic.Int64

func newID() string { return fmt.Sprintf("%032x", ids.Add(1)) }

func newRoom(t *testing.T, db *sqldb.DB) *room {
	t.Helper()
	c := &clock{now: time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)}
	o := &orders{waiting: map[string]bool{}}
	return (&room{t: t, clock: c, ca: newAuthority(t, c.now), orders: o}).server(db)
}

// server gives another server of the same installation, on the same database
// opened by itself.
func (r *room) server(db *sqldb.DB) *room {
	other := *r
	other.db = db
	other.bell = &bell{rings: map[device.ID]int{}}
	other.settler = &settler{}
	other.others = &forgetter{}
	store := enrolldb.New(db)
	other.Service = enroll.New(enroll.Config{
		Tokens: store, Devices: store, Fleet: store, Enrolments: store, Administrators: store,
		Authority: r.ca, Bell: other.bell, Settle: other.settler.settle, Pending: r.orders.pending,
		Forget: other.others.forget,
		Now:    r.clock.Now, NewID: newID, Random: rand.Reader, Cache: db.Exclusive(),
	})
	return &other
}

// each runs a test on both databases.
func each(t *testing.T, run func(t *testing.T, r *room)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { run(t, newRoom(t, db)) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// alice is a context of an administrator's request.
func alice(t *testing.T) context.Context {
	return of(t)
}

// of is a context of a request of alice with a credential for these groups.
func of(t *testing.T, groups ...string) context.Context {
	return identity.With(t.Context(), identity.Caller{
		Kind: identity.Admin, Name: "alice", Role: identity.Owner, Groups: groups, RequestID: "r1",
	})
}

var requests atomic.Int64

// token makes a token for n phones with work profiles and gives its secret.
func (r *room) token(n uint32) (enroll.Token, string) { return r.tokenOf("sales", n) }

// tokenOf makes a token of a group.
func (r *room) tokenOf(group string, n uint32) (enroll.Token, string) {
	r.t.Helper()
	k, secret, err := r.CreateToken(alice(r.t), enroll.TokenSpec{
		RequestKey: fmt.Sprintf("request-%d", requests.Add(1)),
		Ownership:  device.Personal, Mode: device.WorkProfile, Group: group, User: "someone@example.com", MaxUses: n,
	})
	must(r.t, err)
	return k, secret
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// request makes a certificate request for a key.
func request(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "administrator"}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	must(t, err)
	return der
}

// phone is what a phone sends to join, with a key of its own.
func (r *room) phone(secret, tag string) enroll.JoinRequest {
	r.t.Helper()
	return enroll.JoinRequest{
		Secret: secret, CSR: request(r.t, newKey(r.t)), HardwareTag: tag,
		Platform: device.Android, Model: "Pixel 9", OSVersion: "15", Mode: device.WorkProfile,
	}
}

// join lets a phone in and gives it as a caller.
func (r *room) join(secret, tag string) identity.Caller {
	r.t.Helper()
	a, err := r.Join(r.t.Context(), r.phone(secret, tag))
	must(r.t, err)
	return r.identify(a.Chain)
}

// identify gives who a certificate lets in.
func (r *room) identify(chain [][]byte) identity.Caller {
	r.t.Helper()
	c, err := r.Identify(r.t.Context(), serialOf(r.t, chain))
	must(r.t, err)
	return c
}

func serialOf(t *testing.T, chain [][]byte) string {
	t.Helper()
	return leafOf(t, chain).SerialNumber.Text(16)
}

func leafOf(t *testing.T, chain [][]byte) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(chain[0])
	must(t, err)
	return leaf
}

// refused checks that a certificate does not let its holder in, and why.
func (r *room) refused(serial string, why error) {
	r.t.Helper()
	if c, err := r.Identify(r.t.Context(), serial); !errors.Is(err, why) {
		r.t.Errorf("certificate %s: let in as %+v, %v; want %v", serial, c, err, why)
	}
}

// dump is everything the slice and the record hold.
func (r *room) dump() map[string][]map[string]any {
	r.t.Helper()
	all := map[string][]map[string]any{}
	for table, order := range map[string]string{
		"enroll_tokens": "id", "enroll_devices": "id", "enroll_certificates": "serial",
		"enroll_endings": "device_id, epoch", "enroll_administrators": "serial", "audit_entries": "sequence",
	} {
		rows := []map[string]any{}
		must(r.t, r.db.Read(r.t.Context()).Table(table).Order(order).Find(&rows).Error)
		all[table] = rows
	}
	return all
}

// record gives the entries, oldest first, without their times.
func (r *room) record() []audit.Entry {
	r.t.Helper()
	rows := []struct{ Actor, Action, Target, Detail, RequestID string }{}
	must(r.t, r.db.Read(r.t.Context()).Table("audit_entries").Order("sequence").Find(&rows).Error)
	var entries []audit.Entry
	for _, e := range rows {
		entries = append(entries, audit.Entry{
			Actor: e.Actor, Action: e.Action, Target: e.Target, Detail: e.Detail, RequestID: e.RequestID,
		})
	}
	return entries
}
