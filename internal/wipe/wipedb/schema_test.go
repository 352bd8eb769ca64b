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
	const insert = `INSERT INTO wipe_orders (id, device_id, epoch, sequence, scope, packages, state, reason, created_by,
request_key, request_digest, created_at, not_after, changed_at, not_now_count, outcome, version)
SELECT 'order-new', device_id, epoch, 99, %s, 'new', request_digest, created_at, not_after, changed_at, 0, '', 1
FROM wipe_orders WHERE id = 'order-0001'`
	statements := map[string]string{
		"a wider scope":        fmt.Sprintf(insert, `'device', '', 'pending', reason, created_by`),
		"app data of nothing":  fmt.Sprintf(insert, `'app-data', '', 'pending', reason, created_by`),
		"done without a word":  fmt.Sprintf(insert, `'work-profile', '', 'done', reason, created_by`),
		"an unknown state":     fmt.Sprintf(insert, `'work-profile', '', 'gone', reason, created_by`),
		"no reason":            fmt.Sprintf(insert, `'work-profile', '', 'pending', '', created_by`),
		"nobody's order":       fmt.Sprintf(insert, `'work-profile', '', 'pending', reason, ''`),
		"expired, unexplained": fmt.Sprintf(insert, `'work-profile', '', 'expired', reason, created_by`),
		"another device":       `UPDATE wipe_orders SET device_id = 'device-two' WHERE id = 'order-0001'`,
		"another epoch":        `UPDATE wipe_orders SET epoch = 4 WHERE id = 'order-0001'`,
		"wider":                `UPDATE wipe_orders SET scope = 'work-profile', packages = '' WHERE id = 'order-0001'`,
		"longer":               `UPDATE wipe_orders SET not_after = not_after + 1 WHERE id = 'order-0001'`,
		"done without receipt": `UPDATE wipe_orders SET state = 'done', acknowledged_at = 1, settled_at = 1 WHERE id = 'order-0001'`,
		"cancelled after all":  `UPDATE wipe_orders SET state = 'cancelled', settled_at = 1, outcome = 'x', acknowledged_at = 1 WHERE id = 'order-0001'`,
		"open yet settled":     `UPDATE wipe_orders SET settled_at = 1 WHERE id = 'order-0001'`,
		"begun again":          `UPDATE wipe_orders SET state = 'pending', settled_at = NULL, outcome = '' WHERE id = 'order-0002'`,
		"deleted":              `DELETE FROM wipe_orders WHERE id = 'order-0001'`,
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
		advance(t, s, create(t, s, fresh(4, "device-three", wipe.OfWorkProfile())), wipe.Event{Kind: wipe.Acknowledge})
		advance(t, s, create(t, s, fresh(2, "device-one", apps(t, "com.b"))), wipe.Event{Kind: wipe.Cancel, Reason: "found"})
		for name, statement := range statements {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(statement)
				return err
			})
			if err == nil || strings.Contains(fmt.Sprint(errors.Unwrap(err)), "syntax") {
				t.Errorf("%s: got error %v", name, err)
			}
		}
		if got, err := s.Order(t.Context(), want.ID); cmp.Diff(want, got) != "" || err != nil {
			t.Errorf("the order changed: %+v, error %v", got, err)
		}
	})
}

// TestDamagedRow: what is in the database is checked on the way out too.
func TestDamagedRow(t *testing.T) {
	for _, r := range []orderRow{
		{Scope: "device"}, {Scope: "app-data"}, {Scope: "app-data", Packages: "com.a ../../0"}, {},
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
