package appprotect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Named is a policy as Merge takes it.
type Named struct {
	Name     string
	Revision uint64
	Spec     Spec
}

// Source says which policies made a setting what it is.
type Source struct {
	Key Key
	// Policies are those that say just this value; where none of them does, as
	// with lists that intersect, all that say any.
	Policies []string
}

// Conflict is a piece of configuration that was left out because policies
// cannot be merged.
type Conflict struct {
	Key      string
	Policies []string
	Detail   string
}

// Effective is what holds for one person in one app at one level. It does not
// change once it is made.
type Effective struct {
	Settings Settings
	Config   Config
	// Policies are those that apply, in the order of their names; without any
	// the app is nobody's to open.
	Policies []string
	// Sources has what is said, in the order of the keys; what is missing is
	// the default.
	Sources   []Source
	Conflicts []Conflict
	governed  bool
	revision  string
}

// Revision is the hash of what the app is sent: 64 hexadecimal digits. Who made
// it so, and the names of policies, do not count; that there is a policy does.
func (e *Effective) Revision() string { return e.revision }

// Governed reports whether any policy applies.
func (e *Effective) Governed() bool { return e.governed }

// Merge makes one of all policies whose targets have the subject. The strictest
// value of each setting wins; configuration is merged as the app's schema says,
// and what cannot be merged is left out and named as a conflict. The order of
// the policies does not matter.
func Merge(policies []Named, s Subject, schema *Schema) *Effective {
	var applying []Named
	for _, p := range policies {
		if p.Spec.Target.Reaches(s) {
			p.Spec.Settings = p.Spec.Settings.settled()
			applying = append(applying, p)
		}
	}
	slices.SortFunc(applying, func(a, b Named) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Revision, b.Revision))
	})
	e := &Effective{governed: len(applying) > 0}
	for _, p := range applying {
		e.Policies = append(e.Policies, p.Name)
		e.Settings = e.Settings.merge(p.Spec.Settings)
	}
	e.Policies = sortedSet(e.Policies)
	e.Settings = e.Settings.settled()
	e.Sources = sources(applying, e.Settings)
	e.Config, e.Conflicts = mergeConfigs(applying, schema)
	e.seal()
	return e
}

// Restore makes an Effective of what a governed app was sent, so that it can compare
// the revision and hold to it.
func Restore(s Settings, c Config) *Effective {
	e := &Effective{Settings: s, Config: c, governed: true}
	e.seal()
	return e
}

func (e *Effective) seal() {
	b := append([]byte("ringfence app protection 1\x00"), flagByte(e.Governed()))
	sum := sha256.Sum256(e.Config.appendTo(e.Settings.appendTo(b)))
	e.revision = hex.EncodeToString(sum[:])
}

// sources finds who made each setting what it is.
func sources(policies []Named, merged Settings) []Source {
	byKey, _ := entries()
	list := make([]Source, 0, len(merged.said))
	for _, key := range merged.Keys() {
		want := byKey[key].format(merged.said[key])
		var makers, speakers []string
		for _, p := range policies {
			value, said := p.Spec.Settings.said[key]
			if !said {
				continue
			}
			speakers = append(speakers, p.Name)
			if slices.Equal(byKey[key].format(value), want) {
				makers = append(makers, p.Name)
			}
		}
		if makers == nil {
			makers = speakers
		}
		list = append(list, Source{key, sortedSet(makers)})
	}
	return list
}
