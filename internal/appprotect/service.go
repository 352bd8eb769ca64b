package appprotect

import (
	"crypto/x509"
	"io"
	"sync"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// Authority issues the certificates of apps, and signs leases.
type Authority interface {
	// ParseCSR reads a PKCS#10 request in DER and checks its form, the strength of
	// its key and the proof of possession. What it refuses is Invalid, on the field
	// certificate_request.
	ParseCSR(der []byte) (*x509.CertificateRequest, error)
	// IssueApp issues a TLS client certificate, to live until notAfter.
	IssueApp(id device.ID, epoch device.Epoch, key any, notBefore, notAfter time.Time) (chain [][]byte, serial string, expires time.Time, err error)
	// TrustBundle gives the root certificates to trust, DER.
	TrustBundle() [][]byte
}

// LeaseSigner makes a lease into what an app can verify.
type LeaseSigner interface {
	SignLease(l Lease) ([]byte, error)
}

// Limits shape how apps are held. Zero fields mean their defaults.
type Limits struct {
	// Certificate is how long an app in use keeps a certificate, and how long one
	// outlives the lease: 14 days.
	Certificate time.Duration
	// CheckIn is how often an app in use reports: 30 minutes. Ungoverned is how
	// often one for which no policy is does: 12 hours.
	CheckIn, Ungoverned time.Duration
	// Challenge is how long a registration may take from its beginning: 10 minutes.
	Challenge time.Duration
}

// Config is what a Service is made of. All is required but Limits and Cache.
type Config struct {
	Policies      Policies
	Registrations Registrations
	States        States
	Directory     Directory
	SignIns       SignIns
	Phones        Phones
	Orders        Orders
	Authority     Authority
	Leases        LeaseSigner
	Bell          Bell
	// Now is the one clock.
	Now func() time.Time
	// NewID makes ids: 32 lower-case hex digits.
	NewID func() string
	// Random is cryptographically strong.
	Random io.Reader
	Limits Limits
	// Cache is true where this process is the only one that writes.
	Cache bool
}

// The defaults of Limits.
const (
	defaultCertificate = 14 * 24 * time.Hour
	defaultCheckIn     = 30 * time.Minute
	defaultUngoverned  = 12 * time.Hour
	defaultChallenge   = 10 * time.Minute
)

func (l Limits) withDefaults() Limits {
	for _, each := range []struct {
		limit     *time.Duration
		byDefault time.Duration
	}{
		{&l.Certificate, defaultCertificate},
		{&l.CheckIn, defaultCheckIn},
		{&l.Ungoverned, defaultUngoverned},
		{&l.Challenge, defaultChallenge},
	} {
		if *each.limit == 0 {
			*each.limit = each.byDefault
		}
	}
	return l
}

// Service loads, lets the pure part decide, saves and rings. It is safe for
// concurrent use.
type Service struct {
	c       Config
	catalog *catalog
	memory  *memory
	apps    *callers
	lasting count
	// sweeping lets one Sweep run at a time, and guards swept, which is where
	// the last one got to.
	sweeping sync.Mutex
	swept    device.ID
	owed     owed
}

// New makes a Service.
func New(c Config) *Service {
	c.Limits = c.Limits.withDefaults()
	s := &Service{
		c:       c,
		catalog: &catalog{policies: c.Policies, trusted: c.Cache},
		memory:  newMemory(c.Cache, maxRemembered),
		owed:    owed{names: make(map[string]struct{})},
	}
	if c.Cache {
		s.apps = newCallers(maxCallers)
	}
	return s
}

// clock is the time as it is stored.
func (s *Service) clock() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// byApp makes an entry in the name of an app, which need not be the caller of
// ctx, nor registered yet.
func byApp(app identity.Caller, action, detail string) audit.Entry {
	return audit.Entry{
		Actor: app.Actor(), Action: action, Target: target(app.Device), Detail: detail,
		RequestID: app.RequestID, Credential: app.Serial,
	}
}

func target(id device.ID) string { return "registration/" + string(id) }
