package appsdk

import (
	"maps"
	"slices"

	"ringfence/internal/apprules"
)

// Configuration is what the app is told beside the settings.
type Configuration struct{ c apprules.Config }

// Configuration gives the app's configuration; nil without a policy in force.
func (s *SDK) Configuration() *Configuration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.decideWhether() != nil {
		return nil
	}
	e, err := s.inForce()
	if err != nil || !e.Governed() {
		return nil
	}
	return &Configuration{e.Config.Canonical()}
}

// Texts is a list of texts.
type Texts struct{ list []string }

// Len tells how many there are.
func (t *Texts) Len() int { return len(t.list) }

// At gives one of them; "" where there is none.
func (t *Texts) At(i int) string {
	if i < 0 || i >= len(t.list) {
		return ""
	}
	return t.list[i]
}

// Keys names the keys of the app's schema that have a value, in order.
func (c *Configuration) Keys() *Texts { return sortedKeys(c.c.Values) }

// Values gives the texts of a key, as its schema writes them: "true", "7".
func (c *Configuration) Values(key string) *Texts { return &Texts{c.c.Values[key]} }

// CustomKeys names the app's own keys, in order, and Custom gives the text of one.
func (c *Configuration) CustomKeys() *Texts { return sortedKeys(c.c.Custom) }

// Custom gives the text of one of the app's own keys; "" where there is none.
func (c *Configuration) Custom(key string) string { return c.c.Custom[key] }

// Permissions names the Android permissions that are answered, in order.
func (c *Configuration) Permissions() *Texts { return sortedKeys(c.c.Permissions) }

// Permission gives the answer to one: "grant", "prompt" or "deny"; "" for none.
func (c *Configuration) Permission(name string) string {
	g, answered := c.c.Permissions[name]
	if !answered {
		return ""
	}
	return g.String()
}

// ConnectedAppsSaid reports whether anybody says whether the app may speak with
// itself across profiles, and ConnectedApps what.
func (c *Configuration) ConnectedAppsSaid() bool { return c.c.ConnectedApps != nil }

// ConnectedApps is false where nobody says.
func (c *Configuration) ConnectedApps() bool { return c.c.ConnectedApps != nil && *c.c.ConnectedApps }

func sortedKeys[V any](m map[string]V) *Texts { return &Texts{slices.Sorted(maps.Keys(m))} }
