package enrolldb_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// BenchmarkJoin is Join's storage alone, from 64 callers, on SQLite.
func BenchmarkJoin(b *testing.B) {
	s := enrolldb.New(dbtest.Open(b, dbtest.DSN(b, sqldb.SQLite)))
	// As many tokens of the most uses as are needed.
	tokens := make([]enroll.Token, 100)
	for n := range tokens {
		k := token(n)
		k.MaxUses = enroll.MaxTokenUses
		if _, _, err := s.CreateToken(b.Context(), k, entry("enroll.token.create")); err != nil {
			b.Fatal(err)
		}
		tokens[n] = k
	}
	chain := [][]byte{make([]byte, 600), make([]byte, 500)}
	var count atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := count.Add(1)
			i := enroll.Issued{
				Chain: chain, Serial: fmt.Sprintf("%032x", n*7919), IssuedAt: noon, ExpiresAt: noon.Add(time.Hour),
				Key: digestOf(n), Request: digestOf(n),
			}
			d := enroll.Open(enroll.Device{ID: device.ID(fmt.Sprintf("%032x", n*104729))}, enroll.Entrance{
				Token: tokens[n%100], Tag: digestOf(n), Platform: device.Android, Model: "Pixel 9", OSVersion: "15",
				Certificate: i.Certificate(),
			}, noon.Add(time.Duration(n)*time.Microsecond))
			if err := s.Join(b.Context(), enroll.Join{Device: d, Issued: i, Entry: entry("enroll.join")}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func digestOf(n int64) (d enroll.Digest) {
	copy(d[:], fmt.Sprintf("%032x", n*15485863))
	return d
}

// BenchmarkDeviceBySerial is the read of every RPC where nothing is remembered.
func BenchmarkDeviceBySerial(b *testing.B) {
	s := enrolldb.New(dbtest.Open(b, dbtest.DSN(b, sqldb.SQLite)))
	k := token(1)
	if _, _, err := s.CreateToken(b.Context(), k, entry("enroll.token.create")); err != nil {
		b.Fatal(err)
	}
	if err := s.Join(b.Context(), join(1, k, "")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.DeviceBySerial(b.Context(), issued(1).Serial); err != nil {
			b.Fatal(err)
		}
	}
}
