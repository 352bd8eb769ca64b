package appprotect

import (
	"bytes"
	"time"
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
	Settings    Settings
	// Config is what the apps are told beside the settings.
	Config Config
}

// Canonical gives the one form of a spec in which it is compared and stored.
// What it asks is the same.
func (s Spec) Canonical() Spec {
	s.Target, s.Settings, s.Config = s.Target.canonical(), s.Settings.settled(), s.Config.canonical()
	return s
}

// Equal reports whether two specs are the same in their canonical form.
func (s Spec) Equal(o Spec) bool {
	return bytes.Equal(s.Canonical().appendTo(nil), o.Canonical().appendTo(nil))
}

func (s Spec) appendTo(b []byte) []byte {
	b = s.Target.appendTo(appendText(b, s.Description))
	return s.Config.appendTo(s.Settings.appendTo(b))
}
