package compliance

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"ringfence/internal/device"
)

// maxCached bounds how many classes of devices, and how many sets of policies,
// a snapshot remembers manifests for.
const maxCached = 1 << 16

// snapshot is every live policy at one generation, ready for the question what
// is asked of a device. The policies never change; the answers are remembered.
type snapshot struct {
	generation uint64
	policies   []Named // by name
	// recalls are shared by all snapshots: they only ever become more.
	recalls *recallBook

	// Who is included by what: indexes into policies, ascending.
	all      []int
	byGroup  map[string][]int
	byUser   map[string][]int
	byDevice map[device.ID][]int
	// named holds every group, user and device that any policy speaks of.
	named [TargetDevice + 1]map[string]struct{}

	mu      sync.RWMutex // guards what follows
	classes map[class]*demand
	sets    map[string]*demand
}

// class is what of a device the policies of a snapshot can tell apart, and its
// terms. A group that no policy speaks of is no different from none.
type class struct {
	mode        device.Mode
	group, user string
	device      device.ID
	lease       Lease
	// recall is the number of the device's last recall; 0 for none.
	recall uint64
}

// demand is what is asked of a class of devices.
type demand struct {
	manifest *Manifest
	policies []string
}

func newSnapshot(policies []Policy, generation uint64, recalls *recallBook) *snapshot {
	s := &snapshot{
		generation: generation,
		recalls:    recalls,
		byGroup:    make(map[string][]int),
		byUser:     make(map[string][]int),
		byDevice:   make(map[device.ID][]int),
		classes:    make(map[class]*demand),
		sets:       make(map[string]*demand),
	}
	for i, p := range policies {
		s.policies = append(s.policies, Named{Name: p.Name, Revision: p.Revision, Spec: p.Spec})
		for _, a := range p.Spec.Assignments {
			s.index(i, a)
		}
	}
	return s
}

func (s *snapshot) index(policy int, a Assignment) {
	if s.named[a.Kind] == nil {
		s.named[a.Kind] = make(map[string]struct{})
	}
	s.named[a.Kind][a.Name] = struct{}{}
	if a.Exclude {
		return
	}
	switch a.Kind {
	case TargetAll:
		s.all = append(s.all, policy)
	case TargetGroup:
		s.byGroup[a.Name] = append(s.byGroup[a.Name], policy)
	case TargetUser:
		s.byUser[a.Name] = append(s.byUser[a.Name], policy)
	case TargetDevice:
		s.byDevice[device.ID(a.Name)] = append(s.byDevice[device.ID(a.Name)], policy)
	}
}

// classOf leaves out what no policy speaks of.
func (s *snapshot) classOf(d Device) class {
	c := class{mode: d.Mode}
	if _, named := s.named[TargetGroup][d.Group]; named {
		c.group = d.Group
	}
	if _, named := s.named[TargetUser][d.User]; named {
		c.user = d.User
	}
	if _, named := s.named[TargetDevice][string(d.ID)]; named {
		c.device = d.ID
	}
	return c
}

// demand gives what is asked of a device on its terms. It compiles once for each
// set of policies and mode.
func (s *snapshot) demand(d Device, t terms) *demand {
	c := s.classOf(d)
	c.lease = t.lease
	if n := len(t.recalls); n > 0 {
		c.device, c.recall = d.ID, t.recalls[n-1].Number
	}
	s.mu.RLock()
	known := s.classes[c]
	s.mu.RUnlock()
	if known != nil {
		return known
	}
	applying := s.applying(Device{ID: c.device, Mode: c.mode, Group: c.group, User: c.user})
	made := s.compiled(applying, c.mode)
	if m := made.manifest.under(t); m != made.manifest {
		made = &demand{manifest: m, policies: made.policies}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.classes) >= maxCached {
		clear(s.classes)
	}
	s.classes[c] = made
	return made
}

// applying gives the indexes of the policies that are for a device, ascending.
func (s *snapshot) applying(d Device) []int {
	candidates := slices.Concat(s.all, s.byGroup[d.Group], s.byUser[d.User], s.byDevice[d.ID])
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	return slices.DeleteFunc(candidates, func(i int) bool { return !Applies(s.policies[i].Spec, d) })
}

// compiled gives the demand of a set of policies, which many classes share.
func (s *snapshot) compiled(policies []int, mode device.Mode) *demand {
	key := setKey(policies, mode)
	s.mu.RLock()
	known := s.sets[key]
	s.mu.RUnlock()
	if known != nil {
		return known
	}
	chosen := make([]Named, len(policies))
	made := &demand{policies: make([]string, len(policies))}
	for n, i := range policies {
		chosen[n], made.policies[n] = s.policies[i], s.policies[i].Name
	}
	made.manifest = Compile(chosen, mode)
	s.mu.Lock()
	defer s.mu.Unlock()
	if raced := s.sets[key]; raced != nil {
		return raced
	}
	if len(s.sets) >= maxCached {
		clear(s.sets)
	}
	s.sets[key] = made
	return made
}

func setKey(policies []int, mode device.Mode) string {
	var b strings.Builder
	b.WriteString(string(mode))
	for _, i := range policies {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(i))
	}
	return b.String()
}
