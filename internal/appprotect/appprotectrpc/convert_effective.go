package appprotectrpc

import (
	"maps"
	"slices"

	"ringfence/internal/apprules"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// effectiveToWire is everything that an app is told, in the order of the keys.
func effectiveToWire(e *apprules.Effective) *appprotectv1.EffectivePolicy {
	if e == nil {
		return nil
	}
	plain := e.Settings.Plain()
	return &appprotectv1.EffectivePolicy{
		Revision: e.Revision(),
		Governed: e.Governed(),
		Settings: wire.Each(e.Settings.Keys(), func(key apprules.Key) *appprotectv1.Setting {
			return &appprotectv1.Setting{Key: string(key), Values: plain[key]}
		}),
		Config: configurationToWire(e.Config),
	}
}

func configurationToWire(c apprules.Config) *appprotectv1.AppConfiguration {
	w := &appprotectv1.AppConfiguration{
		Values:      sortedSettings(c.Values, func(texts []string) []string { return texts }),
		Custom:      sortedSettings(c.Custom, func(text string) []string { return []string{text} }),
		Permissions: sortedSettings(c.Permissions, func(g apprules.Grant) []string { return []string{g.String()} }),
	}
	if c.ConnectedApps != nil {
		w.ConnectedApps = new(*c.ConnectedApps)
	}
	return w
}

func sortedSettings[V any](m map[string]V, texts func(V) []string) []*appprotectv1.Setting {
	return wire.Each(slices.Sorted(maps.Keys(m)), func(key string) *appprotectv1.Setting {
		return &appprotectv1.Setting{Key: key, Values: texts(m[key])}
	})
}
