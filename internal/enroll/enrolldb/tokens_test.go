package enrolldb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestCreateToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		want := given(t, s, token(1))
		for name, find := range map[string]func() (enroll.Token, error){
			"by id":     func() (enroll.Token, error) { return s.Token(t.Context(), want.ID) },
			"by lookup": func() (enroll.Token, error) { return s.TokenByLookup(t.Context(), want.Lookup) },
		} {
			got, err := find()
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}

		// The same request key again, and a lookup that is taken: no trace.
		before := dump(t, db)
		again := token(2)
		again.RequestKey = want.RequestKey
		kept, created, err := s.CreateToken(t.Context(), again, entry("enroll.token.create"))
		if err != nil || created {
			t.Errorf("the same request key: created %v, %v", created, err)
		}
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Errorf("the same request key gives another token (-want +got):\n%s", diff)
		}
		taken := token(3)
		taken.Lookup = want.Lookup
		if _, _, err := s.CreateToken(t.Context(), taken, entry("enroll.token.create")); !errors.Is(err, enroll.ErrMoved) {
			t.Errorf("a lookup that is taken: %v", err)
		}
		if diff := cmp.Diff(before, dump(t, db)); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
	})
}

func TestNoToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		before := dump(t, db)
		_, byID := s.Token(t.Context(), "token-1")
		_, byLookup := s.TokenByLookup(t.Context(), "' OR 1=1 --0")
		_, revoked := s.RevokeToken(t.Context(), "token-1", noon, entry("enroll.token.revoke"))
		for name, err := range map[string]error{"by id": byID, "by lookup": byLookup, "revoke": revoked} {
			if !errors.Is(err, enroll.ErrNoToken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(before, dump(t, db)); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
	})
}

func TestRevokeToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		want := given(t, s, token(1))
		want.RevokedAt = noon.Add(time.Hour)
		got, err := s.RevokeToken(t.Context(), want.ID, want.RevokedAt, entry("enroll.token.revoke"))
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("revoked (-want +got):\n%s", diff)
		}
		before := dump(t, db)
		got, err = s.RevokeToken(t.Context(), want.ID, noon.Add(2*time.Hour), entry("enroll.token.revoke"))
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("revoked again (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, dump(t, db)); diff != "" {
			t.Errorf("revoking again changed:\n%s", diff)
		}
		if err := s.Join(t.Context(), join(1, want, "")); !errors.Is(err, enroll.ErrMoved) {
			t.Errorf("Join with a revoked token: %v", err)
		}
	})
}

func TestListTokens(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		now := noon.Add(100 * 24 * time.Hour)
		edits := []func(*enroll.Token){
			func(k *enroll.Token) { k.ExpiresAt = now.Add(time.Hour) }, // usable, as long as can be
			func(k *enroll.Token) { k.ExpiresAt = now },                // expired
			func(k *enroll.Token) { k.ExpiresAt, k.Uses = now.Add(time.Hour), 3 },
			func(k *enroll.Token) { k.ExpiresAt, k.RevokedAt = now.Add(time.Hour), noon },
			func(k *enroll.Token) { k.ExpiresAt = now.Add(time.Hour) },
			func(k *enroll.Token) { k.ExpiresAt = now.Add(time.Hour) }, // made when the one before was
		}
		var newestFirst []enroll.Token
		for n, edit := range edits {
			k := token(n)
			k.CreatedAt = now.Add(-enroll.MaxTokenLifetime).Add(time.Duration(min(n, 4)+1) * time.Minute)
			edit(&k)
			newestFirst = append([]enroll.Token{given(t, s, k)}, newestFirst...)
		}
		usable := []enroll.Token{newestFirst[0], newestFirst[1], newestFirst[5]}
		for name, tt := range map[string]struct {
			q    enroll.TokenQuery
			want []enroll.Token
		}{
			"all":          {enroll.TokenQuery{Limit: 10}, newestFirst},
			"first page":   {enroll.TokenQuery{Limit: 1}, newestFirst[:1]},
			"next page":    {enroll.TokenQuery{Limit: 10, After: at(newestFirst[0])}, newestFirst[1:]},
			"usable":       {enroll.TokenQuery{Limit: 10, UsableOnly: true, Now: now}, usable},
			"usable, next": {enroll.TokenQuery{Limit: 10, UsableOnly: true, Now: now, After: at(usable[1])}, usable[2:]},
			"end":          {enroll.TokenQuery{Limit: 10, After: at(newestFirst[5])}, []enroll.Token{}},
		} {
			got, err := s.ListTokens(t.Context(), tt.q)
			must(t, err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func at(t enroll.Token) enroll.Cursor { return enroll.Cursor{At: t.CreatedAt, ID: t.ID} }
