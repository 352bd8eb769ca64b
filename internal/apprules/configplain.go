package apprules

import (
	"fmt"
	"maps"
	"slices"
)

// PlainConfig is the one form of configuration for the wire and for storage, in
// texts.
type PlainConfig struct {
	Values map[string][]string `json:"values,omitempty"`
	Custom map[string]string   `json:"custom,omitempty"`
	// Permissions are "grant", "prompt" or "deny".
	Permissions map[string]string `json:"permissions,omitempty"`
	// ConnectedApps is nil where nothing is said.
	ConnectedApps *bool `json:"connected_apps,omitempty"`
}

// Plain gives the configuration as texts.
func (c Config) Plain() PlainConfig {
	k := c.Canonical()
	p := PlainConfig{Values: k.Values, Custom: k.Custom, ConnectedApps: k.ConnectedApps}
	for name, grant := range k.Permissions {
		put(&p.Permissions, name, grant.String())
	}
	return p
}

// ParseConfig reads what Plain writes, of a policy or of an Effective. Whether
// an app's schema has it is for [Config.Validate] to say. Its error is a
// [SettingError] whose key is the field and the item.
func ParseConfig(p PlainConfig) (Config, error) {
	c := Config{Values: p.Values, Custom: p.Custom, ConnectedApps: p.ConnectedApps}
	for _, name := range slices.Sorted(maps.Keys(p.Permissions)) {
		grant := Grant(max(0, slices.Index(grantNames, p.Permissions[name]))) //nolint:gosec // the names are four
		if !validPermission(name, grant) {
			return Config{}, &SettingError{Key("permissions." + name), errPermission}
		}
		put(&c.Permissions, name, grant)
	}
	if c.size() > maxSent {
		return Config{}, &SettingError{"values", fmt.Errorf("are more than %d bytes together", maxSent)}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		if err := checkPlain(key, c.Values[key], maxSent); err != nil {
			return Config{}, &SettingError{Key("values." + key), err}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Custom)) {
		if err := checkPlain(key, []string{c.Custom[key]}, maxConfigText); err != nil {
			return Config{}, &SettingError{Key("custom." + key), err}
		}
	}
	return c.Canonical(), nil
}

func checkPlain(key string, texts []string, limit int) error {
	if !configKey.MatchString(key) {
		return fmt.Errorf("is no key")
	}
	if len(texts) > maxListed {
		return fmt.Errorf("has %d values, more than %d", len(texts), maxListed)
	}
	for _, text := range texts {
		if err := checkText(text, limit); err != nil {
			return err
		}
	}
	return nil
}

// Fit gives as much of the configuration as an app can be sent, and the keys of
// what is left out, with their field: permissions go first, then custom keys,
// then values, each in the order of the alphabet.
func (c Config) Fit() (Config, []string) {
	if c.size() <= maxSent {
		return c, nil
	}
	k, room := c.Canonical(), maxSent
	var left []string
	keep := func(field, key string, size int) bool {
		if size > room {
			left = append(left, field+"."+key)
			return false
		}
		room -= size
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(k.Permissions)) {
		if !keep("permissions", name, entrySize(name)) {
			delete(k.Permissions, name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(k.Custom)) {
		if !keep("custom", key, entrySize(key, k.Custom[key])) {
			delete(k.Custom, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(k.Values)) {
		if !keep("values", key, entrySize(key, k.Values[key]...)) {
			delete(k.Values, key)
		}
	}
	return k, left
}

// size is how much the configuration is, in bytes: its texts, and eight bytes
// more for each of them.
func (c Config) size() int {
	sum := 0
	for key, texts := range c.Values {
		sum += entrySize(key, texts...)
	}
	for key, text := range c.Custom {
		sum += entrySize(key, text)
	}
	for name := range c.Permissions {
		sum += entrySize(name)
	}
	return sum
}

func entrySize(key string, texts ...string) int {
	sum := len(key) + 8
	for _, text := range texts {
		sum += len(text) + 8
	}
	return sum
}

// put sets a key of a map that may be nil.
func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = value
}
