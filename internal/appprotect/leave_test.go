package appprotect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

func TestLeave(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		if got := a.standing(); got != "ok " {
			t.Fatal(got)
		}
		id, from := a.admitted.ID, w.store.recorded()
		w.rings(id)
		w.pass(time.Minute)
		must(t, w.s.Leave(t.Context(), a.caller, nil))
		got, err := w.s.Registration(t.Context(), id)
		must(t, err)
		if diff := cmp.Diff(&End{At: t0.Add(time.Minute), Why: EndSignedOut}, got.Registration.End); diff != "" {
			t.Errorf("end (-want +got):\n%s", diff)
		}
		want := []string{"app:" + string(id) + " appprotect.end " + target(id) + ": epoch 1: signed-out"}
		if diff := cmp.Diff(want, w.store.said(from)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		if w.rings(id) != 1 || w.ended[epochOf(id, 1)] != "signed-out" {
			t.Error("nobody heard of it")
		}
		for what, call := range map[string]func() error{
			"leave":    func() error { return w.s.Leave(t.Context(), a.caller, nil) },
			"identify": func() error { _, err := w.s.Identify(t.Context(), a.caller.Serial); return err },
			"check in": func() error { _, err := a.checkIn(); return err },
			"watch":    func() error { _, err := w.s.Desired(t.Context(), a.caller); return err },
		} {
			if err := call(); fault.ReasonOf(err) != "ENROLLMENT_ENDED" {
				t.Errorf("%s after the end: %v", what, err)
			}
		}
		if got := w.store.recorded(); got != from+1 {
			t.Errorf("%d entries more", got-from-1)
		}
	})
}

// selfWipe is one that a has signed.
func (a *app) selfWipe() SelfWipe {
	content := []byte("as the app wrote it")
	digest := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	must(a.w.t, err)
	return SelfWipe{
		ID: a.admitted.ID, Epoch: a.admitted.Epoch, Cause: SelfWipeLease, LeaseNumber: 7,
		PolicyRevision: signer, FinishedAt: a.w.clock().Add(7 * time.Nanosecond), Files: 12, Bytes: 3456,
		Content: content, Signature: signature, Chain: a.admitted.Chain,
	}
}

func TestSelfWipe(t *testing.T) {
	for _, cause := range []SelfWipeCause{SelfWipeLease, SelfWipePIN} {
		w := newWorld(t, true)
		w.policy("all", "")
		a := w.joined(bob)
		wiped := a.selfWipe()
		wiped.Cause = cause
		must(t, w.s.Leave(t.Context(), a.caller, &wiped))
		got, err := w.s.Registration(t.Context(), a.admitted.ID)
		must(t, err)
		wiped.FinishedAt = w.clock()
		if diff := cmp.Diff(&End{At: t0, Why: EndSelfWiped, SelfWipe: &wiped}, got.Registration.End); diff != "" {
			t.Errorf("end (-want +got):\n%s", diff)
		}
		if got := w.ended[epochOf(a.admitted.ID, 1)]; got != "self-wiped" {
			t.Errorf("others heard %q", got)
		}
	}
}

// TestSelfWipeByRSA: a phone may have no other keys.
func TestSelfWipeByRSA(t *testing.T) {
	w := newWorld(t, true)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	der, serial, _, err := w.IssueApp("0001", 1, key.Public(), t0, t0.AddDate(1, 0, 0))
	must(t, err)
	content := []byte("it")
	digest := sha256.Sum256(content)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(t, err)
	wiped := SelfWipe{Content: content, Signature: signature, Chain: der}
	if err := wiped.verify(serial); err != nil {
		t.Error(err)
	}
	wiped.Signature[0] ^= 1
	if wiped.verify(serial) == nil {
		t.Error("a bent signature holds")
	}
}

// TestSelfWipeRefused: what does not hold ends nothing.
func TestSelfWipeRefused(t *testing.T) {
	const signature = "self_wipe.signature"
	tests := map[string]struct {
		edit  func(w *world, a *app, s *SelfWipe)
		field string
	}{
		"another registration": {func(_ *world, _ *app, s *SelfWipe) { s.ID = "00000000000000000000000000000099" }, "self_wipe"},
		"another epoch":        {func(_ *world, _ *app, s *SelfWipe) { s.Epoch = 1 }, "self_wipe"},
		"no cause":             {func(_ *world, _ *app, s *SelfWipe) { s.Cause = "" }, "self_wipe"},
		"a time that is none":  {func(_ *world, _ *app, s *SelfWipe) { s.FinishedAt = time.Time{} }, "self_wipe"},
		"too many bytes":       {func(_ *world, _ *app, s *SelfWipe) { s.Bytes = math.MaxUint64 }, "self_wipe"},
		"too many files":       {func(_ *world, _ *app, s *SelfWipe) { s.Files = 1 << 63 }, "self_wipe"},
		"a policy that is none": {
			func(_ *world, _ *app, s *SelfWipe) { s.PolicyRevision = "latest" }, "self_wipe",
		},
		"other content": {func(_ *world, _ *app, s *SelfWipe) { s.Content = []byte("something else") }, signature},
		"no signature":  {func(_ *world, _ *app, s *SelfWipe) { s.Signature = nil }, signature},
		"no certificate": {
			func(_ *world, _ *app, s *SelfWipe) { s.Chain = nil }, signature,
		},
		"no real certificate": {func(_ *world, _ *app, s *SelfWipe) { s.Chain = [][]byte{{1, 2, 3}} }, signature},
		// Eve has a certificate, too, and signs with her own key.
		"another's key": {func(w *world, _ *app, s *SelfWipe) {
			eve := w.joined(Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"})
			theirs := eve.selfWipe()
			s.Content, s.Signature, s.Chain = theirs.Content, theirs.Signature, theirs.Chain
		}, signature},
		"another's signature under the right certificate": {func(w *world, _ *app, s *SelfWipe) {
			eve := w.joined(Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"})
			s.Signature = eve.selfWipe().Signature
		}, signature},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, true)
			w.policy("all", "")
			a := w.joined(bob)
			must(t, a.register()) // epoch 2
			s := a.selfWipe()
			tt.edit(w, a, &s)
			from := w.store.recorded()
			wantInvalid(t, w.s.Leave(t.Context(), a.caller, &s), tt.field)
			if _, err := w.s.Identify(t.Context(), a.caller.Serial); err != nil || w.store.recorded() != from {
				t.Errorf("it ended, or was recorded: %v", err)
			}
		})
	}
}

func TestRetire(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		must(t, a.register())
		id, from := a.admitted.ID, w.store.recorded()
		for name, tt := range map[string]struct {
			epoch  uint64
			reason string
			want   error
		}{
			"no reason":             {2, "", nil},
			"a reason of two lines": {2, "lost\nfound", nil},
			"an epoch that was":     {1, "lost", ErrEpochMoved},
			"one that is to come":   {3, "lost", ErrEpochMoved},
		} {
			_, err := w.s.Retire(w.admin(), id, device.Epoch(tt.epoch), tt.reason)
			if tt.want == nil {
				wantInvalid(t, err, "reason")
			} else if fault.ReasonOf(err) != fault.ReasonOf(tt.want) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		_, err := w.s.Retire(w.admin(), "00000000000000000000000000000099", 0, "lost")
		wantFault(t, err, ErrNoRegistration)
		for range 2 {
			r, err := w.s.Retire(w.admin(), id, 0, "the phone was lost")
			must(t, err)
			if diff := cmp.Diff(&End{At: t0, Why: EndRetired, Detail: "the phone was lost"}, r.End); diff != "" {
				t.Errorf("end (-want +got):\n%s", diff)
			}
		}
		want := []string{"admin:alice appprotect.end " + target(id) + ": epoch 2: retired, the phone was lost"}
		if diff := cmp.Diff(want, w.store.said(from)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		_, err = w.s.Identify(t.Context(), a.caller.Serial)
		wantFault(t, err, ErrEnded)
	})
}

// TestEnd: other rooms end what they know of, and may repeat it.
func TestEnd(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		must(t, a.register())
		id, from := a.admitted.ID, w.store.recorded()
		end := func(epoch uint64) error { return w.s.End(t.Context(), id, device.Epoch(epoch), EndWiped, "order\n1") }
		must(t, end(1)) // over long ago
		wantFault(t, end(3), ErrEpochMoved)
		if end(0) == nil {
			t.Error("an epoch that nobody names was ended")
		}
		if _, err := w.s.Identify(t.Context(), a.caller.Serial); err != nil || w.store.recorded() != from {
			t.Fatalf("the present epoch is over: %v", err)
		}
		must(t, end(2))
		must(t, end(2))
		want := []string{"server appprotect.end " + target(id) + ": epoch 2: wiped, order 1"}
		if diff := cmp.Diff(want, w.store.said(from)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		wantFault(t, w.s.End(t.Context(), "00000000000000000000000000000099", 1, EndWiped, ""), ErrNoRegistration)
	})
}

// TestEndLosesARace: what was changed meanwhile is looked at again.
func TestEndLosesARace(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "")
	a := w.joined(bob)
	w.store.fail("Finish", ErrMoved)
	wantFault(t, w.s.Leave(t.Context(), a.caller, nil), ErrMoved)
	if got := w.store.count()["Finish"]; got != fault.Attempts {
		t.Errorf("tried %d times", got)
	}
	w.store.fail("Finish", nil)
	if _, err := w.s.Identify(t.Context(), a.caller.Serial); err != nil {
		t.Errorf("what was not stored counts: %v", err)
	}
}
