package enroll

import (
	"context"
	"crypto/x509"
	"io"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// Authority issues certificates.
type Authority interface {
	// ParseCSR reads a PKCS#10 request in DER and checks its form, the strength
	// of its key and the proof of possession. What it refuses is Invalid, on the
	// field certificate_request.
	ParseCSR(der []byte) (*x509.CertificateRequest, error)
	// IssueDevice and IssueAdmin issue a TLS client certificate. They fill in
	// Chain, Serial and ExpiresAt.
	IssueDevice(t Template) (Issued, error)
	IssueAdmin(t Template) (Issued, error)
	// TrustBundle gives the root certificates to trust, DER.
	TrustBundle() [][]byte
}

// Bell wakes a device's open streams, so that they look again.
type Bell interface {
	Ring(id device.ID)
}

// Settle does what other rooms must do about the end of an epoch. It may be
// called more than once for the same end, also at the same time.
type Settle func(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error

// Pending reports whether orders wait for an epoch of a device: a record is not
// purged before they are settled.
type Pending func(ctx context.Context, id device.ID, epoch device.Epoch) (bool, error)

// Forget erases what other rooms keep of the person and the phone from epochs of
// a device up to this one, all of which are over and settled. It may be called
// more than once, also at the same time; a record is not purged before it has
// succeeded.
type Forget func(ctx context.Context, id device.ID, epoch device.Epoch) error

// Config is what a Service is made of. Everything is required but the lifetimes
// and Cache.
type Config struct {
	Tokens         Tokens
	Devices        Devices
	Fleet          Fleet
	Enrolments     Enrolments
	Administrators Administrators
	Authority      Authority
	Bell           Bell
	Settle         Settle
	Pending        Pending
	Forget         Forget
	// Now is the one clock: what phones think the time is does not matter.
	Now func() time.Time
	// NewID makes ids of devices and tokens: 32 lower-case hex digits.
	NewID func() string
	// Random is where token secrets come from: cryptographically strong.
	Random io.Reader
	// Cache lets Identify remember. Set it only where this process alone
	// writes to the database.
	Cache bool
	// DeviceLifetime and AdminLifetime are how long certificates are valid; 0
	// means DefaultDeviceLifetime and DefaultAdminLifetime.
	DeviceLifetime, AdminLifetime time.Duration
}

// Service is the room's door for everyone else. It is safe for concurrent use.
type Service struct {
	c Config
	// Which certificates let whom in; nil where nothing may be remembered.
	phones, admins *cache[identity.Caller]
	// records are those of devices, as last read; nil likewise.
	records  *cache[Device]
	seen     seen
	enrolled count
}

// New makes a Service.
func New(c Config) *Service {
	if c.DeviceLifetime == 0 {
		c.DeviceLifetime = DefaultDeviceLifetime
	}
	if c.AdminLifetime == 0 {
		c.AdminLifetime = DefaultAdminLifetime
	}
	s := &Service{c: c, seen: seen{at: make(map[device.ID]time.Time)}}
	if c.Cache {
		s.phones, s.admins = newCache[identity.Caller](phoneCacheLimit), newCache[identity.Caller](adminCacheLimit)
		s.records = newCache[Device](recordCacheLimit)
	}
	return s
}

// clock is the time as it is stored.
func (s *Service) clock() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// actor is how the record names who is behind ctx.
func actor(ctx context.Context) string { return audit.Of(ctx, "", "", "").Actor }

// byDevice makes an entry in the name of a device that is not the caller yet.
func byDevice(ctx context.Context, d Device, action, detail string) audit.Entry {
	return audit.Entry{
		Actor: d.Caller().Actor(), Action: action, Target: target(d.ID), Detail: detail,
		RequestID: identity.From(ctx).RequestID,
	}
}

func target(id device.ID) string { return "device/" + string(id) }
