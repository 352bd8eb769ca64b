package access

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ringfence/internal/fault"
)

// Ruleset is what a snapshot is made of.
type Ruleset struct {
	Policies  []Policy
	Locations []Location
	// Filters compiles the policies' rules; may be nil where there are none.
	Filters Filters
	// Generation numbers the snapshots: it grows with every change.
	Generation uint64
	// CacheFor is for how long an answer may be kept at most. Default 1 minute.
	CacheFor time.Duration
}

// defaultCacheFor is short: what the door itself sees has no version.
const defaultCacheFor = time.Minute

// maxLabelsTogether is how many session labels all policies may have together.
const maxLabelsTogether = 64

// Snapshot is the policies of one generation, ready to decide by. It never
// changes, and any number may decide by it at once.
type Snapshot struct {
	generation uint64
	cacheFor   time.Duration
	// policies are sorted by name. A policy's place here is its number.
	policies []Policy
	// rules are what decides, by the policies' numbers.
	rules []rule
	// demands are what is asked. Many policies ask for the same.
	demands []demand
	filters []Filter
	labels  []string
	index
}

// rule is a policy in the form in which it decides: what the index does not
// say of it.
type rule struct {
	// demand is the place of what it asks.
	demand int
	// slow: some condition is not in the index.
	slow bool
	// placed: the sign-in must come from one of from.
	placed         bool
	filterExcludes bool
	// filter and custom are places in the snapshot's filters, -1 for none.
	filter, custom int
	from, notFrom  places
}

// demand is what a policy asks of whom it applies to.
type demand struct {
	controls   ControlSet
	blocks     bool
	anyOf      bool
	reportOnly bool
	maxAge     MaxAge
	session    sessionRule
}

// sessionRule is a policy's session controls, with a bit for each label.
type sessionRule struct {
	every     bool
	frequency time.Duration
	labels    uint64
}

// Compile makes a snapshot. Policies that are off are in it to be explained.
// The error is an Invalid fault: some policy or location is not right.
func Compile(c Ruleset) (*Snapshot, error) {
	s := &Snapshot{generation: c.Generation, cacheFor: c.CacheFor, policies: slices.Clone(c.Policies)}
	if s.cacheFor <= 0 {
		s.cacheFor = defaultCacheFor
	}
	slices.SortFunc(s.policies, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
	w := workshop{filters: c.Filters, snapshot: s, known: map[ruleText]int{}, asked: map[demand]int{}}
	if err := w.locate(c.Locations); err != nil {
		return nil, err
	}
	s.index = newIndex(len(s.policies))
	for i, p := range s.policies {
		if i > 0 && s.policies[i-1].Name == p.Name {
			return nil, fault.InvalidField("policies", "%q is there twice", p.Name)
		}
		r, err := w.rule(p)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", p.Name, err)
		}
		s.rules = append(s.rules, r)
		if p.Spec.State != Off {
			s.add(i, p.Spec)
		}
	}
	return s, nil
}

// workshop is what is at hand while a snapshot is made.
type workshop struct {
	filters  Filters
	snapshot *Snapshot
	places   map[string]*place
	trusted  places
	// known has the rules that are compiled: the same text is asked once.
	known map[ruleText]int
	// asked has the demands there are.
	asked map[demand]int
}

type ruleText struct {
	custom bool
	text   string
}

func (w *workshop) locate(locations []Location) error {
	w.places = make(map[string]*place, len(locations))
	for _, l := range locations {
		if err := l.Validate(); err != nil {
			return fmt.Errorf("location %q: %w", l.Name, err)
		}
		p := newPlace(l)
		if w.places[p.name] != nil {
			return fault.InvalidField("locations", "%q is there twice", p.name)
		}
		w.places[p.name] = p
		if p.trusted {
			w.trusted = append(w.trusted, p)
		}
	}
	return nil
}

func (w *workshop) rule(p Policy) (rule, error) {
	s := p.Spec
	if err := s.Validate(w.filters); err != nil {
		return rule{}, err
	}
	r := rule{placed: s.Conditions.IncludeLocations.given(), filterExcludes: s.Conditions.DeviceFilter.Exclude}
	var err error
	if r.from, err = w.placesOf("spec.conditions.include_locations.names", s.Conditions.IncludeLocations); err != nil {
		return rule{}, err
	}
	if r.notFrom, err = w.placesOf("spec.conditions.exclude_locations.names", s.Conditions.ExcludeLocations); err != nil {
		return rule{}, err
	}
	if r.filter, err = w.filter(ruleText{false, s.Conditions.DeviceFilter.Rule}); err != nil {
		return rule{}, err
	}
	if r.custom, err = w.filter(ruleText{true, s.Conditions.Custom}); err != nil {
		return rule{}, err
	}
	r.slow = r.placed || len(r.notFrom) > 0 || r.filter >= 0 || r.custom >= 0
	r.demand, err = w.demand(s)
	return r, err
}

// demand gives the place of what a policy asks.
func (w *workshop) demand(s Spec) (int, error) {
	session, err := w.session(s.Session)
	if err != nil {
		return 0, err
	}
	d := demand{
		controls: setOf(s.Grant.Controls...), blocks: s.Grant.blocks(), anyOf: s.Grant.Operator == AnyOf,
		reportOnly: s.State == ReportOnly, maxAge: s.MaxAge.withDefaults(), session: session,
	}
	n, found := w.asked[d]
	if !found {
		n = len(w.snapshot.demands)
		w.asked[d] = n
		w.snapshot.demands = append(w.snapshot.demands, d)
	}
	return n, nil
}

func (w *workshop) placesOf(field string, named Places) (places, error) {
	var found places
	for i, name := range named.Names {
		p := w.places[folded(name)]
		if p == nil {
			return nil, fault.InvalidField(fmt.Sprintf("%s[%d]", field, i), "there is no location %q", name)
		}
		found = append(found, p)
	}
	if named.Trusted {
		found = append(found, w.trusted...)
	}
	return found, nil
}

// filter gives the place of a compiled rule.
func (w *workshop) filter(t ruleText) (int, error) {
	if t.text == "" {
		return -1, nil
	}
	if n, found := w.known[t]; found {
		return n, nil
	}
	compile := w.filters.DeviceFilter
	if t.custom {
		compile = w.filters.Condition
	}
	f, err := compile(t.text)
	if err != nil {
		return 0, err
	}
	w.known[t] = len(w.snapshot.filters)
	w.snapshot.filters = append(w.snapshot.filters, f)
	return w.known[t], nil
}

func (w *workshop) session(s Session) (sessionRule, error) {
	r := sessionRule{every: s.EverySignIn, frequency: s.SignInFrequency}
	for i, label := range s.Labels {
		n := slices.Index(w.snapshot.labels, label)
		if n < 0 {
			n = len(w.snapshot.labels)
			w.snapshot.labels = append(w.snapshot.labels, label)
		}
		if n >= maxLabelsTogether {
			return r, fault.InvalidField(fmt.Sprintf("spec.session.labels[%d]", i),
				"is one more than the %d different labels that all policies may have", maxLabelsTogether)
		}
		r.labels |= 1 << n
	}
	return r, nil
}

// Generation gives the number of the snapshot.
func (s *Snapshot) Generation() uint64 { return s.generation }

// Policies gives the policies, sorted by name.
func (s *Snapshot) Policies() []Policy { return slices.Clone(s.policies) }
