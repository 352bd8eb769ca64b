package compliance

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"ringfence/internal/device"
)

// Named is a policy as Compile takes it.
type Named struct {
	Name     string
	Revision uint64
	Spec     Spec
}

// Compile merges what policies ask of a device managed in mode. The most
// restrictive value of each setting wins; what cannot be merged is left out
// and named as a conflict. The order of the policies does not matter.
//
// Where the mode has no work profile, a rule about its lock asks nothing, and
// no number of wrong secrets removes anything: there would only be the whole
// device to remove.
func Compile(policies []Named, mode device.Mode) *Manifest {
	var c compilation
	for _, p := range slices.SortedFunc(slices.Values(policies), byName) {
		c.add(p, mode)
	}
	m := &Manifest{
		Pins:         mergePins(c.pins),
		TrustedRoots: mergeRoots(&c),
		Certificates: mergeCertificates(&c),
	}
	m.VPNs = mergeVPNs(&c, m.Certificates)
	m.Conflicts = c.conflicts
	slices.SortFunc(m.Conflicts, func(a, b Conflict) int { return strings.Compare(a.Setting, b.Setting) })
	m.seal()
	return m
}

func byName(a, b Named) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Revision, b.Revision))
}

// asked is one policy's wish for one setting.
type asked[T any] struct {
	policy string
	value  T
}

// compilation gathers wishes by what they are about.
type compilation struct {
	pins         map[PinScope][]PinRule
	roots        map[string][]asked[TrustedRoot]
	certificates map[string][]asked[CertificateProfile]
	vpns         map[string][]asked[VPNRule]
	conflicts    []Conflict
}

func (c *compilation) add(p Named, mode device.Mode) {
	for _, pin := range p.Spec.Pins {
		if !mode.HasWorkProfile() {
			pin.FailuresBeforeRemoval = 0
			if pin.Scope == PinWorkProfile {
				continue
			}
		}
		put(&c.pins, pin.Scope, pin)
	}
	for _, r := range p.Spec.TrustedRoots {
		put(&c.roots, r.Name, asked[TrustedRoot]{p.Name, r})
	}
	for _, cert := range p.Spec.Certificates {
		put(&c.certificates, cert.Alias, asked[CertificateProfile]{p.Name, cert.effective()})
	}
	for _, v := range p.Spec.VPNs {
		put(&c.vpns, v.Name, asked[VPNRule]{p.Name, v.canonical()})
	}
}

// conflict notes that a setting is left out.
func (c *compilation) conflict(setting, detail string, policies []string) {
	c.conflicts = append(c.conflicts, Conflict{Setting: setting, Policies: sortedSet(policies), Detail: detail})
}

func put[K comparable, V any](m *map[K][]V, key K, value V) {
	if *m == nil {
		*m = make(map[K][]V)
	}
	(*m)[key] = append((*m)[key], value)
}

// policiesOf names who asked.
func policiesOf[T any](wishes []asked[T]) []string {
	policies := make([]string, len(wishes))
	for i, w := range wishes {
		policies[i] = w.policy
	}
	return policies
}

// agree reports whether every wish is the same in the eyes of the encoding.
func agree[T any](wishes []asked[T], encode func([]byte, T) []byte) bool {
	if len(wishes) < 2 {
		return true
	}
	first := string(encode(nil, wishes[0].value))
	return !slices.ContainsFunc(wishes[1:], func(w asked[T]) bool { return string(encode(nil, w.value)) != first })
}

// inOrder walks a map by key, so that what is made of it is always the same.
func inOrder[K cmp.Ordered, V any](m map[K]V, each func(K, V)) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		each(key, m[key])
	}
}
