package sqldb_test

import (
	"fmt"
	"testing"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// BenchmarkRecord is a Write that stores one entry and nothing else: what the
// record costs an audited change, alone and with many callers at once.
func BenchmarkRecord(b *testing.B) {
	entry := audit.Entry{
		Actor: "admin:alice", Action: "wipe.order", Target: "device/0123456789abcdef0123456789abcdef",
		Detail: "order 0123456789abcdef: the work profile; phone is sold", RequestID: "0123456789abcdef",
	}
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		for _, n := range []int{1, callers} {
			b.Run(fmt.Sprintf("%s/callers=%d", dialect, n), func(b *testing.B) {
				db := dbtest.Open(b, dbtest.DSN(b, dialect))
				write := func(tx *sqldb.Tx) error { return tx.Record(entry) }
				b.SetParallelism(n) // times GOMAXPROCS
				b.ResetTimer()
				if n == 1 {
					for range b.N {
						if err := db.Write(b.Context(), write); err != nil {
							b.Fatal(err)
						}
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if err := db.Write(b.Context(), write); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				perSecond(b)
			})
		}
	}
}
