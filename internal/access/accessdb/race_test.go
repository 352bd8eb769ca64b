package accessdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/accessdb"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// strangers knows nobody and nothing.
type strangers struct{}

func (strangers) Person(_ context.Context, name string) (access.Person, error) {
	return access.Person{Name: name}, nil
}

func (strangers) Phone(context.Context, device.ID) (access.Device, error) {
	return access.Device{}, access.ErrNotKnown
}

func (strangers) App(context.Context, device.ID) (access.Registration, error) {
	return access.Registration{}, access.ErrNotKnown
}

func service(db *sqldb.DB) *access.Service {
	s := accessdb.New(db)
	return access.New(access.Config{
		Policies: s, Samples: s, History: s, Directory: strangers{}, Phones: strangers{}, Apps: strangers{},
		Now: time.Now, Cache: db.Exclusive(),
	})
}

func asking(c access.Control, places ...string) access.Spec {
	return access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
		Conditions: access.Conditions{IncludeLocations: access.Places{Names: places}},
		Grant:      access.Grant{Controls: []access.Control{c}},
	}
}

// TestApplyRace: two servers change the same policies at once. Whoever expects a
// revision wins it alone, and both decide by what is stored from then on.
func TestApplyRace(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		servers := []*access.Service{service(a), service(b)}
		if _, _, err := servers[0].ApplyPolicy(t.Context(), "p", asking(access.MFA), 0, false); err != nil {
			t.Fatal(err)
		}
		for round := range uint64(10) {
			errs := make([]error, 4)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					spec := asking(access.MFA)
					spec.Description = fmt.Sprint(round, " by ", i)
					_, _, errs[i] = servers[i%2].ApplyPolicy(t.Context(), "p", spec, round+1, false)
				})
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, access.ErrRevisionMoved) {
					t.Errorf("heard %v", err)
				}
			}
			if won != 1 {
				t.Fatalf("%d won revision %d", won, round+2)
			}
			for _, s := range servers {
				answer, err := s.Decide(t.Context(), access.Question{})
				if err != nil || answer.Versions.Policies != round+2 {
					t.Errorf("decided by generation %d, %v, want %d", answer.Versions.Policies, err, round+2)
				}
			}
		}
	})
}

// TestLocationRace: one server names a location while the other deletes it. One of
// them is refused, and what is stored always compiles.
func TestLocationRace(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		one, other := service(a), service(b)
		for round := range 10 {
			name := fmt.Sprint("place-", round)
			if _, _, err := one.ApplyLocation(t.Context(), access.Location{Name: name, UnknownCountry: true}, false); err != nil {
				t.Fatal(err)
			}
			var applied, deleted error
			var wg sync.WaitGroup
			wg.Go(func() { _, _, applied = one.ApplyPolicy(t.Context(), name, asking(access.MFA, name), 0, false) })
			wg.Go(func() { deleted = other.DeleteLocation(t.Context(), name) })
			wg.Wait()
			if (applied == nil) == (deleted == nil) {
				t.Errorf("applied: %v; deleted: %v", applied, deleted)
			}
			for _, s := range []*access.Service{one, other} {
				if _, err := s.Decide(t.Context(), access.Question{}); err != nil {
					t.Fatalf("what is stored does not decide: %v", err)
				}
			}
		}
	})
}

// TestService: what a service stores, the next one decides by, on both databases.
func TestService(t *testing.T) {
	each(t, func(t *testing.T, store *accessdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		s := service(db)
		if _, _, err := s.ApplyPolicy(ctx, "mfa", asking(access.MFA), 0, false); err != nil {
			t.Fatal(err)
		}
		spec := asking(access.Block)
		spec.State = access.ReportOnly
		if _, _, err := s.ApplyPolicy(ctx, "block", spec, 0, false); err != nil {
			t.Fatal(err)
		}
		q := access.Question{SignIn: access.SignIn{Person: access.Person{Name: "ada\x00\xff"}, App: "mail"}}
		for range 3 {
			answer, err := s.Decide(ctx, q)
			ok(t, err)
			same(t, "decided", access.AllowWith, answer.Decision.Outcome)
		}
		ok(t, s.Flush(ctx))
		report, err := service(db).Report(ctx, access.ReportRequest{Examples: 3})
		ok(t, err)
		if report.SignIns != 3 || report.Together.WouldBlock != 3 || len(report.Together.Examples) != 1 {
			t.Errorf("report: %+v", report)
		}
		answer, err := service(db).WhatIf(ctx, access.Supposition{Question: q, AsOf: time.Now().Add(-time.Hour)})
		ok(t, err)
		same(t, "an hour ago", access.Allow, answer.Decision.Outcome)
		ok(t, s.Remember(ctx, []device.ID{id(1)}))
		ok(t, s.Sweep(ctx))
		same(t, "recorded", []string{"revision 1, on", "revision 1, report-only"}, recorded(t, db))
	})
}
