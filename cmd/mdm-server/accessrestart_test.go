package main

import (
	"crypto/tls"
	"database/sql"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"google.golang.org/protobuf/testing/protocmp"

	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/identity"
	"ringfence/internal/oauth"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/migrations"
	accessv1 "ringfence/proto/mdm/access/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

// tokenStatus asks for an access token as a client does, and gives the status.
func (s *server) tokenStatus(tb testing.TB, id, secret string) int {
	tb.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots(tb), MinVersion: tls.VersionTLS12}}
	tb.Cleanup(transport.CloseIdleConnections)
	client := http.Client{Transport: transport, Timeout: patience}
	req := must[*http.Request](tb)(http.NewRequestWithContext(tb.Context(), http.MethodPost, "https://"+s.at.Access+oauth.TokenPath, strings.NewReader(url.Values{
		"grant_type": {"client_credentials"}, "scope": {"access.evaluate"}, "client_id": {id}, "client_secret": {secret},
	}.Encode())))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	must[int64](tb)(io.Copy(io.Discard, res.Body))
	return res.StatusCode
}

func kidsOf(keys []jose.JSONWebKey) (ids []string) {
	for _, k := range keys {
		ids = append(ids, k.KeyID)
	}
	slices.Sort(ids)
	return ids
}

// TestRestartKeepsDoors: policies, locations, clients, keys, credentials and the
// sign-ins that were counted are there after a restart, and what was given before
// it still counts.
func TestRestartKeepsDoors(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		i := install(t, dsn, opened(func(c *Config) { c.Access.BaseURL = "https://doors.example.com" }))
		s := i.start(t)
		a := s.admin(t)
		a.place(t, "office", "192.0.2.0/24")
		policy := a.rule(t, accessPolicy("work", compliantDevice))
		trial := accessPolicy("trial", shutDoor, "mail")
		trial.Spec.State = accessv1.PolicyState_POLICY_STATE_REPORT_ONLY
		a.rule(t, trial)
		client := must[*oauthv1.CreateClientResponse](t)(a.oauth.CreateClient(t.Context(), &oauthv1.CreateClientRequest{
			RequestKey: newID(), Name: "idp", Scopes: []string{"access.evaluate"},
		}))
		phone := s.join(t, a.token(t))
		a.apply(t, pinPolicy("all", 6))
		must[*compliancev1.CheckInResponse](t)(phone.compliance.CheckIn(t.Context(), report(s.clock.now(), 8, "")))
		g := s.doorkeeper(t, "edge")
		before := g.decides(t, phone.with("mail"))
		assertion, keys := phone.asserts(t), s.published(t)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}

		s = i.start(t)
		a = s.admin(t)
		phone.connect(t, s)
		got := must[*accessv1.GetAccessPolicyResponse](t)(a.doors.GetAccessPolicy(t.Context(), &accessv1.GetAccessPolicyRequest{Name: "work"}))
		if diff := cmp.Diff(policy, got.GetPolicy(), protocmp.Transform()); diff != "" {
			t.Errorf("the policy (-before +after):\n%s", diff)
		}
		must[*accessv1.GetLocationResponse](t)(a.doors.GetLocation(t.Context(), &accessv1.GetLocationRequest{Name: "office"}))
		if got := s.tokenStatus(t, client.GetClient().GetId(), client.GetSecret()); got != http.StatusOK {
			t.Errorf("the client's secret: %d", got)
		}
		if got := s.tokenStatus(t, client.GetClient().GetId(), client.GetSecret()+"x"); got == http.StatusOK {
			t.Error("another secret lets the client in")
		}
		if diff := cmp.Diff(kidsOf(keys.Keys), kidsOf(s.published(t).Keys)); diff != "" {
			t.Errorf("keys (-before +after):\n%s", diff)
		}
		verified(t, assertion, s.published(t), "https://doors.example.com", s.clock.now())
		after := g.moves(t, s).decides(t, phone.with("mail"))
		if after.GetOutcome() != allow || !cmp.Equal(before.GetVersions(), after.GetVersions(), protocmp.Transform()) {
			t.Errorf("before %v, after %v", before, after)
		}
		if r := must[*accessv1.ReportAccessResponse](t)(a.doors.ReportAccess(t.Context(), &accessv1.ReportAccessRequest{})); r.GetTogether().GetWouldBlock() != 1 {
			t.Errorf("the report: %v", r)
		}
	})
}

// beforeGateways is the last schema without them.
const beforeGateways = 18

// olderSchema makes the database anew in an older schema, with rows of it.
func olderSchema(t *testing.T, d sqldb.Dialect, version int64, statements []string) string {
	t.Helper()
	dsn := dbtest.DSN(t, d)
	dbtest.Remove(t, dsn)
	driver, name, dialect, folder := "sqlite", strings.TrimPrefix(dsn, "sqlite:"), goose.DialectSQLite3, migrations.SQLite
	if d == sqldb.Postgres {
		driver, name, dialect, folder = "pgx", dsn, goose.DialectPostgres, migrations.Postgres
	}
	pool := must[*sql.DB](t)(sql.Open(driver, name))
	defer func() { _ = pool.Close() }() // nothing is under way any more
	files := must[fs.FS](t)(fs.Sub(migrations.Files, folder))
	p := must[*goose.Provider](t)(goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true)))
	must[[]*goose.MigrationResult](t)(p.UpTo(t.Context(), version))
	for _, s := range statements {
		must[sql.Result](t)(pool.ExecContext(t.Context(), s))
	}
	return dsn
}

// TestAdministratorsSurvive: an administrator of every role is there, as they
// were, once there are gateways too; and the table is guarded as it was.
func TestAdministratorsSurvive(t *testing.T) {
	roles := slices.DeleteFunc(identity.Roles(), func(r identity.Role) bool { return r == identity.Gateway })
	for d, hash := range map[sqldb.Dialect]string{sqldb.SQLite: "x'%s'", sqldb.Postgres: `'\x%s'`} {
		t.Run(string(d), func(t *testing.T) {
			row := func(serial, role, person, groups, revoked string) string {
				key := strings.ReplaceAll(hash, "%s", strings.Repeat("ab", 31)+serial)
				return "INSERT INTO enroll_administrators (serial, name, key_hash, created_at, created_by, expires_at, revoked_at, role, person, group_names) VALUES ('" +
					serial + "', 'name-" + serial + "', " + key + ", 1000001, 'server', 2000002, " + revoked + ", '" + role + "', '" + person + "', '" + groups + "')"
			}
			var statements []string
			for i, r := range roles {
				statements = append(statements, row("0"+string(rune('0'+i)), string(r), "ann", "", "NULL"))
			}
			statements = append(statements, row("0f", "operator", "bob", "hr sales", "1500000"))
			db := dbtest.Open(t, olderSchema(t, d, beforeGateways, statements))
			got := must[[]enroll.Administrator](t)(enrolldb.New(db).ListAdministrators(t.Context()))
			if len(got) != len(roles)+1 {
				t.Fatalf("%d administrators, want %d", len(got), len(roles)+1)
			}
			slices.SortFunc(got, func(a, b enroll.Administrator) int { return strings.Compare(a.Serial, b.Serial) })
			for i, r := range roles {
				a := got[i]
				if a.Role != r || a.Person != "ann" || a.Name != "name-"+a.Serial || len(a.Groups) != 0 || !a.RevokedAt.IsZero() ||
					a.CreatedAt.UnixMicro() != 1000001 || a.ExpiresAt.UnixMicro() != 2000002 || a.CreatedBy != "server" {
					t.Errorf("the %s: %+v", r, a)
				}
			}
			if b := got[len(roles)]; b.RevokedAt.UnixMicro() != 1500000 || !slices.Equal(b.Groups, []string{"hr", "sales"}) {
				t.Errorf("who was revoked: %+v", b)
			}
			write := func(s string) error {
				return db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(s); return err })
			}
			if err := write(row("0e", "gateway", "edge", "", "NULL")); err != nil {
				t.Errorf("a gateway: %v", err)
			}
			for what, s := range map[string]string{
				"a role that there is not": row("0d", "emperor", "ann", "", "NULL"),
				"nobody":                   row("0d", "viewer", "", "", "NULL"),
				"another role":             "UPDATE enroll_administrators SET role = 'owner' WHERE serial = '00'",
				"the same key twice":       strings.Replace(row("0e", "viewer", "ann", "", "NULL"), "'0e'", "'0d'", 1),
			} {
				if err := write(s); err == nil {
					t.Errorf("%s is taken", what)
				}
			}
		})
	}
}
