package auditdb

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func record(t *testing.T, db *sqldb.DB, entries ...audit.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Record(e) }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEntries(t *testing.T) {
	alice := audit.Entry{Actor: "admin:alice", Action: "wipe.order", Target: "device/one", Detail: "lost", RequestID: "r1"}
	bob := audit.Entry{Actor: "admin:bob", Action: "wipe.cancel", Target: "device/one", Detail: "found", RequestID: "r2"}
	server := audit.Server("enroll.expire", "token/1", "it was over")
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		record(t, db, alice, bob, server)
		stored := func(sequence uint64, e audit.Entry) audit.Entry {
			e.Sequence, e.Time = sequence, dbtest.Now()
			return e
		}
		tests := []struct {
			name  string
			query audit.Query
			want  []audit.Entry
		}{
			{"newest first", audit.Query{Size: 10}, []audit.Entry{stored(3, server), stored(2, bob), stored(1, alice)}},
			{"one page", audit.Query{Size: 2}, []audit.Entry{stored(3, server), stored(2, bob)}},
			{"next page", audit.Query{Before: 2, Size: 2}, []audit.Entry{stored(1, alice)}},
			{"past the end", audit.Query{Before: 1, Size: 2}, []audit.Entry{}},
			{"far ahead", audit.Query{Before: math.MaxUint64, Size: 1}, []audit.Entry{stored(3, server)}},
			{"target", audit.Query{Target: "device/one", Size: 10}, []audit.Entry{stored(2, bob), stored(1, alice)}},
			{"actor", audit.Query{Actor: "admin:alice", Size: 10}, []audit.Entry{stored(1, alice)}},
			{"both", audit.Query{Target: "token/1", Actor: "admin:alice", Size: 10}, []audit.Entry{}},
			{"quotes", audit.Query{Target: "' OR '1'='1", Size: 10}, []audit.Entry{}},
		}
		for _, tt := range tests {
			got, err := New(db).Entries(t.Context(), tt.query)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}
