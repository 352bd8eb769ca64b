package wipedb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// beforeAccounts is the last schema that knows of devices only.
const beforeAccounts = 12

const accountlessColumns = oldColumns + `, personal_side, source, request_id, person, credential, counted_at, group_name, ownership, held_until,
lease_number, lease_lock, lease_wipe`

// accountlessRows makes what an installation of that release would have: orders of
// every source, in several states, and who was given which lease.
func accountlessRows(d sqldb.Dialect) []string {
	bytes := inBytes(d)
	rows := []string{
		`INSERT INTO wipe_devices VALUES ('device-one', 4)`, `INSERT INTO wipe_devices VALUES ('device-two', 3)`,
		`INSERT INTO wipe_lease_holders VALUES ('device-one', 3, 1, 5, 6, 'lease-a', 4, 50)`,
		`INSERT INTO wipe_lease_holders VALUES ('device-two', 3, 2, 7, 8, 'lease-b', 2, 60)`,
		`UPDATE wipe_breaker SET closed_at = 99`,
	}
	for id, what := range map[string]string{"apps": `'wipe', 'app-data', 'com.a', 1, NULL`, "person": `'user-wipe', 'work-profile', '', 2, 'pat'`} {
		rows = append(rows, fmt.Sprintf(`INSERT INTO wipe_requests (id, state, actor, request_key, request_digest, reason, person, role, credential,
created_at, needs, outcome, version, personal_side, lifetime, plan, kind, scope, packages, device_count, user_name)
VALUES ('request-%s', 'executed', 'admin:alice', 'key-%s', '%064d', 'lost', 'alice', 'owner', 'a1', 100, '', '', 1, 0, 1000, '%064d', %s)`,
			id, id, 1, 2, what),
			fmt.Sprintf(`INSERT INTO wipe_request_devices VALUES ('request-%s', 0, 'device-one', 3)`, id),
			fmt.Sprintf(`INSERT INTO wipe_request_groups VALUES ('request-%s', 'sales')`, id))
	}
	const asked = `'user', 'request-person', 'alice', 'a1', 'admin:alice', NULL, NULL, NULL, 'work-profile', ''`
	const receipt = `state = 'done', receipt_finished_at = 7, receipt_packages = 'com.a', receipt_files = 9, receipt_bytes = 8,
receipt_keys = 7, receipt_certificates = 6`
	const promised = `state = 'acknowledged', acknowledged_at = 5`
	commit := promised + `, commitment_at = 4, commitment_packages = 'com.a com.b', commitment_files = 1, commitment_bytes = 2, commitment_keys = 3,
commitment_certificates = 4, commitment_key = ` + bytes("0102") + `, commitment_digest = ` + bytes(strings.Repeat("ab", 32))
	for i, o := range []struct {
		id, device, what string
		then             []string
	}{
		{"order-1", "device-one", `'administrator', 'request-apps', 'alice', 'a1', 'admin:alice', NULL, NULL, NULL, 'app-data', 'com.a'`, []string{promised, "receipt", receipt + `, settled_at = 9`}},
		{"order-2", "device-one", asked, []string{"commitment", commit, "receipt", receipt}},
		{"order-3", "device-two", asked, nil},
		{"lease-a", "device-one", `'lease', NULL, '', '', 'server', 1, 5, 6, 'work-profile', ''`, []string{"commitment", commit}},
	} {
		rows = append(rows, fmt.Sprintf(`INSERT INTO wipe_orders (id, device_id, epoch, sequence, source, request_id, person, credential, created_by,
lease_number, lease_lock, lease_wipe, scope, packages, personal_side, state, reason, created_at, not_after, changed_at, counted_at, group_name,
ownership, not_now_count, outcome, version, refusals, refusal)
VALUES ('%s', '%s', 3, %d, %s, 0, 'pending', 'lost', 100, 9000, 3, 3, 'sales', 'company', 0, '', 1, 0, '')`, o.id, o.device, i+1, o.what))
		for _, then := range o.then {
			if then == "commitment" || then == "receipt" {
				rows = append(rows, fmt.Sprintf(`INSERT INTO wipe_proofs (order_id, kind, content, signature, chain) VALUES ('%s', '%s', %s, %s, %s)`,
					o.id, then, bytes("01"), bytes("02"), bytes("03")))
				continue
			}
			rows = append(rows, fmt.Sprintf(`UPDATE wipe_orders SET %s, version = version + 1 WHERE id = '%s'`, then, o.id))
		}
	}
	return rows
}

// TestMigrationToAccounts: a database of the previous release keeps every order,
// proof and lease, and takes orders for registrations.
func TestMigrationToAccounts(t *testing.T) {
	const holders = `SELECT * FROM wipe_lease_holders ORDER BY order_id`
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			r := release{beforeAccounts, accountlessRows, accountlessColumns}
			dsn, orders, proofs := older(t, d, r)
			if len(orders) != 4 || len(proofs) != 4 {
				t.Fatalf("%d orders, %d proofs", len(orders), len(proofs))
			}
			db := newer(t, dsn, r, orders, proofs)
			pool, err := db.Read(t.Context()).DB()
			if err != nil {
				t.Fatal(err)
			}
			want := [][]any{
				{"device-one", int64(3), int64(1), int64(5), int64(6), "lease-a", int64(4), int64(50)},
				{"device-two", int64(3), int64(2), int64(7), int64(8), "lease-b", int64(2), int64(60)},
			}
			if diff := cmp.Diff(want, dump(t, pool, holders)); diff != "" {
				t.Errorf("holders (-want +got):\n%s", diff)
			}
			goOnWithAccounts(t, New(db))
		})
	}
}

// goOnWithAccounts goes on with what there was, and adds what there was not.
func goOnWithAccounts(t *testing.T, s *Store) {
	t.Helper()
	for id, then := range map[wipe.ID]wipe.Event{
		"order-2": {Kind: wipe.End}, "order-3": {Kind: wipe.Cancel, Reason: "found"}, "lease-a": {Kind: wipe.End},
	} {
		o, err := s.Order(t.Context(), id)
		if err != nil || o.App != "" {
			t.Fatalf("order %s: got %+v, error %v", id, o, err)
		}
		advance(t, s, o, then)
	}
	// The lease changes, the phone may never hear of it, and acts under the old one.
	h := holder("lease-c", 3)
	h.Device = "device-two"
	if _, err := s.Hold(t.Context(), h, note); err != nil {
		t.Fatal(err)
	}
	old, err := s.Held(t.Context(), h.Enrollment, "lease-b")
	if err != nil || old.Lease.Number != 2 {
		t.Fatalf("got %+v, error %v", old, err)
	}
	if _, err := s.Invoke(t.Context(), leaseOrder(old), note); err != nil {
		t.Errorf("invoke: %v", err)
	}
	o := createAccount(t, s, freshAccount(t, 99, "account-one", wipe.ByPolicy))
	if o.Sequence != 1 {
		t.Errorf("the first order of a registration has sequence %d", o.Sequence)
	}
}

// TestHeld: what an enrolment was given before is known for as long as its orders
// may be reported on; the last one is what it is taken to hold.
func TestHeld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		var all []wipe.LeaseHolder
		for n, id := range []string{"lease-z", "lease-b", "lease-a"} {
			h, err := s.Hold(t.Context(), holder(id, uint64(n+1)), note)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, h)
		}
		for _, want := range all {
			if got, err := s.Held(t.Context(), want.Enrollment, want.Order); cmp.Diff(want, got) != "" || err != nil {
				t.Errorf("got %+v, error %v, want %+v", got, err, want)
			}
			if again, err := s.Hold(t.Context(), holder("lease-again", want.Lease.Number), note); cmp.Diff(want, again) != "" || err != nil {
				t.Errorf("the same lease: got %+v, error %v, want %+v", again, err, want)
			}
		}
		if got, err := s.Holder(t.Context(), all[0].Enrollment); cmp.Diff(all[2], got) != "" || err != nil {
			t.Errorf("holds %+v, error %v", got, err)
		}
		elsewhere := all[0].Enrollment
		elsewhere.Epoch++
		for _, got := range []error{
			second(s.Held(t.Context(), elsewhere, "lease-z")), second(s.Held(t.Context(), all[0].Enrollment, "lease-none")), second(s.Holder(t.Context(), elsewhere)),
		} {
			if !errors.Is(got, wipe.ErrUnknown) {
				t.Errorf("got error %v, want %v", got, wipe.ErrUnknown)
			}
		}
	})
}

// second gives the error of two results.
func second[T any](_ T, err error) error { return err }
