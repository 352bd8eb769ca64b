package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

var (
	constants = regexp.MustCompile(`\b[A-Z]+(?:_[A-Z]+)+\b`)
	rpcName   = regexp.MustCompile(`^  rpc (\w+)\(`)
	// statusCodes are written as reasons are, and are none.
	statusCodes = []string{"INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "NOT_FOUND"}
)

// documentedReasons gives "method REASON" for each that a .proto file names.
func documentedReasons(t *testing.T, path string) []string {
	t.Helper()
	var (
		reasons []string
		comment []string
	)
	for line := range strings.Lines(string(must[[]byte](t)(os.ReadFile(path)))) {
		if said, is := strings.CutPrefix(strings.TrimSpace(line), "//"); is {
			comment = append(comment, said)
			continue
		}
		if name := rpcName.FindStringSubmatch(line); name != nil {
			for _, c := range constants.FindAllString(strings.Join(comment, "\n"), -1) {
				if !slices.Contains(statusCodes, c) {
					reasons = append(reasons, name[1]+" "+c)
				}
			}
		}
		comment = nil
	}
	return reasons
}

// refusals is a server with everything that it can say no to.
type refusals struct {
	s *server
	a *admin
	// p is where people sign in. The others are trusted too: one knows the same
	// names, one has gone down before it was ever asked.
	p, double, down *signintest.Provider
}

func refusing(t *testing.T) *refusals {
	t.Helper()
	r := &refusals{p: provide(t), double: provide(t), down: provide(t)}
	r.s = install(t, dbtest.DSN(t, sqldb.SQLite), func(c *Config) {
		trusting(r.p)(c)
		for _, p := range []*signintest.Provider{r.double, r.down} {
			c.Accounts.Issuers = append(c.Accounts.Issuers, p.Issuer()+",client-id=mail")
		}
	}).start(t)
	r.a = r.s.admin(t)
	r.a.guard(t, "mail", map[string]any{})
	return r
}

// register sends what asks has made, and gives the error.
func (r *refusals) register(t *testing.T, p *signintest.Provider, user string, change ...func(*appprotectv1.RegisterRequest)) error {
	t.Helper()
	ask := r.s.asks(t, p, user, change...)
	_, err := ask.client.Register(t.Context(), ask.RegisterRequest)
	return err
}

// refusal is how one reason is given.
type refusal struct {
	code    codes.Code
	provoke func(t *testing.T, r *refusals) error
}

// appRefusals has each reason that AppService and AppAdminService document.
var appRefusals = map[string]refusal{
	"BeginRegistration SIGN_IN_OFF": {codes.FailedPrecondition, func(t *testing.T, _ *refusals) error {
		bare := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
		client := appprotectv1.NewAppServiceClient(dial(t, bare.at.Device, bare.roots(t), nil))
		_, err := client.BeginRegistration(t.Context(), &appprotectv1.BeginRegistrationRequest{Package: mailPackage})
		return err
	}},
	"Register SIGN_IN_REFUSED": {codes.PermissionDenied, func(t *testing.T, r *refusals) error {
		return r.register(t, r.p, "erin@example.com", func(q *appprotectv1.RegisterRequest) { q.IdToken = q.GetIdToken() + "x" })
	}},
	"Register CHALLENGE_EXPIRED": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		return r.register(t, r.p, "erin@example.com", func(q *appprotectv1.RegisterRequest) { q.Challenge = make([]byte, 32) })
	}},
	"Register APP_NOT_ALLOWED": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		return r.register(t, r.p, "erin@example.com", func(q *appprotectv1.RegisterRequest) { q.App.SignerSha256 = wrongSigner })
	}},
	"Register PERSON_DISABLED": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		idp := r.s.provisioner(t)
		idp.activate(t, idp.hire(t, "maria@example.com"), false)
		return r.register(t, r.p, "maria@example.com")
	}},
	"Register NAME_TAKEN": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		r.s.registers(t, r.p, "erin@example.com")
		return r.register(t, r.double, "erin@example.com")
	}},
	"Register TOO_MANY_REGISTRATIONS": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		for range 50 {
			if err := r.register(t, r.p, "otto@example.com", func(q *appprotectv1.RegisterRequest) { q.DeviceTag = newID() }); err != nil {
				return err
			}
		}
		return r.register(t, r.p, "otto@example.com")
	}},
	"Register KEY_REUSED": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		m := r.s.registers(t, r.p, "erin@example.com")
		return r.register(t, r.p, "erin@example.com", func(q *appprotectv1.RegisterRequest) {
			q.CertificateRequest = newCSR(t, m.key)
			q.IdToken = must[string](t)(r.p.SignIn(t.Context(), "mail", "erin@example.com", nonceOf(t, q.GetChallenge(), m.key)))
		})
	}},
	"Register ISSUER_UNAVAILABLE": {codes.Unavailable, func(t *testing.T, r *refusals) error {
		return r.register(t, r.down, "erin@example.com", func(*appprotectv1.RegisterRequest) { r.down.Down(true) })
	}},
	"Renew KEY_REUSED": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		m := r.s.registers(t, r.p, "erin@example.com")
		next := r.s.registers(t, r.p, "erin@example.com")
		_, err := next.app.Renew(t.Context(), &appprotectv1.RenewRequest{CertificateRequest: newCSR(t, m.key)})
		return err
	}},
	"CheckIn REPORT_OVERTAKEN": {codes.FailedPrecondition, func(t *testing.T, r *refusals) error {
		m := r.s.registers(t, r.p, "erin@example.com")
		m.stands(t)
		m.stands(t)
		m.number = 0
		_, err := m.checksIn(t)
		return err
	}},
	"Leave ENROLLMENT_ENDED": {codes.Unauthenticated, func(t *testing.T, r *refusals) error {
		m := r.s.registers(t, r.p, "erin@example.com")
		out := &appprotectv1.LeaveRequest{Why: &appprotectv1.LeaveRequest_SignedOut{SignedOut: &appprotectv1.SignedOut{}}}
		must[*appprotectv1.LeaveResponse](t)(m.app.Leave(t.Context(), out))
		_, err := m.app.Leave(t.Context(), out)
		return err
	}},
	"ApplyAppPolicy REVISION_MOVED": {codes.Aborted, func(t *testing.T, r *refusals) error {
		q := appPolicy(t, "mail", map[string]any{"launch.rooted": "block"})
		q.ExpectedRevision = 7
		_, err := r.a.apps.ApplyAppPolicy(t.Context(), q)
		return err
	}},
	"DeleteAppPolicy REVISION_MOVED": {codes.Aborted, func(t *testing.T, r *refusals) error {
		_, err := r.a.apps.DeleteAppPolicy(t.Context(), &appprotectv1.DeleteAppPolicyRequest{Name: "mail", ExpectedRevision: 7})
		return err
	}},
	"RetireRegistration EPOCH_MOVED": {codes.Aborted, func(t *testing.T, r *refusals) error {
		r.s.registers(t, r.p, "erin@example.com")
		m := r.s.registers(t, r.p, "erin@example.com")
		_, err := r.a.apps.RetireRegistration(t.Context(), &appprotectv1.RetireRegistrationRequest{
			RegistrationId: m.id, Epoch: m.epoch - 1, Reason: "a test",
		})
		return err
	}},
}

// TestAppReasons: each reason that the wire promises a program is really given,
// and no other is known to be.
func TestAppReasons(t *testing.T) {
	var documented []string
	for _, name := range []string{"app", "admin"} {
		documented = append(documented, documentedReasons(t, "../../proto/mdm/appprotect/v1/"+name+".proto")...)
	}
	slices.Sort(documented)
	given := slices.Sorted(maps.Keys(appRefusals))
	if diff := cmp.Diff(slices.Compact(documented), given); diff != "" {
		t.Errorf("reasons (-documented +given here):\n%s", diff)
	}
	r := refusing(t)
	for _, name := range given {
		_, reason, _ := strings.Cut(name, " ")
		t.Run(name, func(t *testing.T) {
			wantStatus(t, name, appRefusals[name].provoke(t, r), appRefusals[name].code, reason)
		})
	}
}
