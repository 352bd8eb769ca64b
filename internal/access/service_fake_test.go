package access_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/accesstest"
	"ringfence/internal/device"
)

var errBroken = errors.New("the database is broken")

// fake is every door of a Service, in memory.
type fake struct {
	mu       sync.Mutex
	now      time.Time
	broken   bool // every question to the stores fails
	steps    []access.Step
	stored   []access.Stored // by generation
	policies map[string][]access.Policy
	gone     map[string]bool
	places   map[string][]access.StoredLocation
	readings int // of all policies

	people  map[string]access.Person
	phones  map[device.ID]access.Device
	apps    map[device.ID]access.Registration
	samples []access.Sample
	lost    uint64
	moments []access.Moment
	// before is called before a step is taken: another hand may be faster.
	before func()
}

func newFake() *fake {
	return &fake{
		now: accesstest.Now, stored: []access.Stored{{}}, policies: map[string][]access.Policy{}, gone: map[string]bool{},
		places: map[string][]access.StoredLocation{}, people: map[string]access.Person{},
		phones: map[device.ID]access.Device{}, apps: map[device.ID]access.Registration{},
	}
}

func (f *fake) fails() error {
	if f.broken {
		return errBroken
	}
	return nil
}

func (f *fake) last() access.Stored { return f.stored[len(f.stored)-1] }

func (f *fake) Generation(context.Context) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last().Generation, f.fails()
}

func (f *fake) Current(context.Context) (access.Stored, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readings++
	return f.last(), f.fails()
}

func (f *fake) AsOf(_ context.Context, at time.Time) (access.Stored, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for i, s := range f.steps {
		if !s.At.After(at) {
			n = i + 1
		}
	}
	return f.stored[n], f.fails()
}

func (f *fake) Policy(_ context.Context, name string, revision uint64) (access.Policy, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.policies[name]
	if revision == 0 {
		revision = uint64(len(all))
	}
	if revision == 0 || revision > uint64(len(all)) {
		return access.Policy{}, false, access.ErrNoPolicy
	}
	return all[revision-1], f.gone["p/"+name], f.fails()
}

func (f *fake) ListPolicies(_ context.Context, after string, limit int) ([]access.Policy, error) {
	all := slices.DeleteFunc(slices.Clone(f.last().Policies), func(p access.Policy) bool { return p.Name <= after })
	return all[:min(limit, len(all))], f.fails()
}

func (f *fake) Location(_ context.Context, name string) (access.StoredLocation, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.places[name]
	if len(all) == 0 {
		return access.StoredLocation{}, false, access.ErrNoLocation
	}
	return all[len(all)-1], f.gone["l/"+name], f.fails()
}

func (f *fake) ListLocations(_ context.Context, after string, limit int) ([]access.StoredLocation, error) {
	all := slices.DeleteFunc(slices.Clone(f.last().Locations), func(l access.StoredLocation) bool { return l.Name <= after })
	return all[:min(limit, len(all))], f.fails()
}

func (f *fake) SavePolicy(_ context.Context, p access.Policy, s access.Step) error {
	return f.step(s, func(next *access.Stored) {
		f.policies[p.Name] = append(f.policies[p.Name], p)
		f.gone["p/"+p.Name] = false
		next.Policies = append(without(next.Policies, p.Name), p)
		slices.SortFunc(next.Policies, func(a, b access.Policy) int { return strings.Compare(a.Name, b.Name) })
	})
}

func without(all []access.Policy, name string) []access.Policy {
	return slices.DeleteFunc(slices.Clone(all), func(p access.Policy) bool { return p.Name == name })
}

func (f *fake) DeletePolicy(_ context.Context, name string, s access.Step) error {
	return f.step(s, func(next *access.Stored) {
		f.gone["p/"+name] = true
		next.Policies = without(next.Policies, name)
	})
}

func (f *fake) SaveLocation(_ context.Context, l access.StoredLocation, s access.Step) error {
	return f.step(s, func(next *access.Stored) {
		f.places[l.Name] = append(f.places[l.Name], l)
		f.gone["l/"+l.Name] = false
		next.Locations = append(withoutPlace(next.Locations, l.Name), l)
	})
}

func withoutPlace(all []access.StoredLocation, name string) []access.StoredLocation {
	return slices.DeleteFunc(slices.Clone(all), func(l access.StoredLocation) bool { return l.Name == name })
}

func (f *fake) DeleteLocation(_ context.Context, name string, s access.Step) error {
	return f.step(s, func(next *access.Stored) {
		f.gone["l/"+name] = true
		next.Locations = withoutPlace(next.Locations, name)
	})
}

func (f *fake) step(s access.Step, do func(next *access.Stored)) error {
	if before := f.before; before != nil {
		f.before = nil
		before()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return errBroken
	}
	next := f.last()
	if s.From != next.Generation {
		return access.ErrMoved
	}
	next.Generation++
	do(&next)
	f.steps, f.stored = append(f.steps, s), append(f.stored, next)
	return nil
}

func (f *fake) SaveSamples(_ context.Context, samples []access.Sample, lost uint64, most int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return errBroken
	}
	f.samples, f.lost = append(f.samples, samples...), f.lost+lost
	return nil
}

func (f *fake) EachSample(_ context.Context, since time.Time, take func(access.Sample) error) error {
	for _, s := range f.samples {
		if s.LastAt.Before(since) {
			continue
		}
		if err := take(s); err != nil {
			return err
		}
	}
	return f.fails()
}

func (f *fake) LostSamples(context.Context) (uint64, error) { return f.lost, f.fails() }

func (f *fake) ForgetSamples(_ context.Context, before time.Time, limit int) (int, error) {
	n := len(f.samples)
	f.samples = slices.DeleteFunc(f.samples, func(s access.Sample) bool {
		if !s.LastAt.Before(before) || limit == 0 {
			return false
		}
		limit--
		return true
	})
	return n - len(f.samples), f.fails()
}

func (f *fake) SaveMoments(_ context.Context, moments []access.Moment) error {
	f.moments = append(f.moments, moments...)
	return f.fails()
}

func (f *fake) Moments(_ context.Context, ids []device.ID, at time.Time) ([]access.Moment, error) {
	var all []access.Moment
	for _, id := range ids {
		var last *access.Moment
		for i, m := range f.moments {
			if m.ID == id && !m.At.After(at) && (last == nil || m.At.After(last.At)) {
				last = &f.moments[i]
			}
		}
		if last != nil {
			all = append(all, *last)
		}
	}
	return all, f.fails()
}

func (f *fake) ForgetMoments(_ context.Context, before time.Time, limit int) (int, error) {
	n := len(f.moments)
	f.moments = slices.DeleteFunc(f.moments, func(m access.Moment) bool { return m.At.Before(before) })
	return n - len(f.moments), f.fails()
}

func (f *fake) ForgetSamplesOf(_ context.Context, id device.ID) error {
	f.samples = slices.DeleteFunc(f.samples, func(s access.Sample) bool {
		return s.Facts.Device != nil && s.Facts.Device.ID == id || s.Facts.Registration != nil && s.Facts.Registration.ID == id
	})
	return f.fails()
}

func (f *fake) ForgetMomentsOf(_ context.Context, id device.ID) error {
	f.moments = slices.DeleteFunc(f.moments, func(m access.Moment) bool { return m.ID == id })
	return f.fails()
}

func (f *fake) Person(_ context.Context, name string) (access.Person, error) {
	if p, known := f.people[name]; known {
		return p, f.fails()
	}
	return access.Person{Name: name}, f.fails()
}

func (f *fake) Phone(_ context.Context, id device.ID) (access.Device, error) {
	if err := f.fails(); err != nil {
		return access.Device{}, err
	}
	d, known := f.phones[id]
	if !known {
		return d, access.ErrNotKnown
	}
	return d, nil
}

func (f *fake) App(_ context.Context, id device.ID) (access.Registration, error) {
	if err := f.fails(); err != nil {
		return access.Registration{}, err
	}
	r, known := f.apps[id]
	if !known {
		return r, access.ErrNotKnown
	}
	return r, nil
}

func (f *fake) service(cache bool) *access.Service {
	return access.New(access.Config{
		Policies: f, Samples: f, History: f, Directory: f, Phones: f, Apps: f, Filters: plainRules{},
		Now: func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now }, Cache: cache,
	})
}

// applied stores a policy for everybody and every app.
func applied(t testing.TB, s *access.Service, name string, state access.State, change ...func(*access.Spec)) access.Policy {
	t.Helper()
	spec := asking(state, access.MFA)
	for _, c := range change {
		c(&spec)
	}
	p, _, err := s.ApplyPolicy(t.Context(), name, spec, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asking is a spec for everybody and every app that asks for a control.
func asking(state access.State, c access.Control) access.Spec {
	return access.Spec{
		State: state, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
		Grant: access.Grant{Controls: []access.Control{c}},
	}
}

const phoneID, appID = device.ID("0000000000000000000000000000000a"), device.ID("0000000000000000000000000000000b")

// adas is a phone and an app of Ada, both fit.
func (f *fake) adas() {
	fit := access.Verdict{Fitness: access.Fit, EvidenceAt: f.now, Version: 1}
	f.phones[phoneID] = access.Device{ID: phoneID, Epoch: 1, User: "Ada", Platform: access.Android, Version: 1, Compliance: fit}
	f.apps[appID] = access.Registration{ID: appID, Epoch: 1, User: "ada", Platform: access.Android, Version: 1, Protection: fit}
	f.people["ada"] = access.Person{Name: "ada", Groups: []string{"Sales"}, Version: 5}
}
