package appprotect

import (
	"maps"
	"slices"
	"strings"

	"ringfence/internal/apprules"
)

// mergeConfigs makes one configuration of what sorted policies say. A value
// that the schema does not know, or no longer allows, is left out as a
// conflict with the schema. The sources are all that say a key.
func mergeConfigs(policies []Named, schema *apprules.Schema) (apprules.Config, []Source, []Conflict) {
	m := configMerge{schema: schema, said: make(map[string][]string)}
	for _, p := range policies {
		m.add(p.Name, p.Spec.Config.Canonical())
	}
	for key := range m.problems {
		delete(m.merged.Values, strings.TrimPrefix(key, "values."))
		delete(m.merged.Custom, strings.TrimPrefix(key, "custom."))
	}
	config, left := m.merged.Fit()
	for _, key := range left {
		m.problem(key, apprules.TooMuch)
	}
	var conflicts []Conflict
	for _, key := range slices.Sorted(maps.Keys(m.problems)) {
		conflicts = append(conflicts, Conflict{key, sortedSet(m.said[key]), m.problems[key]})
	}
	var sources []Source
	for _, key := range slices.Sorted(maps.Keys(m.said)) {
		if _, left := m.problems[key]; !left {
			sources = append(sources, Source{apprules.Key("config." + key), sortedSet(m.said[key])})
		}
	}
	return config.Canonical(), sources, conflicts
}

// configMerge is a merge under way.
type configMerge struct {
	schema *apprules.Schema
	merged apprules.Config
	// said has the policies that say a key; problems has why it is left out.
	said     map[string][]string
	problems map[string]string
}

func (m *configMerge) add(policy string, c apprules.Config) {
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		m.addValue(policy, key, c.Values[key])
	}
	for _, key := range slices.Sorted(maps.Keys(c.Custom)) {
		m.said["custom."+key] = append(m.said["custom."+key], policy)
		if before, both := m.merged.Custom[key]; both && before != c.Custom[key] {
			m.problem("custom."+key, "policies say different things")
		}
		put(&m.merged.Custom, key, c.Custom[key])
	}
	for name, grant := range c.Permissions {
		m.said["permissions."+name] = append(m.said["permissions."+name], policy)
		put(&m.merged.Permissions, name, max(grant, m.merged.Permissions[name]))
	}
	if before := m.merged.ConnectedApps; c.ConnectedApps != nil {
		m.said["connected_apps"] = append(m.said["connected_apps"], policy)
		connected := *c.ConnectedApps && (before == nil || *before)
		m.merged.ConnectedApps = &connected
	}
}

func (m *configMerge) addValue(policy, key string, texts []string) {
	m.said["values."+key] = append(m.said["values."+key], policy)
	item, known := m.schema.Item(key)
	switch {
	case !known:
		m.problem("values."+key, "the app's schema does not have it")
		return
	case item.Allows(texts) != nil:
		m.problem("values."+key, "the app's schema does not allow a value")
		return
	}
	texts = item.Canonical(texts)
	if before, both := m.merged.Values[key]; both {
		merged, same := item.Combine(before, texts)
		if !same {
			m.problem("values."+key, "policies say different things")
			return
		}
		texts = merged
	}
	put(&m.merged.Values, key, texts)
}

// problem notes why a key is left out. Of several reasons the first in the
// alphabet stays, whatever the order of the policies.
func (m *configMerge) problem(key, detail string) {
	if before, twice := m.problems[key]; twice {
		detail = min(before, detail)
	}
	put(&m.problems, key, detail)
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = value
}
