package appprotectdb_test

import (
	"strings"
	"testing"

	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/sqldb"
)

// refuses fails unless the schema itself said no.
func refuses(t *testing.T, what string, err error) {
	t.Helper()
	said := func(text string) bool { return err != nil && strings.Contains(err.Error(), text) }
	if !said("constraint failed") && !said("SQLSTATE 23") && !said("SQLSTATE P0001") {
		t.Errorf("%s: %v, want a refusal by the schema", what, err)
	}
}

// TestDatabaseRefuses: a mistake in a program cannot end an epoch twice, change a
// revision, use an id again, or lose what was signed.
func TestDatabaseRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		r, over := opened(t, s, 1, "ada"), finished(opened(t, s, 2, "bob"), selfWiped(registration(2, "bob")))
		ok(t, s.Finish(ctx, over, entry("over")))
		ok(t, s.Certify(ctx, certificate(r, "renewed"), entry("renewed")))
		saved(t, s, state(r, 1))
		for revision := range uint64(2) {
			ok(t, s.SavePolicy(ctx, policy(t, "a", revision+1), entry("policy")))
			ok(t, s.SaveApp(ctx, app("com.example.mail", revision+1), entry("app")))
		}
		const (
			lasting = ` WHERE registration_id = 'registration-0001'`
			ended   = ` WHERE registration_id = 'registration-0002'`
		)
		before := dump(t, db)
		for what, statement := range map[string]string{
			"a revision changed":              `UPDATE appprotect_policy_revisions SET spec = '{}'`,
			"a revision lost":                 `DELETE FROM appprotect_policy_revisions`,
			"a policy forgotten":              `DELETE FROM appprotect_policies`,
			"a revision taken back":           `UPDATE appprotect_policies SET revision = 1`,
			"a revision left out":             `UPDATE appprotect_policies SET revision = 4`,
			"an app forgotten":                `DELETE FROM appprotect_apps`,
			"an app's version taken back":     `UPDATE appprotect_apps SET version = 1`,
			"an app in force with no content": `UPDATE appprotect_apps SET content = NULL`,
			"an app gone with its content":    `UPDATE appprotect_apps SET live = 0`,
			"the generation taken back":       `UPDATE appprotect_generation SET generation = 0`,
			"the generation kept":             `UPDATE appprotect_generation SET generation = generation`,
			"the generation lost":             `DELETE FROM appprotect_generation`,
			"a second generation":             `INSERT INTO appprotect_generation (id, generation) VALUES (2, 0)`,
			"a name given away":               `UPDATE appprotect_names SET subject = 'sub-eve'`,
			"a name forgotten":                `DELETE FROM appprotect_names`,
			"another's name":                  `UPDATE appprotect_people SET name = 'bob' WHERE name = 'ada'`,
			"a name nobody has":               `UPDATE appprotect_people SET name = 'eve' WHERE name = 'ada'`,
			"another account":                 `UPDATE appprotect_people SET subject = 'sub-eve'`,
			"a person forgotten":              `DELETE FROM appprotect_people`,
			"another's registration":          `UPDATE appprotect_registrations SET subject = 'sub-bob', tag = 'x', version = 2 WHERE id = 'registration-0001'`,
			"another app":                     `UPDATE appprotect_registrations SET package = 'com.x', version = 2 WHERE id = 'registration-0001'`,
			"another phone":                   `UPDATE appprotect_registrations SET tag = 'x', version = 2 WHERE id = 'registration-0001'`,
			"another id":                      `UPDATE appprotect_registrations SET id = 'registration-0009', version = 2 WHERE id = 'registration-0001'`,
			"the same version":                `UPDATE appprotect_registrations SET person_groups = '[]'`,
			"an epoch taken back":             `UPDATE appprotect_registrations SET epoch = 0, version = 2 WHERE id = 'registration-0001'`,
			"an epoch left out":               `UPDATE appprotect_registrations SET epoch = 3, version = version + 1`,
			"a registration lost":             `DELETE FROM appprotect_registrations`,
			"a registration from the middle": `INSERT INTO appprotect_registrations (id, version, epoch, issuer, subject, tag, package, person_groups, created_at)
SELECT 'registration-0009', 2, 2, issuer, subject, 'x', package, person_groups, created_at FROM appprotect_registrations WHERE id = 'registration-0001'`,
			"an id used again": `INSERT INTO appprotect_registrations (id, version, epoch, issuer, subject, tag, package, person_groups, created_at)
SELECT id, 1, 1, issuer, subject, 'x', package, person_groups, created_at FROM appprotect_registrations WHERE id = 'registration-0001'`,
			"a second one of the same app": `INSERT INTO appprotect_registrations (id, version, epoch, issuer, subject, tag, package, person_groups, created_at)
SELECT 'registration-0009', 1, 1, issuer, subject, tag, package, person_groups, created_at FROM appprotect_registrations WHERE id = 'registration-0001'`,
			"an end taken back":     `UPDATE appprotect_epochs SET ended_at = NULL, end_why = NULL, end_detail = NULL` + ended,
			"a second end":          `UPDATE appprotect_epochs SET end_why = 'retired'` + ended,
			"another signature":     `UPDATE appprotect_epochs SET wipe_signature = wipe_content` + ended,
			"another signer":        `UPDATE appprotect_epochs SET signer_sha256 = 'cd' || substr(signer_sha256, 3)` + lasting,
			"another level":         `UPDATE appprotect_epochs SET level = 3` + lasting,
			"another request":       `UPDATE appprotect_epochs SET request_digest = (SELECT digest FROM appprotect_keys LIMIT 1)` + lasting,
			"an end with a state":   `UPDATE appprotect_epochs SET ended_at = 1, end_why = 'retired', end_detail = ''` + lasting,
			"half an end":           `UPDATE appprotect_epochs SET ended_at = 1` + lasting,
			"a reason that is none": `UPDATE appprotect_epochs SET ended_at = 1, end_why = 'tired', end_detail = ''` + lasting,
			"an epoch lost":         `DELETE FROM appprotect_epochs`,
			"a key given away":      `UPDATE appprotect_keys SET registration_id = 'registration-0002'`,
			"a key forgotten":       `DELETE FROM appprotect_keys`,
			"a certificate changed": `UPDATE appprotect_certificates SET expires_at = expires_at + 1`,
			"a certificate lost":    `DELETE FROM appprotect_certificates`,
			"a state of what is over": `INSERT INTO appprotect_states (registration_id, epoch, report_digest, version, generation, number, intended)
SELECT 'registration-0002', 1, report_digest, 0, 0, 0, '' FROM appprotect_states`,
			"a state of no epoch": `UPDATE appprotect_states SET epoch = 0`,
			"half a verdict":      `UPDATE appprotect_states SET standing = NULL`,
			"a report unnumbered": `UPDATE appprotect_states SET number = 0`,
			"a short digest":      `UPDATE appprotect_states SET report_digest = (SELECT wipe_content FROM appprotect_epochs` + ended + `)`,
			"a second epoch": `INSERT INTO appprotect_epochs (registration_id, epoch, request_digest, signer_sha256, level, app_version, sdk_version, registered_at)
SELECT registration_id, 2, (SELECT digest FROM appprotect_keys LIMIT 1), signer_sha256, level, app_version, sdk_version, registered_at FROM appprotect_epochs` + lasting,
			"a key of another epoch": `INSERT INTO appprotect_certificates (serial, registration_id, epoch, key_digest, opening, chain, issued_at, expires_at)
SELECT 'x', 'registration-0002', 1, key_digest, 0, chain, issued_at, expires_at FROM appprotect_certificates WHERE serial = 'renewed'`,
			"a second opening": `INSERT INTO appprotect_certificates (serial, registration_id, epoch, key_digest, opening, chain, issued_at, expires_at)
SELECT 'x', registration_id, epoch, key_digest, 1, chain, issued_at, expires_at FROM appprotect_certificates WHERE serial = 'renewed'`,
		} {
			err := db.Write(ctx, func(tx *sqldb.Tx) error { _, err := tx.Exec(statement); return err })
			refuses(t, what, err)
		}
		unchanged(t, "what was refused", db, before)

		// An end, but for its proof or its reason, where the state is gone.
		out := finished(r, signedOut())
		for what, end := range map[string]string{
			"self-wiped without proof": `ended_at = 1, end_why = 'self-wiped', end_detail = ''`,
			"proof of no wipe":         `ended_at = 1, end_why = 'retired', end_detail = '', wipe_cause = 'pin', wipe_lease = 1, wipe_policy = '', wipe_finished_at = 1, wipe_files = 1, wipe_bytes = 1, wipe_content = request_digest, wipe_signature = request_digest, wipe_chain = request_digest`,
			"proof by halves":          `ended_at = 1, end_why = 'self-wiped', end_detail = '', wipe_cause = 'pin', wipe_lease = 1, wipe_policy = '', wipe_finished_at = 1, wipe_files = 1, wipe_bytes = 1, wipe_content = request_digest`,
		} {
			err := db.Write(ctx, func(tx *sqldb.Tx) error {
				if _, err := tx.Exec(`DELETE FROM appprotect_states`); err != nil {
					return err
				}
				_, err := tx.Exec(`UPDATE appprotect_epochs SET ` + end + lasting)
				return err
			})
			refuses(t, what, err)
		}
		ok(t, s.Finish(ctx, out, entry("out")))
	})
}
