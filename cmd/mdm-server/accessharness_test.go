package main

import (
	"crypto/tls"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"

	"ringfence/internal/enroll"
	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	accessv1 "ringfence/proto/mdm/access/v1"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

const (
	allow = accessv1.Outcome_OUTCOME_ALLOW
	deny  = accessv1.Outcome_OUTCOME_DENY_UNSPECIFIED
	// owes keeps out until what is owed is done.
	owes = accessv1.Outcome_OUTCOME_ALLOW_WITH
)

// opened has a server open its doors too.
func opened(others ...func(*Config)) func(*Config) {
	return func(c *Config) {
		for _, other := range others {
			other(c)
		}
		c.Access.GatewayListen, c.Access.Listen = "127.0.0.1:0", "127.0.0.1:0"
		c.Limits.GatewayPerSecond, c.Limits.GatewayBurst = 1000000, 1000000
	}
}

// unhurried has nothing happen because time has passed: what comes has been rung.
func unhurried(c *Config) { c.WatchTick, c.ApplyGrace = time.Hour, 0 }

// pairDoors is pair, with a provider and open doors; tune may be nil.
func pairDoors(t *testing.T, tune func(*Config), run func(t *testing.T, one, two *server, p *signintest.Provider)) {
	if tune == nil {
		tune = func(*Config) {}
	}
	t.Run("one server on sqlite", func(t *testing.T) {
		p := provide(t)
		s := install(t, dbtest.DSN(t, sqldb.SQLite), opened(trusting(p), tune)).start(t)
		run(t, s, s, p)
	})
	t.Run("two servers on postgres", func(t *testing.T) {
		p := provide(t)
		i := install(t, dbtest.DSN(t, sqldb.Postgres), opened(trusting(p), tune))
		one := i.start(t)
		run(t, one, i.start(t), p)
	})
}

// doorClients are an administrator's clients of conditional access.
type doorClients struct {
	ask   accessv1.AccessServiceClient
	doors accessv1.AccessAdminServiceClient
	oauth oauthv1.OAuthAdminServiceClient
}

func newDoorClients(conn *grpc.ClientConn) doorClients {
	return doorClients{
		ask: accessv1.NewAccessServiceClient(conn), doors: accessv1.NewAccessAdminServiceClient(conn), oauth: oauthv1.NewOAuthAdminServiceClient(conn),
	}
}

// doorkeeper is a gateway that asks over gRPC.
type doorkeeper struct {
	certificate tls.Certificate
	conn        *grpc.ClientConn
	ask         accessv1.AccessServiceClient
}

// doorkeeper appoints one and connects it.
func (s *server) doorkeeper(tb testing.TB, name string) *doorkeeper {
	tb.Helper()
	file := s.gateway(tb, name)
	g := &doorkeeper{certificate: must[tls.Certificate](tb)(tls.X509KeyPair(file, file))}
	return g.moves(tb, s)
}

// moves connects to a server of the installation.
func (g *doorkeeper) moves(tb testing.TB, s *server) *doorkeeper {
	tb.Helper()
	g.conn = dial(tb, s.at.Gateway, s.roots(tb), &g.certificate)
	g.ask = accessv1.NewAccessServiceClient(g.conn)
	return g
}

// dismiss revokes every credential of a name.
func (s *server) dismiss(tb testing.TB, name string) {
	tb.Helper()
	for _, a := range must[[]enroll.Administrator](tb)(s.parts.enroll.ListAdministrators(tb.Context())) {
		if a.Name == name {
			must[enroll.Administrator](tb)(s.parts.enroll.RevokeAdministrator(tb.Context(), a.Serial))
		}
	}
}

// decides asks, with every reason.
func (g *doorkeeper) decides(tb testing.TB, in *accessv1.SignIn) *accessv1.Decision {
	tb.Helper()
	return must[*accessv1.DecideResponse](tb)(g.ask.Decide(tb.Context(), &accessv1.DecideRequest{SignIn: in, Explain: true})).GetDecision()
}

// with signs in to an app with a phone.
func (h *handset) with(app string) *accessv1.SignIn {
	return &accessv1.SignIn{App: app, DeviceId: h.id, Client: accessv1.ClientApp_CLIENT_APP_NATIVE, Address: "192.0.2.7"}
}

// with signs in with a registration.
func (m *account) with(app string) *accessv1.SignIn {
	return &accessv1.SignIn{App: app, RegistrationId: m.id, Client: accessv1.ClientApp_CLIENT_APP_NATIVE, Address: "192.0.2.7"}
}

// accessPolicy is a policy that is on and asks everybody for controls, in some apps or
// in all of them.
func accessPolicy(name string, controls []accessv1.Control, apps ...string) *accessv1.ApplyAccessPolicyRequest {
	return &accessv1.ApplyAccessPolicyRequest{Name: name, Spec: &accessv1.AccessPolicySpec{
		State:         accessv1.PolicyState_POLICY_STATE_ON,
		IncludePeople: &accessv1.People{Everyone: true},
		Apps:          &accessv1.Apps{All: len(apps) == 0, Include: apps},
		Grant:         &accessv1.Grant{Controls: controls},
	}}
}

func controls(list ...accessv1.Control) []accessv1.Control { return list }

var (
	compliantDevice = controls(accessv1.Control_CONTROL_COMPLIANT_DEVICE)
	protectedApp    = controls(accessv1.Control_CONTROL_APP_PROTECTION)
	shutDoor        = controls(accessv1.Control_CONTROL_BLOCK)
)

// rule applies a policy.
func (a *admin) rule(tb testing.TB, r *accessv1.ApplyAccessPolicyRequest) *accessv1.AccessPolicy {
	tb.Helper()
	return must[*accessv1.ApplyAccessPolicyResponse](tb)(a.doors.ApplyAccessPolicy(tb.Context(), r)).GetPolicy()
}

func (a *admin) unrule(tb testing.TB, name string) {
	tb.Helper()
	must[*accessv1.DeleteAccessPolicyResponse](tb)(a.doors.DeleteAccessPolicy(tb.Context(), &accessv1.DeleteAccessPolicyRequest{Name: name}))
}

// place applies a location.
func (a *admin) place(tb testing.TB, name string, networks ...string) {
	tb.Helper()
	must[*accessv1.ApplyLocationResponse](tb)(a.doors.ApplyLocation(tb.Context(), &accessv1.ApplyLocationRequest{
		Name: name, Spec: &accessv1.LocationSpec{Networks: networks},
	}))
}

// findings are those of every control that is not met.
func findings(d *accessv1.Decision) (all []*accessv1.AccessFinding) {
	for _, p := range d.GetExplanation().GetPolicies() {
		for _, c := range p.GetControls() {
			if !c.GetMet() {
				all = append(all, c.GetFindings()...)
			}
		}
	}
	return all
}

// listener is an open WatchDecisions, read to its end.
type listener struct {
	answers chan *accessv1.WatchDecisionsResponse
	ended   chan error
	// latest outcomes, by index; those of sign-ins with no answer are missing.
	latest map[uint32]accessv1.Outcome
}

// listens opens a WatchDecisions, and has all first answers.
func (g *doorkeeper) listens(tb testing.TB, signIns ...*accessv1.SignIn) *listener {
	tb.Helper()
	stream, err := g.ask.WatchDecisions(tb.Context(), &accessv1.WatchDecisionsRequest{SignIns: signIns})
	if err != nil {
		tb.Fatal(err)
	}
	l := &listener{
		answers: make(chan *accessv1.WatchDecisionsResponse, 10000), ended: make(chan error, 1), latest: map[uint32]accessv1.Outcome{},
	}
	go func() {
		for {
			answer, err := stream.Recv()
			if err != nil {
				l.ended <- err
				return
			}
			l.answers <- answer
		}
	}()
	l.until(tb, "the first answers", func() bool { return len(l.latest) == len(signIns) })
	return l
}

// hears waits until the newest answer to a sign-in is that.
func (l *listener) hears(tb testing.TB, what string, index uint32, want accessv1.Outcome) {
	tb.Helper()
	l.until(tb, what, func() bool { return l.latest[index] == want })
}

func (l *listener) until(tb testing.TB, what string, enough func() bool) {
	tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !enough() {
		select {
		case answer := <-l.answers:
			l.latest[answer.GetIndex()] = answer.GetDecision().GetOutcome()
		case err := <-l.ended:
			tb.Fatalf("%s: the stream ended: %v", what, err)
		case <-deadline.C:
			tb.Fatalf("%s was not heard", what)
		}
	}
}

// end waits for the stream's end and gives its error, nil for a plain one.
func (l *listener) end(tb testing.TB) error {
	tb.Helper()
	select {
	case err := <-l.ended:
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	case <-time.After(patience):
		tb.Fatal("the stream did not end")
		return nil
	}
}
