package appprotect

import (
	"context"
	"slices"
	"strings"
	"sync"

	"ringfence/internal/apprules"
)

// catalog gives the policies as they are now.
type catalog struct {
	policies Policies
	// trusted: nobody else changes the policies, so that what was read holds
	// until forget.
	trusted bool

	// reading is held by whoever reads all policies, so that a bell that wakes
	// thousands of streams costs one reading and not thousands.
	reading sync.Mutex

	mu      sync.Mutex // guards what follows
	current *snapshot
	edition uint64 // raised by forget
}

// latest gives a snapshot that is not older than the call.
func (c *catalog) latest(ctx context.Context) (*snapshot, error) {
	known, _ := c.known()
	if c.trusted && known != nil {
		return known, nil
	}
	if c.trusted {
		return c.read(ctx, 0)
	}
	generation, err := c.policies.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if known != nil && known.generation >= generation {
		return known, nil
	}
	return c.read(ctx, generation)
}

// read gives a snapshot of at least this generation.
func (c *catalog) read(ctx context.Context, generation uint64) (*snapshot, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	known, edition := c.known()
	if known != nil && known.generation >= generation {
		return known, nil
	}
	policies, apps, generation, err := c.policies.Current(ctx)
	if err != nil {
		return nil, err
	}
	made := newSnapshot(policies, apps, generation)
	c.mu.Lock()
	defer c.mu.Unlock()
	// What was read before forget may be what was to be forgotten.
	if c.edition == edition {
		c.current = made
	}
	return made, nil
}

func (c *catalog) known() (*snapshot, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current, c.edition
}

// forget makes the next caller read the policies. It is to be called after each
// change of them, whether or not that is known to have succeeded.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edition++
	c.current = nil
}

// maxRulings bounds how many answers a snapshot remembers.
const maxRulings = 1 << 16

// snapshot is every policy and every app at one generation, ready for the
// question what holds for somebody. The policies never change; the answers are
// remembered.
type snapshot struct {
	generation uint64
	policies   []Named
	apps       map[string]*KnownApp
	// users and groups are those that any policy speaks of, folded.
	users, groups map[string]struct{}

	mu      sync.RWMutex // guards rulings
	rulings map[class]*ruling
}

// ruling is what holds for a class of subjects. It is never changed.
type ruling struct {
	*Merged
	schema *apprules.Schema
}

// class is what of a subject the policies of a snapshot can tell apart. A user
// or group that no policy speaks of is no different from none.
type class struct {
	user, groups string
	pkg, signer  string
	level        apprules.Level
}

func newSnapshot(policies []Policy, apps []KnownApp, generation uint64) *snapshot {
	s := &snapshot{
		generation: generation,
		apps:       make(map[string]*KnownApp, len(apps)),
		users:      make(map[string]struct{}),
		groups:     make(map[string]struct{}),
		rulings:    make(map[class]*ruling),
	}
	for i := range apps {
		s.apps[apps[i].Package] = &apps[i]
	}
	for _, p := range policies {
		s.policies = append(s.policies, Named{Name: p.Name, Revision: p.Revision, Spec: p.Spec})
		for _, a := range []Audience{p.Spec.Target.Include, p.Spec.Target.Exclude} {
			for _, name := range a.Users {
				s.users[folded(name)] = struct{}{}
			}
			for _, name := range a.Groups {
				s.groups[folded(name)] = struct{}{}
			}
		}
	}
	return s
}

// app gives what is known of the app, if one of its signers has signed it: an
// app of another signer is another app, whatever it is called.
func (s *snapshot) app(pkg, signer string) *KnownApp {
	a := s.apps[pkg]
	if a == nil || !slices.Contains(a.SignerSHA256, signer) {
		return nil
	}
	return a
}

// rule says what holds for a subject, whose AppGroups are set here. It merges
// once for each class.
func (s *snapshot) rule(who Subject) *ruling {
	c := s.classOf(who)
	s.mu.RLock()
	known := s.rulings[c]
	s.mu.RUnlock()
	if known != nil {
		return known
	}
	made := &ruling{}
	who.AppGroups = nil
	if a := s.app(who.Package, who.SignerSHA256); a != nil {
		who.AppGroups, made.schema = a.Groups, a.Schema
	}
	made.Merged = Merge(s.policies, who, made.schema)
	s.mu.Lock()
	defer s.mu.Unlock()
	if raced := s.rulings[c]; raced != nil {
		return raced
	}
	if len(s.rulings) >= maxRulings {
		clear(s.rulings)
	}
	s.rulings[c] = made
	return made
}

func (s *snapshot) classOf(who Subject) class {
	c := class{pkg: who.Package, signer: who.SignerSHA256, level: who.Level}
	if name := folded(who.User); isIn(s.users, name) {
		c.user = name
	}
	var groups []string
	for _, g := range who.Groups {
		if name := folded(g); isIn(s.groups, name) {
			groups = append(groups, name)
		}
	}
	// No name of a group holds a control character: see Spec.Validate.
	c.groups = strings.Join(sortedSet(groups), "\x00")
	return c
}

func isIn(set map[string]struct{}, name string) bool {
	_, is := set[name]
	return is
}
