package webkeysdb_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeysdb"
	"ringfence/internal/webkeys/webkeystest"
)

// noon has microseconds, so that losing them would show.
var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

func entry(action string) audit.Entry {
	return audit.Entry{Actor: "admin:alice", Action: action, Target: "x/y", Detail: "why", RequestID: "r1", Peer: "192.0.2.1", Credential: "a1"}
}

func key(a webkeys.Algorithm, number uint64, id byte) webkeys.Stored {
	return webkeys.Stored{
		ID: strings.Repeat(string(rune(id)), 43), Algorithm: a, Number: number, Sealed: []byte(strings.Repeat("s", 40) + string(rune(id))),
		CreatedAt: noon, SignsFrom: noon.Add(time.Hour),
	}
}

func recorded(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	var actions []string
	if err := db.Read(t.Context()).Table("audit_entries").Order("sequence").Pluck("action", &actions).Error; err != nil {
		t.Fatal(err)
	}
	return actions
}

func TestStore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := webkeysdb.New(db)
		es1, es2, rs1 := key(webkeys.ES256, 1, 'b'), key(webkeys.ES256, 2, 'a'), key(webkeys.RS256, 1, 'c')
		for _, k := range []webkeys.Stored{rs1, es2, es1} {
			if err := s.AddKey(t.Context(), k, entry("add")); err != nil {
				t.Fatal(err)
			}
		}
		late := key(webkeys.ES256, 2, 'd')
		if err := s.AddKey(t.Context(), late, entry("late")); !errors.Is(err, webkeys.ErrNumberTaken) {
			t.Errorf("a number that is taken: %v", err)
		}
		again := key(webkeys.ES256, 3, 'a')
		if err := s.AddKey(t.Context(), again, entry("again")); err == nil {
			t.Error("one key was added twice")
		}
		got, err := s.Keys(t.Context())
		if diff := cmp.Diff([]webkeys.Stored{es1, es2, rs1}, got); diff != "" || err != nil {
			t.Errorf("keys: %v (-want +got):\n%s", err, diff)
		}
		for range 2 {
			if err := s.RemoveKey(t.Context(), es1.ID, entry("remove")); err != nil {
				t.Error(err)
			}
		}
		got, err = s.Keys(t.Context())
		if diff := cmp.Diff([]webkeys.Stored{es2, rs1}, got); diff != "" || err != nil {
			t.Errorf("keys: %v (-want +got):\n%s", err, diff)
		}
		if diff := cmp.Diff([]string{"add", "add", "add", "remove"}, recorded(t, db)); diff != "" {
			t.Errorf("the record (-want +got):\n%s", diff)
		}
		err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec("UPDATE webkeys_keys SET signs_from = signs_from + 1")
			return err
		})
		if err == nil {
			t.Error("a key was changed")
		}
	})
}

// TestTwoServers: two servers that start at once on one database make one key,
// and each believes what the other signs.
func TestTwoServers(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		generate := webkeystest.Generator() // one for all: no two keys are the same
		var servers []*webkeys.Service
		for _, db := range []*sqldb.DB{a, b} {
			servers = append(servers, webkeys.New(webkeys.Config{
				Store: webkeysdb.New(db), Sealer: webkeystest.Sealer(t), Now: func() time.Time { return noon }, Generate: generate,
			}))
		}
		var wg sync.WaitGroup
		tokens := make([]string, len(servers))
		for i, s := range servers {
			wg.Go(func() {
				if err := s.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
				var err error
				if tokens[i], err = s.Sign(t.Context(), webkeys.ES256, "at+jwt", map[string]string{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, s := range servers {
			for _, token := range tokens {
				if err := s.Verify(t.Context(), token, "at+jwt", new(map[string]string)); err != nil {
					t.Error(err)
				}
			}
			if _, err := s.Rotate(t.Context(), webkeys.RS256); err != nil {
				t.Error(err)
			}
		}
		stored, err := webkeysdb.New(b).Keys(t.Context())
		var got []string
		for _, k := range stored {
			got = append(got, string(k.Algorithm)+" "+string(rune('0'+k.Number)))
		}
		if diff := cmp.Diff([]string{"ES256 1", "RS256 1", "RS256 2"}, got); diff != "" || err != nil {
			t.Errorf("keys: %v (-want +got):\n%s", err, diff)
		}
		if diff := cmp.Diff([]string{"webkeys.rotate", "webkeys.rotate", "webkeys.rotate"}, recorded(t, a)); diff != "" {
			t.Errorf("the record (-want +got):\n%s", diff)
		}
	})
}
