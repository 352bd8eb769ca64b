package wipedb

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
	"ringfence/internal/wipe/wipetest"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC)

var note = audit.Server("wipe.test", "device/device-one", "test")

func apps(t *testing.T, packages ...string) wipe.Scope {
	t.Helper()
	s, err := wipe.OfAppData(packages)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh gives an order as a service makes it. n tells it from others.
func fresh(n int, id device.ID, s wipe.Scope) wipe.Order {
	at := monday.Add(time.Duration(n) * time.Second)
	return wipe.Order{
		ID: wipe.ID(fmt.Sprintf("order-%04d", n)), Device: id, Epoch: 3, Scope: s, State: wipe.Pending,
		Reason: "it's \"lost\"; DROP TABLE wipe_orders; -- ü", CreatedBy: "admin:alice",
		CreatedAt: at, NotAfter: at.Add(time.Hour), ChangedAt: at,
		Request: wipe.RequestID(fmt.Sprintf("request-%04d", n)), Source: wipe.ByAdministrator,
		Person: "alice", Credential: "a1", Group: "sales", Ownership: device.Company, Version: 1,
	}
}

// requestFor gives the executed request that names just these orders, of which
// all have the same in common.
func requestFor(orders ...wipe.Order) wipe.Request {
	o := orders[0]
	r := wipe.Request{
		ID: o.Request, Kind: wipe.Wipe, State: wipe.Executed, Key: "key-" + string(o.Request), Digest: digest, Reason: o.Reason,
		By:     wipe.Asker{Actor: o.CreatedBy, Person: o.Person, Role: identity.Owner, Credential: o.Credential, Since: monday.Add(-time.Hour)},
		Groups: []string{o.Group}, CreatedAt: o.CreatedAt, Scope: o.Scope, Lifetime: time.Hour, Plan: digest,
		HeldUntil: o.HeldUntil, Version: 1,
	}
	if o.Source == wipe.ByUserWipe {
		r.Kind, r.User = wipe.UserWipe, "bert"
	}
	for _, o := range orders {
		r.Devices = append(r.Devices, wipe.Enrollment{Device: o.Device, Epoch: o.Epoch})
	}
	return r
}

var digest = strings.Repeat("0a", 32)

// booked decides what is given, whatever lies on the desk.
func booked(t *testing.T, s *Store, b wipe.Booking) wipe.Booking {
	t.Helper()
	made, err := s.Decide(t.Context(), wipe.Matter{}, func(wipe.Desk) (wipe.Booking, error) { return b, nil })
	if err != nil {
		t.Fatalf("decide: %v", err)
	}
	return made
}

// create saves orders, with one request for all of them.
func create(t *testing.T, s *Store, orders ...wipe.Order) wipe.Order {
	t.Helper()
	return booked(t, s, booking(orders...)).Orders[0].Order
}

func booking(orders ...wipe.Order) wipe.Booking {
	r := requestFor(orders...)
	b := wipe.Booking{Request: &r}
	for _, o := range orders {
		b.Orders = append(b.Orders, wipe.Change{Order: o, Entry: note})
	}
	return b
}

// advance applies events and saves after each.
func advance(t *testing.T, s *Store, o wipe.Order, events ...wipe.Event) wipe.Order {
	t.Helper()
	for _, e := range events {
		e = signed(o, e)
		next, err := o.Apply(e, monday.Add(time.Minute))
		if err != nil {
			t.Fatalf("%s %s: %v", o.ID, e.Kind, err)
		}
		if err := s.Save(t.Context(), wipe.Change{Order: next, Entry: note, Proof: proofIn(e)}); err != nil {
			t.Fatalf("save %s after %s: %v", o.ID, e.Kind, err)
		}
		o = next
	}
	return o
}

var (
	handset = wipetest.NewPhone()
	oneTime = wipetest.NewKey()
)

// finish is a receipt that signed has to sign yet.
func finish(r wipe.Receipt) wipe.Event {
	return wipe.Event{Kind: wipe.Finish, Statement: &wipe.Statement{Receipt: &r}}
}

// signed signs what an honest phone would.
func signed(o wipe.Order, e wipe.Event) wipe.Event {
	profile := o.Scope.EndsEnrollment()
	commitment := []byte("commitment " + o.ID)
	s := &wipe.Statement{
		Order: o.ID, Device: o.Device, Epoch: o.Epoch, Sequence: o.Sequence, Scope: o.Scope,
		OrderDigest: wipe.DigestOf([]byte(o.ID)),
	}
	switch {
	case e.Kind == wipe.Acknowledge && profile:
		s.Commitment = &wipe.Commitment{
			At: monday, Packages: []string{"com.a"}, Files: math.MaxInt64, Bytes: 1, Keys: 2, Certificates: 3, Key: oneTime.Public(),
		}
		s.Proof = wipe.Proof{Content: commitment, Signature: handset.Sign(commitment), Chain: handset.Chain}
	case e.Kind == wipe.Finish && profile:
		content := []byte("receipt " + o.ID)
		s.Receipt, s.CommitmentDigest = e.Statement.Receipt, wipe.DigestOf(commitment)
		s.Proof = wipe.Proof{Content: content, Signature: oneTime.Sign(content)}
	case e.Kind == wipe.Finish:
		content := []byte("receipt " + o.ID)
		s.Receipt = e.Statement.Receipt
		s.Proof = wipe.Proof{Content: content, Signature: handset.Sign(content), Chain: slices.Concat(handset.Chain, handset.Chain)}
	default:
		return e
	}
	e.Statement = s
	return e
}

func proofIn(e wipe.Event) *wipe.Proof {
	if e.Statement == nil {
		return nil
	}
	return &e.Statement.Proof
}

func entries(t *testing.T, db *sqldb.DB) (n int64) {
	t.Helper()
	if err := db.Read(t.Context()).Table("audit_entries").Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}
