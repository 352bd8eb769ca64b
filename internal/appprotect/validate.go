package appprotect

import (
	"errors"
	"fmt"
	"strings"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
)

// Bounds of a spec.
const (
	maxDescription = 1024
	maxTargets     = 1024
	maxName        = 256
)

// Validate checks a spec. Schema is what the target's app can be told; nil
// where that is not known, and then only custom configuration may be given. The
// error is an Invalid fault that names the field.
func (s Spec) Validate(schema *apprules.Schema) error {
	if !apprules.PlainText(strings.TrimSpace(strings.ReplaceAll(s.Description, "\n", " ")), maxDescription) {
		return fault.InvalidField("spec.description", "must be plain text of at most %d bytes", maxDescription)
	}
	if err := s.Target.validate(); err != nil {
		return err
	}
	if err := s.Settings.Validate(); err != nil {
		bad, _ := errors.AsType[*apprules.SettingError](err)
		return fault.InvalidField("spec.settings."+string(bad.Key), "%v", bad.Problem)
	}
	if err := s.Config.Validate(schema); err != nil {
		bad, _ := errors.AsType[*apprules.SettingError](err)
		return fault.InvalidField("spec.config."+string(bad.Key), "%v", bad.Problem)
	}
	return nil
}

func (t Target) validate() error {
	if (len(t.Apps) == 0) == (len(t.AppGroups) == 0) {
		return fault.InvalidField("spec.target", "must name apps, or app groups, and not both")
	}
	if len(t.Apps) > maxTargets {
		return fault.InvalidField("spec.target.apps", "must name at most %d", maxTargets)
	}
	seen := make(map[string]bool, len(t.Apps))
	for i, a := range t.Apps {
		field := fmt.Sprintf("spec.target.apps[%d]", i)
		switch {
		case !apprules.ValidPackage(a.Package):
			return fault.InvalidField(field+".package", "is no package name")
		case seen[a.Package]:
			return fault.InvalidField(field+".package", "%s is named twice", a.Package)
		case len(a.SignerSHA256) == 0 || len(a.SignerSHA256) > 16:
			return fault.InvalidField(field+".signer_sha256", "must name 1 to 16 signers: whoever signs an app is that app")
		}
		seen[a.Package] = true
		for _, digest := range a.SignerSHA256 {
			if !apprules.ValidDigest(digest) {
				return fault.InvalidField(field+".signer_sha256", "must be 64 lower-case hexadecimal digits")
			}
		}
	}
	for i, l := range t.Levels {
		if l < apprules.Unenrolled || l > apprules.FullyManaged {
			return fault.InvalidField(fmt.Sprintf("spec.target.levels[%d]", i), "is no management level")
		}
	}
	return t.validatePeople()
}

func (t Target) validatePeople() error {
	for _, list := range []struct {
		field string
		names []string
	}{
		{"app_groups", t.AppGroups},
		{"include.users", t.Include.Users},
		{"include.groups", t.Include.Groups},
		{"exclude.users", t.Exclude.Users},
		{"exclude.groups", t.Exclude.Groups},
	} {
		field := "spec.target." + list.field
		if len(list.names) > maxTargets {
			return fault.InvalidField(field, "must name at most %d", maxTargets)
		}
		for i, name := range list.names {
			if name == "" || !apprules.PlainText(name, maxName) {
				return fault.InvalidField(fmt.Sprintf("%s[%d]", field, i), "must be plain text of 1 to %d bytes", maxName)
			}
		}
	}
	return nil
}
