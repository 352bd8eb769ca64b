package compliancedb_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// chain is two certificates, made once: what they say does not matter here.
var chain = sync.OnceValue(func() [][]byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	var made [][]byte
	for i := range 2 {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), NotBefore: t0, NotAfter: t0.Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			panic(err)
		}
		made = append(made, der)
	}
	return made
})

func certificate(serial string, id device.ID, epoch device.Epoch, ordinal uint64) compliance.Certificate {
	return compliance.Certificate{
		Serial: serial, Key: compliance.CertificateKey{Device: id, Epoch: epoch, Alias: "wifi", SHA256: sha256.Sum256([]byte("key"))},
		Profile: sha256.Sum256([]byte("profile")), Ordinal: ordinal, Subject: `CN=a\,b`, Group: "sales",
		NotBefore: t0, NotAfter: t0.AddDate(0, 3, 0), Chain: chain(),
	}
}

var ignoreSequence = cmpopts.IgnoreFields(compliance.Certificate{}, "Sequence")

func TestCertificates(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ctx := t.Context()
		first := certificate("1a", "phone-0001", 1, 1)
		_, err := s.Latest(ctx, first.Key)
		wantKind(t, err, fault.NotFound)
		ok(t, s.Record(ctx, first, entry("1a")))
		got, err := s.Latest(ctx, first.Key)
		if diff := cmp.Diff(first, got, ignoreSequence); diff != "" || err != nil {
			t.Errorf("latest, %v (-want +got):\n%s", err, diff)
		}
		wantKind(t, s.Record(ctx, certificate("1b", "phone-0001", 1, 1), entry("same ordinal")), fault.Conflict)
		wantKind(t, s.Record(ctx, certificate("1a", "phone-0001", 1, 2), entry("same serial")), fault.Conflict)
		ok(t, s.Record(ctx, certificate("2a", "phone-0001", 1, 2), entry("2a")))
		if got, err := s.Latest(ctx, first.Key); err != nil || got.Serial != "2a" {
			t.Errorf("latest = %+v, %v", got, err)
		}
		other := first.Key
		other.SHA256[0]++
		_, err = s.Latest(ctx, other)
		wantKind(t, err, fault.NotFound)
		if diff := cmp.Diff([]string{"1a", "2a"}, recorded(t, db)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestIssuedPages(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		for i := range 5 {
			id := device.ID(fmt.Sprintf("phone-000%d", i%2))
			ok(t, s.Record(t.Context(), certificate(fmt.Sprint(i), id, 1, uint64(i+1)), entry("")))
		}
		serials := func(id device.ID) (all []string) {
			for before := uint64(0); ; {
				page, err := s.Issued(t.Context(), compliance.CertificateQuery{Device: id, Before: before, Limit: 2})
				ok(t, err)
				if len(page) == 0 {
					return all
				}
				for _, c := range page {
					all = append(all, c.Serial)
				}
				before = page[len(page)-1].Sequence
			}
		}
		if diff := cmp.Diff([]string{"4", "3", "2", "1", "0"}, serials("")); diff != "" {
			t.Errorf("all (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"3", "1"}, serials("phone-0001")); diff != "" {
			t.Errorf("of one device (-want +got):\n%s", diff)
		}
	})
}

func TestRevoke(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ctx := t.Context()
		_, err := s.Revoke(ctx, "1a", compliance.Revocation{At: t0}, entry("unknown"))
		wantKind(t, err, fault.NotFound)
		ok(t, s.Record(ctx, certificate("1a", "phone-0001", 1, 1), entry("issued")))
		first := compliance.Revocation{At: t0, Code: compliance.CodeUnspecified, Reason: "lost ' ?"}
		for _, r := range []compliance.Revocation{first, {At: t0.Add(time.Hour), Code: 5, Reason: "again"}} {
			got, err := s.Revoke(ctx, "1a", r, entry("revoked"))
			if diff := cmp.Diff(&first, got.Revocation); diff != "" || err != nil {
				t.Errorf("revocation, %v (-want +got):\n%s", err, diff)
			}
		}
		if _, n, err := s.ListInfo(ctx); err != nil || n != 1 {
			t.Errorf("%d revocations, %v", n, err)
		}
		if diff := cmp.Diff([]string{"issued", "revoked"}, recorded(t, db)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestEndEpoch(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ctx := t.Context()
		ok(t, s.Record(ctx, certificate("1a", "phone-0001", 1, 1), entry("1a")))
		ok(t, s.Record(ctx, certificate("2a", "phone-0001", 2, 1), entry("2a")))
		ok(t, s.Record(ctx, certificate("3a", "phone-0001", 3, 1), entry("3a")))
		ok(t, s.Record(ctx, certificate("4a", "phone-0002", 1, 1), entry("4a")))
		_, err := s.Revoke(ctx, "1a", compliance.Revocation{At: t0, Reason: "lost"}, entry("lost"))
		ok(t, err)
		save(t, s, state("phone-0001", 2, 0, t0))
		r := compliance.Revocation{At: t0.Add(time.Hour), Code: compliance.CodeCessationOfOperation, Reason: "retired"}
		for range 2 {
			ok(t, s.EndEpoch(ctx, "phone-0001", 2, r, entry("ended")))
		}
		ok(t, s.EndEpoch(ctx, "phone-0001", 1, r, entry("ended")))
		wantState(t, s, compliance.State{Device: "phone-0001"})
		revoked, err := s.Revoked(ctx, t0)
		want := []compliance.Revoked{{Serial: "1a", At: t0}, {Serial: "2a", At: r.At, Code: r.Code}}
		if diff := cmp.Diff(want, revoked); diff != "" || err != nil {
			t.Errorf("revoked, %v (-want +got):\n%s", err, diff)
		}
		if late, err := s.Revoked(ctx, t0.AddDate(1, 0, 0)); err != nil || len(late) != 0 {
			t.Errorf("revoked and long expired = %v, %v", late, err)
		}
		if err := s.Record(ctx, certificate("5a", "phone-0001", 2, 2), entry("late")); !errors.Is(err, compliance.ErrEnrollmentEnded) {
			t.Errorf("a certificate of an ended epoch: %v", err)
		}
		ok(t, s.Record(ctx, certificate("6a", "phone-0001", 3, 2), entry("6a")))
		if diff := cmp.Diff([]string{"1a", "2a", "3a", "4a", "lost", "ended", "6a"}, recorded(t, db)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestNoCertificateSlipsPastTheEnd: whoever wins, none of an ended epoch's
// certificates stays good.
func TestNoCertificateSlipsPastTheEnd(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		r := compliance.Revocation{At: t0, Code: compliance.CodeCessationOfOperation, Reason: "retired"}
		for i := range 10 {
			id := device.ID(fmt.Sprintf("phone-%04d", i))
			var wg sync.WaitGroup
			for j := range 3 {
				wg.Go(func() {
					c := certificate(fmt.Sprintf("%d%d", i+1, j), id, 1, uint64(j+1))
					err := s.Record(context.Background(), c, entry(""))
					if err != nil && !errors.Is(err, compliance.ErrEnrollmentEnded) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				if err := s.EndEpoch(context.Background(), id, 1, r, entry("")); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
		}
		all, err := s.Issued(t.Context(), compliance.CertificateQuery{Limit: 100})
		ok(t, err)
		for _, c := range all {
			if c.Revocation == nil {
				t.Errorf("%s of %s is still good", c.Serial, c.Key.Device)
			}
		}
	})
}

func TestRevocationList(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		if info, n, err := s.ListInfo(ctx); err != nil || n != 0 || info != (compliance.ListInfo{}) {
			t.Errorf("before any list: %+v, %d, %v", info, n, err)
		}
		_, err := s.ListDER(ctx, 0)
		wantKind(t, err, fault.NotFound)
		info := compliance.ListInfo{Number: 1, Revocations: 3, ThisUpdate: t0, NextUpdate: t0.AddDate(0, 0, 7)}
		ok(t, s.SaveList(ctx, info, []byte("list 1")))
		wantKind(t, s.SaveList(ctx, info, []byte("other")), fault.Conflict)
		got, _, err := s.ListInfo(ctx)
		if diff := cmp.Diff(info, got); diff != "" || err != nil {
			t.Errorf("info, %v (-want +got):\n%s", err, diff)
		}
		if der, err := s.ListDER(ctx, 1); err != nil || string(der) != "list 1" {
			t.Errorf("list = %q, %v", der, err)
		}
		info.Number = 2
		ok(t, s.SaveList(ctx, info, []byte("list 2")))
		_, err = s.ListDER(ctx, 1)
		wantKind(t, err, fault.NotFound)
	})
}
