package appprotect

import (
	"cmp"
	"slices"
	"strings"

	"ringfence/internal/apprules"
)

// Named is a policy as Merge takes it.
type Named struct {
	Name     string
	Revision uint64
	Spec     Spec
}

// Source says which policies made a setting what it is.
type Source struct {
	Key apprules.Key
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

// Merged is what holds for one subject, and where it comes from. The app is
// sent the Effective in it and learns nothing of the rest.
type Merged struct {
	*apprules.Effective
	// Policies are those that apply, in the order of their names; without any
	// the app is nobody's to open.
	Policies []string
	// Sources has what is said, settings and then configuration, each in the order
	// of the keys; what is missing is the default.
	Sources   []Source
	Conflicts []Conflict
}

// Merge makes one of all policies whose targets have the subject; the fallback
// policies among them hold only where there are no others. The strictest value of each setting wins; configuration is merged as the app's schema says,
// and what cannot be merged is left out and named as a conflict. The order of
// the policies does not matter.
func Merge(policies []Named, s Subject, schema *apprules.Schema) *Merged {
	applying := reaching(policies, s)
	m := &Merged{}
	settings := make([]apprules.Settings, len(applying))
	for i, p := range applying {
		m.Policies = append(m.Policies, p.Name)
		settings[i] = p.Spec.Settings
	}
	m.Policies = sortedSet(m.Policies)
	merged := apprules.Merge(settings...)
	m.Sources = sources(applying, merged)
	var config apprules.Config
	var more []Source
	config, more, m.Conflicts = mergeConfigs(applying, schema)
	m.Sources = append(m.Sources, more...)
	m.Effective = apprules.Seal(merged, config, len(applying) > 0)
	return m
}

// reaching gives the policies that hold for the subject, sorted, with their
// settings settled.
func reaching(policies []Named, s Subject) []Named {
	var list, fallbacks []Named
	for _, p := range policies {
		switch {
		case !p.Spec.Target.Reaches(s):
			continue
		case p.Spec.Fallback:
			fallbacks = append(fallbacks, p)
		default:
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		list = fallbacks
	}
	for i := range list {
		list[i].Spec.Settings = list[i].Spec.Settings.Settled()
	}
	slices.SortFunc(list, func(a, b Named) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Revision, b.Revision))
	})
	return list
}

// sources finds who made each setting what it is.
func sources(policies []Named, merged apprules.Settings) []Source {
	said := make([]map[apprules.Key][]string, len(policies))
	for i, p := range policies {
		said[i] = p.Spec.Settings.Plain()
	}
	want := merged.Plain()
	list := make([]Source, 0, len(want))
	for _, key := range merged.Keys() {
		var makers, speakers []string
		for i, p := range policies {
			value, says := said[i][key]
			if !says {
				continue
			}
			speakers = append(speakers, p.Name)
			if slices.Equal(value, want[key]) {
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
