package wipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/wipe/wipetest"
)

// world is everything around one service.
type world struct {
	*Service
	store *memory
	now   time.Time
	rings map[device.ID]int
	facts map[device.ID]Facts
	apps  map[device.ID][]App
	// persons could approve.
	persons []string
	// revoked are the serial numbers of credentials that no longer work.
	revoked map[string]bool
	// fleet is how many devices are enrolled, besides those of facts; or, counted,
	// with them.
	fleet   int
	counted bool
	ended   []string
	// fail makes End, and signFail Sign, fail.
	fail, signFail error
	ids            int
}

func newWorld() *world {
	w := &world{
		store: newMemory(), now: monday,
		rings: map[device.ID]int{}, facts: map[device.ID]Facts{}, fleet: 1000,
	}
	w.facts["device-one"] = factsOf(device.Personal, device.WorkProfile)
	w.Service = w.server()
	return w
}

// server gives another server on the same store.
func (w *world) server() *Service {
	return New(Config{
		Store: w.store, Devices: w, Apps: w, People: w, Enrollments: w, Signer: w, Bell: w,
		Now: func() time.Time { return w.now },
		NewID: func() string {
			w.ids++
			return fmt.Sprintf("id-%05d", w.ids)
		},
	})
}

// boundless are limits that nothing in a test reaches.
func boundless() Limits {
	l := DefaultLimits()
	l.PersonHour, l.PersonDay, l.OrganizationHour, l.OrganizationDay = maxBudget, maxBudget, maxBudget, maxBudget
	l.HelpDeskHour, l.HelpDeskDay, l.QuorumAbove = maxBudget, maxBudget, maxBudget
	l.BreakerPercent, l.BreakerFloor, l.CoolingOff = 100, maxBudget, 0
	return l
}

// enrol adds n devices that are enrolled for the first time, and gives their ids.
func (w *world) enrol(n int, f Facts) []device.ID {
	ids := make([]device.ID, n)
	for i := range ids {
		f.ID = device.ID(fmt.Sprintf("device-%04d", len(w.facts)))
		f.Epoch, f.Enrolled = 1, true
		ids[i], w.facts[f.ID] = f.ID, f
	}
	return ids
}

func (w *world) Ring(id device.ID) { w.rings[id]++ }

func (w *world) Facts(_ context.Context, id device.ID) (Facts, error) {
	f, ok := w.facts[id]
	if !ok {
		return Facts{}, fault.New(fault.NotFound, "", "no such device")
	}
	return f, nil
}

func (w *world) Select(_ context.Context, t Target, limit int) ([]Facts, error) {
	var found []Facts
	for _, id := range t.Devices {
		if f, ok := w.facts[id]; ok {
			found = append(found, f)
		}
	}
	if len(t.Devices) == 0 {
		for _, f := range w.facts {
			if f.Enrolled && (t.Group != "" && f.Group == t.Group || t.User != "" && f.User == t.User) {
				found = append(found, f)
			}
		}
	}
	if len(found) > limit {
		return nil, fault.InvalidField("target", "names more than %d devices", limit)
	}
	slices.SortFunc(found, func(a, b Facts) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(found, func(a, b Facts) bool { return a.ID == b.ID }), nil
}

func (w *world) Enrolled(context.Context) (int, error) {
	n := w.fleet
	if w.counted {
		return n, nil
	}
	for _, f := range w.facts {
		if f.Enrolled {
			n++
		}
	}
	return n, nil
}

func (w *world) Unsynced(_ context.Context, ids []device.ID) (map[device.ID][]App, error) {
	found := make(map[device.ID][]App)
	for _, id := range ids {
		if apps := w.apps[id]; len(apps) > 0 {
			found[id] = apps
		}
	}
	return found, nil
}

func (w *world) Approvers(_ context.Context, besides string, _ []string) (int, error) {
	return len(slices.DeleteFunc(slices.Clone(w.persons), func(p string) bool { return p == besides })), nil
}

func (w *world) Revoked(_ context.Context, credential string) (bool, error) {
	return w.revoked[credential], nil
}

// End ends an enrolment as the enroll slice does: it tells back.
func (w *world) End(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	if w.fail != nil {
		return w.fail
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f := w.facts[id]
	if f.Epoch == epoch {
		f.Enrolled = false
		w.facts[id] = f
	}
	w.ended = append(w.ended, fmt.Sprintf("%s/%d: %s", id, epoch, reason))
	return w.EnrollmentEnded(ctx, id, epoch, reason)
}

func (w *world) Sign(o Order) ([]byte, error) { return []byte("signed " + o.ID), w.signFail }

func (w *world) Digest(o Order) (Digest, error) { return orderDigest(o), w.signFail }

func orderDigest(o Order) Digest { return DigestOf([]byte("order " + o.ID)) }

var (
	handset = wipetest.NewPhone()
	oneTime = wipetest.NewKey()
)

// statement is about an order; what it says is for the caller to add.
func statement(o Order, words string) *Statement {
	return &Statement{
		Order: o.ID, Device: o.Device, Epoch: o.Epoch, Sequence: o.Sequence, Scope: o.Scope, OrderDigest: orderDigest(o),
		Proof: Proof{Content: []byte(words + " " + string(o.ID))},
	}
}

// promise is the acknowledgement of an honest phone.
func promise(o Order) Event {
	if !o.Scope.EndsEnrollment() {
		return Event{Kind: Acknowledge}
	}
	s := statement(o, "commitment")
	s.Commitment = &Commitment{At: monday, Packages: []string{"com.example.mail"}, Files: 4, Key: oneTime.Public()}
	s.Proof.Signature, s.Proof.Chain = handset.Sign(s.Proof.Content), handset.Chain
	return Event{Kind: Acknowledge, Statement: s}
}

// receipted is the receipt of an honest phone.
func receipted(o Order, r Receipt) Event {
	s := statement(o, "receipt")
	s.Receipt = &r
	if o.Scope.EndsEnrollment() {
		s.CommitmentDigest = DigestOf([]byte("commitment " + o.ID))
		s.Proof.Signature = oneTime.Sign(s.Proof.Content)
	} else {
		s.Proof.Signature, s.Proof.Chain = handset.Sign(s.Proof.Content), handset.Chain
	}
	return Event{Kind: Finish, Statement: s}
}

var errBroken = errors.New("broken")

// administrator is somebody whose one credential is old.
func administrator(name string, r identity.Role) identity.Caller {
	return identity.Caller{
		Kind: identity.Admin, Name: name, Person: name, Role: r, Serial: "5e41a1" + name,
		Since: monday.Add(-365 * 24 * time.Hour), RequestID: "r1",
	}
}

func as(t *testing.T, c identity.Caller) context.Context {
	t.Helper()
	return identity.With(t.Context(), c)
}

// alice is an owner, bob an approver.
func alice(t *testing.T) context.Context { return as(t, administrator("alice", identity.Owner)) }

func bob(t *testing.T) context.Context { return as(t, administrator("bob", identity.Approver)) }

// phone is the device's caller; the context is what its requests come with.
func phone(t *testing.T) (context.Context, identity.Caller) {
	c := callerOf(factsOf(device.Personal, device.WorkProfile))
	return as(t, c), c
}

// callerOf is a device, or a registered app, as it speaks.
func callerOf(f Facts) identity.Caller {
	c := identity.Caller{
		Kind: identity.Device, Device: f.ID, Epoch: f.Epoch, Ownership: f.Ownership, Mode: f.Mode, Group: f.Group, User: f.User,
	}
	if f.App != "" {
		c.Kind, c.Package = identity.App, f.App
	}
	return c
}
