package oauthdb_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/oauth"
	"ringfence/internal/oauth/oauthdb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// noon has microseconds, so that losing them would show.
var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

func entry(action string) audit.Entry {
	return audit.Entry{Actor: "admin:alice", Action: action, Target: "x/y", Detail: "why", RequestID: "r1", Peer: "192.0.2.1", Credential: "a1"}
}

// client is the nth one, with every field set.
func client(n int) oauth.Client {
	return oauth.Client{
		ID: fmt.Sprintf("c_%032x", 1000-n), Name: fmt.Sprintf("client-%d", n), Scopes: []oauth.Scope{oauth.ReadStreams, oauth.Evaluate},
		CreatedAt: noon.Add(time.Duration(n) * time.Second), CreatedBy: "admin:alice",
		Secret: [32]byte{byte(n), 1}, RequestKey: fmt.Sprintf("request-%d", n), Request: [32]byte{byte(n), 2},
	}
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func recorded(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	var actions []string
	must(t, db.Read(t.Context()).Table("audit_entries").Order("sequence").Pluck("action", &actions).Error)
	return actions
}

func TestCreate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := oauthdb.New(db)
		got, err := s.CreateClient(t.Context(), client(1), entry("create"))
		must(t, err)
		check(t, "created", client(1), got)
		got, err = s.Client(t.Context(), client(1).ID)
		must(t, err)
		check(t, "stored", client(1), got)

		again := client(2)
		again.RequestKey = client(1).RequestKey
		got, err = s.CreateClient(t.Context(), again, entry("again"))
		must(t, err)
		check(t, "the request key again", client(1), got)

		same := client(2)
		same.Name = client(1).Name
		if _, err = s.CreateClient(t.Context(), same, entry("same")); !errors.Is(err, oauth.ErrClientExists) {
			t.Errorf("a name that is in use: %v", err)
		}
		if _, err = s.Client(t.Context(), client(2).ID); !errors.Is(err, oauth.ErrNoClient) {
			t.Errorf("one there is not: %v", err)
		}
		check(t, "the record", []string{"create"}, recorded(t, db))
	})
}

func TestRevoke(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := oauthdb.New(db)
		_, err := s.CreateClient(t.Context(), client(1), entry("create"))
		must(t, err)
		want := client(1)
		want.RevokedAt = noon.Add(time.Minute)
		for range 2 { // the second changes nothing
			got, err := s.RevokeClient(t.Context(), want.ID, want.RevokedAt, entry("revoke"))
			must(t, err)
			check(t, "revoked", want, got)
		}
		later, err := s.RevokeClient(t.Context(), want.ID, noon.Add(time.Hour), entry("later"))
		must(t, err)
		check(t, "revoked once", want, later)
		if _, err := s.RevokeClient(t.Context(), client(2).ID, noon, entry("none")); !errors.Is(err, oauth.ErrNoClient) {
			t.Errorf("one there is not: %v", err)
		}
		second := client(2)
		second.Name = want.Name
		_, err = s.CreateClient(t.Context(), second, entry("create")) // the name is free
		must(t, err)
		check(t, "the record", []string{"create", "revoke", "create"}, recorded(t, db))
		for _, sql := range []string{
			"UPDATE oauth_clients SET revoked_at = NULL", "UPDATE oauth_clients SET scopes = 'ssf.manage', revoked_at = 1",
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(sql)
				return err
			})
			if err == nil {
				t.Errorf("done: %s", sql)
			}
		}
	})
}

func TestList(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := oauthdb.New(db)
		for n := range 5 {
			_, err := s.CreateClient(t.Context(), client(n), entry("create"))
			must(t, err)
		}
		_, err := s.RevokeClient(t.Context(), client(2).ID, noon, entry("revoke"))
		must(t, err)
		list := func(q oauth.ClientQuery) []string {
			clients, err := s.ListClients(t.Context(), q)
			must(t, err)
			names := []string{}
			for _, c := range clients {
				names = append(names, c.Name)
			}
			return names
		}
		check(t, "in use", []string{"client-0", "client-1", "client-3"}, list(oauth.ClientQuery{Limit: 3}))
		check(t, "then", []string{"client-4"}, list(oauth.ClientQuery{Limit: 3, After: client(3).ID}))
		check(t, "all", []string{"client-1", "client-2", "client-3"}, list(oauth.ClientQuery{Limit: 3, After: client(0).ID, Revoked: true}))
		check(t, "after one there is not", []string{}, list(oauth.ClientQuery{Limit: 3, After: "c_0"}))
	})
}

// TestMost: many at once do not make more than there may be.
func TestMost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { most(t, db, db) })
}

func TestMostTwo(t *testing.T) { dbtest.Two(t, most) }

func most(t *testing.T, a, b *sqldb.DB) {
	stores := []*oauthdb.Store{oauthdb.New(a), oauthdb.New(b)}
	must(t, a.Write(t.Context(), func(tx *sqldb.Tx) error { // quicker than one by one
		for n := range oauth.MaxClients - 3 {
			c := client(n)
			_, err := tx.Exec(`INSERT INTO oauth_clients (id, name, scopes, secret_hash, created_at, created_by, request_key, request_hash)
				VALUES (?, ?, 'ssf.read', ?, 1, 'x', ?, ?)`, c.ID, c.Name, c.Secret[:], c.RequestKey, c.Request[:])
			if err != nil {
				return err
			}
		}
		return tx.Record(entry("fill"))
	}))
	var wg sync.WaitGroup
	var made, full atomic.Int64
	for n := range 10 {
		wg.Go(func() {
			_, err := stores[n%2].CreateClient(t.Context(), client(500+n), entry("create"))
			switch {
			case err == nil:
				made.Add(1)
			case errors.Is(err, oauth.ErrTooManyClients):
				full.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	check(t, "made and refused", []int64{3, 7}, []int64{made.Load(), full.Load()})
	_, err := stores[0].RevokeClient(t.Context(), client(0).ID, noon, entry("revoke"))
	must(t, err)
	_, err = stores[1].CreateClient(t.Context(), client(600), entry("create"))
	must(t, err)
}

// TestSameRequest: of one request that is sent twice at once, one makes the
// client and both are given it.
func TestSameRequest(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		var wg sync.WaitGroup
		got := make([]oauth.Client, 6)
		for i := range got {
			wg.Go(func() {
				c := client(i)
				c.Name, c.RequestKey = "one", "one-request"
				var err error
				if got[i], err = oauthdb.New([]*sqldb.DB{a, b}[i%2]).CreateClient(t.Context(), c, entry("create")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, c := range got {
			check(t, "client", got[0], c)
		}
		check(t, "the record", []string{"create"}, recorded(t, a))
	})
}
