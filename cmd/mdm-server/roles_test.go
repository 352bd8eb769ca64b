package main

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"ringfence/internal/ctlconfig"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	auditv1 "ringfence/proto/mdm/audit/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// appoint makes a credential as the command line does, and gives its clients.
func (s *server) appoint(tb testing.TB, as enroll.Appointment) *admin {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "mdmctl.yaml")
	if err := s.parts.newAdministrator(tb.Context(), as, path, s.at); err != nil {
		tb.Fatal(err)
	}
	if as.Role == identity.Gateway {
		certificate := must[tls.Certificate](tb)(tls.LoadX509KeyPair(path, path))
		return s.adminWith(tb, certificate)
	}
	return s.adminFrom(tb, path)
}

// adminFrom gives the clients of the credential in a file.
func (s *server) adminFrom(tb testing.TB, path string) *admin {
	tb.Helper()
	config, err := ctlconfig.Load(path)
	if err != nil {
		tb.Fatal(err)
	}
	current, err := config.Current()
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := tls.X509KeyPair([]byte(current.Certificate), []byte(current.Key))
	if err != nil {
		tb.Fatal(err)
	}
	return s.adminWith(tb, certificate)
}

// adminWith gives the clients of a certificate.
func (s *server) adminWith(tb testing.TB, certificate tls.Certificate) *admin {
	tb.Helper()
	a := newAdmin(dial(tb, s.at.Admin, s.roots(tb), &certificate))
	a.certificate = &certificate
	return a
}

// TestEveryRowByRole calls every method of the admin listener in every role,
// with a credential for every group and with one for a single group: the edge
// lets in whom the rule table names, and nobody else.
func TestEveryRowByRole(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	for _, role := range identity.Roles() {
		for _, groups := range [][]string{nil, {"sales"}} {
			a := s.appoint(t, enroll.Appointment{Name: fmt.Sprintf("%s-%d", role, len(groups)), Role: role, Groups: groups})
			for method, rule := range adminRules() {
				want := ""
				switch {
				case !slices.ContainsFunc(rule.Verbs, role.May):
					want = rpc.RoleMayNot
				case rule.Everywhere && groups != nil:
					want = rpc.OutOfScope
				}
				// An empty message: whoever is let in goes no further than the
				// wire's own rules, or reads nothing.
				err := a.conn.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
				got := reasonOf(err)
				if got != rpc.RoleMayNot && got != rpc.OutOfScope {
					got = ""
				}
				if got != want || (want != "") != (status.Code(err) == codes.PermissionDenied) {
					t.Errorf("%s of groups %v calls %s: %v, want reason %q", role, groups, method, err, want)
				}
			}
		}
	}
}

// TestRowsOfTheInstallation: what concerns everybody is out of reach of a
// credential for some groups, and every change needs more than looking.
func TestRowsOfTheInstallation(t *testing.T) {
	for method, rule := range adminRules() {
		service := filepath.Base(filepath.Dir(method))
		if service == auditv1.AuditService_ServiceDesc.ServiceName && !rule.Everywhere {
			t.Errorf("%s: the record is of the whole installation", method)
		}
		if slices.ContainsFunc(rule.Verbs, identity.Viewer.May) && !reads(method) {
			t.Errorf("%s: a viewer may, and its name does not say that it only reads", method)
		}
	}
}

// reads reports whether a method's name says that it changes nothing.
func reads(method string) bool {
	name := filepath.Base(method)
	for _, prefix := range []string{"Get", "List", "Plan", "Export", "Explain", "Report"} {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			return true
		}
	}
	return name == "WhatIf"
}

// TestScopedAdministrator: the devices of other groups do not exist.
func TestScopedAdministrator(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	a := s.admin(t)
	of := func(group string) string {
		return a.token(t, func(r *enrollv1.CreateTokenRequest) { r.Group = group })
	}
	sales, hr := s.join(t, of("sales")), s.join(t, of("hr"))
	scoped := s.appoint(t, enroll.Appointment{Name: "hr-desk", Role: identity.Operator, Groups: []string{"hr"}})
	ctx := t.Context()
	listed := must[*enrollv1.ListDevicesResponse](t)(scoped.enroll.ListDevices(ctx, &enrollv1.ListDevicesRequest{}))
	if len(listed.GetDevices()) != 1 || listed.GetDevices()[0].GetId() != hr.id {
		t.Errorf("listed: %v", listed)
	}
	_, err := scoped.enroll.GetDevice(ctx, &enrollv1.GetDeviceRequest{Id: sales.id})
	wantStatus(t, "a device of another group", err, codes.NotFound, "NO_DEVICE")
	_, err = scoped.enroll.DeleteDevice(ctx, &enrollv1.DeleteDeviceRequest{Id: sales.id, Reason: "a test"})
	wantStatus(t, "deleting a device of another group", err, codes.NotFound, "NO_DEVICE")
	_, err = scoped.enroll.CreateToken(ctx, &enrollv1.CreateTokenRequest{
		RequestKey: newID(), Group: "sales", Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
	})
	wantStatus(t, "a token of another group", err, codes.PermissionDenied, rpc.OutOfScope)
	must[*enrollv1.DeleteDeviceResponse](t)(scoped.enroll.DeleteDevice(ctx, &enrollv1.DeleteDeviceRequest{Id: hr.id, Reason: "a test"}))
	must[*enrollv1.GetDeviceResponse](t)(a.enroll.GetDevice(ctx, &enrollv1.GetDeviceRequest{Id: sales.id}))
}
