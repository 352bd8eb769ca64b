package appprotectdb_test

import (
	"sync/atomic"
	"testing"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// BenchmarkCheckIn is a check-in's storage, from 64 apps at once: read the state,
// store the next.
func BenchmarkCheckIn(b *testing.B) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		b.Run(string(d), func(b *testing.B) {
			s := appprotectdb.New(dbtest.Open(b, dbtest.DSN(b, d)))
			apps := make([]appprotect.Registration, 64)
			for n := range apps {
				apps[n] = opened(b, s, n, "ada")
			}
			var taken atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				r := apps[(taken.Add(1)-1)%int64(len(apps))]
				for pb.Next() {
					st, err := s.State(b.Context(), r.ID)
					if err == nil {
						_, err = s.SaveState(b.Context(), state(r, st.Version+1))
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkBySerial is the read of every RPC where nothing is remembered.
func BenchmarkBySerial(b *testing.B) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		b.Run(string(d), func(b *testing.B) {
			s := appprotectdb.New(dbtest.Open(b, dbtest.DSN(b, d)))
			opened(b, s, 1, "ada")
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.BySerial(b.Context(), "registration-0001.1.1"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
