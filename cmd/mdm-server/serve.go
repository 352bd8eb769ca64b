package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ringfence/internal/rpc"
)

// addresses are where the listeners are; empty for one that is off.
type addresses struct{ Device, Admin, Ops, SCIM, Gateway, Access string }

// serve runs the server until ctx ends, then drains it. ready, where given, is
// called once everything listens.
func serve(ctx context.Context, cfg Config, stderr io.Writer, ready func(addresses, *parts)) error {
	log := newLogger(cfg, stderr)
	log.LogAttrs(ctx, slog.LevelInfo, "starting", slog.String("build", buildInfo()), slog.String("data", cfg.Data))
	p, err := assemble(ctx, cfg, log)
	if err != nil {
		return err
	}
	err = p.run(ctx, ready)
	return errors.Join(err, p.close())
}

// run listens, keeps house, and drains when ctx ends or a listener fails.
func (p *parts) run(ctx context.Context, ready func(addresses, *parts)) error {
	notices, err := p.follower()
	if err != nil {
		return err
	}
	if err := notices.Begin(ctx); err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	s, err := p.listen(ctx)
	if err != nil {
		return err
	}
	if err := p.firstAdministrator(ctx, s.at); err != nil {
		s.abort()
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	var house sync.WaitGroup
	house.Go(func() { p.keepHouse(ctx) })
	house.Go(func() { notices.Run(ctx) })
	if err := p.follow(ctx, house.Go); err != nil {
		stop(err)
		s.abort()
		house.Wait()
		return err
	}
	for name, listener := range s.opened {
		p.log.LogAttrs(ctx, slog.LevelInfo, "listening",
			slog.String("listener", name), slog.String("address", listener.Addr().String()))
	}
	s.start(func(name string, err error) { stop(fmt.Errorf("%s listener: %w", name, err)) })
	if ready != nil {
		ready(s.at, p)
	}
	<-ctx.Done()
	p.log.LogAttrs(ctx, slog.LevelInfo, "draining")
	s.drain(p.config.DrainTimeout)
	house.Wait()
	p.log.LogAttrs(ctx, slog.LevelInfo, "stopped")
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// servers are the open listeners and what answers on them.
type servers struct {
	at     addresses
	grpc   map[string]*rpc.Server
	ops    *http.Server
	scim   *http.Server
	access *http.Server
	opened map[string]net.Listener
	done   sync.WaitGroup
}

func (p *parts) listen(ctx context.Context) (*servers, error) {
	s := &servers{opened: make(map[string]net.Listener)}
	if err := s.open(ctx, &p.config); err != nil {
		s.abort()
		return nil, err
	}
	if err := s.answer(p); err != nil {
		s.abort()
		return nil, err
	}
	return s, nil
}

// open opens the listeners.
func (s *servers) open(ctx context.Context, c *Config) error {
	for _, l := range []struct {
		name, address string
		at            *string
	}{
		{"device", c.DeviceListen, &s.at.Device},
		{"admin", c.AdminListen, &s.at.Admin},
		{"ops", c.OpsListen, &s.at.Ops},
		{"scim", c.Accounts.SCIMListen, &s.at.SCIM},
		{"gateway", c.Access.GatewayListen, &s.at.Gateway},
		{"access", c.Access.Listen, &s.at.Access},
	} {
		if l.address == off {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", l.address)
		if err != nil {
			return fmt.Errorf("--%s-listen: %w", l.name, err)
		}
		s.opened[l.name], *l.at = listener, listener.Addr().String()
	}
	return nil
}

// answer makes what answers, now that it is known where.
func (s *servers) answer(p *parts) error {
	if err := p.openDoors(s.at); err != nil {
		return err
	}
	metrics, err := rpc.NewMetrics(p.registry)
	if err != nil {
		return err
	}
	s.grpc = make(map[string]*rpc.Server)
	for name, made := range map[string]func(*rpc.Metrics) (*rpc.Server, error){
		"device": p.deviceServer, "admin": p.adminServer, "gateway": p.gatewayServer,
	} {
		if s.grpc[name], err = made(metrics); err != nil {
			return err
		}
	}
	if s.scim, err = p.scimServer(); err != nil {
		return err
	}
	if s.access, err = p.doorServer(); err != nil {
		return err
	}
	s.ops = newOpsServer(opsParts{log: p.log, registry: p.registry, ready: p.db.Ping, crl: p.compliance.RevocationList})
	return nil
}

// start answers on every open listener; failed is told of one that breaks.
func (s *servers) start(failed func(name string, err error)) {
	for name, listener := range s.opened {
		s.done.Go(func() {
			var err error
			switch name {
			case "ops":
				err = s.ops.Serve(listener)
			case "scim":
				err = s.scim.ServeTLS(listener, "", "")
			case "access":
				err = s.access.ServeTLS(listener, "", "")
			default:
				err = s.grpc[name].Serve(listener)
			}
			if err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed(name, err)
			}
		})
	}
}

// drain lets calls under way finish, ends streams, and cuts off what is left
// when the time is over.
func (s *servers) drain(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	var all sync.WaitGroup
	for _, server := range s.grpc {
		all.Go(func() { server.Drain(ctx) })
	}
	for _, server := range []*http.Server{s.access, s.scim, s.ops} {
		all.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				_ = server.Close()
			}
		})
	}
	all.Wait()
	s.done.Wait()
}

// abort closes listeners that nobody answers on yet.
func (s *servers) abort() {
	for _, l := range s.opened {
		_ = l.Close()
	}
}

// How often the house is kept. Orders are looked after more often: a phone is
// rung when their cooling-off ends, and not before somebody looks.
const (
	flushEvery  = 5 * time.Second
	ordersEvery = 5 * time.Second
	sweepEvery  = 30 * time.Second
)

// keepHouse writes what is kept back, and repeats what a crash cut off, until
// ctx ends; then it writes once more.
func (p *parts) keepHouse(ctx context.Context) {
	flush, sweep, head := time.NewTicker(flushEvery), time.NewTicker(sweepEvery), time.NewTicker(p.config.AuditHeadEvery)
	orders := time.NewTicker(ordersEvery)
	defer orders.Stop()
	defer flush.Stop()
	defer sweep.Stop()
	defer head.Stop()
	p.keepDoors(ctx)
	behind := p.sweep(ctx)
	p.sweepOrders(ctx)
	for {
		select {
		case <-flush.C:
			p.flush(ctx)
		case <-orders.C:
			p.sweepOrders(ctx)
			// A change of a policy is due for every registration.
			if behind {
				behind = p.sweepApps(ctx)
			}
		case <-sweep.C:
			behind = p.sweep(ctx)
			p.keepDoors(ctx)
		case <-p.sweepNow:
			behind = p.sweep(ctx)
		case <-head.C:
			p.signHead(ctx)
		case <-ctx.Done():
			p.lastFlush(ctx)
			return
		}
	}
}

func (p *parts) flush(ctx context.Context) {
	p.note(ctx, "flush last seen", p.enroll.FlushSeen(ctx))
	p.note(ctx, "flush evidence", p.compliance.FlushEvidence(ctx))
	p.note(ctx, "flush sign-ins", p.access.deciding.Flush(ctx))
}

// lastFlush writes after ctx has ended.
func (p *parts) lastFlush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	p.flush(ctx)
	p.signHead(ctx)
}

// signHead signs a head of the record if it has grown.
func (p *parts) signHead(ctx context.Context) {
	_, err := p.heads.Head(ctx)
	p.note(ctx, "sign the audit record", err)
}

// sweep reports whether registrations of apps are left to look after.
func (p *parts) sweep(ctx context.Context) (behind bool) {
	p.note(ctx, "sweep enrolments", p.enroll.Sweep(ctx))
	p.note(ctx, "sweep verdicts", p.compliance.Sweep(ctx))
	return p.sweepApps(ctx)
}

func (p *parts) sweepApps(ctx context.Context) (behind bool) {
	swept, err := p.apps.Sweep(ctx)
	p.note(ctx, "sweep registrations", err)
	return err == nil && swept.More
}

func (p *parts) sweepOrders(ctx context.Context) {
	_, err := p.wipe.Sweep(ctx)
	p.note(ctx, "sweep orders", err)
}

// note logs a chore of house-keeping that failed; it is done at the next turn.
func (p *parts) note(ctx context.Context, chore string, err error) {
	if err != nil && ctx.Err() == nil {
		p.log.LogAttrs(ctx, slog.LevelError, "house-keeping failed", slog.String("chore", chore), slog.Any("err", err))
	}
}

// hasAuthority reports whether the data folder holds a certificate authority:
// whether it is an installation.
func hasAuthority(cfg Config) bool {
	_, err := os.Stat(filepath.Join(cfg.Data, "pki", "authority"))
	return err == nil
}

// makeData makes the data folder, for the server's user alone.
func makeData(cfg Config) error {
	if err := os.MkdirAll(filepath.Clean(cfg.Data), 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	return nil
}
