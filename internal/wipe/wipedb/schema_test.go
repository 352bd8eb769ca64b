package wipedb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// TestDatabaseRefuses: a mistake in a program cannot widen an order, begin it
// again, lose it, or show a success that no device has reported.
func TestDatabaseRefuses(t *testing.T) {
	// A new order is one that its request or its lease explains.
	const insert = `INSERT INTO wipe_orders (id, device_id, epoch, sequence, personal_side, scope, packages, state, reason, created_by,
source, request_id, person, credential, counted_at, group_name, app, ownership, held_until, lease_number, lease_lock, lease_wipe,
created_at, not_after, changed_at, not_now_count, outcome, version, refusals, refusal)
SELECT 'order-new', device_id, epoch, 99, 0, %s, source, %s, counted_at, group_name, app, %s,
created_at, not_after, changed_at, 0, '', 1, 0, ''
FROM wipe_orders WHERE id = 'order-0001'`
	order := func(what, who, device string) string { return fmt.Sprintf(insert, what, who, device) }
	const same, charged, plain = `scope, packages, 'pending', reason, created_by`, `request_id, person, credential`, `ownership, held_until, NULL, NULL, NULL`
	statements := map[string]string{
		"another scope":           order(`'device', '', 'pending', reason, created_by`, charged, plain),
		"app data of nothing":     order(`'app-data', '', 'pending', reason, created_by`, charged, plain),
		"done without a word":     order(`scope, packages, 'done', reason, created_by`, charged, plain),
		"an unknown state":        order(`scope, packages, 'gone', reason, created_by`, charged, plain),
		"no reason":               order(`scope, packages, 'pending', '', created_by`, charged, plain),
		"nobody's order":          order(`scope, packages, 'pending', reason, ''`, charged, plain),
		"expired, unexplained":    order(`scope, packages, 'expired', reason, created_by`, charged, plain),
		"wider than requested":    order(`'work-profile', '', 'pending', reason, created_by`, charged, plain),
		"without a request":       order(same, `NULL, person, credential`, plain),
		"of a request that waits": order(same, `'request-0005', person, credential`, plain),
		"of another request":      order(same, `'request-0003', person, credential`, plain),
		"charged to another":      order(same, `request_id, 'bob', credential`, plain),
		"charged to nobody":       order(same, `request_id, '', ''`, plain),
		"of another credential":   order(same, `request_id, person, 'b1'`, plain),
		"ordered by another":      order(`scope, packages, 'pending', reason, 'admin:bob'`, charged, plain),
		"of no ownership":         order(same, charged, `'', held_until, NULL, NULL, NULL`),
		"held otherwise":          order(same, charged, `ownership, 7, NULL, NULL, NULL`),
		"with a lease":            order(same, charged, `ownership, held_until, 1, 2, 3`),
		"of an unknown source":    strings.Replace(order(same, charged, plain), "source, request_id, person, credential, counted_at, group_name, app, ownership, held_until, NULL", "'verdict', request_id, person, credential, counted_at, group_name, app, ownership, held_until, NULL", 1),
		"of no source":            strings.Replace(order(same, `NULL, '', ''`, plain), "source, NULL, '', ''", "'', NULL, '', ''", 1),
		"for an unnamed device":   strings.Replace(order(same, charged, plain), "'order-new', device_id", "'order-new', 'device-two'", 1),
		"for an unnamed epoch":    strings.Replace(order(same, charged, plain), "device_id, epoch, 99", "device_id, 4, 99", 1),
		"of a lease nobody holds": strings.Replace(order(`'work-profile', '', 'pending', reason, created_by`, `NULL, '', ''`, `ownership, NULL, 1, 2, 3`), "source, NULL", "'lease', NULL", 1),
		"a person's as a whole":   fmt.Sprintf(insert, `'whole-device', '', 'pending', reason, created_by`, charged, `'personal', held_until, NULL, NULL, NULL`),
		"for another's app":       `UPDATE wipe_orders SET app = 'com.a' WHERE id = 'order-0001'`,
		"charged later":           `UPDATE wipe_orders SET counted_at = counted_at - 1 WHERE id = 'order-0001'`,
		"charged elsewhere":       `UPDATE wipe_orders SET person = 'bob' WHERE id = 'order-0001'`,
		"let go early":            `UPDATE wipe_orders SET held_until = 1 WHERE id = 'order-0001'`,
		"of another group":        `UPDATE wipe_orders SET group_name = 'x' WHERE id = 'order-0001'`,
		"a personal side too":     `UPDATE wipe_orders SET personal_side = 1 WHERE id = 'order-0001'`,
		"another device":          `UPDATE wipe_orders SET device_id = 'device-two' WHERE id = 'order-0001'`,
		"another epoch":           `UPDATE wipe_orders SET epoch = 4 WHERE id = 'order-0001'`,
		"wider":                   `UPDATE wipe_orders SET scope = 'work-profile', packages = '' WHERE id = 'order-0001'`,
		"longer":                  `UPDATE wipe_orders SET not_after = not_after + 1 WHERE id = 'order-0001'`,
		"done without receipt":    `UPDATE wipe_orders SET state = 'done', acknowledged_at = 1, settled_at = 1 WHERE id = 'order-0001'`,
		"cancelled after all":     `UPDATE wipe_orders SET state = 'cancelled', settled_at = 1, outcome = 'x', acknowledged_at = 1 WHERE id = 'order-0001'`,
		"open yet settled":        `UPDATE wipe_orders SET settled_at = 1 WHERE id = 'order-0001'`,
		"begun again":             `UPDATE wipe_orders SET state = 'pending', settled_at = NULL, outcome = '' WHERE id = 'order-0002'`,
		"deleted":                 `DELETE FROM wipe_orders WHERE id = 'order-0001'`,
		"done without proof": `UPDATE wipe_orders SET state = 'done', acknowledged_at = 1, settled_at = 1, receipt_finished_at = 1,
receipt_packages = '', receipt_files = 0, receipt_bytes = 0, receipt_keys = 0, receipt_certificates = 0 WHERE id = 'order-0001'`,
		"promised without commitment": `UPDATE wipe_orders SET state = 'acknowledged', acknowledged_at = 1 WHERE id = 'order-0003'`,
		"half a commitment":           `UPDATE wipe_orders SET commitment_at = 1, acknowledged_at = 1 WHERE id = 'order-0003'`,
		"another commitment":          `UPDATE wipe_orders SET commitment_files = commitment_files - 1 WHERE id = 'order-0004'`,
		"another receipt key":         `UPDATE wipe_orders SET commitment_key = commitment_digest WHERE id = 'order-0004'`,
		"commitment taken back": `UPDATE wipe_orders SET commitment_at = NULL, commitment_packages = NULL, commitment_files = NULL,
commitment_bytes = NULL, commitment_keys = NULL, commitment_certificates = NULL, commitment_key = NULL, commitment_digest = NULL
WHERE id = 'order-0004'`,
		"committed, then done without proof": `UPDATE wipe_orders SET state = 'done', receipt_finished_at = 1,
receipt_packages = '', receipt_files = 0, receipt_bytes = 0, receipt_keys = 0, receipt_certificates = 0 WHERE id = 'order-0004'`,
		"proof changed":            `UPDATE wipe_proofs SET content = signature`,
		"proof deleted":            `DELETE FROM wipe_proofs`,
		"commitment of nobody":     `INSERT INTO wipe_proofs (order_id, kind, content, signature) SELECT 'order-0003', kind, content, signature FROM wipe_proofs`,
		"refusals without bound":   `UPDATE wipe_orders SET refusals = 11, refusal = 'x' WHERE id = 'order-0001'`,
		"a refusal without a word": `UPDATE wipe_orders SET refusals = 1 WHERE id = 'order-0001'`,
		"negative not-now":         `UPDATE wipe_orders SET not_now_count = -1 WHERE id = 'order-0001'`,
		"not-now without bound":    `UPDATE wipe_orders SET not_now_count = 101 WHERE id = 'order-0001'`,
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		want := create(t, s, fresh(1, "device-one", apps(t, "com.a")))
		create(t, s, fresh(3, "device-two", wipe.OfWorkProfile()))
		r := waiting(5, want.Scope, want.Device)
		booked(t, s, wipe.Booking{Request: &r})
		advance(t, s, create(t, s, fresh(4, "device-three", wipe.OfWorkProfile())), wipe.Event{Kind: wipe.Acknowledge})
		advance(t, s, create(t, s, fresh(2, "device-one", apps(t, "com.b"))), wipe.Event{Kind: wipe.Cancel, Reason: "found"})
		undone(t, db, order(same, charged, plain))
		refused(t, db, statements)
		if got, err := s.Order(t.Context(), want.ID); cmp.Diff(want, got) != "" || err != nil {
			t.Errorf("the order changed: %+v, error %v", got, err)
		}
	})
}

// undone runs a statement that the schema takes, and undoes it: what is refused
// beside it is refused for what is wrong with it.
func undone(t *testing.T, db *sqldb.DB, statement string) {
	t.Helper()
	errUndo := fault.New(fault.Invalid, "", "not to be kept")
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(statement); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatalf("an order like the first: %v", errors.Unwrap(err))
	}
}

// refused runs statements, each of which the schema must refuse.
func refused(t *testing.T, db *sqldb.DB, statements map[string]string) {
	t.Helper()
	for name, statement := range statements {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(statement)
			return err
		})
		why := fmt.Sprint(errors.Unwrap(err))
		if err == nil || strings.Contains(why, "syntax") || strings.Contains(why, "no such") || strings.Contains(why, "does not exist") {
			t.Errorf("%s: got error %v", name, why)
		}
	}
}

// TestDatabaseRefusesRequests: a mistake in a program cannot ask for more than a
// person did, nor say yes in a second person's place.
func TestDatabaseRefusesRequests(t *testing.T) {
	const yes = `UPDATE wipe_requests SET version = version + 1, state = '%s', outcome = '%s', decided_by = %s, decided_person = %s,
decided_credential = %s, decided_at = 1, decided_words = '' WHERE id = 'request-0001'`
	const insert = `INSERT INTO wipe_requests (id, kind, state, actor, request_key, request_digest, reason, person, role, credential,
created_at, needs, expires_at, outcome, version, scope, packages, personal_side, device_count, lifetime, plan)
SELECT 'request-new', %s, actor, 'new', request_digest, reason, person, role, credential, created_at, %s, '', 1, %s
FROM wipe_requests WHERE id = 'request-0001'`
	const kind, needs, plain = `kind, state`, `needs, expires_at`, `scope, packages, personal_side, device_count, lifetime, plan`
	statements := map[string]string{
		"executed by nobody":         `UPDATE wipe_requests SET version = 2, state = 'executed' WHERE id = 'request-0001'`,
		"approved by oneself":        fmt.Sprintf(yes, "executed", "", `'admin:bob'`, `person`, `'b1'`),
		"by one's own name":          fmt.Sprintf(yes, "executed", "", `actor`, `'bob'`, `'b1'`),
		"by one's own credential":    fmt.Sprintf(yes, "executed", "", `'admin:bob'`, `'bob'`, `credential`),
		"void by oneself":            fmt.Sprintf(yes, "void", "x", `'admin:bob'`, `person`, `'b1'`),
		"approved, yet waiting":      fmt.Sprintf(yes, "waiting", "", `'admin:bob'`, `'bob'`, `'b1'`),
		"rejected by nobody":         `UPDATE wipe_requests SET version = 2, state = 'rejected' WHERE id = 'request-0001'`,
		"void without a word":        `UPDATE wipe_requests SET version = 2, state = 'void' WHERE id = 'request-0001'`,
		"the same version":           `UPDATE wipe_requests SET state = 'stopped', outcome = 'x' WHERE id = 'request-0001'`,
		"needs nobody":               `UPDATE wipe_requests SET version = 2, needs = '', expires_at = NULL, state = 'executed' WHERE id = 'request-0001'`,
		"waits longer":               `UPDATE wipe_requests SET version = 2, expires_at = expires_at + 1 WHERE id = 'request-0001'`,
		"wider":                      `UPDATE wipe_requests SET version = 2, scope = 'whole-device' WHERE id = 'request-0001'`,
		"asked by another":           `UPDATE wipe_requests SET version = 2, person = 'bob' WHERE id = 'request-0001'`,
		"held while it waits":        `UPDATE wipe_requests SET version = 2, held_until = 1 WHERE id = 'request-0001'`,
		"executed after all":         `UPDATE wipe_requests SET version = version + 1, state = 'executed' WHERE id = 'request-0003'`,
		"stopped twice":              `UPDATE wipe_requests SET version = version + 1 WHERE id = 'request-0003'`,
		"waiting again":              `UPDATE wipe_requests SET version = version + 1, state = 'waiting' WHERE id = 'request-0002'`,
		"decided otherwise":          `UPDATE wipe_requests SET version = version + 1, decided_words = 'no' WHERE id = 'request-0002'`,
		"let go early":               `UPDATE wipe_requests SET version = version + 1, held_until = 1 WHERE id = 'request-0002'`,
		"lifted, and no person's":    `UPDATE wipe_requests SET version = version + 1, lifted_at = 1 WHERE id = 'request-0002'`,
		"deleted":                    `DELETE FROM wipe_requests`,
		"one device more":            `INSERT INTO wipe_request_devices VALUES ('request-0001', 1, 'device-two', 3)`,
		"another device":             `UPDATE wipe_request_devices SET device_id = 'device-two'`,
		"another epoch":              `UPDATE wipe_request_devices SET epoch = 4`,
		"a device less":              `DELETE FROM wipe_request_devices`,
		"a group more":               `INSERT INTO wipe_request_groups VALUES ('request-0002', 'x')`,
		"another group":              `UPDATE wipe_request_groups SET group_name = 'x'`,
		"a group less":               `DELETE FROM wipe_request_groups`,
		"begun executed":             fmt.Sprintf(insert, `kind, 'executed'`, needs, plain),
		"begun stopped":              fmt.Sprintf(insert, `kind, 'stopped'`, needs, plain),
		"of no kind":                 fmt.Sprintf(insert, `'burn', state`, needs, plain),
		"waits for nobody":           fmt.Sprintf(insert, kind, `'', NULL`, plain),
		"waits for ever":             fmt.Sprintf(insert, kind, `needs, NULL`, plain),
		"of no scope":                fmt.Sprintf(insert, kind, needs, `NULL, NULL, NULL, 0, NULL, NULL`),
		"of no device":               fmt.Sprintf(insert, kind, needs, `scope, packages, personal_side, 0, lifetime, plan`),
		"limits without limits":      fmt.Sprintf(insert, `'limits', state`, needs, `NULL, NULL, NULL, 0, NULL, NULL`),
		"of no person":               fmt.Sprintf(insert, `'user-wipe', state`, needs, plain),
		"a lock's personal side":     fmt.Sprintf(insert, kind, needs, `scope, packages, 1, device_count, lifetime, plan`),
		"no breaker":                 `DELETE FROM wipe_breaker`,
		"two breakers":               `INSERT INTO wipe_breaker (id, why) VALUES (2, '')`,
		"open for no reason":         `UPDATE wipe_breaker SET opened_at = 1`,
		"no limits":                  `DELETE FROM wipe_limits`,
		"a breaker that never opens": `UPDATE wipe_limits SET breaker_percent = 101`,
		"a lease that wipes first":   `INSERT INTO wipe_leases VALUES ('', 1, 5, 4, 1, 'x')`,
		"a lease of a number twice":  `INSERT INTO wipe_leases SELECT 'other', number, lock_after, wipe_after, set_at, set_by FROM wipe_leases`,
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		first := waiting(1, wipe.OfLock(), "device-one")
		second, third := waiting(2, wipe.OfLock(), "device-one"), waiting(3, wipe.OfLock(), "device-one")
		for _, r := range []wipe.Request{first, second, third, next(second, wipe.Executed, "bob"), next(third, wipe.Stopped, "")} {
			booked(t, s, wipe.Booking{Request: &r})
		}
		limits := wipe.DefaultLimits()
		limits.Version = 2
		booked(t, s, wipe.Booking{Limits: &limits, Lease: groupLease(1)})
		refused(t, db, statements)
		if got, err := s.GetRequest(t.Context(), first.ID); cmp.Diff(first, got) != "" || err != nil {
			t.Errorf("the request changed: %+v, error %v", got, err)
		}
	})
}

// TestDamagedRow: what is in the database is checked on the way out too.
func TestDamagedRow(t *testing.T) {
	for _, r := range []orderRow{
		{Scope: "device"}, {Scope: "relinquish"}, {Scope: "whole-device", Ownership: "personal"}, {Scope: "app-data"}, {Scope: "app-data", Packages: "com.a ../../0"}, {},
		{Scope: "app-data", Packages: "com.a com.b", App: "com.a", Ownership: "personal"}, {Scope: "work-profile", App: "com.a", Ownership: "personal"},
		{Scope: "app-data", Packages: "com.a", App: "com.a", Ownership: "company"},
	} {
		if o, err := r.order(); fault.KindOf(err) != fault.Internal || err == nil || o.Scope.Kind() != "" {
			t.Errorf("%q %q: got %v, error %v; want an internal one", r.Scope, r.Packages, o.Scope, err)
		}
	}
}

// TestHotRead: what every phone asks at every look is one search of one index,
// and nothing at all where this process alone writes.
func TestHotRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		create(t, s, fresh(1, "device-one", wipe.OfWorkProfile()))
		if _, err := s.Unsettled(t.Context(), "device-two", 1); err != nil {
			t.Fatal(err)
		}
		if s.ordered != nil {
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.Unsettled(ended, "device-two", 1); err != nil {
				t.Errorf("a device without orders needed the database: %v", err)
			}
			if _, err := s.Unsettled(ended, "device-one", 3); err == nil {
				t.Error("a device with an order did not ask the database")
			}
		}
		explain := "EXPLAIN QUERY PLAN "
		if db.Dialect() == sqldb.Postgres {
			explain = "EXPLAIN "
		}
		var plan []map[string]any
		err := db.Read(t.Context()).Raw(explain + `SELECT * FROM wipe_orders
WHERE device_id = 'device-one' AND epoch = 3 AND settled_at IS NULL ORDER BY sequence`).Scan(&plan).Error
		if err != nil || !strings.Contains(fmt.Sprint(plan), "wipe_orders_unsettled") {
			t.Errorf("not answered by its index: %v, error %v", plan, err)
		}
	})
}
