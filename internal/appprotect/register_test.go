package appprotect

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

func TestBegin(t *testing.T) {
	w := newWorld(t, true)
	first, err := w.s.Begin(t.Context(), mailApp)
	must(t, err)
	second, err := w.s.Begin(t.Context(), mailApp)
	must(t, err)
	if len(first.Challenge) != 32 || string(first.Challenge) == string(second.Challenge) {
		t.Errorf("challenges %x and %x, want two of 32 bytes", first.Challenge, second.Challenge)
	}
	if want := t0.Add(10 * time.Minute); !first.ExpiresAt.Equal(want) {
		t.Errorf("expires at %v, want %v", first.ExpiresAt, want)
	}
	if diff := cmp.Diff(w.issuers, first.Issuers); diff != "" {
		t.Error(diff)
	}
	for hash := range w.store.challenges {
		if string(hash[:]) == string(first.Challenge) {
			t.Error("the challenge itself was stored")
		}
	}
	_, err = w.s.Begin(t.Context(), "mail")
	wantInvalid(t, err, "package")
	w.issuers = nil
	_, err = w.s.Begin(t.Context(), mailApp)
	wantFault(t, err, ErrSignInOff)
}

// TestNonce pins the form that apps depend on.
func TestNonce(t *testing.T) {
	challenge := make([]byte, 32)
	const want = "OvNSPdXzpLPhJskZdOVBPt37J1v28tq27ieZWgwEbIA"
	if got := Nonce(challenge, sha256.Sum256([]byte("key"))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRegister(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		// What no policy could name is not kept of the token.
		said := bob
		said.Groups = []string{"staff", "", "a\x00b", "staff"}
		a := w.mail(said)
		r := a.request()
		w.pass(time.Minute)
		from := w.store.recorded()
		must(t, a.registerWith(r))
		now := t0.Add(time.Minute)
		got := a.admitted
		id := device.ID(strings.Repeat("0", 31) + "1")
		want := Admission{ID: id, Epoch: 1, User: "bob@example.com", Grant: Grant{
			Chain: got.Chain, TrustBundle: [][]byte{w.root.Raw}, RenewAfter: now.Add(14 * 24 * time.Hour / 3 * 2),
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("admission (-want +got):\n%s", diff)
		}
		stored, err := w.s.Registration(t.Context(), id)
		must(t, err)
		if diff := cmp.Diff(Registration{
			ID: id, Epoch: 1, Tag: oneTag, Package: mailApp, SignerSHA256: signer, Level: apprules.Unenrolled,
			Person:     Person{Issuer: issuer, Subject: "sub-bob", Name: "bob@example.com", Groups: []string{"staff"}},
			AppVersion: "1.2", SDKVersion: "3.4", RegisteredAt: now, RequestDigest: r.digest(), Version: 1,
		}, stored.Registration); diff != "" {
			t.Errorf("registration (-want +got):\n%s", diff)
		}
		wantCaller := identity.Caller{
			Kind: identity.App, Device: id, Epoch: 1, Ownership: device.Personal, Mode: device.AppAccount,
			User: "bob@example.com", Package: mailApp, Serial: "abc001",
		}
		if diff := cmp.Diff(wantCaller, a.caller); diff != "" {
			t.Errorf("caller (-want +got):\n%s", diff)
		}
		entries := []string{fmt.Sprintf("app:%s appprotect.register registration/%s: epoch 1, com.example.mail, unenrolled", id, id)}
		if diff := cmp.Diff(entries, w.store.said(from)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestRegisterRefuses: each refusal leaves nothing behind, and the challenge is
// still good.
func TestRegisterRefuses(t *testing.T) {
	eve := Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"}
	denied := fault.New(fault.Denied, "SIGN_IN_REFUSED", "")
	tests := map[string]struct {
		edit func(w *world, a *app, r *RegisterRequest)
		want error
		// field is for an Invalid one.
		field string
	}{
		"short challenge": {edit: func(_ *world, _ *app, r *RegisterRequest) { r.Challenge = r.Challenge[:31] }, field: "challenge"},
		"package":         {edit: func(_ *world, _ *app, r *RegisterRequest) { r.Package = "mail" }, field: "app.package"},
		"signer":          {edit: func(_ *world, _ *app, r *RegisterRequest) { r.SignerSHA256 = strings.ToUpper(signer) }, field: "app.signer_sha256"},
		"app version":     {edit: func(_ *world, _ *app, r *RegisterRequest) { r.AppVersion = "" }, field: "app.app_version"},
		"sdk version":     {edit: func(_ *world, _ *app, r *RegisterRequest) { r.SDKVersion = "1\n2" }, field: "app.sdk_version"},
		"tag":             {edit: func(_ *world, _ *app, r *RegisterRequest) { r.Tag = "354987060000000" }, field: "device_tag"},
		"level":           {edit: func(_ *world, _ *app, r *RegisterRequest) { r.Level = 0 }, field: "level"},
		"certificate request": {
			edit: func(_ *world, _ *app, r *RegisterRequest) { r.CSR = append([]byte(nil), r.CSR[:80]...) }, field: "certificate_request",
		},
		"unknown challenge": {
			edit: func(_ *world, _ *app, r *RegisterRequest) { r.Challenge = make([]byte, 32) }, want: ErrChallenge,
		},
		"challenge of another app": {edit: func(w *world, _ *app, r *RegisterRequest) {
			other := w.mail(bob)
			other.pkg = notesApp
			*r = other.request()
			r.Package = mailApp
		}, want: ErrChallenge},
		"expired challenge": {edit: func(w *world, _ *app, _ *RegisterRequest) { w.pass(10 * time.Minute) }, want: ErrChallenge},
		// Eve has got hold of Bob's token, and has a key of her own.
		"another's token": {edit: func(w *world, _ *app, r *RegisterRequest) { r.CSR = csrOf(t, newKey(t)) }, want: denied},
		"a token for another challenge": {edit: func(w *world, a *app, r *RegisterRequest) {
			begun, err := w.s.Begin(t.Context(), mailApp)
			must(t, err)
			r.IDToken = a.requestWith(begun.Challenge).IDToken
		}, want: denied},
		"a token of another issuer": {edit: func(_ *world, a *app, r *RegisterRequest) {
			a.person.Issuer = "https://evil.example.com"
			r.IDToken = a.requestWith(r.Challenge).IDToken
		}, want: denied},
		"a token of nobody": {edit: func(_ *world, a *app, r *RegisterRequest) {
			a.person.Name = ""
			r.IDToken = a.requestWith(r.Challenge).IDToken
		}, want: denied},
		"a person without a policy": {edit: func(_ *world, a *app, r *RegisterRequest) {
			a.person = eve
			*r = a.requestWith(r.Challenge)
		}, want: ErrAppNotAllowed},
		"a signer without a policy": {edit: func(_ *world, _ *app, r *RegisterRequest) {
			r.SignerSHA256 = otherSigner
		}, want: ErrAppNotAllowed},
		"a level without a policy": {edit: func(w *world, a *app, r *RegisterRequest) {
			w.levels["bob@example.com"] = []apprules.Level{apprules.FullyManaged}
			r.Level = apprules.FullyManaged
		}, want: ErrAppNotAllowed},
		"a disabled account": {edit: func(w *world, _ *app, _ *RegisterRequest) {
			w.setAccount("bob@example.com", Account{Known: true, Groups: []string{"staff"}})
		}, want: ErrPersonDisabled},
		"a group that the directory does not confirm": {edit: func(w *world, _ *app, _ *RegisterRequest) {
			w.setAccount("bob@example.com", Account{Known: true, Active: true})
		}, want: ErrAppNotAllowed},
		"a broken directory": {edit: func(w *world, _ *app, _ *RegisterRequest) { w.directoryFails = errBroken }, want: errBroken},
		"a broken disk":      {edit: func(w *world, _ *app, _ *RegisterRequest) { w.store.fail("Open", errBroken) }, want: errBroken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, true)
			w.apply("staff", Spec{Target: Target{
				Apps:    []TargetApp{{Package: mailApp, SignerSHA256: []string{signer}}},
				Include: Audience{Groups: []string{"staff"}}, Levels: []apprules.Level{apprules.Unenrolled, apprules.WorkProfile},
			}})
			a := w.mail(bob)
			good := a.request()
			r, key := good, a.key
			tt.edit(w, a, &r)
			before := w.store.recorded()
			_, err := w.s.Register(t.Context(), r)
			switch {
			case tt.field != "":
				wantInvalid(t, err, tt.field)
			case fault.KindOf(tt.want) == fault.Internal:
				if fault.KindOf(err) != fault.Internal {
					t.Errorf("got %v, want the fault within", err)
				}
			default:
				wantFault(t, err, tt.want)
			}
			if got := w.store.recorded(); len(w.store.byID) > 0 || got != before {
				t.Errorf("it left %d registrations and %d entries", len(w.store.byID), got-before)
			}
			if name == "expired challenge" {
				return
			}
			// As if nothing had been.
			w.store.fail("Open", nil)
			w.directoryFails = nil
			w.setAccount("bob@example.com", Account{})
			a.person, a.key = bob, key
			must(t, a.registerWith(good))
		})
	}
}

// TestRegisterAgain: the same request is given the first answer for ten minutes,
// while its epoch lasts; any other use of the challenge is refused.
func TestRegisterAgain(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.mail(bob)
		r := a.request()
		must(t, a.registerWith(r))
		first, from := a.admitted, w.store.recorded()
		w.pass(9 * time.Minute)
		again, err := w.s.Register(t.Context(), r)
		must(t, err)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("a retry (-first +again):\n%s", diff)
		}
		other := r
		other.AppVersion = "1.3"
		_, err = w.s.Register(t.Context(), other)
		wantFault(t, err, ErrChallenge)
		// With a new key and a token for it.
		_, err = w.s.Register(t.Context(), func() RegisterRequest { a.key = newKey(t); return a.requestWith(r.Challenge) }())
		wantFault(t, err, ErrChallenge)
		w.pass(time.Minute + time.Microsecond)
		_, err = w.s.Register(t.Context(), r)
		wantFault(t, err, ErrChallenge)
		if got := w.store.said(from); got != nil {
			t.Errorf("it was recorded: %q", got)
		}
	})
}

func TestRegisterAgainAfterTheEnd(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.mail(bob)
		r := a.request()
		must(t, a.registerWith(r))
		must(t, w.s.Leave(t.Context(), a.caller, nil))
		_, err := w.s.Register(t.Context(), r)
		wantFault(t, err, ErrChallenge)
		// Nor does it come back by the next epoch.
		must(t, a.register())
		_, err = w.s.Register(t.Context(), r)
		wantFault(t, err, ErrChallenge)
	})
}

// TestRegisterAtOnce: of many equal requests one opens the epoch, and all are given
// its answer.
func TestRegisterAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.mail(bob)
		r := a.request()
		replicas := []*Service{w.s}
		if !w.s.c.Cache {
			replicas = append(replicas, w.replica(false))
		}
		var crew sync.WaitGroup
		answers := make([]Admission, 8)
		for i := range answers {
			crew.Go(func() {
				var err error
				answers[i], err = replicas[i%len(replicas)].Register(t.Context(), r)
				if err != nil {
					t.Error(err)
				}
			})
		}
		crew.Wait()
		for _, each := range answers[1:] {
			if diff := cmp.Diff(answers[0], each); diff != "" {
				t.Errorf("two answers:\n%s", diff)
			}
		}
		if got := w.store.byID[answers[0].ID].Epoch; got != 1 {
			t.Errorf("epoch %d", got)
		}
	})
}

// TestNextEpoch: the same person, tag and package is the next epoch of the same
// registration, and the one before is over.
func TestNextEpoch(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		first := a.caller
		if got := a.standing(rooted); got != "ok " {
			t.Fatal(got)
		}
		id, from := a.admitted.ID, w.store.recorded()
		w.rings(id)
		must(t, a.register())
		if a.admitted.ID != id || a.admitted.Epoch != 2 {
			t.Errorf("got epoch %d of %s, want 2 of %s", a.admitted.Epoch, a.admitted.ID, id)
		}
		want := []string{
			fmt.Sprintf("app:%s appprotect.end registration/%s: epoch 1: registered-again", id, id),
			fmt.Sprintf("app:%s appprotect.register registration/%s: epoch 2, com.example.mail, unenrolled", id, id),
		}
		if diff := cmp.Diff(want, w.store.said(from)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		if w.rings(id) == 0 || w.ended[epochOf(id, 1)] != "registered-again" {
			t.Errorf("nobody heard of the end: %v", w.ended)
		}
		_, err := w.s.Identify(t.Context(), first.Serial)
		wantFault(t, err, ErrEnded)
		_, err = w.s.CheckIn(t.Context(), first, CheckInRequest{Number: 9, Report: w.report()})
		wantFault(t, err, ErrEnded)
		// Numbers begin anew.
		if got := a.standing(); got != "ok " {
			t.Errorf("the first report of the epoch: %s", got)
		}
	})
}

// TestOneTag: the tag gives no right. An app that claims another's, or a person
// who does, has a registration of its own.
func TestOneTag(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "launch.rooted=block")
		a := w.joined(bob)
		if got := a.standing(); got != "ok " {
			t.Fatal(got)
		}
		thief := w.mail(bob)
		thief.pkg, thief.signer = notesApp, otherSigner
		must(t, thief.register())
		eve := w.joined(Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"})
		elsewhere := w.mail(bob)
		elsewhere.tag = otherTag
		must(t, elsewhere.register())
		for name, other := range map[string]*app{"app": thief, "person": eve, "phone": elsewhere} {
			if other.admitted.ID == a.admitted.ID || other.admitted.Epoch != 1 {
				t.Errorf("another %s: epoch %d of %s", name, other.admitted.Epoch, other.admitted.ID)
			}
			if got := other.standing(rooted); got != "block launch.rooted" {
				t.Errorf("another %s stands on %s", name, got)
			}
			must(t, w.s.Leave(t.Context(), other.caller, nil))
		}
		if got := a.standing(); got != "ok " {
			t.Errorf("and the first on %s", got)
		}
	})
}

// TestNameTaken: a name belongs to the account that used it first.
func TestNameTaken(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "")
	w.joined(bob)
	wantFault(t, w.mail(Person{Issuer: "https://other.example.com", Subject: "sub-bob", Name: "BOB@example.com"}).register(), ErrNameTaken)
	wantFault(t, w.mail(Person{Issuer: issuer, Subject: "sub-bobby", Name: "bob@example.com"}).register(), ErrNameTaken)
}

// TestKeyReused: a key serves one epoch, whoever's.
func TestKeyReused(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "")
	a := w.joined(bob)
	begun, err := w.s.Begin(t.Context(), mailApp)
	must(t, err)
	_, err = w.s.Register(t.Context(), a.requestWith(begun.Challenge))
	wantFault(t, err, ErrKeyReused)
}

// TestLevelCounts: what an app says of its phone counts only where the person has
// a phone that is enrolled so, also later.
func TestLevelCounts(t *testing.T) {
	w := newWorld(t, true)
	w.apply("loose", Spec{Target: Target{
		AppGroups: []string{AllAppsGroup}, Include: Audience{Everyone: true}, Levels: []apprules.Level{apprules.WorkProfile},
	}})
	a := w.mail(bob)
	a.level = apprules.WorkProfile
	wantFault(t, a.register(), ErrAppNotAllowed)
	w.levels["bob@example.com"] = []apprules.Level{apprules.WorkProfile}
	must(t, a.register())
	if got := a.standing(); got != "ok " {
		t.Errorf("enrolled: %s", got)
	}
	w.levels["bob@example.com"] = nil
	if got := a.standing(); got != "block policy" {
		t.Errorf("no longer enrolled: %s", got)
	}
}

func TestRenew(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		from := w.store.recorded()
		w.pass(10 * 24 * time.Hour)
		for _, key := range []any{nil, "another"} {
			if key != nil {
				a.key = newKey(t)
			}
			granted, err := w.s.Renew(t.Context(), a.caller, csrOf(t, a.key))
			must(t, err)
			if want := w.clock().Add(14 * 24 * time.Hour / 3 * 2); !granted.RenewAfter.Equal(want) {
				t.Errorf("renew after %v, want %v", granted.RenewAfter, want)
			}
			next, err := w.s.Identify(t.Context(), serialOf(t, granted.Chain))
			must(t, err)
			old, err := w.s.Identify(t.Context(), a.caller.Serial)
			must(t, err)
			old.Serial = next.Serial
			if diff := cmp.Diff(old, next); diff != "" {
				t.Errorf("old and new:\n%s", diff)
			}
		}
		if got := len(w.store.said(from)); got != 2 {
			t.Errorf("%d entries", got)
		}
		other := w.mail(bob)
		other.tag = otherTag
		must(t, other.register())
		_, err := w.s.Renew(t.Context(), a.caller, csrOf(t, other.key))
		wantFault(t, err, ErrKeyReused)
		_, err = w.s.Renew(t.Context(), a.caller, []byte("?"))
		wantInvalid(t, err, "certificate_request")
		must(t, w.s.Leave(t.Context(), a.caller, nil))
		_, err = w.s.Renew(t.Context(), a.caller, csrOf(t, newKey(t)))
		wantFault(t, err, ErrEnded)
	})
}

func TestIdentify(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		_, err := w.s.Identify(t.Context(), "abc999")
		wantFault(t, err, ErrCertificateUnknown)
		w.store.count()
		for range 3 {
			_, err = w.s.Identify(t.Context(), a.caller.Serial)
			must(t, err)
		}
		want := 3
		if w.s.c.Cache {
			want = 0
		}
		if got := w.store.count()["BySerial"]; got != want {
			t.Errorf("%d looks at the database, want %d", got, want)
		}
		must(t, w.s.End(t.Context(), a.admitted.ID, 1, EndWiped, ""))
		_, err = w.s.Identify(t.Context(), a.caller.Serial)
		wantFault(t, err, ErrEnded)
	})
}

// TestRegisterTooOften: a person has so many registrations and no more, whatever
// the name is by now; what ends makes room, and registering again needs some
// only where the one before has ended.
func TestRegisterTooOften(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		var apps []*app
		for i := range MaxLive {
			a := w.mail(bob)
			a.tag = fmt.Sprintf("%032x", i+1)
			must(t, a.register())
			apps = append(apps, a)
		}
		late := w.mail(bob)
		late.tag = strings.Repeat("f", 32)
		wantFault(t, late.register(), ErrTooMany)
		late.person.Name = "robert@example.com"
		wantFault(t, late.register(), ErrTooMany)
		must(t, apps[0].register())
		must(t, w.s.Leave(t.Context(), apps[1].caller, nil))
		must(t, late.register())
		wantFault(t, apps[1].register(), ErrTooMany)
	})
}

// TestRegisterAllDay: what is opened stays on record, so that there is an end to
// it.
func TestRegisterAllDay(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "")
	a := w.mail(bob)
	for range maxOpened {
		must(t, a.register())
	}
	wantFault(t, a.register(), ErrTooMany)
	if got := a.standing(); got != "ok " {
		t.Errorf("the registration there is: %s", got)
	}
	w.pass(24*time.Hour + time.Second)
	must(t, a.register())
}

// TestRenamed: a sign-in that gives a person another name gives it to all that
// the person has registered, at once.
func TestRenamed(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for name, who := range map[string]string{"bob": "bob@example.com", "robert": "robert@example.com"} {
			spec := specOf(t, sayings(map[string]string{"bob": "", "robert": "launch.rooted=block"}[name]))
			spec.Target.Include = Audience{Users: []string{who}}
			w.apply(name, spec)
		}
		a, other := w.joined(bob), w.mail(bob)
		if got := a.standing(rooted); got != "ok " {
			t.Fatal(got)
		}
		w.rings(a.admitted.ID)
		other.tag, other.person.Name = otherTag, "Robert@example.com"
		must(t, other.register())
		if got := a.kept().Verdict.Standing; got != apprules.StandingBlock || w.rings(a.admitted.ID) == 0 {
			t.Errorf("judged by the name before: %v", got)
		}
		if got := a.standing(rooted); got != "block launch.rooted" {
			t.Errorf("after the next report: %s", got)
		}
		who, err := w.s.Identify(t.Context(), a.caller.Serial)
		must(t, err)
		if who.User != "robert@example.com" {
			t.Errorf("identified as %s", who.User)
		}
		// By either name: whoever is to be wiped cannot get away by a new one.
		for _, name := range []string{"bob@example.com", "Robert@example.com"} {
			if all, err := w.s.SelectByUser(t.Context(), name, 9); err != nil || len(all) != 2 {
				t.Errorf("by %s: %v, %v", name, all, err)
			}
		}
	})
}
