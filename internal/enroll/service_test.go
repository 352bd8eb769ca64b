package enroll_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

func TestCreateToken(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		spec := enroll.TokenSpec{
			RequestKey: "request-key", Description: "kiosks", Ownership: device.Company, Mode: device.Dedicated,
		}
		want, secret, err := r.CreateToken(alice(t), spec)
		must(t, err)
		if want.Group != "default" || want.MaxUses != 1 || !want.ExpiresAt.Equal(r.clock.Now().Add(24*time.Hour)) {
			t.Errorf("defaults: %+v", want)
		}
		if secret == "" || bytes.Contains(want.Secret[:], []byte(secret)) {
			t.Errorf("secret %q", secret)
		}

		before := r.dump()
		got, again, err := r.CreateToken(alice(t), spec)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" || again != "" {
			t.Errorf("repeated: secret %q, token (-want +got):\n%s", again, diff)
		}
		other := spec
		other.MaxUses = 2
		bob := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "bob"})
		if _, _, err := r.CreateToken(alice(t), other); !errors.Is(err, enroll.ErrRequestKeyReused) {
			t.Errorf("another request: %v", err)
		}
		if _, _, err := r.CreateToken(bob, spec); !errors.Is(err, enroll.ErrRequestKeyReused) {
			t.Errorf("another administrator: %v", err)
		}
		other.RequestKey, other.Ownership = "request-key-2", device.Personal
		if _, _, err := r.CreateToken(alice(t), other); fault.KindOf(err) != fault.Invalid {
			t.Errorf("personal and dedicated: %v", err)
		}
		if diff := cmp.Diff(before, r.dump()); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
	})
}

func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		var newestFirst []string
		for range 3 {
			k, _ := r.token(1)
			newestFirst = append([]string{k.ID}, newestFirst...)
			r.clock.pass(time.Second)
		}
		must(t, errOf(r.RevokeToken(alice(t), newestFirst[1])))
		page, next, err := r.ListTokens(t.Context(), enroll.TokenQuery{Limit: 1, UsableOnly: true})
		must(t, err)
		rest, end, err := r.ListTokens(t.Context(), enroll.TokenQuery{Limit: 1, UsableOnly: true, After: next})
		must(t, err)
		if len(page) != 1 || len(rest) != 1 || page[0].ID != newestFirst[0] || rest[0].ID != newestFirst[2] || !end.IsZero() {
			t.Errorf("pages %v and %v, end %v", page, rest, end)
		}
		got, err := r.Token(t.Context(), newestFirst[1])
		if err != nil || !got.RevokedAt.Equal(r.clock.Now()) {
			t.Errorf("revoked at %v, %v", got.RevokedAt, err)
		}
		r.clock.pass(24 * time.Hour)
		if page, _, err := r.ListTokens(t.Context(), enroll.TokenQuery{Limit: 9, UsableOnly: true}); err != nil || len(page) != 0 {
			t.Errorf("usable after their time: %v, %v", page, err)
		}
	})
}

func TestAdministrators(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		if has, err := r.HasAdministrators(t.Context()); err != nil || has {
			t.Fatalf("HasAdministrators = %v, %v", has, err)
		}
		key := newKey(t)
		want, grant, err := r.CreateAdministrator(t.Context(), enroll.Appointment{Name: "alice", Role: identity.Operator, Groups: []string{"sales", "hr", "sales"}}, request(t, key))
		must(t, err)
		leaf := leafOf(t, grant.Chain)
		if leaf.Subject.CommonName != "alice" || leaf.SerialNumber.Text(16) != want.Serial {
			t.Errorf("certificate %s is for %q", leaf.SerialNumber.Text(16), leaf.Subject.CommonName)
		}
		caller := identity.Caller{
			Kind: identity.Admin, Name: "alice", Serial: want.Serial,
			Role: identity.Operator, Person: "alice", Groups: []string{"hr", "sales"}, Since: r.clock.Now(),
		}
		for range 2 { // read, then remembered
			if got, err := r.IdentifyAdmin(t.Context(), want.Serial); err != nil || !cmp.Equal(got, caller) {
				t.Errorf("let in as %+v, %v", got, err)
			}
		}
		r.refused(want.Serial, enroll.ErrCertificateUnknown) // not as a device
		if _, _, err := r.CreateAdministrator(t.Context(), enroll.Appointment{Name: "bob", Role: identity.Owner}, request(t, key)); !errors.Is(err, enroll.ErrKeyReused) {
			t.Errorf("the same key again: %v", err)
		}

		for range 2 {
			a, err := r.RevokeAdministrator(alice(t), want.Serial)
			if err != nil || !a.RevokedAt.Equal(r.clock.Now()) {
				t.Errorf("revoked %+v, %v", a, err)
			}
		}
		if _, err := r.IdentifyAdmin(t.Context(), want.Serial); !errors.Is(err, enroll.ErrCertificateRevoked) {
			t.Errorf("after revocation: %v", err)
		}
		if has, err := r.HasAdministrators(t.Context()); err != nil || !has {
			t.Errorf("after revocation HasAdministrators = %v, %v", has, err)
		}
		if _, err := r.RevokeAdministrator(t.Context(), "abc"); !errors.Is(err, enroll.ErrNoCertificate) {
			t.Errorf("revoke nobody: %v", err)
		}
		all, err := r.ListAdministrators(t.Context())
		must(t, err)
		want.RevokedAt = r.clock.Now()
		if diff := cmp.Diff([]enroll.Administrator{want}, all); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		var actions []string
		for _, e := range r.record() {
			actions = append(actions, e.Actor+" "+e.Action+" "+e.Target)
		}
		record := []string{
			"server enroll.admin.create administrator/alice", "admin:alice enroll.admin.revoke administrator/alice",
		}
		if diff := cmp.Diff(record, actions); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestRecordHoldsNoSecret walks a whole life and looks for what must not be in
// the record.
func TestRecordHoldsNoSecret(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		_, secret := r.token(2)
		tag := rand.Text()
		c := r.join(secret, tag)
		must(t, errOf(r.Renew(identity.With(t.Context(), c), c, request(t, newKey(t)))))
		must(t, r.Leave(identity.With(t.Context(), c), c))
		for _, e := range r.record() {
			for _, secret := range []string{secret, secret[13:], "someone@example.com", tag} {
				if bytes.Contains([]byte(e.Detail+e.Target+e.Actor), []byte(secret)) {
					t.Errorf("the record holds %q: %+v", secret, e)
				}
			}
		}
	})
}
