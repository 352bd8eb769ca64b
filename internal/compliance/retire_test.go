package compliance

import (
	"crypto/elliptic"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/audit"
)

func TestRetirementDecide(t *testing.T) {
	live := []LiveCertificate{
		{1, "1a", "wifi"}, {2, "2a", "mail"}, {3, "3a", "wifi"}, {4, "4a", "wifi"}, {5, "5a", "vpn"},
	}
	wifi := func(serial string) []InstalledCertificate {
		return []InstalledCertificate{{Alias: "wifi", Serial: serial}}
	}
	for name, tt := range map[string]struct {
		r    Retirement
		want map[string]RevocationCode
	}{
		"nothing":                     {Retirement{}, nil},
		"the newest is installed":     {Retirement{Installed: wifi("4a")}, map[string]RevocationCode{"1a": 4, "3a": 4}},
		"one in between is":           {Retirement{Installed: wifi("3a")}, map[string]RevocationCode{"1a": 4}},
		"the oldest is":               {Retirement{Installed: wifi("1a")}, nil},
		"one of another alias":        {Retirement{Installed: wifi("5a")}, nil},
		"one that is not live":        {Retirement{Installed: wifi("ff")}, nil},
		"others end":                  {Retirement{EndOthers: true, Asked: []string{"vpn", "wifi"}}, map[string]RevocationCode{"2a": 5}},
		"all end":                     {Retirement{EndOthers: true}, map[string]RevocationCode{"1a": 5, "2a": 5, "3a": 5, "4a": 5, "5a": 5}},
		"others end, one superseded":  {Retirement{EndOthers: true, Asked: []string{"wifi"}, Installed: wifi("3a")}, map[string]RevocationCode{"1a": 4, "2a": 5, "5a": 5}},
		"superseded and not asked":    {Retirement{EndOthers: true, Asked: []string{"vpn"}, Installed: wifi("4a")}, map[string]RevocationCode{"1a": 5, "2a": 5, "3a": 5, "4a": 5}},
		"asked is no question if not": {Retirement{Asked: []string{"wifi"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tt.r.At, tt.r.Actor, tt.r.Recall = t0, audit.Entry{Actor: "device:x", RequestID: "r"}, true
			got := map[string]RevocationCode{}
			for _, ended := range tt.r.Decide(live) {
				got[ended.Serial] = ended.Revocation.Code
				if ended.Recall != (ended.Revocation.Code == CodeCessationOfOperation) {
					t.Errorf("%s: recall %v, code %d", ended.Serial, ended.Recall, ended.Revocation.Code)
				}
				if e := ended.Entry; e.Actor != "device:x" || e.RequestID != "r" || e.Target != "certificate/"+ended.Serial || e.Detail == "" {
					t.Errorf("entry = %+v", e)
				}
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ended (-want +got):\n%s", diff)
			}
		})
	}
}

// withoutCertificates is fullSpec without what needs one.
func withoutCertificates() Spec {
	s := fullSpec()
	s.Certificates, s.VPNs = nil, nil
	return s
}

// TestUnaskedCertificateEndsWhenApplied: not before the phone says that it has
// applied what does not ask for it.
func TestUnaskedCertificateEndsWhenApplied(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		serial, _ := issueFor(t, s, phone(), "wifi")
		with := manifestOf(t, s, phone())
		checkInAt(t, s, fitWith(with, serial), t0)
		w.apply(t, s, "p", withoutCertificates())
		w.advance(time.Minute)
		checkInAt(t, s, fitWith(with, serial), t0.Add(time.Minute))
		if got := w.revokedCodes(); len(got) != 0 {
			t.Fatalf("revoked before it was applied: %v", got)
		}
		applied := fitReport(manifestOf(t, s, phone()), t0)
		applied.Posture.Certificates, applied.Posture.VPNs = nil, nil
		w.advance(time.Minute)
		checkInAt(t, s, applied, t0.Add(2*time.Minute))
		if diff := cmp.Diff(map[string]RevocationCode{"1": CodeCessationOfOperation}, w.revokedCodes()); diff != "" {
			t.Errorf("revoked (-want +got):\n%s", diff)
		}
		last := w.entries[len(w.entries)-1]
		want := audit.Entry{
			Actor: "device:phone-0001", Action: "compliance.certificate.revoke", Target: "certificate/1",
			Detail: "wifi: no policy asks for it any longer", RequestID: "request-1",
		}
		if diff := cmp.Diff(want, last); diff != "" {
			t.Errorf("entry (-want +got):\n%s", diff)
		}
		if len(w.recalled) != 0 {
			t.Error("recalled although the phone has removed it")
		}
		before := w.retirements
		for i := range 3 {
			w.advance(time.Minute)
			checkInAt(t, s, applied, t0.Add(time.Duration(3+i)*time.Minute))
		}
		if w.retirements != before {
			t.Error("reports that say nothing new look at certificates")
		}
	})
}

// TestUnaskedCertificateEndsWithoutThePhone: a phone that never comes back does
// not keep it. If it does come back, and the certificate is asked for again, it
// is told to give the key up.
func TestUnaskedCertificateEndsWithoutThePhone(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		serial, key := issueFor(t, s, phone(), "wifi")
		with := manifestOf(t, s, phone())
		checkInAt(t, s, fitWith(with, serial), t0)
		before := w.retirements
		w.advance(time.Hour)
		w.apply(t, s, "p", withoutCertificates())
		for range 30 {
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if revoked := len(w.revokedCodes()) > 0; revoked != !w.now.Before(t0.Add(25*time.Hour)) {
				t.Fatalf("%v after the change: revoked %v", w.now.Sub(t0.Add(time.Hour)), revoked)
			}
			w.advance(time.Hour)
		}
		if n := w.retirements - before; n != 1 {
			t.Errorf("%d retirements", n)
		}
		w.apply(t, s, "p", fullSpec())
		again := manifestOf(t, s, phone())
		want := []RevokedKey{{Alias: "wifi", SHA256: key, Serial: serial, At: t0.Add(25 * time.Hour)}}
		if diff := cmp.Diff(want, again.RevokedKeys); diff != "" || again.Revision() == with.Revision() {
			t.Errorf("revoked keys (-want +got):\n%s", diff)
		}
		back := fitWith(with, serial)
		w.advance(time.Minute)
		if got := checkInAt(t, s, back, w.now); got.Verdict.Standing != NonCompliant {
			t.Errorf("with the old certificate: %+v", got.Verdict)
		}
	})
}

// TestChangeTakenBackEndsNothing: what is asked for again in time was never
// gone.
func TestChangeTakenBackEndsNothing(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		serial, _ := issueFor(t, s, phone(), "wifi")
		fit := fitWith(manifestOf(t, s, phone()), serial)
		checkInAt(t, s, fit, t0)
		w.apply(t, s, "p", withoutCertificates())
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.apply(t, s, "p", fullSpec())
		for range 30 {
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.advance(time.Hour)
		}
		if got := w.revokedCodes(); len(got) != 0 || !w.states["phone-0001"].RetireAt.IsZero() {
			t.Errorf("revoked %v, to retire at %v", got, w.states["phone-0001"].RetireAt)
		}
	})
}

// TestSupersededCertificateEnds: once the phone says that the newer one is
// installed.
func TestSupersededCertificateEnds(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		m := manifestOf(t, s, phone())
		old, _ := issueFor(t, s, phone(), "wifi")
		checkInAt(t, s, fitWith(m, old), t0)
		next, _ := issueFor(t, s, phone(), "wifi")
		w.advance(time.Minute)
		checkInAt(t, s, fitWith(m, old), t0.Add(time.Minute))
		if got := w.revokedCodes(); len(got) != 0 {
			t.Fatalf("revoked before the newer one is installed: %v", got)
		}
		w.advance(time.Minute)
		if got := checkInAt(t, s, fitWith(m, next), t0.Add(2*time.Minute)); got.Verdict.Standing != Compliant || got.Revision != m.Revision() {
			t.Errorf("answer = %+v", got)
		}
		if diff := cmp.Diff(map[string]RevocationCode{old: CodeSuperseded}, w.revokedCodes()); diff != "" {
			t.Errorf("revoked (-want +got):\n%s", diff)
		}
	})
}

func TestLiveCertificatesAreBounded(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		last := ""
		for range MaxLiveCertificates {
			last, _ = issueFor(t, s, phone(), "wifi")
		}
		_, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csrFor(t, elliptic.P256()).Raw)
		if !errors.Is(err, ErrTooManyCertificates) {
			t.Fatalf("one more: %v", err)
		}
		checkInAt(t, s, fitWith(manifestOf(t, s, phone()), last), t0)
		if n := len(w.revokedCodes()); n != MaxLiveCertificates-1 {
			t.Errorf("%d ended when the last was installed", n)
		}
		issueFor(t, s, phone(), "wifi")
	})
}
