package compliance

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
)

func TestIssueCertificate(t *testing.T) {
	w := newWorld()
	s := w.service(true)
	w.apply(t, s, "p", fullSpec())
	caller, csr := callerOf(phone()), csrFor(t, elliptic.P256()).Raw
	issue := func(csr []byte) string {
		t.Helper()
		chain, err := s.IssueCertificate(t.Context(), caller, "wifi", csr)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(chain[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Text(16)
	}
	if first, again := issue(csr), issue(csr); first != "1" || again != "1" {
		t.Errorf("the same request gives %s, then %s", first, again)
	}
	if other := issue(csrFor(t, elliptic.P256()).Raw); other != "2" {
		t.Errorf("another key gives %s", other)
	}
	// 90 days, a fifth left: due at about day 72.
	w.advance(73 * day)
	if renewed := issue(csr); renewed != "3" {
		t.Errorf("when due for renewal it gives %s", renewed)
	}
	spec := fullSpec()
	spec.Certificates[0].Organization = "Example"
	w.apply(t, s, "p", spec)
	if changed := issue(csr); changed != "4" {
		t.Errorf("another profile gives %s", changed)
	}
	if _, err := s.RevokeCertificate(adminContext(t), "4", "lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.IssueCertificate(t.Context(), caller, "wifi", csr); !errors.Is(err, ErrKeyRevoked) {
		t.Errorf("for a revoked key: %v", err)
	}
	_, err := s.IssueCertificate(t.Context(), caller, "mail", csr)
	wantFault(t, err, fault.NotFound, "")
	_, err = s.IssueCertificate(t.Context(), caller, "wifi", []byte("garbage"))
	wantFault(t, err, fault.Invalid, "certificate_request")
	_, err = s.IssueCertificate(t.Context(), caller, "wifi", csrFor(t, elliptic.P384()).Raw)
	wantFault(t, err, fault.Invalid, "certificate_request")
}

func TestSameRequestAtOnce(t *testing.T) {
	w := newWorld()
	s := w.service(true)
	w.apply(t, s, "p", fullSpec())
	csr := csrFor(t, elliptic.P256()).Raw
	var wg sync.WaitGroup
	chains := make([]string, 4)
	for i := range chains {
		wg.Go(func() {
			chain, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csr)
			if err != nil {
				t.Error(err)
				return
			}
			chains[i] = string(chain[0])
		})
	}
	wg.Wait()
	for _, c := range chains {
		if c != chains[0] {
			t.Error("the same request got different certificates")
		}
	}
	if len(w.issued) != 1 {
		t.Errorf("%d certificates recorded", len(w.issued))
	}
}

func TestEnrollmentEnded(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		csr := csrFor(t, elliptic.P256()).Raw
		if _, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csr); err != nil {
			t.Fatal(err)
		}
		checkInAt(t, s, fitReport(fullManifest(), t0), t0)
		entries := len(w.entries)
		for range 2 {
			if err := s.EnrollmentEnded(t.Context(), "phone-0001", 1, "retired"); err != nil {
				t.Fatal(err)
			}
		}
		want := &Revocation{At: t0, Code: CodeCessationOfOperation, Reason: "retired"}
		if diff := cmp.Diff(want, w.issued[0].Revocation); diff != "" {
			t.Errorf("revocation (-want +got):\n%s", diff)
		}
		if len(w.states) != 0 || len(w.entries) != entries+1 {
			t.Errorf("%d states, %d new entries", len(w.states), len(w.entries)-entries)
		}
		_, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csrFor(t, elliptic.P256()).Raw)
		if !errors.Is(err, ErrEnrollmentEnded) {
			t.Errorf("a certificate for an ended enrolment: %v", err)
		}
	})
}

func TestRevocationList(t *testing.T) {
	w := newWorld()
	s := w.service(true)
	w.apply(t, s, "p", fullSpec())
	if _, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csrFor(t, elliptic.P256()).Raw); err != nil {
		t.Fatal(err)
	}
	list := func() (l RevocationList) {
		t.Helper()
		raw, err := s.RevocationList(t.Context())
		if err == nil {
			err = json.Unmarshal(raw, &l)
		}
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if got := list(); got.Number != 1 || len(got.Revoked) != 0 || !got.NextUpdate.Equal(t0.AddDate(0, 0, 7)) {
		t.Errorf("first list = %+v", got)
	}
	w.advance(3 * day)
	if got := list(); got.Number != 1 {
		t.Errorf("a list that is good is made again: %+v", got)
	}
	w.advance(time.Hour)
	for range 2 {
		if _, err := s.RevokeCertificate(adminContext(t), "1", "lost"); err != nil {
			t.Fatal(err)
		}
	}
	want := []Revoked{{Serial: "1", At: t0.Add(3*day + time.Hour)}}
	if got := list(); got.Number != 2 || !cmp.Equal(got.Revoked, want) {
		t.Errorf("after a revocation: %+v", got)
	}
	w.advance(84 * time.Hour)
	if got := list(); got.Number != 3 {
		t.Errorf("after half its life: %+v", got)
	}
	w.advance(110 * day)
	if got := list(); len(got.Revoked) != 0 {
		t.Errorf("long after its end a certificate is still listed: %+v", got)
	}
	_, err := s.RevokeCertificate(adminContext(t), "ff", "lost")
	wantFault(t, err, fault.NotFound, "")
}
