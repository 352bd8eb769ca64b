package authzen

import (
	"context"
	"slices"
	"strings"
	"sync"

	"ringfence/internal/access"
)

// names are what policies name, sorted.
type names struct{ apps, actions []string }

// catalogueCache keeps the names of one snapshot: they are gathered once for
// each change of policies.
type catalogueCache struct {
	mu   sync.Mutex
	of   *access.Snapshot
	kept names
}

// at gives the names in the policies in force.
func (c *catalogueCache) at(ctx context.Context, from Catalogue) (names, error) {
	s, err := from.Snapshot(ctx)
	if err != nil {
		return names{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != s {
		c.of, c.kept = s, namesIn(s, from)
	}
	return c.kept, nil
}

// namesIn gathers the names in the policies that are not off.
func namesIn(s *access.Snapshot, from Catalogue) names {
	var n names
	for _, p := range s.Policies() {
		if p.Spec.State == access.Off {
			continue
		}
		for _, app := range slices.Concat(p.Spec.Apps.Include, p.Spec.Apps.Exclude) {
			n.apps = append(n.apps, strings.ToLower(app))
		}
		if p.Spec.Conditions.Custom != "" {
			n.actions = append(n.actions, from.ActionNames(p.Spec.Conditions.Custom)...)
		}
	}
	return names{sorted(n.apps), sorted(n.actions)}
}

// sorted gives the names that a request can have, each once.
func sorted(all []string) []string {
	all = slices.DeleteFunc(all, func(name string) bool { return name == "" || len(name) > maxName })
	slices.Sort(all)
	return slices.Compact(all)
}
