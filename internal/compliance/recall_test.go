package compliance

import (
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// issueFor issues a certificate over a new key and gives its serial number and
// the key's digest.
func issueFor(t *testing.T, s *Service, d Device, alias string) (serial, key string) {
	t.Helper()
	csr := csrFor(t, elliptic.P256())
	chain, err := s.IssueCertificate(t.Context(), callerOf(d), alias, csr.Raw)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	return leaf.SerialNumber.Text(16), hex.EncodeToString(sum[:])
}

func manifestOf(t *testing.T, s *Service, d Device) *Manifest {
	t.Helper()
	m, err := s.Manifest(t.Context(), callerOf(d))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fitWith is a fit report on a manifest with this certificate.
func fitWith(m *Manifest, serial string) Report {
	r := fitReport(m, t0)
	r.Posture.Certificates[0].Serial = serial
	return r
}

// revocations gives the codes of the revoked certificates by serial number.
func (w *world) revokedCodes() map[string]RevocationCode {
	w.mu.Lock()
	defer w.mu.Unlock()
	codes := map[string]RevocationCode{}
	for _, c := range w.issued {
		if c.Revocation != nil {
			codes[c.Serial] = c.Revocation.Code
		}
	}
	return codes
}

// TestRevocationReachesThePhone: from the administrator's word to the phone's
// next certificate.
func TestRevocationReachesThePhone(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		other := phone()
		other.ID = "phone-0002"
		w.apply(t, s, "p", fullSpec())
		serial, key := issueFor(t, s, phone(), "wifi")
		before := manifestOf(t, s, phone())
		checkInAt(t, s, fitWith(before, serial), t0)

		w.advance(time.Minute)
		rings := w.rings.Load()
		if _, err := s.RevokeCertificate(adminContext(t), serial, "lost"); err != nil {
			t.Fatal(err)
		}
		if w.rings.Load() != rings+1 {
			t.Error("the device was not rung")
		}
		after := manifestOf(t, s, phone())
		want := []RevokedKey{{Alias: "wifi", SHA256: key, Serial: serial, At: t0.Add(time.Minute)}}
		if diff := cmp.Diff(want, after.RevokedKeys); diff != "" || after.Revision() == before.Revision() {
			t.Errorf("revoked keys, revision %s then %s (-want +got):\n%s", before.Revision(), after.Revision(), diff)
		}
		if m := manifestOf(t, s, other); m.Revision() != before.Revision() {
			t.Error("another device's manifest has changed")
		}
		// The stored verdict follows at once, and so does the record.
		stored := w.states["phone-0001"].Verdict
		finding, found := stored.finding("client_certificate.wifi")
		if !found || stored.Standing != NonCompliant || finding.Actual != "revoked on 2026-03-01T12:01:00Z" ||
			!finding.inForce() || !finding.Since.Equal(t0.Add(time.Minute)) || finding.Remedy == "" {
			t.Errorf("stored verdict = %+v", stored)
		}
		// Until the phone has another one.
		w.advance(time.Minute)
		if got := checkInAt(t, s, fitWith(before, serial), t0.Add(2*time.Minute)); got.Verdict.Standing != NonCompliant || got.Revision != after.Revision() {
			t.Errorf("with the revoked certificate: %+v", got)
		}
		next, _ := issueFor(t, s, phone(), "wifi")
		if got := checkInAt(t, s, fitWith(after, next), t0.Add(2*time.Minute)); got.Verdict.Standing != Compliant || got.Revision != after.Revision() {
			t.Errorf("with another certificate: %+v", got)
		}
		wantStandings := []string{
			"device:phone-0001 unknown to compliant",
			"server compliant to non-compliant: client_certificate.wifi",
			"device:phone-0001 non-compliant to compliant",
		}
		if diff := cmp.Diff(wantStandings, w.standings()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestRevocationIsHeardElsewhere: a server that did not revoke it sees it with
// the look it takes anyway.
func TestRevocationIsHeardElsewhere(t *testing.T) {
	w := newWorld()
	here, there := w.service(false), w.service(false)
	w.apply(t, here, "p", fullSpec())
	serial, _ := issueFor(t, here, phone(), "wifi")
	before := manifestOf(t, there, phone())
	checkInAt(t, there, fitWith(before, serial), t0)
	if _, err := here.RevokeCertificate(adminContext(t), serial, "lost"); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Second)
	if got := checkInAt(t, there, fitWith(before, serial), t0.Add(time.Second)); got.Verdict.Standing != NonCompliant || got.Revision == before.Revision() {
		t.Errorf("answer = %+v", got)
	}
	if desired, err := there.Desired(t.Context(), callerOf(phone())); err != nil || desired.Revision == before.Revision() {
		t.Errorf("desired = %+v, %v", desired, err)
	}
}

// TestFailedJudgementIsSwept: if the verdict cannot follow at once, the device
// is due.
func TestFailedJudgementIsSwept(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		serial, _ := issueFor(t, s, phone(), "wifi")
		fit := fitWith(manifestOf(t, s, phone()), serial)
		checkInAt(t, s, fit, t0)
		w.advance(time.Second)
		checkInAt(t, s, fit, t0.Add(time.Second)) // not stored yet where memory is trusted
		w.mu.Lock()
		w.blind = errors.New("the record of devices is away")
		w.mu.Unlock()
		if _, err := s.RevokeCertificate(adminContext(t), serial, "lost"); err != nil {
			t.Fatal(err)
		}
		if got := w.states["phone-0001"].Verdict.Standing; got != Compliant {
			t.Fatalf("standing = %v", got)
		}
		w.mu.Lock()
		w.blind = nil
		w.mu.Unlock()
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.states["phone-0001"].Verdict.Standing; got != NonCompliant {
			t.Errorf("standing after the sweep = %v", got)
		}
	})
}

// TestRecalledKeyIsNeverCertifiedAgain: not even after a later certificate for
// the same key.
func TestRecalledKeyIsNeverCertifiedAgain(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		csr := csrFor(t, elliptic.P256()).Raw
		issue := func() error {
			_, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csr)
			return err
		}
		if err := issue(); err != nil {
			t.Fatal(err)
		}
		w.advance(80 * day) // due for renewal
		if err := issue(); err != nil || len(w.issued) != 2 {
			t.Fatalf("%d certificates, %v", len(w.issued), err)
		}
		if _, err := s.RevokeCertificate(adminContext(t), "1", "lost"); err != nil {
			t.Fatal(err)
		}
		if err := issue(); !errors.Is(err, ErrKeyRevoked) {
			t.Errorf("for a recalled key: %v", err)
		}
	})
}

// TestRecallsEndWithTheEnrolment: the next one begins without them.
func TestRecallsEndWithTheEnrolment(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		serial, _ := issueFor(t, s, phone(), "wifi")
		if _, err := s.RevokeCertificate(adminContext(t), serial, "lost"); err != nil {
			t.Fatal(err)
		}
		again := phone()
		again.Epoch = 2
		if keys := manifestOf(t, s, again).RevokedKeys; keys != nil {
			t.Errorf("the next enrolment is told of %v", keys)
		}
		if err := s.EnrollmentEnded(t.Context(), "phone-0001", 1, "retired"); err != nil {
			t.Fatal(err)
		}
		if left := s.catalog.recalls.of("phone-0001", 1); left != nil {
			t.Errorf("left: %v", left)
		}
	})
}

// TestUnchangedReportWithRecalls: what is asked of this device alone costs no
// more than what is asked of all.
func TestUnchangedReportWithRecalls(t *testing.T) {
	w := newWorld()
	w.leases = map[string]Lease{"sales": {Number: 7, LockAfter: day, WipeAfter: 30 * day}}
	s := w.service(true)
	w.apply(t, s, "p", fullSpec())
	serial, _ := issueFor(t, s, phone(), "wifi")
	if _, err := s.RevokeCertificate(adminContext(t), serial, "lost"); err != nil {
		t.Fatal(err)
	}
	next, _ := issueFor(t, s, phone(), "wifi")
	fit := fitWith(manifestOf(t, s, phone()), next)
	checkInAt(t, s, fit, t0)
	before := w.calls.Load()
	for i := range 5 {
		at := t0.Add(time.Duration(i+1) * time.Minute)
		w.advance(time.Minute)
		if got := checkInAt(t, s, fit, at); got.Verdict.Standing != Compliant || !got.At.Equal(at) {
			t.Errorf("answer = %+v", got)
		}
	}
	if calls := w.calls.Load() - before; calls != 0 {
		t.Errorf("%d store calls for reports that say nothing new", calls)
	}
}

func TestRevokedKeysAreBounded(t *testing.T) {
	var recalls []Recall
	for i := range 3 * maxRevokedKeys {
		alias := "wifi"
		if i%3 == 0 {
			alias = "mail" // is not asked for
		}
		key := sha256.Sum256(fmt.Append(nil, i))
		recalls = append(recalls, Recall{Number: uint64(i + 1), Serial: fmt.Sprint(i), Key: CertificateKey{Device: "phone-0001", Epoch: 1, Alias: alias, SHA256: key}})
	}
	m := fullManifest().under(terms{recalls: recalls})
	if len(m.RevokedKeys) != maxRevokedKeys {
		t.Fatalf("%d revoked keys", len(m.RevokedKeys))
	}
	for i, k := range m.RevokedKeys {
		if k.Alias != "wifi" || i > 0 && m.RevokedKeys[i-1].SHA256 >= k.SHA256 {
			t.Errorf("key %d = %+v", i, k)
		}
	}
	if newest := recalls[len(recalls)-1]; m.revoked(InstalledCertificate{Alias: "wifi", Serial: newest.Serial}) == nil {
		t.Error("the newest is left out")
	}
}

func TestRecallBook(t *testing.T) {
	recall := func(number uint64, id device.ID, epoch device.Epoch) Recall {
		return Recall{Number: number, Key: CertificateKey{Device: id, Epoch: epoch}}
	}
	b := new(recallBook)
	b.add([]Recall{recall(1, "a", 1), recall(2, "b", 1), recall(4, "a", 2)})
	b.add([]Recall{recall(2, "b", 1), recall(4, "a", 2), recall(5, "a", 2)}) // two are known
	if got := b.number(); got != 5 {
		t.Errorf("number = %d", got)
	}
	for _, tt := range []struct {
		id    device.ID
		epoch device.Epoch
		want  []Recall
	}{
		{"a", 1, []Recall{recall(1, "a", 1)}},
		{"a", 2, []Recall{recall(4, "a", 2), recall(5, "a", 2)}},
		{"b", 1, []Recall{recall(2, "b", 1)}},
		{"c", 1, nil},
	} {
		if diff := cmp.Diff(tt.want, b.of(tt.id, tt.epoch)); diff != "" {
			t.Errorf("of %s in epoch %d (-want +got):\n%s", tt.id, tt.epoch, diff)
		}
	}
	b.drop("a", 1)
	b.drop("b", 1)
	if diff := cmp.Diff(map[device.ID][]Recall{"a": {recall(4, "a", 2), recall(5, "a", 2)}}, b.byDevice); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestRevokeOutOfReach(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		serial, _ := issueFor(t, s, phone(), "wifi")
		_, err := s.RevokeCertificate(adminContext(t, "hr"), serial, "lost")
		wantFault(t, err, fault.NotFound, "")
		_, unknown := s.RevokeCertificate(adminContext(t, "hr"), "ff", "lost")
		if got, want := err.Error(), unknown.Error(); got != `no client certificate "1"` || want != `no client certificate "ff"` {
			t.Errorf("%q for one out of reach, %q for one that is none", got, want)
		}
		if w.issued[0].Revocation != nil {
			t.Fatal("it was revoked all the same")
		}
		if _, err := s.RevokeCertificate(adminContext(t, "hr", "sales"), serial, "lost"); err != nil || w.issued[0].Revocation == nil {
			t.Errorf("within reach: %v", err)
		}
	})
}
