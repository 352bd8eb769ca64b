package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"ringfence/internal/pki"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// Each figure is a pair, "product" and "limit", on the same machine in the same
// run: 64 callers on 64 mTLS connections unless it says otherwise.
const benchCallers = 64

// quiet is how servers run in benchmarks: as in production, but for limits that
// one machine with thousands of phones would hit.
func quiet(c *Config) {
	c.LogLevel = "info"
	c.WatchTick = time.Minute
}

func benchServer(b *testing.B, d sqldb.Dialect) *server {
	b.Helper()
	return install(b, dbtest.DSN(b, d), quiet).start(b)
}

// spread runs b.N calls over callers that each take the next number.
func spread(b *testing.B, callers int, call func(caller, n int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	before := cpuTime(b)
	b.ResetTimer()
	for caller := range callers {
		wg.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= b.N {
					return
				}
				if err := call(caller, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	// Both ends are in this process: what a call costs in all, whoever else
	// uses the machine.
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// phones enrols as many handsets as there are callers.
func phones(b *testing.B, s *server) []*handset {
	b.Helper()
	secret := s.admin(b).token(b, func(r *enrollv1.CreateTokenRequest) { r.MaxUses = benchCallers })
	list := make([]*handset, benchCallers)
	for i := range list {
		list[i] = s.join(b, secret)
	}
	return list
}

// benchEcho is the bare limit of a call: an empty echo over mTLS.
func benchEcho(b *testing.B) {
	authority := newAuthority(b)
	bare := startBare(b, authority)
	clients := make([]*grpc.ClientConn, benchCallers)
	for i := range clients {
		certificate := issueClient(b, authority)
		clients[i] = dial(b, bare.address, authority.Pool(), &certificate)
		if err := clients[i].Invoke(b.Context(), bareEcho, new(emptypb.Empty), new(emptypb.Empty)); err != nil {
			b.Fatal(err)
		}
	}
	spread(b, benchCallers, func(caller, _ int) error {
		return clients[caller].Invoke(context.Background(), bareEcho, new(emptypb.Empty), new(emptypb.Empty))
	})
}

// benchCheckIn sends reports whose PIN length is digits(n).
func benchCheckIn(b *testing.B, d sqldb.Dialect, digits func(n int) uint32) {
	s := benchServer(b, d)
	s.admin(b).apply(b, pinPolicy("all", 6))
	list := phones(b, s)
	reports := make([]*compliancev1.CheckInRequest, benchCallers)
	for i, h := range list {
		// A phone in its everyday state: fit, with the newest manifest applied.
		manifest, err := h.compliance.GetManifest(b.Context(), &compliancev1.GetManifestRequest{})
		if err != nil {
			b.Fatal(err)
		}
		reports[i] = report(time.Now(), 8, manifest.GetRevision())
		answer, err := h.compliance.CheckIn(b.Context(), reports[i])
		if err != nil {
			b.Fatal(err)
		}
		if got := answer.GetVerdict(); got.GetStanding() != compliancev1.Standing_STANDING_COMPLIANT || len(got.GetFindings()) > 0 {
			b.Fatalf("the phone is not fit: %v", got)
		}
	}
	spread(b, benchCallers, func(caller, n int) error {
		r := reports[caller]
		now := time.Now()
		r.ObservedAt.Seconds, r.ObservedAt.Nanos = now.Unix(), int32(now.Nanosecond())
		r.Posture.Locks[0].Length = digits(n)
		_, err := list[caller].compliance.CheckIn(context.Background(), r)
		return err
	})
}

func unchanged(int) uint32 { return 8 }

// changing gives another length at each report, and never one that turns the
// verdict: what is measured is a changed posture and verdict, stored.
func changing(n int) uint32 { return 8 + uint32(n/benchCallers)%200 }

func BenchmarkCheckinUnchangedSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchCheckIn(b, sqldb.SQLite, unchanged) })
	b.Run("limit", benchEcho)
}

func BenchmarkCheckinChangedSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchCheckIn(b, sqldb.SQLite, changing) })
	b.Run("limit", benchEcho)
}

func BenchmarkCheckinChangedPostgres(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchCheckIn(b, sqldb.Postgres, changing) })
	b.Run("limit", benchEcho)
}

// requests makes certificate requests ahead of the measurement: making them is
// the phone's work.
func requests(b *testing.B, n int) [][]byte {
	b.Helper()
	list := make([][]byte, n)
	var wg sync.WaitGroup
	for part := range 2 {
		wg.Go(func() {
			for i := part; i < n; i += 2 {
				key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					b.Error(err)
					return
				}
				if list[i], err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return list
}

// secrets makes enough tokens for n phones: a token has at most 10,000 uses.
func (s *server) secrets(b *testing.B, n int) func(i int) string {
	b.Helper()
	const uses = 10000
	a := s.admin(b)
	var list []string
	for made := 0; made < n; made += uses {
		list = append(list, a.token(b, func(r *enrollv1.CreateTokenRequest) { r.MaxUses = uses }))
	}
	return func(i int) string { return list[i/uses] }
}

// BenchmarkJoinKeptSQLite enrols phones over connections that are open; the
// limit is the cryptography alone, on every core.
func BenchmarkJoinKeptSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) {
		s := benchServer(b, sqldb.SQLite)
		secret, csrs := s.secrets(b, b.N), requests(b, b.N)
		clients := make([]enrollv1.EnrollmentServiceClient, benchCallers)
		for i := range clients {
			conn := dial(b, s.at.Device, s.roots(b), nil)
			conn.Connect()
			clients[i] = enrollv1.NewEnrollmentServiceClient(conn)
		}
		spread(b, benchCallers, func(caller, n int) error {
			_, err := clients[caller].Join(context.Background(), joinRequest(secret(n), csrs[n]))
			return err
		})
	})
	b.Run("limit", func(b *testing.B) {
		authority, csrs := newAuthority(b), requests(b, b.N)
		spread(b, benchCallers, func(_, n int) error {
			csr, err := x509.ParseCertificateRequest(csrs[n])
			if err != nil {
				return err
			}
			if err := csr.CheckSignature(); err != nil {
				return err
			}
			_, _, err = authority.Issue(pki.Device, pki.Template{
				PublicKey: csr.PublicKey, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
			})
			return err
		})
	})
}

// BenchmarkJoinNewSQLite enrols phones over a new connection each; the limit is
// an echo over a new connection.
func BenchmarkJoinNewSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) {
		s := benchServer(b, sqldb.SQLite)
		secret, csrs, roots := s.secrets(b, b.N), requests(b, b.N), s.roots(b)
		spread(b, benchCallers, func(_, n int) error {
			return onNewConnection(s.at.Device, roots, func(conn *grpc.ClientConn) error {
				_, err := enrollv1.NewEnrollmentServiceClient(conn).Join(context.Background(), joinRequest(secret(n), csrs[n]))
				return err
			})
		})
	})
	b.Run("limit", func(b *testing.B) {
		authority := newAuthority(b)
		bare := startBareAnonymous(b, authority)
		roots := authority.Pool()
		spread(b, benchCallers, func(int, int) error {
			return onNewConnection(bare.address, roots, func(conn *grpc.ClientConn) error {
				return conn.Invoke(context.Background(), bareEcho, new(emptypb.Empty), new(emptypb.Empty))
			})
		})
	})
}
