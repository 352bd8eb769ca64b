package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"ringfence/internal/enroll"
	"ringfence/internal/pki"
	"ringfence/internal/sqldb"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// fleetSize is how many phones are connected in the benchmarks of the doorbell.
const fleetSize = 10000

func newAuthority(tb testing.TB) *pki.Authority {
	tb.Helper()
	authority, err := pki.OpenAuthority(filepath.Join(tb.TempDir(), "pki"), time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	return authority
}

// issueClient makes a device certificate that no server has on record.
func issueClient(tb testing.TB, authority *pki.Authority) tls.Certificate {
	tb.Helper()
	key := newKey(tb)
	chain, _, err := authority.Issue(pki.Device, pki.Template{
		PublicKey: key.Public(), Subject: pkix.Name{CommonName: rand.Text()},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: key}
}

// startBareAnonymous is startBare for clients without a certificate, as Join's
// are.
func startBareAnonymous(tb testing.TB, authority *pki.Authority) *bareServer {
	tb.Helper()
	return startBareWith(tb, authority, tls.NoClientCert)
}

func onNewConnection(address string, roots *x509.CertPool, call func(*grpc.ClientConn) error) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS13,
	})))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return call(conn)
}

// leanFleet enrols a fleet inside the server and gives its certificates.
func leanFleet(b *testing.B, s *server) leanOrder {
	b.Helper()
	secret := s.admin(b).token(b, func(r *enrollv1.CreateTokenRequest) { r.MaxUses = fleetSize })
	order := leanOrder{
		Address: s.at.Device, Method: compliancev1.ComplianceService_Watch_FullMethodName,
		Roots: s.parts.authority.Roots(), Certificates: make([]leanCertificate, fleetSize),
	}
	for i := range order.Certificates {
		key := newKey(b)
		admission, err := s.parts.enroll.Join(b.Context(), enroll.JoinRequest{
			Secret: secret, CSR: newCSR(b, key), Platform: "android", Model: "Pixel 9", OSVersion: "16", Mode: "work-profile",
		})
		if err != nil {
			b.Fatal(err)
		}
		order.Certificates[i] = leanCertificate{Chain: admission.Chain[:1], Key: pkcs8(b, key)} // as the agent does
	}
	return order
}

// bareFleet is a fleet for the bare server.
func bareFleet(b *testing.B, authority *pki.Authority, bare *bareServer) leanOrder {
	b.Helper()
	order := leanOrder{
		Address: bare.address, Method: bareStream,
		Roots: authority.Roots(), Certificates: make([]leanCertificate, fleetSize),
	}
	for i := range order.Certificates {
		certificate := issueClient(b, authority)
		order.Certificates[i] = leanCertificate{Chain: certificate.Certificate[:1], Key: pkcs8(b, certificate.PrivateKey)}
	}
	return order
}

func pkcs8(tb testing.TB, key any) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// BenchmarkWatchIdleRSS weighs this process before and after 10,000 phones have
// opened the doorbell, settled: after a collection. The limit is the same fleet
// on a bare server.
func BenchmarkWatchIdleRSS(b *testing.B) {
	weigh := func(b *testing.B, prepare func() leanOrder) {
		order := prepare()
		before := settledRSS(b)
		startLeanClient(b, order)
		grown := settledRSS(b) - before
		for b.Loop() {
			continue // the figure is weighed once, whatever b.N
		}
		b.ReportMetric(float64(grown)/fleetSize/1024, "KiB/phone")
	}
	b.Run("product", func(b *testing.B) {
		s := benchServer(b, sqldb.SQLite)
		s.admin(b).apply(b, pinPolicy("all", 6))
		weigh(b, func() leanOrder { return leanFleet(b, s) })
	})
	b.Run("limit", func(b *testing.B) {
		authority := newAuthority(b)
		bare := startBare(b, authority)
		weigh(b, func() leanOrder { return bareFleet(b, authority, bare) })
	})
}

// settledRSS gives the resident set in bytes after garbage has gone back.
func settledRSS(tb testing.TB) int64 {
	tb.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Skipf("the resident set is read from /proc: %v", err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kib * 1024
		}
	}
	tb.Fatal("no VmRSS in /proc/self/status")
	return 0
}

// BenchmarkBellFanout10k rings all of 10,000 phones and waits until each has
// the message.
func BenchmarkBellFanout10k(b *testing.B) {
	fan := func(b *testing.B, order leanOrder, ring func()) {
		client := startLeanClient(b, order)
		client.arm(b)
		ring() // the first round grows buffers
		client.awaitAll(b)
		b.ResetTimer()
		for range b.N {
			b.StopTimer()
			client.arm(b)
			b.StartTimer()
			ring()
			client.awaitAll(b)
		}
		b.StopTimer()
		b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/fanout")
	}
	b.Run("product", func(b *testing.B) {
		s := benchServer(b, sqldb.SQLite)
		a := s.admin(b)
		digits := uint32(4)
		a.apply(b, pinPolicy("all", digits))
		fan(b, leanFleet(b, s), func() {
			digits = 4 + (digits-3)%12 // each policy asks for another length
			a.apply(b, pinPolicy("all", digits))
		})
	})
	b.Run("limit", func(b *testing.B) {
		authority := newAuthority(b)
		bare := startBare(b, authority)
		fan(b, bareFleet(b, authority, bare), bare.ringAll)
	})
}
