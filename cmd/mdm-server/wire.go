package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ringfence/internal/access/accessrpc"
	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/appprotect/appprotectrpc"
	"ringfence/internal/audit/auditdb"
	"ringfence/internal/audit/auditrpc"
	"ringfence/internal/bell"
	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/compliance/compliancerpc"
	"ringfence/internal/device"
	"ringfence/internal/directory"
	"ringfence/internal/directory/directorydb"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/enroll/enrollrpc"
	"ringfence/internal/identity"
	"ringfence/internal/oauth/oauthrpc"
	"ringfence/internal/pki"
	"ringfence/internal/rpc"
	"ringfence/internal/signin"
	"ringfence/internal/sqldb"
	"ringfence/internal/transmit/transmitrpc"
	"ringfence/internal/wipe"
	"ringfence/internal/wipe/wipedb"
	"ringfence/internal/wipe/wiperpc"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// parts is everything the server is made of. This file is the only one that
// knows every part.
type parts struct {
	config    Config
	log       *slog.Logger
	now       func() time.Time
	registry  *prometheus.Registry
	db        *sqldb.DB
	authority *pki.Authority
	// bell wakes phones, appBell registrations of apps: what rings all of the one
	// must not call in all of the other.
	bell, appBell *bell.Bell
	record        *auditdb.Store
	heads         *auditdb.Signer
	// installation names this installation to others: the record's name.
	installation string

	enroll     *enroll.Service
	compliance *compliance.Service
	wipe       *wipe.Service
	apps       *appprotect.Service
	directory  *directory.Service
	scimTokens *directory.TokenService
	signIn     *signin.Verifier
	access     doors
	// recordBell rings when the record has grown, sweepNow asks for a sweep before
	// its time.
	recordBell *bell.Bell
	sweepNow   chan struct{}
}

// assemble builds every part; nothing listens yet. Close the parts after use.
func assemble(ctx context.Context, cfg Config, log *slog.Logger) (*parts, error) {
	now := cfg.clock()
	if err := makeData(cfg); err != nil {
		return nil, err
	}
	record := new(bell.Bell)
	db, err := sqldb.Open(ctx, sqldb.Config{
		DSN: cfg.Database, MaxConns: cfg.DatabaseConns, Now: now, Recorded: func() { record.Ring(recordGrew) },
	})
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	authority, err := openAuthority(ctx, cfg, db, now)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	key, err := authority.AuditKey(cfg.AuditName)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	entries := auditdb.New(db)
	heads, err := auditdb.NewSigner(entries, key.Signer, key.Verifier)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	signIn, err := cfg.Accounts.signIn(now)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--oidc-issuer: %w", err), db.Close())
	}
	p := &parts{
		signIn: signIn,
		config: cfg, log: log, now: now, registry: prometheus.NewRegistry(),
		db: db, authority: authority, bell: new(bell.Bell), appBell: new(bell.Bell), record: entries, heads: heads,
		installation: key.Signer.Name(),
		recordBell:   record, sweepNow: make(chan struct{}, 1),
	}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.slices()
	if err := p.deciders(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return p, nil
}

// openAuthority opens the installation's certificate authority. It makes one
// for a new database only, and takes no other installation's for this one's.
func openAuthority(ctx context.Context, cfg Config, db *sqldb.DB, now func() time.Time) (*pki.Authority, error) {
	if !hasAuthority(cfg) {
		if err := mayMakeAuthority(ctx, cfg, db); err != nil {
			return nil, err
		}
	}
	authority, err := pki.OpenAuthority(pkiFolder(cfg), now)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if err := adopt(ctx, cfg, db, authority); err != nil {
		return nil, err
	}
	return authority, nil
}

// slices builds the slices and connects them.
func (p *parts) slices() {
	members := enrolldb.New(p.db)
	p.enroll = enroll.New(enroll.Config{
		Tokens: members, Devices: members, Fleet: members, Enrolments: members, Administrators: members,
		Authority: enrollAuthority{p.authority},
		Bell:      p.bell,
		Settle:    p.settle,
		Pending:   p.ordersWait,
		Forget:    p.forgetDevice,
		Now:       p.now,
		NewID:     newID,
		Random:    rand.Reader,
		Cache:     p.db.Exclusive(),
	})
	policies := compliancedb.New(p.db)
	p.compliance = compliance.New(compliance.Config{
		Policies: policies, Reports: policies, Certificates: policies, Revocations: policies,
		Devices:   devicesForCompliance{p.enroll},
		Authority: profileAuthority{p.authority, p.config.CRLURL},
		Bell:      kicking{p.bell, p.judgeAll},
		Leases:    leasesForCompliance{p},
		Now:       p.now,
		Limits: compliance.Limits{
			EvidenceAge: p.config.EvidenceMaxAge, Grace: p.config.ApplyGrace, CheckInEvery: p.config.CheckInInterval,
		},
		Cache: p.db.Exclusive(),
	})
	p.accounts()
	p.wipe = wipe.New(wipe.Config{
		Store:       wipedb.New(p.db, wipedb.WithClock(p.now)),
		Devices:     targetsForWipe{devicesForWipe{p.enroll}, p.apps},
		Apps:        appsForWipe{p.compliance, p.apps},
		People:      peopleForWipe{p.enroll},
		Enrollments: endsForWipe{enrollmentsForWipe{p.enroll}, p.apps},
		Signer:      wiperpc.NewSigner(p.authority),
		Bell:        bells{p.bell, p.appBell},
		Now:         p.now,
		NewID:       newID,
	})
}

// accounts builds what knows the people of the organisation, and the apps that
// hold their work accounts.
func (p *parts) accounts() {
	people := directorydb.New(p.db)
	p.directory = directory.New(directory.Config{
		Store: people, Now: p.now, NewID: newID, Cache: p.db.Exclusive(),
		Changed: func(ctx context.Context, names []string) {
			p.apps.PersonsChanged(ctx, names)
			p.access.bell.RingAll()
		},
	})
	p.scimTokens = directory.NewTokens(directory.TokenConfig{Store: people, Now: p.now, NewID: newID, Random: rand.Reader})
	registrations := appprotectdb.New(p.db)
	p.apps = appprotect.New(appprotect.Config{
		Policies: registrations, Registrations: registrations, States: registrations,
		Directory: directoryForApps{p.directory},
		SignIns:   signInsForApps{p.signIn},
		Phones:    phonesForApps{p.enroll},
		Orders:    ordersForApps{p},
		Authority: appAuthority{enrollAuthority{p.authority}},
		Leases:    appprotectrpc.NewLeaseSigner(p.authority),
		Bell:      kicking{p.appBell, p.judgeAll},
		Now:       p.now,
		NewID:     newID,
		Random:    rand.Reader,
		Limits:    appprotect.Limits{CheckIn: p.config.AppCheckInInterval},
		Cache:     p.db.Exclusive(),
	})
}

// settle does what follows the end of an epoch in the other slices: its client
// certificates are revoked, and orders nobody promised to carry out are void.
func (p *parts) settle(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	return errors.Join(
		p.compliance.EnrollmentEnded(ctx, id, epoch, reason),
		p.wipe.EnrollmentEnded(ctx, id, epoch, reason),
	)
}

// ordersWait reports whether orders wait for an epoch of a device: nothing may
// end it, or forget the device, before they are settled.
func (p *parts) ordersWait(ctx context.Context, id device.ID, epoch device.Epoch) (bool, error) {
	return p.wipe.Waiting(ctx, id, epoch)
}

// forgetDevice has the other slices erase what they keep of the person and the
// phone once a record is deleted. Orders and receipts are no part of that: they
// name a device, and stay.
func (p *parts) forgetDevice(ctx context.Context, id device.ID, epoch device.Epoch) error {
	return errors.Join(p.compliance.Forget(ctx, id, epoch), p.access.deciding.Forget(ctx, id))
}

func (p *parts) close() error { return p.db.Close() }

// deviceServer is what phones speak to.
func (p *parts) deviceServer(metrics *rpc.Metrics) (*rpc.Server, error) {
	l := p.config.Limits
	server, err := p.server(rpc.Config{Rules: deviceRules(), Metrics: metrics, Callers: p.phone, Limits: rpc.Limits{
		Device:        rpc.Rate{PerSecond: float64(l.DevicePerSecond), Burst: l.DeviceBurst},
		Anonymous:     rpc.Rate{PerSecond: float64(l.AnonymousPerSecond), Burst: l.AnonymousBurst},
		CallerStreams: l.StreamsPerDevice,
	}}, pki.Device, pki.App)
	if err != nil {
		return nil, err
	}
	enrollv1.RegisterEnrollmentServiceServer(server, enrollrpc.NewDeviceServer(p.enroll))
	compliancev1.RegisterComplianceServiceServer(server, compliancerpc.NewDeviceServer(compliancerpc.Config{Service: p.compliance, Watch: p.watch(p.bell)}))
	wipev1.RegisterWipeServiceServer(server, wiperpc.NewDeviceServer(p.wipe, p.signedBy))
	wipev1.RegisterCompanyDeviceServiceServer(server, wiperpc.NewCompanyDeviceServer(p.wipe))
	appprotectv1.RegisterAppServiceServer(server, appprotectrpc.NewDeviceServer(p.apps, p.signedBy, p.watch(p.appBell)))
	accessv1.RegisterAccessDeviceServiceServer(server, accessrpc.NewDeviceServer(assertionIssuer{p}, p.signedBy))
	return server, rpc.CheckRules(deviceRules(), server)
}

// watch is how the streams of a slice listen.
func (p *parts) watch(b *bell.Bell) bell.Watch {
	return bell.Watch{
		Bell: b, Tick: p.config.WatchTick, Recheck: rpc.Recheck, Draining: rpc.Draining, Drained: rpc.ErrDraining,
	}
}

// adminServer is what administrators speak to.
func (p *parts) adminServer(metrics *rpc.Metrics) (*rpc.Server, error) {
	l := p.config.Limits
	server, err := p.server(rpc.Config{Rules: adminRules(), Metrics: metrics, Callers: p.administrator, Limits: rpc.Limits{
		Admin:     rpc.Rate{PerSecond: float64(l.AdminPerSecond), Burst: l.AdminBurst},
		Anonymous: rpc.Rate{PerSecond: float64(l.AnonymousPerSecond), Burst: l.AnonymousBurst},
	}}, pki.Admin)
	if err != nil {
		return nil, err
	}
	enrollv1.RegisterEnrollmentAdminServiceServer(server, enrollrpc.NewAdminServer(p.enroll))
	compliancev1.RegisterComplianceAdminServiceServer(server, compliancerpc.NewAdminServer(p.compliance))
	wipev1.RegisterWipeAdminServiceServer(server, wiperpc.NewAdminServer(p.wipe, p.authority.Roots()))
	wipev1.RegisterWipeRequestServiceServer(server, wiperpc.NewRequestServer(p.wipe))
	wipev1.RegisterCompanyDeviceAdminServiceServer(server, wiperpc.NewCompanyDeviceAdminServer(p.wipe))
	appprotectv1.RegisterAppAdminServiceServer(server, appprotectrpc.NewAdminServer(p.apps))
	auditv1.RegisterAuditServiceServer(server, auditrpc.New(p.record, p.heads))
	accessv1.RegisterAccessServiceServer(server, p.accessServer())
	accessv1.RegisterAccessAdminServiceServer(server, accessrpc.NewAdminServer(p.access.deciding))
	oauthrpc.New(clientsForAdmin{p.access.clients, p.access.streams}).Register(server)
	transmitrpc.New(p.access.streams).Register(server)
	return server, rpc.CheckRules(adminRules(), server)
}

// server makes what answers to clients of the purposes; c says the rest.
func (p *parts) server(c rpc.Config, clients ...pki.Purpose) (*rpc.Server, error) {
	tls, err := p.authority.ServerTLS(p.config.names(), clients...)
	if err != nil {
		return nil, err
	}
	c.TLS, c.Log, c.Now = tls, p.log, p.now
	c.Verify = func(raw [][]byte, now time.Time) (pki.Verified, error) {
		return p.authority.VerifyClient(raw, now, clients...)
	}
	return rpc.New(c)
}

// phone says which device, or which app on a phone, holds a certificate.
func (p *parts) phone(ctx context.Context, client pki.Verified) (identity.Caller, error) {
	switch client.Purpose {
	case "":
		return identity.Caller{}, nil
	case pki.Device:
		return p.device(ctx, client.Leaf)
	case pki.App:
		return p.app(ctx, client.Leaf)
	default:
		return identity.Caller{}, errNotHere
	}
}

// errNotHere is the answer to a certificate of a purpose that the listener has
// no callers for.
var errNotHere = rpc.Unauthenticated(rpc.CertificateUnknown, "the client certificate was not issued for this listener")

func (p *parts) device(ctx context.Context, leaf *x509.Certificate) (identity.Caller, error) {
	caller, err := p.enroll.Identify(ctx, pki.FormatSerial(leaf.SerialNumber))
	if err != nil {
		return identity.Caller{}, err
	}
	p.enroll.Touch(caller.Device, p.now())
	return caller, nil
}

// app says which registration holds a certificate.
func (p *parts) app(ctx context.Context, leaf *x509.Certificate) (identity.Caller, error) {
	return p.apps.Identify(ctx, pki.FormatSerial(leaf.SerialNumber))
}

// administrator says which administrator holds a certificate.
func (p *parts) administrator(ctx context.Context, client pki.Verified) (identity.Caller, error) {
	switch client.Purpose {
	case "":
		return identity.Caller{}, nil
	case pki.Admin:
		return p.enroll.IdentifyAdmin(ctx, pki.FormatSerial(client.Leaf.SerialNumber))
	default:
		return identity.Caller{}, errNotHere
	}
}

// newID makes 32 lower-case hex digits that nobody can guess.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

func parseURIs(text string) ([]*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	return []*url.URL{u}, nil
}
