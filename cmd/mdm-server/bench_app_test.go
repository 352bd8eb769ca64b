package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectrpc"
	"ringfence/internal/apprules"
	"ringfence/internal/pki"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// benchAppCheckIn has apps report; failures is how many wrong PINs the nth one
// tells of.
func benchAppCheckIn(b *testing.B, d sqldb.Dialect, failures func(n int) uint32) {
	issuer := startIssuer(b)
	s := install(b, dbtest.DSN(b, d), issuer.trusted).start(b)
	s.admin(b).guard(b, "mail", everyday)
	accounts := make([]*account, benchCallers)
	reports := make([]*appprotectv1.CheckInRequest, benchCallers)
	for i, ask := range issuer.registers(b, s, benchCallers) {
		accounts[i] = s.admitted(b, ask, must[*appprotectv1.RegisterResponse](b)(ask.client.Register(b.Context(), ask.RegisterRequest)))
		// An app in its everyday state: fit, with the newest policy applied.
		r := &appprotectv1.CheckInRequest{Number: 1, Report: healthy(time.Now())}
		first := must[*appprotectv1.CheckInResponse](b)(accounts[i].app.CheckIn(b.Context(), r))
		if got := first.GetVerdict(); got.GetStanding() != fit || len(got.GetFindings()) > 0 {
			b.Fatalf("the app is not fit: %v", got)
		}
		r.KnownRevision, r.Report.AppliedRevision = first.GetPolicyRevision(), first.GetPolicyRevision()
		reports[i] = r
	}
	spread(b, benchCallers, func(caller, n int) error {
		r := reports[caller]
		r.Number++
		r.Report.ObservedAt = timestamppb.Now()
		r.Report.PinFailures = failures(n)
		_, err := accounts[caller].app.CheckIn(context.Background(), r)
		return err
	})
}

func never(int) uint32 { return 0 }

func sometimes(n int) uint32 { return uint32(n/benchCallers) % 3 }

func BenchmarkAppCheckinUnchangedSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchAppCheckIn(b, sqldb.SQLite, never) })
	b.Run("limit", benchEcho)
}

func BenchmarkAppCheckinChangedSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchAppCheckIn(b, sqldb.SQLite, sometimes) })
	b.Run("limit", benchEcho)
}

func BenchmarkAppCheckinUnchangedPostgres(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchAppCheckIn(b, sqldb.Postgres, never) })
	b.Run("limit", benchEcho)
}

func BenchmarkAppCheckinChangedPostgres(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchAppCheckIn(b, sqldb.Postgres, sometimes) })
	b.Run("limit", benchEcho)
}

// BenchmarkAppRegisterSQLite registers apps over connections that are open, with
// the real verifier of ID tokens; the limit is the cryptography alone, on every
// core: a token, a request, a certificate.
func BenchmarkAppRegisterSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) {
		issuer := startIssuer(b)
		s := install(b, dbtest.DSN(b, sqldb.SQLite), issuer.trusted).start(b)
		s.admin(b).guard(b, "mail", everyday)
		list := issuer.registers(b, s, b.N)
		spread(b, benchCallers, func(_, n int) error {
			_, err := list[n].client.Register(context.Background(), list[n].RegisterRequest)
			return err
		})
	})
	b.Run("limit", func(b *testing.B) {
		issuer, authority, csrs := startIssuer(b), newAuthority(b), requests(b, b.N)
		token := must[string](b)(issuer.token(1, "nonce"))
		spread(b, benchCallers, func(_, n int) error {
			if err := issuer.checks(token); err != nil {
				return err
			}
			csr, err := x509.ParseCertificateRequest(csrs[n])
			if err != nil {
				return err
			}
			if err := csr.CheckSignature(); err != nil {
				return err
			}
			_, _, err = authority.Issue(pki.App, pki.Template{
				PublicKey: csr.PublicKey, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
			})
			return err
		})
	})
}

// BenchmarkLeaseSign makes the lease of an answer. The limit is the CMS signature
// alone, and "raw" the ECDSA P-256 signature in that, alone.
func BenchmarkLeaseSign(b *testing.B) {
	authority := newAuthority(b)
	lease := appprotect.Lease{
		ID: "0123456789abcdef0123456789abcdef", Epoch: 1, Number: 7, IssuedAt: time.Now(), PolicyRevision: mailSigner,
		BlockAfter: 12 * time.Hour, WipeAfter: 90 * 24 * time.Hour, Standing: apprules.StandingOK,
	}
	b.Run("product", func(b *testing.B) {
		signer := appprotectrpc.NewLeaseSigner(authority)
		for b.Loop() {
			if _, err := signer.SignLease(lease); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("limit", func(b *testing.B) {
		content := make([]byte, 256)
		for b.Loop() {
			if _, err := authority.SignLease(content); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		key, content := newKey(b), make([]byte, 256)
		for b.Loop() {
			digest := sha256.Sum256(content)
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
