package appprotect

import (
	"context"
	"slices"
	"strings"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// ExplainRequest names a person in an app.
type ExplainRequest struct {
	User string
	// Groups are to be assumed; without any, those of the directory.
	Groups  []string
	Package string
	// SignerSHA256 may be empty: the signer that the app is known with.
	SignerSHA256 string
	Level        apprules.Level
}

// Explanation says what holds, and why. Tokens are not expanded.
type Explanation struct {
	Effective *apprules.Effective
	// Policies are those that apply, by name.
	Policies  []string
	Sources   []Source
	Conflicts []Conflict
}

func (r *ruling) explanation() Explanation {
	return Explanation{Effective: r.Effective, Policies: r.Policies, Sources: r.Sources, Conflicts: r.Conflicts}
}

// Explain says what would hold for a person in an app.
//
// Errors: Invalid (with the field).
func (s *Service) Explain(ctx context.Context, r ExplainRequest) (Explanation, error) {
	who := Subject{
		User: strings.ToLower(r.User), Groups: r.Groups,
		Package: r.Package, SignerSHA256: r.SignerSHA256, Level: r.Level,
	}
	switch {
	case r.User == "":
		return Explanation{}, fault.InvalidField("user", "is missing")
	case !apprules.ValidPackage(r.Package):
		return Explanation{}, fault.InvalidField("package", "is no package name")
	case r.Level < apprules.Unenrolled || r.Level > apprules.FullyManaged:
		return Explanation{}, fault.InvalidField("level", "is no management level")
	case r.SignerSHA256 != "" && !apprules.ValidDigest(r.SignerSHA256):
		return Explanation{}, fault.InvalidField("signer_sha256", "must be 64 lower-case hexadecimal digits")
	}
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return Explanation{}, err
	}
	if who.SignerSHA256 == "" {
		known := snap.apps[r.Package]
		if known == nil {
			return Explanation{}, fault.InvalidField("signer_sha256", "is needed: nothing is known of the app")
		}
		who.SignerSHA256 = known.SignerSHA256[0]
	}
	if len(who.Groups) == 0 {
		account, err := s.c.Directory.Standing(ctx, who.User)
		if err != nil {
			return Explanation{}, err
		}
		who.Groups = account.Groups
	}
	return snap.rule(who).explanation(), nil
}

// Details is a registration, how it goes as judged now, and why.
type Details struct {
	Standing    Standing
	Explanation Explanation
}

// GetRegistration describes a registration. What does not reach just this one of
// its configuration is named among the conflicts. One that has ended is as it
// was, without an explanation. Error: [ErrNoRegistration].
func (s *Service) GetRegistration(ctx context.Context, id device.ID) (Details, error) {
	standing, err := s.Registration(ctx, id)
	if err != nil || !standing.Registration.Lasts() {
		return Details{Standing: standing}, err
	}
	r := &standing.Registration
	at, err := s.bearings(ctx, r)
	if err != nil {
		return Details{}, err
	}
	now := standing.State.now(r, at, s.clock())
	sent, problems := at.expanded(r)
	now.Intended = sent.Revision()
	d := Details{Standing: Standing{Registration: *r, State: *now}, Explanation: at.explanation()}
	// Everybody shares what was merged: the list is copied.
	d.Explanation.Conflicts = slices.Clone(d.Explanation.Conflicts)
	for _, p := range problems {
		d.Explanation.Conflicts = append(d.Explanation.Conflicts, Conflict{Key: p.Key, Detail: p.Detail})
	}
	return d, nil
}

// Registration gives a registration, and how it goes as last judged. Error:
// [ErrNoRegistration].
func (s *Service) Registration(ctx context.Context, id device.ID) (Standing, error) {
	st, err := s.c.Registrations.Standing(ctx, id)
	if err != nil {
		return Standing{}, err
	}
	st.State = *st.State.of(&st.Registration)
	return st, nil
}
