package appprotectrpc

import (
	"errors"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/fault"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func policyToWire(p appprotect.Policy) *appprotectv1.AppPolicy {
	return &appprotectv1.AppPolicy{
		Name: p.Name, Revision: p.Revision, Spec: specToWire(p.Spec),
		CreatedAt: wire.Time(p.CreatedAt), RevisedAt: wire.Time(p.RevisedAt), RevisedBy: p.RevisedBy,
	}
}

// specFromWire shares nothing with the request. Errors are Invalid and name the
// value that is none.
func specFromWire(w *appprotectv1.AppPolicySpec) (appprotect.Spec, error) {
	settings, err := settingsFromWire(w.GetSettings())
	if err != nil {
		return appprotect.Spec{}, err
	}
	config, err := configFromWire(w.GetConfig())
	if err != nil {
		return appprotect.Spec{}, err
	}
	return appprotect.Spec{
		Description: w.GetDescription(),
		Target:      targetFromWire(w.GetTarget()),
		Settings:    settings,
		Config:      config,
		Fallback:    w.GetFallback(),
	}, nil
}

func specToWire(s appprotect.Spec) *appprotectv1.AppPolicySpec {
	return &appprotectv1.AppPolicySpec{
		Description: s.Description,
		Target:      targetToWire(s.Target),
		Settings:    settingsToWire(s.Settings),
		Config:      configToWire(s.Config),
		Fallback:    s.Fallback,
	}
}

func targetFromWire(t *appprotectv1.AppTarget) appprotect.Target {
	return appprotect.Target{
		Apps: wire.Each(t.GetApps(), func(a *appprotectv1.TargetApp) appprotect.TargetApp {
			return appprotect.TargetApp{Package: a.GetPackage(), SignerSHA256: slices.Clone(a.GetSignerSha256())}
		}),
		AppGroups: slices.Clone(t.GetAppGroups()),
		Include:   audienceFromWire(t.GetInclude()),
		Exclude:   audienceFromWire(t.GetExclude()),
		Levels:    wire.Each(t.GetLevels(), word[apprules.Level]),
	}
}

func targetToWire(t appprotect.Target) *appprotectv1.AppTarget {
	w := &appprotectv1.AppTarget{
		Apps: wire.Each(t.Apps, func(a appprotect.TargetApp) *appprotectv1.TargetApp {
			return &appprotectv1.TargetApp{Package: a.Package, SignerSha256: a.SignerSHA256}
		}),
		AppGroups: t.AppGroups,
		Include:   audienceToWire(t.Include),
		Levels:    wire.Each(t.Levels, func(l apprules.Level) appprotectv1.Level { return appprotectv1.Level(l) }),
	}
	if e := t.Exclude; e.Everyone || len(e.Users) > 0 || len(e.Groups) > 0 {
		w.Exclude = audienceToWire(e)
	}
	return w
}

func audienceFromWire(a *appprotectv1.Audience) appprotect.Audience {
	return appprotect.Audience{
		Everyone: a.GetEveryone(), Users: slices.Clone(a.GetUsers()), Groups: slices.Clone(a.GetGroups()),
	}
}

func audienceToWire(a appprotect.Audience) *appprotectv1.Audience {
	return &appprotectv1.Audience{Everyone: a.Everyone, Users: a.Users, Groups: a.Groups}
}

func settingsFromWire(values map[string]*structpb.Value) (apprules.Settings, error) {
	const field = "spec.settings"
	plain, err := textsFromValues[apprules.Key](values, field, textsFromValue)
	if err != nil || plain == nil {
		return apprules.Settings{}, err
	}
	settings, err := apprules.ParseSettings(plain)
	if bad, ok := errors.AsType[*apprules.SettingError](err); ok {
		return apprules.Settings{}, fault.InvalidField(field+"."+string(bad.Key), "%v", bad.Problem)
	}
	return settings, err
}

func settingsToWire(s apprules.Settings) map[string]*structpb.Value {
	plain := s.Plain()
	values := make(map[string]*structpb.Value, len(plain))
	for key, texts := range plain {
		values[string(key)] = valueFromTexts(texts, listed()[key])
	}
	return values
}

var grants = map[string]apprules.Grant{
	apprules.GrantAuto.String():   apprules.GrantAuto,
	apprules.GrantPrompt.String(): apprules.GrantPrompt,
	apprules.GrantDeny.String():   apprules.GrantDeny,
}

func configFromWire(w *appprotectv1.AppConfigSpec) (apprules.Config, error) {
	const field = "spec.config"
	c := apprules.Config{Custom: maps.Clone(w.GetCustom())}
	var err error
	if c.Values, err = textsFromValues[string](w.GetValues(), field+".values", configFromValue); err != nil {
		return apprules.Config{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(w.GetPermissions())) {
		grant, ok := grants[w.GetPermissions()[name]]
		if !ok {
			return apprules.Config{}, fault.InvalidField(field+".permissions."+name, "must be grant, prompt or deny")
		}
		if c.Permissions == nil {
			c.Permissions = make(map[string]apprules.Grant)
		}
		c.Permissions[name] = grant
	}
	if w != nil && w.ConnectedApps != nil {
		c.ConnectedApps = new(w.GetConnectedApps())
	}
	return c, nil
}

// configToWire leaves out configuration that says nothing.
func configToWire(c apprules.Config) *appprotectv1.AppConfigSpec {
	w := &appprotectv1.AppConfigSpec{Custom: maps.Clone(c.Custom)}
	for key, texts := range c.Values {
		if w.Values == nil {
			w.Values = make(map[string]*structpb.Value)
		}
		w.Values[key] = valueFromConfig(texts)
	}
	for name, grant := range c.Permissions {
		if w.Permissions == nil {
			w.Permissions = make(map[string]string)
		}
		w.Permissions[name] = grant.String()
	}
	if c.ConnectedApps != nil {
		w.ConnectedApps = new(*c.ConnectedApps)
	}
	if len(w.Values)+len(w.Custom)+len(w.Permissions) == 0 && w.ConnectedApps == nil {
		return nil
	}
	return w
}
