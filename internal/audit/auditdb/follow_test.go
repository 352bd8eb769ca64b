package auditdb

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestFollowing(t *testing.T) {
	entries := []audit.Entry{
		{Actor: "server", Action: "a", Detail: "1"},
		{Actor: "server", Action: "b", Detail: "2", Target: "device/one", RequestID: "r", Peer: "192.0.2.1", Credential: "0f"},
		{Actor: "server", Action: "c", Detail: "3"},
		{Actor: "server", Action: "b", Detail: "4"},
		{Actor: "server", Action: "a", Detail: "5"},
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		store := New(db)
		got, upTo, err := store.Following(t.Context(), 0, []string{"a"}, 10)
		if err != nil || len(got) != 0 || upTo != 0 {
			t.Errorf("an empty record gives %v up to %d, %v", got, upTo, err)
		}
		record(t, db, entries...)
		stored := func(sequences ...uint64) []audit.Entry {
			all := []audit.Entry{}
			for _, n := range sequences {
				e := entries[n-1]
				e.Sequence, e.Time = n, dbtest.Now()
				all = append(all, e)
			}
			return all
		}
		tests := []struct {
			name    string
			after   uint64
			actions []string
			most    int
			want    []audit.Entry
			upTo    uint64
		}{
			{"all that match", 0, []string{"a", "b"}, 10, stored(1, 2, 4, 5), 5},
			{"a full batch ends at its last", 0, []string{"a", "b"}, 2, stored(1, 2), 2},
			{"the next batch", 2, []string{"a", "b"}, 2, stored(4, 5), 5},
			{"others are passed over", 2, []string{"b"}, 10, stored(4), 5},
			{"none", 0, []string{"d"}, 10, []audit.Entry{}, 5},
			{"at the end", 5, []string{"a"}, 10, nil, 5},
			{"beyond the end", 9, []string{"a"}, 10, nil, 5},
			{"quotes", 0, []string{"' OR '1'='1"}, 10, []audit.Entry{}, 5},
		}
		for _, tt := range tests {
			got, upTo, err := store.Following(t.Context(), tt.after, tt.actions, tt.most)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || upTo != tt.upTo {
				t.Errorf("%s: up to %d, want %d (-want +got):\n%s", tt.name, upTo, tt.upTo, diff)
			}
		}
	})
}
