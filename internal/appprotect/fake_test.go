package appprotect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// fake keeps everything in memory, by the contracts of the doors. A change
// without an entry fails the test.
type fake struct {
	t testing.TB

	mu         sync.Mutex // guards the rest
	generation uint64
	policies   map[string][]Policy
	gone       map[string]bool // policies and apps that are deleted
	apps       map[string]KnownApp
	challenges map[Digest]*fakeChallenge
	byID       map[device.ID]Registration
	names      map[string][2]string // issuer and subject of a name
	opened     map[[2]string][]time.Time
	certs      []Certificate
	states     map[device.ID]State
	record     []audit.Entry
	// reads and writes count the calls by their names.
	calls map[string]int
	// failing makes the named calls fail.
	failing map[string]error
}

type fakeChallenge struct {
	Challenge
	used bool
}

func newFake(t testing.TB) *fake {
	return &fake{
		t: t, policies: map[string][]Policy{}, gone: map[string]bool{}, apps: map[string]KnownApp{},
		challenges: map[Digest]*fakeChallenge{}, byID: map[device.ID]Registration{}, names: map[string][2]string{}, opened: map[[2]string][]time.Time{},
		states: map[device.ID]State{}, calls: map[string]int{}, failing: map[string]error{},
	}
}

// enter begins a call, which ends with the function it gives.
func (f *fake) enter(call string) (func(), error) {
	f.mu.Lock()
	f.calls[call]++
	return f.mu.Unlock, f.failing[call]
}

func (f *fake) note(entries ...audit.Entry) {
	for _, e := range entries {
		if e.Actor == "" || e.Action == "" || e.Target == "" || e.Detail == "" {
			f.t.Errorf("an entry that explains nothing: %+v", e)
		}
	}
	f.record = append(f.record, entries...)
}

func (f *fake) Generation(context.Context) (uint64, error) {
	done, err := f.enter("Generation")
	defer done()
	return f.generation, err
}

func (f *fake) Current(context.Context) ([]Policy, []KnownApp, uint64, error) {
	done, err := f.enter("Current")
	defer done()
	var live []Policy
	for _, name := range slices.Sorted(maps.Keys(f.policies)) {
		if !f.gone["policy "+name] {
			live = append(live, f.policies[name][len(f.policies[name])-1])
		}
	}
	var apps []KnownApp
	for _, pkg := range slices.Sorted(maps.Keys(f.apps)) {
		if !f.gone["app "+pkg] {
			apps = append(apps, f.apps[pkg])
		}
	}
	return live, apps, f.generation, err
}

func (f *fake) Policy(_ context.Context, name string, revision uint64) (Policy, bool, error) {
	done, err := f.enter("Policy")
	defer done()
	all := f.policies[name]
	switch {
	case err != nil:
		return Policy{}, false, err
	case revision > uint64(len(all)) || len(all) == 0:
		return Policy{}, false, ErrNoPolicy
	case revision == 0:
		revision = uint64(len(all))
	}
	return all[revision-1], f.gone["policy "+name], nil
}

func (f *fake) ListPolicies(ctx context.Context, after string, limit int) ([]Policy, error) {
	live, _, _, err := f.Current(ctx)
	live = slices.DeleteFunc(live, func(p Policy) bool { return p.Name <= after })
	return live[:min(limit, len(live))], err
}

func (f *fake) SavePolicy(_ context.Context, p Policy, e audit.Entry) error {
	done, err := f.enter("SavePolicy")
	defer done()
	switch {
	case err != nil:
		return err
	case p.Revision != uint64(len(f.policies[p.Name]))+1:
		return ErrMoved
	}
	f.policies[p.Name] = append(f.policies[p.Name], p)
	f.gone["policy "+p.Name] = false
	f.generation++
	f.note(e)
	return nil
}

func (f *fake) DeletePolicy(_ context.Context, name string, revision uint64, e audit.Entry) error {
	done, err := f.enter("DeletePolicy")
	defer done()
	switch {
	case err != nil:
		return err
	case len(f.policies[name]) == 0:
		return ErrNoPolicy
	case revision != uint64(len(f.policies[name])):
		return ErrMoved
	case f.gone["policy "+name]:
		return nil
	}
	f.gone["policy "+name] = true
	f.generation++
	f.note(e)
	return nil
}

func (f *fake) App(_ context.Context, pkg string) (KnownApp, bool, error) {
	done, err := f.enter("App")
	defer done()
	a, known := f.apps[pkg]
	if err == nil && !known {
		err = ErrNoApp
	}
	return a, f.gone["app "+pkg], err
}

func (f *fake) ListApps(ctx context.Context, after string, limit int) ([]KnownApp, error) {
	_, live, _, err := f.Current(ctx)
	live = slices.DeleteFunc(live, func(a KnownApp) bool { return a.Package <= after })
	return live[:min(limit, len(live))], err
}

func (f *fake) SaveApp(_ context.Context, a KnownApp, e audit.Entry) error {
	done, err := f.enter("SaveApp")
	defer done()
	switch {
	case err != nil:
		return err
	case a.Version != f.apps[a.Package].Version+1:
		return ErrMoved
	}
	f.apps[a.Package] = a
	f.gone["app "+a.Package] = false
	f.generation++
	f.note(e)
	return nil
}

func (f *fake) DeleteApp(_ context.Context, pkg string, e audit.Entry) error {
	done, err := f.enter("DeleteApp")
	defer done()
	if _, known := f.apps[pkg]; err == nil && !known {
		err = ErrNoApp
	}
	if err != nil || f.gone["app "+pkg] {
		return err
	}
	f.gone["app "+pkg] = true
	f.generation++
	f.note(e)
	return nil
}

func (f *fake) SaveChallenge(_ context.Context, c Challenge, now time.Time, most int) error {
	done, err := f.enter("SaveChallenge")
	defer done()
	if err != nil {
		return err
	}
	for hash, each := range f.challenges {
		if each.ExpiresAt.Before(now) {
			delete(f.challenges, hash)
		}
	}
	if len(f.challenges) >= most {
		f.t.Errorf("%d challenges, at most %d", len(f.challenges), most)
	}
	f.challenges[c.Hash] = &fakeChallenge{Challenge: c}
	return nil
}

func (f *fake) Challenge(_ context.Context, hash Digest) (Challenge, error) {
	done, err := f.enter("Challenge")
	defer done()
	c := f.challenges[hash]
	switch {
	case err != nil:
		return Challenge{}, err
	case c == nil || c.used:
		return Challenge{}, ErrChallenge
	}
	return c.Challenge, nil
}

func (f *fake) Open(_ context.Context, o Opening) error {
	done, err := f.enter("Open")
	defer done()
	r, c := o.Registration, f.challenges[o.Challenge]
	if err == nil {
		err = f.mayOpen(o)
	}
	if err != nil {
		return err
	}
	if before := f.byID[r.ID]; (o.Displaced != nil) != (before.Epoch > 0 && before.Lasts()) {
		f.t.Errorf("epoch %d of %s: the end of the one before is explained: %t", r.Epoch, r.ID, o.Displaced != nil)
	}
	c.used = true
	f.byID[r.ID] = r
	for id, other := range f.byID {
		if other.Person.Issuer == r.Person.Issuer && other.Person.Subject == r.Person.Subject {
			other.Person.Name = r.Person.Name
			f.byID[id] = other
		}
	}
	account := [2]string{r.Person.Issuer, r.Person.Subject}
	f.names[r.Person.Name] = account
	f.opened[account] = append(f.opened[account], r.RegisteredAt)
	f.certs = append(f.certs, o.Certificate)
	delete(f.states, r.ID)
	if o.Displaced != nil {
		f.note(*o.Displaced)
	}
	f.note(o.Entry)
	return nil
}

// mayOpen says what speaks against an opening.
func (f *fake) mayOpen(o Opening) error {
	r, c := o.Registration, f.challenges[o.Challenge]
	if c == nil || c.used {
		return ErrChallenge
	}
	if before := f.byID[r.ID]; r.Version != before.Version+1 || r.Epoch != before.Epoch+1 {
		return ErrMoved
	}
	for _, other := range f.byID {
		if other.ID != r.ID && sameAccount(other, r) {
			return ErrMoved
		}
	}
	if owner, taken := f.names[r.Person.Name]; taken && owner != [2]string{r.Person.Issuer, r.Person.Subject} {
		return ErrNameTaken
	}
	for _, each := range f.certs {
		if each.Key == o.Certificate.Key {
			return ErrKeyReused
		}
	}
	return nil
}

func sameAccount(a, b Registration) bool {
	return a.Person.Issuer == b.Person.Issuer && a.Person.Subject == b.Person.Subject && a.Tag == b.Tag && a.Package == b.Package
}

func (f *fake) Registration(_ context.Context, id device.ID) (Registration, error) {
	done, err := f.enter("Registration")
	defer done()
	r, known := f.byID[id]
	if err == nil && !known {
		err = ErrNoRegistration
	}
	return r, err
}

func (f *fake) Standing(_ context.Context, id device.ID) (Standing, error) {
	done, err := f.enter("Standing")
	defer done()
	r, known := f.byID[id]
	if err == nil && !known {
		err = ErrNoRegistration
	}
	state, known := f.states[id]
	if !known {
		state = State{ID: id}
	}
	return Standing{r, state}, err
}

func (f *fake) Standings(_ context.Context, ids []device.ID) ([]Standing, error) {
	done, err := f.enter("Standings")
	defer done()
	var found []Standing
	for _, id := range slices.Sorted(maps.Keys(f.byID)) {
		if !slices.Contains(ids, id) {
			continue
		}
		state, known := f.states[id]
		if !known {
			state = State{ID: id}
		}
		found = append(found, Standing{f.byID[id], state})
	}
	return found, err
}

func (f *fake) Find(_ context.Context, issuer, subject, tag, pkg string) (Registration, error) {
	done, err := f.enter("Find")
	defer done()
	if err != nil {
		return Registration{}, err
	}
	for _, r := range f.byID {
		if sameAccount(r, Registration{Person: Person{Issuer: issuer, Subject: subject}, Tag: tag, Package: pkg}) {
			return r, nil
		}
	}
	return Registration{}, ErrNoRegistration
}

func (f *fake) Opened(_ context.Context, request Digest) (Registration, Certificate, error) {
	done, err := f.enter("Opened")
	defer done()
	if err != nil {
		return Registration{}, Certificate{}, err
	}
	for _, r := range f.byID {
		if r.RequestDigest == request {
			for _, c := range f.certs {
				if c.ID == r.ID && c.Epoch == r.Epoch {
					return r, c, nil
				}
			}
		}
	}
	return Registration{}, Certificate{}, ErrNoRegistration
}

func (f *fake) BySerial(_ context.Context, serial string) (Registration, device.Epoch, error) {
	done, err := f.enter("BySerial")
	defer done()
	if err != nil {
		return Registration{}, 0, err
	}
	for _, c := range f.certs {
		if c.Serial == serial {
			return f.byID[c.ID], c.Epoch, nil
		}
	}
	return Registration{}, 0, ErrNoCertificate
}

func (f *fake) Certify(_ context.Context, c Certificate, e audit.Entry) error {
	done, err := f.enter("Certify")
	defer done()
	r := f.byID[c.ID]
	switch {
	case err != nil:
		return err
	case r.Epoch != c.Epoch || !r.Lasts():
		return ErrEnded
	}
	for _, each := range f.certs {
		if each.Key == c.Key && (each.ID != c.ID || each.Epoch != c.Epoch) {
			return ErrKeyReused
		}
	}
	f.certs = append(f.certs, c)
	f.note(e)
	return nil
}

func (f *fake) Finish(_ context.Context, r Registration, e audit.Entry) error {
	done, err := f.enter("Finish")
	defer done()
	switch {
	case err != nil:
		return err
	case f.byID[r.ID].Version != r.Version-1:
		return ErrMoved
	case r.End == nil:
		f.t.Errorf("an end without an end: %+v", r)
	}
	f.byID[r.ID] = r
	delete(f.states, r.ID)
	f.note(e)
	return nil
}

func (f *fake) List(_ context.Context, q Query) ([]Standing, error) {
	done, err := f.enter("List")
	defer done()
	var found []Standing
	for _, id := range slices.Sorted(maps.Keys(f.byID)) {
		if r := f.byID[id]; q.User == "" || f.names[q.User] == [2]string{r.Person.Issuer, r.Person.Subject} {
			found = append(found, Standing{r, f.states[id]})
		}
	}
	return found, err
}

func (f *fake) Select(_ context.Context, user string, limit int) ([]Registration, error) {
	done, err := f.enter("Select")
	defer done()
	return f.ofAccount(f.names[user][0], f.names[user][1], limit), err
}

func (f *fake) OfAccount(_ context.Context, issuer, subject string, limit int) ([]Registration, error) {
	done, err := f.enter("OfAccount")
	defer done()
	return f.ofAccount(issuer, subject, limit), err
}

func (f *fake) OpenedSince(_ context.Context, issuer, subject string, since time.Time) (int, error) {
	done, err := f.enter("OpenedSince")
	defer done()
	n := 0
	for _, at := range f.opened[[2]string{issuer, subject}] {
		if !at.Before(since) {
			n++
		}
	}
	return n, err
}

func (f *fake) ofAccount(issuer, subject string, limit int) (found []Registration) {
	for _, r := range f.byID {
		if r.Lasts() && r.Person.Issuer == issuer && r.Person.Subject == subject {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Registration) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(limit, len(found))]
}

func (f *fake) ByIDs(_ context.Context, ids []device.ID) ([]Registration, error) {
	done, err := f.enter("ByIDs")
	defer done()
	var found []Registration
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if r, known := f.byID[id]; known {
			found = append(found, r)
		}
	}
	return found, err
}

func (f *fake) Count(context.Context) (int, error) {
	done, err := f.enter("Count")
	defer done()
	n := 0
	for _, r := range f.byID {
		if r.Lasts() {
			n++
		}
	}
	return n, err
}

func (f *fake) State(_ context.Context, id device.ID) (State, error) {
	done, err := f.enter("State")
	defer done()
	s, known := f.states[id]
	if !known {
		s = State{ID: id}
	}
	return s, err
}

func (f *fake) SaveState(_ context.Context, s State, entries ...audit.Entry) (bool, error) {
	done, err := f.enter("SaveState")
	defer done()
	r, before := f.byID[s.ID], f.states[s.ID]
	switch {
	case err != nil:
		return false, err
	case r.Epoch != s.Epoch || !r.Lasts():
		return false, ErrEnded
	case s.Version != before.Version+1:
		return false, nil
	case before.Number > s.Number:
		f.t.Errorf("report %d of %s takes the place of report %d", s.Number, s.ID, before.Number)
	case (before.Verdict.Standing != s.Verdict.Standing) != (len(entries) == 1):
		f.t.Errorf("%s: from %s to %s with %d entries", s.ID, before.Verdict.Standing, s.Verdict.Standing, len(entries))
	}
	f.states[s.ID] = s
	f.note(entries...)
	return true, nil
}

func (f *fake) Due(_ context.Context, d Due) ([]device.ID, error) {
	done, err := f.enter("Due")
	defer done()
	var ids []device.ID
	for _, id := range slices.Sorted(maps.Keys(f.states)) {
		s := f.states[id]
		turns := !s.Verdict.ChangesAt.IsZero() && !s.Verdict.ChangesAt.After(d.Now)
		if id > d.After && (turns || s.Generation < d.Generation || s.Verdict.Standing == apprules.StandingWipe) {
			ids = append(ids, id)
		}
	}
	return ids[:min(d.Limit, len(ids))], err
}

// fail makes a call fail until it is mended with nil.
func (f *fake) fail(call string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing[call] = err
}

var errBroken = fault.New(fault.Internal, "", "the disk is full")

// count gives how often a call was made, and begins to count anew.
func (f *fake) count() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.calls
	f.calls = map[string]int{}
	return c
}

// said gives the record from the given entry on, in short.
func (f *fake) said(from int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, e := range f.record[from:] {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", e.Actor, e.Action, e.Target, e.Detail))
	}
	return lines
}

func (f *fake) recorded() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.record)
}
