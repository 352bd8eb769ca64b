package appprotect

import (
	"context"
	"slices"

	"ringfence/internal/apprules"
)

// bearings is all that a registration is judged by, but for its report.
type bearings struct {
	*ruling
	generation uint64
	disabled   bool
}

// bearings finds out how a person in an app stands now, by policies, a directory
// and phones that are not older than the call.
func (s *Service) bearings(ctx context.Context, r *Registration) (bearings, error) {
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return bearings{}, err
	}
	account, err := s.c.Directory.Standing(ctx, r.Person.Name)
	if err != nil {
		return bearings{}, err
	}
	level, err := s.counted(ctx, r.Person.Name, r.Level)
	if err != nil {
		return bearings{}, err
	}
	who := Subject{
		User: r.Person.Name, Groups: r.Person.Groups,
		Package: r.Package, SignerSHA256: r.SignerSHA256, Level: level,
	}
	if account.Known {
		who.Groups = account.Groups
	}
	return bearings{
		ruling: snap.rule(who), generation: snap.generation,
		disabled: account.Known && !account.Active,
	}, nil
}

// counted gives the level that counts: what an app says of its phone counts only
// where the person has a phone that is enrolled so.
func (s *Service) counted(ctx context.Context, user string, claimed apprules.Level) (apprules.Level, error) {
	if claimed == apprules.Unenrolled {
		return claimed, nil
	}
	levels, err := s.c.Phones.Levels(ctx, user)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(levels, claimed) {
		return apprules.Unenrolled, nil
	}
	return claimed, nil
}

// expanded gives what the registration is sent, and what it does not get.
func (r *ruling) expanded(of *Registration) (*apprules.Effective, []apprules.Problem) {
	return r.Expanded(apprules.Tokens{
		User: of.Person.Name, UserID: of.Person.Subject, DeviceTag: of.Tag, Package: of.Package,
	}, r.schema)
}
