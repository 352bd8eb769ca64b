package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"ringfence/agent"
	"ringfence/agent/phone"
	"ringfence/agent/session"
	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// two are two persons who may have everything wiped: the limits are loosened by
// the one and the other, as it must be.
type two struct {
	owner, approver  *admin
	requests, second wipev1.WipeRequestServiceClient
}

func openLimits(tb testing.TB, s *server) *two {
	tb.Helper()
	w := &two{
		owner:    s.appoint(tb, enroll.Appointment{Name: "bench-owner", Role: identity.Owner}),
		approver: s.appoint(tb, enroll.Appointment{Name: "bench-approver", Role: identity.Approver}),
	}
	w.requests, w.second = wipev1.NewWipeRequestServiceClient(w.owner.conn), wipev1.NewWipeRequestServiceClient(w.approver.conn)
	g, err := w.requests.GetGovernance(tb.Context(), &wipev1.GetGovernanceRequest{})
	if err != nil {
		tb.Fatal(err)
	}
	const plenty = 1_000_000
	r, err := w.requests.ChangeLimits(tb.Context(), &wipev1.ChangeLimitsRequest{
		RequestKey: newID(), Reason: "a benchmark", Limits: &wipev1.Limits{
			Version: g.GetLimits().GetVersion(), PersonPerHour: plenty, PersonPerDay: plenty, HelpDeskPerHour: 5, HelpDeskPerDay: 10,
			OrganizationPerHour: plenty, OrganizationPerDay: plenty, QuorumAbove: 5, NewCredential: durationpb.New(0),
			CoolingOff: durationpb.New(0), BreakerPercent: 100, BreakerFloor: plenty, BreakerWindow: durationpb.New(24 * time.Hour),
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.approve(tb, r.GetRequest())
	return w
}

func (w *two) approve(tb testing.TB, r *wipev1.WipeRequest) {
	tb.Helper()
	answer, err := w.second.ApproveRequest(tb.Context(), &wipev1.ApproveRequestRequest{Id: r.GetId()})
	if err != nil || answer.GetRequest().GetState() != wipev1.RequestState_REQUEST_STATE_EXECUTED {
		tb.Fatalf("ApproveRequest: %v, %v", answer, err)
	}
}

// connectedPhones is how many phones are connected while one of them acts.
const connectedPhones = 1000

// BenchmarkOrderActed measures from an administrator's call to the moment when
// the real agent on a phone has removed the data, with all phones connected. The
// limit is the same conversation with nothing in it: one call, one message on an
// open stream, two calls.
func BenchmarkOrderActed(b *testing.B) {
	b.Run("product", func(b *testing.B) {
		s := benchServer(b, sqldb.SQLite)
		w := openLimits(b, s)
		agents := runAgents(b, s)
		took := make([]time.Duration, 0, b.N)
		b.ResetTimer()
		for n := range b.N {
			a := agents[n%len(agents)]
			began := time.Now()
			w.owner.order(b, a.id, appData("com.example.mail"))
			<-a.acted
			took = append(took, time.Since(began))
			<-a.finished // the next order for this phone is not refused as one more of the same
		}
		b.StopTimer()
		quantiles(b, took)
	})
	b.Run("limit", func(b *testing.B) {
		authority := newAuthority(b)
		bare := startBare(b, authority)
		certificate := issueClient(b, authority)
		client := dial(b, bare.address, authority.Pool(), &certificate)
		stream, err := client.NewStream(b.Context(), &grpc.StreamDesc{ServerStreams: true}, bareStream)
		if err != nil {
			b.Fatal(err)
		}
		if err := stream.SendMsg(new(emptypb.Empty)); err != nil {
			b.Fatal(err)
		}
		_ = stream.CloseSend()
		hear := func() error { return stream.RecvMsg(new(emptypb.Empty)) }
		echo := func() error { return client.Invoke(b.Context(), bareEcho, new(emptypb.Empty), new(emptypb.Empty)) }
		if err := hear(); err != nil {
			b.Fatal(err)
		}
		took := make([]time.Duration, 0, b.N)
		b.ResetTimer()
		for range b.N {
			began := time.Now()
			for _, step := range []func() error{echo, func() error { bare.ringAll(); return nil }, hear, echo, echo} {
				if err := step(); err != nil {
					b.Fatal(err)
				}
			}
			took = append(took, time.Since(began))
		}
		b.StopTimer()
		quantiles(b, took)
	})
}

func quantiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1000 }
	b.ReportMetric(at(0.50), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}

// runningAgent is a phone with the real agent, connected.
type runningAgent struct {
	id              string
	acted, finished chan struct{}
}

// runAgents enrols and runs the real agent on many phones, until the benchmark
// ends.
func runAgents(b *testing.B, s *server) []*runningAgent {
	b.Helper()
	secret := s.admin(b).token(b, func(r *enrollv1.CreateTokenRequest) { r.MaxUses = connectedPhones })
	agents := make([]*runningAgent, connectedPhones)
	ctx, stop := context.WithCancel(b.Context())
	var running, starting sync.WaitGroup
	b.Cleanup(func() { stop(); running.Wait() })
	work := make(chan int)
	for range 8 {
		starting.Go(func() {
			for i := range work {
				agents[i] = s.runAgent(ctx, b, secret, &running)
			}
		})
	}
	for i := range agents {
		work <- i
	}
	close(work)
	starting.Wait()
	return agents
}

func (s *server) runAgent(ctx context.Context, b *testing.B, secret string, running *sync.WaitGroup) *runningAgent {
	b.Helper()
	r := &runningAgent{acted: make(chan struct{}, 1), finished: make(chan struct{}, 1)}
	p, err := phone.Open(b.TempDir(), phone.Options{Create: true, Now: time.Now})
	if err != nil {
		b.Error(err)
		return r
	}
	a := agent.New(p, agent.Options{Now: time.Now, Progress: func(step string) {
		switch step {
		case "after removed":
			r.acted <- struct{}{}
		case "after finished":
			r.finished <- struct{}{}
		}
	}})
	e, err := a.Enroll(ctx, session.EnrollOptions{
		Server: s.at.Device, Token: secret, Roots: []byte(s.credential.CA), Model: "Pixel 9", OSVersion: "16", Mode: "work-profile",
	})
	if err != nil {
		b.Error(err)
		return r
	}
	r.id = e.DeviceID
	running.Go(func() {
		defer func() { _ = p.Close() }()
		_ = a.Run(ctx) // it ends with the benchmark
	})
	return r
}

// orderedFleet is how many orders one request gives.
const orderedFleet = 10_000

// BenchmarkOrders10k plans, has approved and delivers an order to each of 10,000
// phones of a group. Delivering is asking as each phone and signing for it,
// without the connection. The limit is as many bare signatures.
func BenchmarkOrders10k(b *testing.B) {
	b.Run("product", func(b *testing.B) {
		s := benchServer(b, sqldb.SQLite)
		w := openLimits(b, s)
		callers := leanMembers(b, s, orderedFleet)
		var plan, approve, deliver time.Duration
		for n := range b.N {
			target := &wipev1.Target{Target: &wipev1.Target_Group{Group: "sales"}}
			scope := appData("com.example.app" + string(rune('a'+n%26)) + newID()[:4])
			began := time.Now()
			p, err := w.requests.PlanWipes(b.Context(), &wipev1.PlanWipesRequest{Target: target, Scope: scope}, grpc.MaxCallRecvMsgSize(32<<20))
			if err != nil || p.GetIncluded() != orderedFleet {
				b.Fatalf("PlanWipes: %d devices, %v", p.GetIncluded(), err)
			}
			plan += time.Since(began)
			began = time.Now()
			r, err := w.requests.CreateWipes(b.Context(), &wipev1.CreateWipesRequest{
				RequestKey: newID(), Target: target, Scope: scope, Reason: "a benchmark", PlanDigest: p.GetPlanDigest(),
			})
			if err != nil {
				b.Fatal(err)
			}
			if r.GetRequest().GetState() == wipev1.RequestState_REQUEST_STATE_WAITING {
				w.approve(b, r.GetRequest())
			}
			approve += time.Since(began)
			began = time.Now()
			s.deliverTo(b, callers)
			deliver += time.Since(began)
		}
		per := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.N) }
		b.ReportMetric(per(plan), "plan-ms")
		b.ReportMetric(per(approve), "approve-ms")
		b.ReportMetric(per(deliver), "deliver-ms")
		b.ReportMetric(per(plan+approve+deliver), "all-ms")
	})
	b.Run("limit", func(b *testing.B) {
		authority := newAuthority(b)
		content := make([]byte, 256)
		began := time.Now()
		for range b.N {
			inParallel(orderedFleet, func(int) error { _, err := authority.SignOrder(content); return err }, b)
		}
		took := time.Since(began).Seconds() * 1000 / float64(b.N)
		b.ReportMetric(took, "deliver-ms")
		b.ReportMetric(took, "all-ms")
	})
}

// leanMembers enrols phones inside the server, and gives them as callers.
func leanMembers(b *testing.B, s *server, n int) []identity.Caller {
	b.Helper()
	secret := s.admin(b).token(b, func(r *enrollv1.CreateTokenRequest) { r.MaxUses = uint32(n) })
	csrs := requests(b, n)
	callers := make([]identity.Caller, n)
	inParallel(n, func(i int) error {
		a, err := s.parts.enroll.Join(b.Context(), enroll.JoinRequest{
			Secret: secret, CSR: csrs[i], Platform: device.Android, Model: "Pixel 9", OSVersion: "16", Mode: device.WorkProfile,
		})
		callers[i] = identity.Caller{
			Kind: identity.Device, Device: a.Device, Epoch: a.Epoch, Group: "sales",
			Ownership: device.Personal, Mode: device.WorkProfile,
		}
		return err
	}, b)
	return callers
}

// deliverTo asks for orders as each phone.
func (s *server) deliverTo(b *testing.B, callers []identity.Caller) {
	b.Helper()
	var delivered atomic.Int64
	inParallel(len(callers), func(i int) error {
		given, err := s.parts.wipe.Fetch(b.Context(), callers[i])
		delivered.Add(int64(len(given)))
		return err
	}, b)
	if delivered.Load() < int64(len(callers)) {
		b.Fatalf("%d of %d orders were delivered", delivered.Load(), len(callers))
	}
}

// inParallel does n things, many at a time.
func inParallel(n int, do func(i int) error, b *testing.B) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range benchCallers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
