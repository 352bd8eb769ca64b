package wipedb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// freshAccount is an order for a registration, of the source.
func freshAccount(t *testing.T, n int, id device.ID, from wipe.Source) wipe.Order {
	t.Helper()
	o := fresh(n, id, apps(t, "com.a"))
	o.App, o.Group, o.Ownership, o.Source = "com.a", "", device.Personal, from
	if from == wipe.ByPolicy {
		o.Request, o.Person, o.Credential, o.CreatedBy = "", "", "", "server"
	}
	return o
}

// createAccount saves it with what explains it.
func createAccount(t *testing.T, s *Store, o wipe.Order) wipe.Order {
	t.Helper()
	b := wipe.Booking{Orders: []wipe.Change{{Order: o, Entry: note}}}
	if o.Request != "" {
		r := requestFor(o)
		if o.Source == wipe.ByUserWipe {
			r.Scope = wipe.OfWorkProfile()
		}
		b.Request = &r
	}
	return booked(t, s, b).Orders[0].Order
}

// TestAccountOrders: an order for a registration is kept with its app, whatever it
// came of, waits when it is done until the registration has ended, and is settled
// then.
func TestAccountOrders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		for i, from := range []wipe.Source{wipe.ByAdministrator, wipe.ByUserWipe, wipe.ByPolicy} {
			id := device.ID(fmt.Sprintf("account-%d", i))
			o := createAccount(t, s, freshAccount(t, i+1, id, from))
			got, err := s.Order(t.Context(), o.ID)
			if diff := cmp.Diff(o, got); diff != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", from, diff, err)
			}
			done := advance(t, s, o, wipe.Event{Kind: wipe.Deliver}, wipe.Event{Kind: wipe.Acknowledge},
				finish(wipe.Receipt{FinishedAt: monday, Packages: []string{"com.a"}}))
			unended, err := s.Unended(t.Context(), 9)
			if diff := cmp.Diff([]wipe.Order{done}, unended); diff != "" || err != nil {
				t.Errorf("%s: not ended yet (-want +got):\n%s%v", from, diff, err)
			}
			settled := advance(t, s, done, wipe.Event{Kind: wipe.End})
			if got, err := s.Order(t.Context(), o.ID); cmp.Diff(settled, got) != "" || err != nil || got.SettledAt.IsZero() {
				t.Errorf("%s: got %+v, error %v", from, got, err)
			}
		}
		// Only what an administrator asked for is charged to anybody.
		d, err := s.Survey(t.Context(), wipe.Matter{Now: monday.Add(time.Minute), Person: "alice", Credential: "a1"})
		want := wipe.Spent{PersonHour: 2, PersonDay: 2, CredentialHour: 2, CredentialDay: 2, OrganizationHour: 2, OrganizationDay: 2, Breaker: 3}
		if diff := cmp.Diff(want, d.Spent); diff != "" || err != nil {
			t.Errorf("spent (-want +got):\n%s%v", diff, err)
		}
	})
}

// TestDatabaseRefusesAccounts: a mistake in a program can neither widen an order
// for a registration, nor have a policy order anything of a device.
func TestDatabaseRefusesAccounts(t *testing.T) {
	const asked, person, policy, phone = "order-0001", "order-0002", "order-0003", "order-0004"
	statements := map[string]string{
		"the data of another app": like(asked, "packages", "'com.b'"),
		"of two apps":             like(asked, "packages", "'com.a com.b'"),
		"of a company":            like(asked, "ownership", "'company'"),
		"in a group":              like(asked, "group_name", "'sales'"),
		"a lock":                  like(asked, "scope", "'lock'", "packages", "''"),
		"a work profile":          like(person, "scope", "'work-profile'", "packages", "''"),
		"another app than asked":  like(asked, "packages", "'com.b'", "app", "'com.b'"),
		"a phone's app data for everything of a person": like(person, "app", "''"),
		"a policy's order for a device":                 like(policy, "app", "''"),
		"a policy's order of somebody":                  like(policy, "person", "'alice'"),
		"a policy's order by an administrator":          like(policy, "created_by", "'admin:alice'"),
		"a policy's order with a request":               like(policy, "request_id", "'request-0001'"),
		"a policy's order that is held":                 like(policy, "held_until", "7"),
		"a device's order by a policy": like(phone, "source", "'policy'", "request_id", "NULL", "person", "''", "credential", "''",
			"created_by", "'server'"),
		"another app":                    `UPDATE wipe_orders SET app = 'com.b', packages = 'com.b' WHERE id = 'order-0001'`,
		"no app any more":                `UPDATE wipe_orders SET app = '' WHERE id = 'order-0001'`,
		"a device's, done and unsettled": `UPDATE wipe_orders SET settled_at = NULL WHERE id = 'order-0005'`,
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		want := createAccount(t, s, freshAccount(t, 1, "account-one", wipe.ByAdministrator))
		createAccount(t, s, freshAccount(t, 2, "account-two", wipe.ByUserWipe))
		createAccount(t, s, freshAccount(t, 3, "account-three", wipe.ByPolicy))
		create(t, s, fresh(4, "device-one", apps(t, "com.a")))
		advance(t, s, create(t, s, fresh(5, "device-two", apps(t, "com.a"))), wipe.Event{Kind: wipe.Acknowledge}, finish(wipe.Receipt{FinishedAt: monday}))
		for _, order := range []string{asked, person, policy, phone} {
			undone(t, db, like(order))
		}
		refused(t, db, statements)
		if got, err := s.Order(t.Context(), want.ID); cmp.Diff(want, got) != "" || err != nil {
			t.Errorf("the order changed: %+v, error %v", got, err)
		}
	})
}

// like gives the statement that makes an order like another, but for some columns,
// each with its value.
func like(order string, but ...string) string {
	columns := []string{
		"id", "device_id", "epoch", "sequence", "personal_side", "scope", "packages", "state", "reason", "created_by", "source", "request_id",
		"person", "credential", "counted_at", "group_name", "ownership", "app", "held_until", "created_at", "not_after", "changed_at",
		"not_now_count", "outcome", "version", "refusals", "refusal",
	}
	values := slices.Clone(columns)
	but = append(but, "id", "'order-new'", "sequence", "99")
	for i := 0; i < len(but); i += 2 {
		values[slices.Index(columns, but[i])] = but[i+1]
	}
	return fmt.Sprintf("INSERT INTO wipe_orders (%s) SELECT %s FROM wipe_orders WHERE id = '%s'",
		strings.Join(columns, ", "), strings.Join(values, ", "), order)
}

// TestPolicyAtOnce: check-ins of one app with several servers at once make one
// order, and all are given that.
func TestPolicyAtOnce(t *testing.T) {
	onServers(t, loose, func(t *testing.T, f *fleet, servers []*wipe.Service) {
		f.register("account-one", "com.a")
		ids := make(chan wipe.ID, 8)
		for n := range cap(ids) {
			go func() {
				o, err := servers[n%len(servers)].WipeByPolicy(t.Context(), "account-one", 1, "rooted")
				if err != nil {
					t.Errorf("wipe by policy: %v", err)
				}
				ids <- o.ID
			}()
		}
		first := <-ids
		for range cap(ids) - 1 {
			if id := <-ids; id != first {
				t.Errorf("orders %s and %s", first, id)
			}
		}
	})
}

// register makes a registration of an app, or its next epoch.
func (f *fleet) register(id device.ID, app string) {
	f.join(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	facts := f.facts[id]
	facts.Ownership, facts.Mode, facts.Group, facts.App = device.Personal, device.AppAccount, "", app
	f.facts[id] = facts
}

// appOf is the app of a registration, calling.
func appOf(ctx context.Context, id device.ID, epoch device.Epoch, app string) (context.Context, identity.Caller) {
	c := identity.Caller{Kind: identity.App, Device: id, Epoch: epoch, Ownership: device.Personal, Mode: device.AppAccount, Package: app}
	return identity.With(ctx, c), c
}
