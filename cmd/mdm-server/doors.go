package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"

	"ringfence/internal/access"
	"ringfence/internal/access/accesscel"
	"ringfence/internal/access/accessdb"
	"ringfence/internal/access/accessrpc"
	"ringfence/internal/access/extauthz"
	"ringfence/internal/bell"
	"ringfence/internal/egress"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/oauth"
	"ringfence/internal/oauth/oauthdb"
	"ringfence/internal/pki"
	"ringfence/internal/rpc"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/courier"
	"ringfence/internal/transmit/transmitdb"
	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeysdb"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// doors are the parts of conditional access: what decides, and what it takes to
// ask it and to be told.
type doors struct {
	rules *accesscel.Rules
	// bell wakes who watches decisions.
	bell *bell.Bell
	// deciding is access itself.
	deciding *access.Service
	// decisions counts what it said, by door.
	decisions *prometheus.CounterVec
	keys      *webkeys.Service
	sealers   map[string]*webkeys.Sealer

	// What follows is made once it is known how others reach the doors.
	issuer     string
	assertions *access.Assertions
	clients    *oauth.Service
	streams    *transmit.Service
	fanout     *transmit.Fanout
	deliverer  *transmit.Deliverer
}

// What secrets are for: each use has one of its own.
const (
	sealKeys    = "webkeys"
	sealStreams = "transmit"
	sealLinks   = "forward-auth.links"
)

// deciders builds what decides.
func (p *parts) deciders() error {
	rules, err := accesscel.New()
	if err != nil {
		return fmt.Errorf("access rules: %w", err)
	}
	sealers := make(map[string]*webkeys.Sealer)
	for _, use := range []string{sealKeys, sealStreams, sealLinks} {
		secret, err := p.authority.Secret(use)
		if err != nil {
			return err
		}
		if sealers[use], err = webkeys.NewSealer(secret); err != nil {
			return err
		}
	}
	decisions, err := newDecisions(p.registry)
	if err != nil {
		return err
	}
	store := accessdb.New(p.db)
	orders := ordersForAccess{p.wipe}
	b := new(bell.Bell)
	p.access = doors{
		rules: rules, bell: b, sealers: sealers, decisions: decisions,
		keys: webkeys.New(webkeys.Config{Store: webkeysdb.New(p.db), Sealer: sealers[sealKeys], Now: p.now, Generate: p.config.Access.makeKey}),
		deciding: access.New(access.Config{
			Policies: store, Samples: store, History: store,
			Directory: directoryForAccess{p.directory},
			Phones:    phonesForAccess{p.enroll, p.compliance, orders},
			Apps:      appsForAccess{p.apps, orders},
			Filters:   rules,
			Changed:   b.RingAll,
			Now:       p.now,
			Cache:     p.db.Exclusive(),
		}),
	}
	return nil
}

// usualAccessPort is guessed where the doors are on another server.
const usualAccessPort = ":8445"

// openDoors builds what needs to know how others reach the doors.
func (p *parts) openDoors(at addresses) error {
	a, c := &p.access, p.config.Access
	a.issuer = c.BaseURL
	if a.issuer == "" {
		a.issuer = "https://" + p.config.reachable(at.Access, usualAccessPort)
	}
	orders := ordersForAccess{p.wipe}
	signer := signerOf{a.keys, webkeys.Algorithm(c.Algorithm)}
	a.assertions = access.NewAssertions(access.AssertionConfig{
		Phones: phonesForAccess{p.enroll, p.compliance, orders}, Apps: appsForAccess{p.apps, orders},
		Signer: signer, Issuer: a.issuer, Now: p.now, NewID: newID,
	})
	a.clients = oauth.New(oauth.Config{
		Store: oauthdb.New(p.db), Keys: a.keys, Issuer: a.issuer, Algorithm: webkeys.Algorithm(c.Algorithm),
		Certificates: p.gateway, Log: p.log, Now: p.now, NewID: newID, Random: rand.Reader, Cache: p.db.Exclusive(),
	})
	return p.openStreams(signer)
}

// openStreams builds what tells receivers.
func (p *parts) openStreams(signer signerOf) error {
	roots, err := p.config.Access.receiverRoots()
	if err != nil {
		return err
	}
	guard, err := egress.New(egress.Config{AllowPrivate: p.config.Access.CallbackAllow, Roots: roots})
	if err != nil {
		return fmt.Errorf("--access-callback-allow: %w", err)
	}
	metrics, err := transmit.NewMetrics(p.registry)
	if err != nil {
		return err
	}
	a := &p.access
	a.streams = transmit.New(transmit.Config{
		Store: transmitdb.New(p.db), Sealer: a.sealers[sealStreams], Endpoints: guard, Signer: streamSigner{signer},
		Issuer: a.issuer, Installation: p.installation, Now: p.now, After: time.After, NewID: newID,
		Random: func(b []byte) { _, _ = rand.Read(b) }, // never fails: crypto/rand ends the program instead
		Bells:  new(transmit.Bells), Metrics: metrics,
	})
	wake, _ := p.recordBell.Subscribe(recordGrew) // for as long as the process lives
	a.fanout = transmit.NewFanout(transmit.FanoutConfig{
		Service: a.streams, Record: p.record, Subjects: subjectsForTransmit{p}, Certificates: certificatesForTransmit{p},
		Wake: wake, Every: everyTick, Jitter: mathrand.Float64, Log: p.log, Metrics: metrics,
	})
	a.deliverer = transmit.NewDeliverer(transmit.DelivererConfig{
		Service: a.streams, Courier: courier.New(guard.Client(), p.now), Holder: newID(), Alone: p.db.Exclusive(),
		Every: everyTick, Jitter: mathrand.Float64, Log: p.log,
	})
	return nil
}

// signerOf signs with one algorithm.
type signerOf struct {
	keys *webkeys.Service
	alg  webkeys.Algorithm
}

func (s signerOf) Sign(ctx context.Context, typ string, claims any) (string, error) {
	return s.keys.Sign(ctx, s.alg, typ, claims)
}

// streamSigner signs for streams, each of which may have an algorithm of its own.
type streamSigner struct{ signerOf }

func (s streamSigner) Sign(ctx context.Context, alg, typ string, claims any) (string, error) {
	if alg == "" {
		return s.signerOf.Sign(ctx, typ, claims)
	}
	return s.keys.Sign(ctx, webkeys.Algorithm(alg), typ, claims)
}

// gateway says which gateway shows the certificate of an HTTPS connection.
func (p *parts) gateway(r *http.Request) (identity.Caller, error) {
	verified, err := p.authority.VerifyConnection(r.TLS, p.now(), pki.Admin)
	if err != nil {
		return identity.Caller{}, errNoGateway
	}
	caller, err := p.administrator(r.Context(), verified)
	if err != nil {
		return identity.Caller{}, err
	}
	if !caller.May(identity.Ask) || !caller.Everywhere() {
		return identity.Caller{}, errNoGateway
	}
	return caller, nil
}

var errNoGateway = fault.New(fault.Denied, "NOT_A_GATEWAY", "the certificate is not that of a gateway")

// errNoDoors is the answer to a phone that asks for an assertion where nobody
// could check it.
var errNoDoors = fault.New(fault.Refused, "NO_DOORS",
	"the server has no address at which its keys are published: set --access-listen or --access-base-url")

// assertionIssuer gives assertions where they can be checked.
type assertionIssuer struct{ p *parts }

func (i assertionIssuer) Issue(ctx context.Context, c identity.Caller, certSHA256 [32]byte, audience string) (access.Assertion, error) {
	if !i.p.published() {
		return access.Assertion{}, errNoDoors
	}
	return i.p.access.assertions.Issue(ctx, c, certSHA256, audience)
}

// questionsAtOnce is how many questions one connection of a gateway may have under
// way, beside its streams.
const questionsAtOnce = 256

// gatewayServer is what gateways speak to over gRPC.
func (p *parts) gatewayServer(metrics *rpc.Metrics) (*rpc.Server, error) {
	l := p.config.Limits
	server, err := p.server(rpc.Config{Rules: gatewayRules(), Metrics: metrics, Callers: p.administrator, Limits: rpc.Limits{
		Admin:         rpc.Rate{PerSecond: float64(l.GatewayPerSecond), Burst: l.GatewayBurst},
		Anonymous:     rpc.Rate{PerSecond: float64(l.AnonymousPerSecond), Burst: l.AnonymousBurst},
		CallerStreams: l.StreamsPerGateway,
		// A gateway may have one connection for all it asks: its streams must leave
		// room for its questions there.
		ConnectionStreams: uint32(l.StreamsPerGateway) + questionsAtOnce, //nolint:gosec // a small number
	}}, pki.Admin)
	if err != nil {
		return nil, err
	}
	accessv1.RegisterAccessServiceServer(server, p.accessServer())
	authv3.RegisterAuthorizationServer(server, extauthz.New(extauthz.Config{
		Decider: p.access.counting("envoy"), Phones: holdersForEnvoy{p}, TrustXFCC: p.config.Access.TrustXFCC,
		User: p.config.Access.EnvoyUser, MFA: p.config.Access.EnvoyMFA, Log: p.log,
	}))
	return server, rpc.CheckRules(gatewayRules(), server)
}

// accessServer decides over gRPC, for gateways and administrators.
func (p *parts) accessServer() *accessrpc.Server {
	return accessrpc.NewServer(accessrpc.Config{
		Service: p.access.counting("grpc"), Bell: p.access.bell, Now: p.now, Tick: p.config.WatchTick,
		Recheck: rpc.Recheck, Draining: rpc.Draining, Drained: rpc.ErrDraining,
	})
}

// keepDoors does the chores of conditional access that are done now and then.
func (p *parts) keepDoors(ctx context.Context) {
	if p.published() {
		p.note(ctx, "rotate signing keys", p.access.keys.Sweep(ctx))
	}
	p.note(ctx, "forget old sign-ins", p.access.deciding.Sweep(ctx))
	p.note(ctx, "forget dead letters", p.access.streams.Sweep(ctx))
}

// published reports whether there is an address at which keys are published:
// without one there is nothing to sign.
func (p *parts) published() bool {
	return p.config.Access.BaseURL != "" || p.config.Access.Listen != off
}

// clientsForAdmin ends, with a client, the streams that it had.
type clientsForAdmin struct {
	*oauth.Service
	streams *transmit.Service
}

func (c clientsForAdmin) RevokeClient(ctx context.Context, id string) (oauth.Client, error) {
	client, err := c.Service.RevokeClient(ctx, id)
	if err != nil {
		return client, err
	}
	return client, c.streams.ClientRevoked(ctx, id)
}

// follow runs what follows the record until ctx ends.
func (p *parts) follow(ctx context.Context, run func(func())) error {
	if err := p.access.fanout.Begin(ctx); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if p.published() { // whoever verifies may look before anything is signed
		if err := p.access.keys.Sweep(ctx); err != nil {
			return fmt.Errorf("signing keys: %w", err)
		}
	}
	grew, _ := p.recordBell.Subscribe(recordGrew)
	f := feed{
		record: p.record, size: p.record.Size, bell: p.access.bell,
		remember: p.access.deciding.Remember, forget: p.access.deciding.Forget, note: p.note,
	}
	a := alarm{compliance: p.compliance, now: p.now, note: p.note}
	for _, each := range []func(){
		func() { f.run(ctx, grew) },
		func() { a.run(ctx) },
		func() { p.access.fanout.Run(ctx) },
		func() { p.access.deliverer.Run(ctx) },
	} {
		run(each)
	}
	return nil
}
