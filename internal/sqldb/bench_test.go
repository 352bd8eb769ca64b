package sqldb_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// The benchmarks store what a check-in stores: one row of a device, found by
// its key. callers is how many devices speak at once; the bare limit commits
// as many rows in one transaction.
const (
	callers  = 64
	devices  = 10_000
	createDB = `CREATE TABLE bench_devices (
    device_id TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
    posture BLOB NOT NULL, verdict TEXT NOT NULL, seen_at INTEGER NOT NULL)`
	upsert = `INSERT INTO bench_devices (device_id, epoch, sequence, posture, verdict, seen_at)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET
epoch = excluded.epoch, sequence = excluded.sequence, posture = excluded.posture,
verdict = excluded.verdict, seen_at = excluded.seen_at
WHERE excluded.sequence > bench_devices.sequence`
)

var posture = make([]byte, 200)

func row(n int64) []any {
	return []any{fmt.Sprintf("device-%08d", n%devices), 1, n, posture, "compliant", n}
}

func perSecond(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s") }

// BenchmarkRawBatch is the bare limit: database/sql, one goroutine, one
// prepared statement, synchronous=FULL, callers rows a transaction.
func BenchmarkRawBatch(b *testing.B) {
	pool, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "raw.db")+
		"?_journal_mode=wal&_synchronous=full&_foreign_keys=on&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	pool.SetMaxOpenConns(1)
	if _, err := pool.Exec(createDB); err != nil {
		b.Fatal(err)
	}
	stmt, err := pool.Prepare(upsert)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for done := 0; done < b.N; done += callers {
		tx, err := pool.Begin()
		if err != nil {
			b.Fatal(err)
		}
		in := tx.Stmt(stmt)
		for i := range min(callers, b.N-done) {
			if _, err := in.Exec(row(int64(done + i + 1))...); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b)
}

// BenchmarkGroupCommit is the same work as callers see it.
func BenchmarkGroupCommit(b *testing.B) { benchmarkWrite(b, sqldb.SQLite) }

// BenchmarkPostgres is the same on PostgreSQL, where each write is a
// transaction of its own.
func BenchmarkPostgres(b *testing.B) { benchmarkWrite(b, sqldb.Postgres) }

func benchmarkWrite(b *testing.B, d sqldb.Dialect) {
	db := dbtest.Open(b, dbtest.DSN(b, d))
	create := createDB
	if d == sqldb.Postgres {
		create = strings.NewReplacer("BLOB", "BYTEA", "INTEGER", "BIGINT").Replace(create)
	}
	exec(b, db, create)
	b.SetParallelism(callers / 2) // times GOMAXPROCS, which is 2 here
	var next atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			args := row(next.Add(1))
			err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(upsert, args...)
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	perSecond(b)
}

func exec(tb testing.TB, db *sqldb.DB, text string) {
	tb.Helper()
	err := db.Write(tb.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(text)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}
