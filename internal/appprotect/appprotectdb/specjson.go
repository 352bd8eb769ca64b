package appprotectdb

import (
	"fmt"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
)

// specForm is what a policy asks, and of whom. Settings are in their plain form.
type specForm struct {
	Description string                    `json:"description,omitempty"`
	Target      targetForm                `json:"target"`
	Fallback    bool                      `json:"fallback,omitempty"`
	Settings    map[apprules.Key][]string `json:"settings,omitempty"`
	Config      configForm                `json:"config,omitzero"`
}

type targetForm struct {
	Apps      []targetAppForm `json:"apps,omitempty"`
	AppGroups []string        `json:"app_groups,omitempty"`
	Include   audienceForm    `json:"include,omitzero"`
	Exclude   audienceForm    `json:"exclude,omitzero"`
	Levels    []int           `json:"levels,omitempty"`
}

type targetAppForm struct {
	Package string   `json:"package"`
	Signers []string `json:"signer_sha256"`
}

type audienceForm struct {
	Everyone bool     `json:"everyone,omitempty"`
	Users    []string `json:"users,omitempty"`
	Groups   []string `json:"groups,omitempty"`
}

type configForm struct {
	Values        map[string][]string       `json:"values,omitempty"`
	Custom        map[string]string         `json:"custom,omitempty"`
	Permissions   map[string]apprules.Grant `json:"permissions,omitempty"`
	ConnectedApps *bool                     `json:"connected_apps,omitempty"`
}

func encodeSpec(s appprotect.Spec) (string, error) {
	t := s.Target
	return encode(specForm{
		Description: s.Description,
		Target: targetForm{
			Apps:      list(t.Apps, func(a appprotect.TargetApp) targetAppForm { return targetAppForm{a.Package, a.SignerSHA256} }),
			AppGroups: t.AppGroups, Include: audienceForm(t.Include), Exclude: audienceForm(t.Exclude),
			Levels: list(t.Levels, func(l apprules.Level) int { return int(l) }),
		},
		Fallback: s.Fallback,
		Settings: s.Settings.Plain(),
		Config:   configForm(s.Config),
	}, maxPolicy)
}

func decodeSpec(raw string) (appprotect.Spec, error) {
	form, err := decode[specForm](raw, maxPolicy)
	if err != nil {
		return appprotect.Spec{}, err
	}
	settings, err := apprules.ParseSettings(form.Settings)
	if err != nil {
		return appprotect.Spec{}, err
	}
	t := form.Target
	for _, l := range t.Levels {
		if l < int(apprules.Unenrolled) || l > int(apprules.FullyManaged) {
			return appprotect.Spec{}, fmt.Errorf("has %d as a level", l)
		}
	}
	for name, g := range form.Config.Permissions {
		if g < apprules.GrantAuto || g > apprules.GrantDeny {
			return appprotect.Spec{}, fmt.Errorf("has %d as the answer to %.80q", uint8(g), name)
		}
	}
	return appprotect.Spec{
		Description: form.Description,
		Target: appprotect.Target{
			Apps: list(t.Apps, func(a targetAppForm) appprotect.TargetApp {
				return appprotect.TargetApp{Package: a.Package, SignerSHA256: a.Signers}
			}),
			AppGroups: t.AppGroups, Include: appprotect.Audience(t.Include), Exclude: appprotect.Audience(t.Exclude),
			Levels: list(t.Levels, func(l int) apprules.Level { return apprules.Level(l) }),
		},
		Fallback: form.Fallback,
		Settings: settings,
		Config:   apprules.Config(form.Config),
	}, nil
}
