package appprotect

import (
	"time"

	"ringfence/internal/apprules"
)

// Policy is one revision of a named policy. A revision never changes.
type Policy struct {
	Name string
	// Revision counts from 1; re-creating a deleted policy goes on counting.
	Revision uint64
	Spec     Spec
	// CreatedAt is when the policy was made, RevisedAt when this revision was.
	CreatedAt time.Time
	RevisedAt time.Time
	// RevisedBy is who made this revision, as the record names callers.
	RevisedBy string
}

// Spec is what a policy asks, and of whom.
type Spec struct {
	// Description is free text for administrators.
	Description string
	Target      Target
	// Fallback policies hold only for whom no other policy reaches, in that app
	// at that level. Of several of them all hold.
	Fallback bool
	Settings apprules.Settings
	// Config is what the apps are told beside the settings.
	Config apprules.Config
}

// Canonical gives the one form of a spec in which it is compared and stored.
// What it asks is the same.
func (s Spec) Canonical() Spec {
	s.Target, s.Settings, s.Config = s.Target.canonical(), s.Settings.Settled(), s.Config.Canonical()
	return s
}

// Equal reports whether two specs are the same in their canonical form.
func (s Spec) Equal(o Spec) bool {
	return s.Description == o.Description && s.Fallback == o.Fallback && s.Target.canonical().equal(o.Target.canonical()) &&
		s.Settings.Settled().Equal(o.Settings.Settled()) && s.Config.Equal(o.Config)
}
