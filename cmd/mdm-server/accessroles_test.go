package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	"ringfence/internal/access/authzen"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// TestGatewayRowByRole calls every method of the listener for gateways in every
// role, with a credential for everything and with one for a single group, and as
// those who have no credential for it.
func TestGatewayRowByRole(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), opened()).start(t)
	for _, role := range identity.Roles() {
		for _, groups := range [][]string{nil, {"sales"}} {
			a := s.appoint(t, enroll.Appointment{Name: fmt.Sprintf("%s-%d", role, len(groups)), Role: role, Groups: groups})
			conn := dial(t, s.at.Gateway, s.roots(t), a.certificate)
			for method, rule := range gatewayRules() {
				want := ""
				switch {
				case !slices.ContainsFunc(rule.Verbs, role.May):
					want = rpc.RoleMayNot
				case rule.Everywhere && groups != nil:
					want = rpc.OutOfScope
				}
				err := conn.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
				if want != "" {
					wantStatus(t, string(role)+" calls "+method, err, codes.PermissionDenied, want)
				} else if got := reasonOf(err); got == rpc.RoleMayNot || got == rpc.OutOfScope {
					t.Errorf("%s calls %s: %v", role, method, err)
				}
			}
			for method := range adminRules() {
				if _, here := gatewayRules()[method]; here {
					continue
				}
				err := conn.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
				wantStatus(t, string(role)+" calls at the gateways' listener "+method, err, codes.Unimplemented, "")
			}
		}
	}
	phone := s.join(t, s.admin(t).token(t)).certificate()
	for reason, conn := range map[string]*tls.Certificate{rpc.CertificateUnknown: &phone, rpc.CertificateRequired: nil} {
		for method := range gatewayRules() {
			err := dial(t, s.at.Gateway, s.roots(t), conn).Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
			wantStatus(t, "who is no gateway calls "+method, err, codes.Unauthenticated, reason)
		}
	}
}

// TestGatewayAsksOnly: a gateway's credential lets its holder ask, and see or
// change nothing at all, at whichever listener; nobody else's lets its holder ask.
func TestGatewayAsksOnly(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), opened()).start(t)
	g := s.doorkeeper(t, "edge")
	ask := &accessv1.DecideRequest{SignIn: &accessv1.SignIn{User: "erin@example.com", App: "mail"}}
	atAdmins := dial(t, s.at.Admin, s.roots(t), &g.certificate)
	for method := range adminRules() {
		err := atAdmins.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
		if method == accessv1.AccessService_Decide_FullMethodName || method == accessv1.AccessService_WatchDecisions_FullMethodName {
			wantStatus(t, "a gateway calls "+method, err, codes.InvalidArgument, "")
			continue
		}
		wantStatus(t, "a gateway calls "+method, err, codes.PermissionDenied, rpc.RoleMayNot)
	}
	for method := range deviceRules() {
		err := dial(t, s.at.Device, s.roots(t), &g.certificate).Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
		wantStatus(t, "a gateway calls "+method, err, codes.Unauthenticated, rpc.CertificateUnknown)
	}
	for _, role := range identity.Roles() {
		a := s.appoint(t, enroll.Appointment{Name: "asks-" + string(role), Role: role})
		_, err := a.ask.Decide(t.Context(), ask)
		if !role.May(identity.Ask) {
			wantStatus(t, string(role)+" asks", err, codes.PermissionDenied, rpc.RoleMayNot)
		} else if err != nil {
			t.Errorf("%s asks: %v", role, err)
		}
		want := http.StatusForbidden
		if role.May(identity.Ask) {
			want = http.StatusOK
		}
		if got := s.evaluates(t, a.certificate)(); got != want {
			t.Errorf("%s asks over HTTPS: %d, want %d", role, got, want)
		}
	}
	if got := s.evaluates(t, nil)(); got != http.StatusUnauthorized {
		t.Errorf("nobody asks over HTTPS: %d", got)
	}
}

// evaluates gives what asks over HTTPS, on one connection, and gives the status.
func (s *server) evaluates(tb testing.TB, certificate *tls.Certificate) func() int {
	tb.Helper()
	config := &tls.Config{RootCAs: s.roots(tb), MinVersion: tls.VersionTLS12}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{TLSClientConfig: config}
	tb.Cleanup(transport.CloseIdleConnections)
	client := http.Client{Transport: transport, Timeout: patience}
	return func() int {
		tb.Helper()
		const question = `{"subject":{"type":"user","id":"erin@example.com"},"action":{"name":"read"},"resource":{"type":"app","id":"mail"}}`
		req := must[*http.Request](tb)(http.NewRequestWithContext(tb.Context(), http.MethodPost,
			"https://"+s.at.Access+authzen.EvaluationPath, strings.NewReader(question)))
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			tb.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		must[int64](tb)(io.Copy(io.Discard, res.Body))
		return res.StatusCode
	}
}

// TestDismissedGateway: a revoked credential asks nothing more, on connections
// that are open, and hears nothing more on streams that are.
func TestDismissedGateway(t *testing.T) {
	pairDoors(t, unhurried, func(t *testing.T, one, two *server, _ *signintest.Provider) {
		a := one.admin(t)
		phone := one.join(t, a.token(t))
		g := one.doorkeeper(t, "edge").moves(t, two)
		stays := one.doorkeeper(t, "stays").moves(t, two)
		ears := g.listens(t, phone.with("mail"))
		evaluate := two.evaluates(t, &g.certificate)
		g.decides(t, phone.with("mail"))
		if got := evaluate(); got != http.StatusOK {
			t.Fatalf("a gateway asks over HTTPS: %d", got)
		}

		one.dismiss(t, "edge")
		_, err := g.ask.Decide(t.Context(), &accessv1.DecideRequest{SignIn: phone.with("mail")})
		wantStatus(t, "a revoked gateway asks", err, codes.Unauthenticated, "")
		if got := evaluate(); got != http.StatusForbidden {
			t.Errorf("a revoked gateway asks over HTTPS: %d", got)
		}
		a.rule(t, accessPolicy("shut", shutDoor))
		wantStatus(t, "a revoked gateway listens", ears.end(t), codes.Unauthenticated, "")
		if len(ears.answers) != 0 {
			t.Errorf("a revoked gateway is told %v", <-ears.answers)
		}
		if d := stays.decides(t, phone.with("mail")); d.GetOutcome() != deny {
			t.Errorf("another gateway: %v", d)
		}
	})
}
