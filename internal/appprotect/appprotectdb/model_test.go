package appprotectdb_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// The model keeps registrations as a person would, in a notebook, beside the
// store that is told the same.
type model struct {
	store *appprotectdb.Store
	db    *sqldb.DB
	story int
	n     int // counts everything that needs a name

	registrations map[device.ID]*appprotect.Registration
	states        map[device.ID]appprotect.State
	owners        map[string]appprotect.Person // of each name
	people        map[string]string            // by subject, the name of today
	keys          map[appprotect.Digest]owned
	certificates  map[string]owned
	requests      map[appprotect.Digest]owned
	challenges    []appprotect.Digest
	entries       int
}

// owned is what belongs to an epoch.
type owned struct {
	id    device.ID
	epoch device.Epoch
}

func (o owned) is(t *rapid.T, what string, id device.ID, epoch device.Epoch) {
	if o != (owned{id, epoch}) {
		t.Fatalf("%s is of %s epoch %d, want %+v", what, id, epoch, o)
	}
}

// TestModel plays random stories of people who register, renew, report and leave,
// with things from before and from others mixed in, and compares with the notebook
// after each step.
func TestModel(t *testing.T) {
	stories(t, 12)
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		story := 0
		rapid.Check(t, func(rt *rapid.T) {
			story++
			m := &model{
				store: appprotectdb.New(db), db: db, story: story, registrations: map[device.ID]*appprotect.Registration{},
				states: map[device.ID]appprotect.State{}, owners: map[string]appprotect.Person{}, people: map[string]string{},
				keys: map[appprotect.Digest]owned{}, certificates: map[string]owned{}, requests: map[appprotect.Digest]owned{},
			}
			m.entries = m.recorded(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"": m.check, "open": m.open, "open2": m.open, "open3": m.open, "certify": m.certify,
				"save": m.save, "save2": m.save, "finish": m.finish,
			})
		})
	})
}

// stories bounds how many stories rapid plays; -rapid.checks says otherwise.
func stories(t *testing.T, n int) {
	t.Helper()
	const name = "rapid.checks"
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == name })
	if chosen {
		return
	}
	before := flag.Lookup(name).Value.String()
	set := func(value string) { ok(t, flag.Lookup(name).Value.Set(value)) }
	set(strconv.Itoa(n))
	t.Cleanup(func() { set(before) })
}

func (m *model) name(what string) string {
	m.n++
	return fmt.Sprintf("%s-%d-%d", what, m.story, m.n)
}

func (m *model) recorded(t *rapid.T) (n int) {
	if err := m.db.Read(t.Context()).Raw("SELECT COUNT(*) FROM audit_entries").Scan(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// outcome fails unless the store said what the notebook says.
func outcome(t *rapid.T, what string, got, want error) (done bool) {
	if !errors.Is(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	return want == nil
}

// one of what there is, in an order that does not depend on chance.
func one[K cmp.Ordered, V any](t *rapid.T, of map[K]V, what string) V {
	if len(of) == 0 {
		t.Skip("nothing to choose from")
	}
	return of[rapid.SampledFrom(slices.Sorted(maps.Keys(of))).Draw(t, what)]
}

// challenge gives a fresh one, one that was used, or none.
func (m *model) challenge(t *rapid.T, r appprotect.Registration) (h appprotect.Digest, good bool) {
	switch rapid.SampledFrom([]string{"good", "good", "good", "used", "none", "of another app"}).Draw(t, "challenge") {
	case "used":
		if len(m.challenges) > 0 {
			return rapid.SampledFrom(m.challenges).Draw(t, "used challenge"), false
		}
		fallthrough
	case "none":
		return hash("%s", m.name("no challenge")), false
	case "of another app":
		r.Package += "x"
		return challenged(t, m.store, r, m.name("challenge")), false
	}
	return challenged(t, m.store, r, m.name("challenge")), true
}

// draw is a person in an app on a phone, with the next epoch of what there is, or
// one that is out of step.
func (m *model) draw(t *rapid.T) (r appprotect.Registration, displaces bool, want error) {
	r = registration(0, "")
	subject := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "person")
	r.Person = appprotect.Person{
		Issuer: "https://id.example.com", Subject: fmt.Sprintf("%s-%d", subject, m.story),
		Name: fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{subject, subject, subject, "ada"}).Draw(t, "name"), m.story),
	}
	r.Tag = fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"a", "b"}).Draw(t, "tag"), m.story)
	r.ID = device.ID(fmt.Sprintf("r-%s-%s", r.Person.Subject, r.Tag))
	r.RequestDigest = hash("%s", m.name("request"))
	before := m.registrations[r.ID]
	if before == nil {
		return r, false, nil
	}
	r.Epoch, r.Version, r.CreatedAt = before.Epoch+1, before.Version+1, before.CreatedAt
	r.RegisteredAt, displaces = before.RegisteredAt.Add(time.Minute), before.Lasts()
	switch rapid.SampledFrom([]string{"", "", "", "", "version", "epoch", "displaces", "anew", "other id"}).Draw(t, "out of step") {
	case "version":
		r.Version += rapid.SampledFrom([]uint64{1, 2}).Draw(t, "ahead")
	case "epoch":
		r.Epoch++
	case "displaces":
		displaces = !displaces
	case "anew":
		r.Epoch, r.Version = 1, 1
	case "other id":
		r.ID, r.Epoch, r.Version = device.ID(m.name("stranger")), 1, 1
	default:
		return r, displaces, nil
	}
	return r, displaces, appprotect.ErrMoved
}

func (m *model) open(t *rapid.T) {
	r, displaces, want := m.draw(t)
	c := certificate(r, m.name("certificate"))
	if len(m.keys) > 0 && rapid.IntRange(0, 7).Draw(t, "a key that was") == 0 {
		c.Key = one(t, byText(m.keys), "key")
		if want == nil {
			want = appprotect.ErrKeyReused
		}
	}
	if owner, taken := m.owners[r.Person.Name]; taken && owner.Subject != r.Person.Subject {
		want = appprotect.ErrNameTaken
	}
	o := appprotect.Opening{Registration: r, Certificate: c, Entry: entry("open")}
	if displaces {
		e := entry("displaced")
		o.Displaced = &e
	}
	good := false
	if o.Challenge, good = m.challenge(t, r); !good {
		want = appprotect.ErrChallenge
	}
	if !outcome(t, "open", m.store.Open(t.Context(), o), want) {
		return
	}
	m.challenges = append(m.challenges, o.Challenge)
	m.owners[r.Person.Name], m.people[r.Person.Subject] = r.Person, r.Person.Name
	m.registrations[r.ID], m.states[r.ID] = &r, appprotect.State{ID: r.ID}
	this := owned{r.ID, r.Epoch}
	m.keys[c.Key], m.certificates[c.Serial], m.requests[r.RequestDigest] = this, this, this
	m.entries++
	if displaces {
		m.entries++
	}
}

// byText lets keys be chosen in an order.
func byText(keys map[appprotect.Digest]owned) map[string]appprotect.Digest {
	all := make(map[string]appprotect.Digest, len(keys))
	for k := range keys {
		all[string(k[:])] = k
	}
	return all
}

// epoch is that of r, or now and then one beside it.
func epoch(t *rapid.T, r *appprotect.Registration) device.Epoch {
	return rapid.SampledFrom([]device.Epoch{r.Epoch, r.Epoch, r.Epoch, r.Epoch - 1, r.Epoch + 1}).Draw(t, "epoch")
}

func (m *model) certify(t *rapid.T) {
	r := *one(t, m.registrations, "registration")
	was := r.Lasts()
	now := r.Epoch
	r.Epoch = epoch(t, &r)
	c := certificate(r, m.name("certificate"))
	if rapid.Bool().Draw(t, "a key that was") {
		c.Key = one(t, byText(m.keys), "key")
	}
	owner, known := m.keys[c.Key]
	var want error
	switch {
	case r.Epoch != now || !was:
		want = appprotect.ErrEnded
	case known && owner != owned{r.ID, r.Epoch}:
		want = appprotect.ErrKeyReused
	}
	if !outcome(t, "certify", m.store.Certify(t.Context(), c, entry("certify")), want) {
		return
	}
	m.keys[c.Key], m.certificates[c.Serial] = owned{r.ID, r.Epoch}, owned{r.ID, r.Epoch}
	m.entries++
}

func (m *model) save(t *rapid.T) {
	r := *one(t, m.registrations, "registration")
	was := r.Lasts()
	now := r.Epoch
	r.Epoch = epoch(t, &r)
	version := m.states[r.ID].Version + rapid.SampledFrom([]uint64{1, 1, 1, 0, 2}).Draw(t, "step")
	st := state(r, version)
	st.Verdict.Standing = apprules.Standing(rapid.IntRange(1, 4).Draw(t, "standing"))
	turned := rapid.IntRange(0, 2).Draw(t, "entries")
	stored, err := m.store.SaveState(t.Context(), st, slices.Repeat([]audit.Entry{entry("turned")}, turned)...)
	var want error
	if r.Epoch != now || !was {
		want = appprotect.ErrEnded
	}
	fits := version == m.states[r.ID].Version+1
	if done := outcome(t, "save", err, want); stored != (done && fits) {
		t.Fatalf("version %d after %d: stored %v", version, m.states[r.ID].Version, stored)
	}
	if stored {
		m.states[r.ID] = st
		m.entries += turned
	}
}

func (m *model) finish(t *rapid.T) {
	r := *one(t, m.registrations, "registration")
	was, now := r.Lasts(), r
	r.Epoch = epoch(t, &r)
	r.Version += rapid.SampledFrom([]uint64{1, 1, 1, 0, 2}).Draw(t, "step")
	end := rapid.SampledFrom([]appprotect.End{
		signedOut(), selfWiped(r), {At: t0, Why: appprotect.EndRetired, Detail: "lost '?"}, {At: t0, Why: appprotect.EndWiped},
	}).Draw(t, "end")
	r.End = &end
	var want error
	if !was || r.Epoch != now.Epoch || r.Version != now.Version+1 {
		want = appprotect.ErrMoved
	}
	if !outcome(t, "finish", m.store.Finish(t.Context(), r, entry("finish")), want) {
		return
	}
	m.registrations[r.ID], m.states[r.ID] = &r, appprotect.State{ID: r.ID}
	m.entries++
}

// check compares all that there is with the notebook.
func (m *model) check(t *rapid.T) {
	for id, want := range m.registrations {
		want.Person.Name = m.people[want.Person.Subject]
		wantRegistration(t, m.store, *want)
		wantState(t, m.store, m.states[id])
	}
	for _, name := range m.people {
		want := []device.ID{}
		for id, r := range m.registrations {
			if r.Person.Name == name && r.Lasts() {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		got, err := m.store.Select(t.Context(), name, 9)
		ok(t, err)
		same(t, "selected", want, ids(got))
	}
	for serial, want := range m.certificates {
		r, epoch, err := m.store.BySerial(t.Context(), serial)
		ok(t, err)
		want.is(t, "certificate "+serial, r.ID, epoch)
	}
	for request, want := range m.requests {
		r, c, err := m.store.Opened(t.Context(), request)
		ok(t, err)
		want.is(t, "what a request opened", r.ID, r.Epoch)
		want.is(t, "the certificate it got", c.ID, c.Epoch)
	}
	if got := m.recorded(t); got != m.entries {
		t.Fatalf("%d entries, want %d", got, m.entries)
	}
	if t.Failed() {
		t.FailNow()
	}
}
