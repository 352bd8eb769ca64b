package appprotectdb_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// t0 has microseconds, so that losing them would show.
var t0 = time.Date(2026, time.March, 1, 12, 0, 0, 123456000, time.UTC)

const signer = "ab0000000000000000000000000000000000000000000000000000000000cdef"

// each runs a test against a store on every dialect.
func each(t *testing.T, run func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { run(t, appprotectdb.New(db), db) })
}

// two runs a test against the stores that two hands have: of one server on SQLite,
// and of two servers on one PostgreSQL database.
func two(t *testing.T, run func(t *testing.T, stores []*appprotectdb.Store, db *sqldb.DB)) {
	t.Helper()
	t.Run(string(sqldb.SQLite), func(t *testing.T) {
		db := dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite))
		s := appprotectdb.New(db)
		run(t, []*appprotectdb.Store{s, s}, db)
	})
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		run(t, []*appprotectdb.Store{appprotectdb.New(a), appprotectdb.New(b)}, a)
	})
}

// tester is a test, or a story of a model.
type tester interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func ok(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t tester, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func same[T any](t tester, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func entry(detail string) audit.Entry { return audit.Server("appprotect.test", "test/1", detail) }

// recorded gives the details of the record, in order.
func recorded(t tester, db *sqldb.DB) []string {
	t.Helper()
	details := []string{}
	ok(t, db.Read(t.Context()).Raw("SELECT detail FROM audit_entries ORDER BY sequence").Scan(&details).Error)
	return details
}

// dump is everything the slice and the record hold, to see that nothing changed.
func dump(t tester, db *sqldb.DB) map[string][]map[string]any {
	t.Helper()
	all := map[string][]map[string]any{}
	for table, order := range map[string]string{
		"appprotect_generation": "id", "appprotect_policies": "name", "appprotect_policy_revisions": "name, revision",
		"appprotect_apps": "package", "appprotect_names": "name", "appprotect_people": "issuer, subject",
		"appprotect_registrations": "id", "appprotect_epochs": "registration_id, epoch", "appprotect_keys": "digest",
		"appprotect_certificates": "serial", "appprotect_challenges": "hash", "appprotect_states": "registration_id",
		"audit_entries": "sequence",
	} {
		rows := []map[string]any{}
		ok(t, db.Read(t.Context()).Table(table).Order(order).Find(&rows).Error)
		all[table] = rows
	}
	return all
}

// unchanged fails if something was stored since.
func unchanged(t tester, what string, db *sqldb.DB, before map[string][]map[string]any) {
	t.Helper()
	same(t, what+" left behind", before, dump(t, db))
}

func hash(format string, args ...any) appprotect.Digest {
	return sha256.Sum256(fmt.Appendf(nil, format, args...))
}

func person(name string) appprotect.Person {
	return appprotect.Person{Issuer: "https://id.example.com", Subject: "sub-" + name, Name: name, Groups: []string{"all '?", "sales"}}
}

// registration is the first epoch of the nth one, with every field set.
func registration(n int, name string) appprotect.Registration {
	at := t0.Add(time.Duration(n) * time.Second)
	return appprotect.Registration{
		ID: device.ID(fmt.Sprintf("registration-%04d", n)), Epoch: 1, Version: 1, Person: person(name),
		Tag: fmt.Sprintf("tag-%d", n), Package: "com.example.mail", SignerSHA256: signer, Level: apprules.WorkProfile,
		AppVersion: "4.1", SDKVersion: "1.0", RegisteredAt: at, CreatedAt: at, RequestDigest: hash("request %d.1", n),
	}
}

// next is the epoch after r, as the app registers again.
func next(r appprotect.Registration) appprotect.Registration {
	r.Epoch++
	r.Version++
	r.RegisteredAt = r.RegisteredAt.Add(time.Hour)
	r.RequestDigest = hash("request %s.%d", r.ID, r.Epoch)
	r.AppVersion, r.Level, r.End = "4.2", apprules.Unenrolled, nil
	return r
}

func certificate(r appprotect.Registration, serial string) appprotect.Certificate {
	return appprotect.Certificate{
		Serial: serial, ID: r.ID, Epoch: r.Epoch, Key: hash("key of %s", serial),
		Chain: [][]byte{{0x30, 2, 5, 0}, {0x30, 0}}, IssuedAt: r.RegisteredAt, ExpiresAt: r.RegisteredAt.Add(14 * 24 * time.Hour),
	}
}

// challenged gives a challenge that is good for r.
func challenged(t tester, s *appprotectdb.Store, r appprotect.Registration, text string) appprotect.Digest {
	t.Helper()
	c := appprotect.Challenge{Hash: hash("challenge %s", text), Package: r.Package, ExpiresAt: r.RegisteredAt.Add(time.Minute)}
	ok(t, s.SaveChallenge(t.Context(), c, t0.Add(-time.Hour), 1e6))
	return c.Hash
}

// opening is the epoch of r with a challenge of its own. Where it follows one
// that lasts, it displaces that.
func opening(t tester, s *appprotectdb.Store, r appprotect.Registration, displaces bool) appprotect.Opening {
	t.Helper()
	return named(t, s, r, displaces, fmt.Sprintf("%s.%d.%d", r.ID, r.Epoch, r.Version))
}

// named is opening, where name makes the certificate, the key and the challenge.
func named(t tester, s *appprotectdb.Store, r appprotect.Registration, displaces bool, name string) appprotect.Opening {
	t.Helper()
	o := appprotect.Opening{
		Registration: r, Certificate: certificate(r, name), Challenge: challenged(t, s, r, name), Entry: entry("open " + name),
	}
	if displaces {
		e := entry("displaced by " + name)
		o.Displaced = &e
	}
	return o
}

// opened stores the first epoch of the nth registration.
func opened(t tester, s *appprotectdb.Store, n int, name string) appprotect.Registration {
	t.Helper()
	r := registration(n, name)
	ok(t, s.Open(t.Context(), opening(t, s, r, false)))
	return r
}

// finished is r after its end.
func finished(r appprotect.Registration, end appprotect.End) appprotect.Registration {
	r.Version++
	r.End = &end
	return r
}

func signedOut() appprotect.End {
	return appprotect.End{At: t0.Add(24 * time.Hour), Why: appprotect.EndSignedOut}
}

// selfWiped has every field set.
func selfWiped(r appprotect.Registration) appprotect.End {
	return appprotect.End{
		At: t0.Add(48 * time.Hour), Why: appprotect.EndSelfWiped, Detail: "the lease",
		SelfWipe: &appprotect.SelfWipe{
			ID: r.ID, Epoch: r.Epoch, Cause: appprotect.SelfWipeLease, LeaseNumber: 1<<63 - 1, PolicyRevision: signer,
			FinishedAt: t0.Add(47 * time.Hour), Files: 3, Bytes: 1 << 40, Content: []byte{1, 0, 2}, Signature: []byte{3},
			Chain: [][]byte{{0x30, 0}, {0x30, 2, 5, 0}},
		},
	}
}

// report has every field set.
func report() *apprules.Report {
	waits := 26*time.Hour + 1
	return &apprules.Report{
		ObservedAt: t0.Add(-time.Second), AppliedRevision: signer, AppVersion: apprules.Version{4, 1}, SDKVersion: apprules.Version{1, 0, 2},
		AgentVersion: apprules.Version{9, 8, 7, 1<<31 - 1}, AgentUpdateWaits: &waits, OSVersion: apprules.Version{16}, Patch: "2026-02-05",
		Manufacturer: "Fair <phone> é '?", Model: "5 & more", Lock: apprules.LockMedium, RootChecked: true, RootSignals: apprules.SignRooted | apprules.SignROMModified,
		Integrity: apprules.IntegrityReport{Verdict: apprules.IntegrityCertified, Evaluation: apprules.EvaluationHardware, At: t0.Add(-time.Hour)},
		AppScan:   apprules.AppScanOff, Knox: apprules.AttestationUnsupported, Defender: apprules.ThreatLow, ThirdParty: apprules.ThreatHigh,
		PIN: apprules.PINState{Set: true, Failures: 1<<32 - 1}, PendingWipes: []string{"order-1"}, DoneWipes: []string{"order-2", "order-3"},
		UnsyncedChanges: apprules.MaxUnsynced,
	}
}

// state is version n of the state of r, with every field set.
func state(r appprotect.Registration, n uint64) appprotect.State {
	at := t0.Add(time.Duration(n) * time.Minute)
	return appprotect.State{
		ID: r.ID, Epoch: r.Epoch, Version: n, Generation: 7, Number: n + 3, ReportDigest: hash("report %d", n), Report: report(),
		HeardAt: at, Intended: signer, Verdict: apprules.Verdict{
			Standing: apprules.StandingWarn, EvaluatedAt: at, EvidenceAt: at.Add(-time.Second), Since: t0, ChangesAt: at.Add(time.Hour),
			Findings: []apprules.Finding{{
				Check: "launch.os_version", Threshold: "at least <17>", Actual: "16", Action: apprules.ActionWarn, EvidenceAge: time.Second + 1,
				Since: t0, RemedyKey: "update_os", Remedy: "update the phone's system", Link: "https://example.com/?a=b&c",
			}},
		},
	}
}

// saved stores a state that must be stored.
func saved(t tester, s *appprotectdb.Store, st appprotect.State, entries ...audit.Entry) {
	t.Helper()
	if stored, err := s.SaveState(t.Context(), st, entries...); err != nil || !stored {
		t.Fatalf("save version %d of %s: %v, %v", st.Version, st.ID, stored, err)
	}
}

func wantRegistration(t tester, s *appprotectdb.Store, want appprotect.Registration) {
	t.Helper()
	got, err := s.Registration(t.Context(), want.ID)
	ok(t, err)
	same(t, "registration", want, got)
}

func wantState(t tester, s *appprotectdb.Store, want appprotect.State) {
	t.Helper()
	got, err := s.State(t.Context(), want.ID)
	ok(t, err)
	same(t, "state", want, got)
	switch st, err := s.Standing(t.Context(), want.ID); {
	case errors.Is(err, appprotect.ErrNoRegistration):
	case err != nil:
		t.Fatal(err)
	default:
		same(t, "state beside its registration", want, st.State)
	}
}

func ids(list []appprotect.Registration) []device.ID {
	all := make([]device.ID, len(list))
	for i, r := range list {
		all[i] = r.ID
	}
	return all
}
