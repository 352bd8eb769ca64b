package appprotect

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// What may be known of one app.
const (
	maxTitle     = 128
	maxSigners   = 16
	maxAppGroups = 50
)

var groupPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// validate checks what is known of an app. Its error is an Invalid fault.
func (a *KnownApp) validate() error {
	switch {
	case !apprules.ValidPackage(a.Package):
		return fault.InvalidField("package", "is no package name")
	case !apprules.PlainText(a.Title, maxTitle):
		return fault.InvalidField("spec.title", "must be plain text of at most %d bytes", maxTitle)
	case len(a.SignerSHA256) == 0 || len(a.SignerSHA256) > maxSigners:
		return fault.InvalidField("spec.signer_sha256", "must name 1 to %d signers: whoever signs an app is that app", maxSigners)
	case len(a.Groups) > maxAppGroups:
		return fault.InvalidField("spec.groups", "must name at most %d", maxAppGroups)
	}
	for i, digest := range a.SignerSHA256 {
		if !apprules.ValidDigest(digest) {
			return fault.InvalidField(fmt.Sprintf("spec.signer_sha256[%d]", i), "must be 64 lower-case hexadecimal digits")
		}
	}
	for i, group := range a.Groups {
		switch field := fmt.Sprintf("spec.groups[%d]", i); {
		case !groupPattern.MatchString(group):
			return fault.InvalidField(field, "must be 1 to 63 lower-case letters, digits and hyphens")
		case group == AllAppsGroup:
			return fault.InvalidField(field, "every app is in %s", AllAppsGroup)
		}
	}
	if a.Schema == nil {
		return nil
	}
	if err := a.Schema.Validate(); err != nil {
		bad, _ := errors.AsType[*apprules.SettingError](err)
		return fault.InvalidField("spec.schema."+string(bad.Key), "%v", bad.Problem)
	}
	return nil
}

// canonical gives the one form in which it is compared and stored. A schema is
// the package's.
func (a KnownApp) canonical() KnownApp {
	a.SignerSHA256, a.Groups = sortedSet(a.SignerSHA256), sortedSet(a.Groups)
	if a.Schema != nil {
		schema := *a.Schema
		schema.Package = a.Package
		a.Schema = &schema
	}
	return a
}

// same reports whether two canonical ones say the same of an app.
func (a *KnownApp) same(o *KnownApp) bool {
	return a.Package == o.Package && a.Title == o.Title && slices.Equal(a.SignerSHA256, o.SignerSHA256) &&
		slices.Equal(a.Groups, o.Groups) && sameSchema(a.Schema, o.Schema)
}

// sameSchema compares by the encoding, to which a list that is empty and one that
// is not there are the same: a database makes one of the other.
func sameSchema(a, b *apprules.Schema) bool {
	if a == nil || b == nil {
		return a == b
	}
	var texts [2]bytes.Buffer
	for i, each := range []*apprules.Schema{a, b} {
		if err := gob.NewEncoder(&texts[i]).Encode(each); err != nil {
			return false
		}
	}
	return bytes.Equal(texts[0].Bytes(), texts[1].Bytes())
}

// ApplyApp makes what is known of an app be as given. Version, ChangedAt and
// ChangedBy are set here. A dry run answers what would happen and changes
// nothing.
//
// Errors: Invalid (with the field), [ErrMoved].
func (s *Service) ApplyApp(ctx context.Context, a KnownApp, dryRun bool) (KnownApp, Change, error) {
	a = a.canonical()
	if err := a.validate(); err != nil {
		return KnownApp{}, 0, err
	}
	var now KnownApp
	var change Change
	err := fault.Retry(ErrMoved, func() error {
		before, deleted, err := s.c.Policies.App(ctx, a.Package)
		live := err == nil && !deleted
		switch {
		case err != nil && !errors.Is(err, ErrNoApp):
			return err
		case live && a.same(&before):
			now, change = before, Unchanged
			return nil
		}
		now, change = a, Created
		if live {
			change = Revised
		}
		now.Version, now.ChangedAt, now.ChangedBy = before.Version+1, s.clock(), identity.From(ctx).Actor()
		if dryRun {
			return nil
		}
		e := audit.Of(ctx, "appprotect.app.apply", "app/"+a.Package, fmt.Sprintf("version %d", now.Version))
		return s.policiesChanged(s.c.Policies.SaveApp(ctx, now, e))
	})
	if err != nil {
		return KnownApp{}, 0, err
	}
	return now, change, nil
}

// GetApp gives what is known of an app, or [ErrNoApp].
func (s *Service) GetApp(ctx context.Context, pkg string) (KnownApp, error) {
	a, deleted, err := s.c.Policies.App(ctx, pkg)
	if err == nil && deleted {
		err = ErrNoApp
	}
	if err != nil {
		return KnownApp{}, err
	}
	return a, nil
}

// ListApps gives at most limit apps by package, after the given one.
func (s *Service) ListApps(ctx context.Context, after string, limit int) ([]KnownApp, error) {
	return s.c.Policies.ListApps(ctx, after, limit)
}

// DeleteApp forgets what is known of an app: it is in no group then. One that is
// deleted already is no error. Error: [ErrNoApp] (never was).
func (s *Service) DeleteApp(ctx context.Context, pkg string) error {
	a, deleted, err := s.c.Policies.App(ctx, pkg)
	if err != nil || deleted {
		return err
	}
	e := audit.Of(ctx, "appprotect.app.delete", "app/"+pkg, fmt.Sprintf("at version %d", a.Version))
	return s.policiesChanged(s.c.Policies.DeleteApp(ctx, pkg, e))
}
