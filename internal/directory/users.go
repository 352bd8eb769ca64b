package directory

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// CreateUser adds a user. A name that somebody had who was deleted is free.
//
// Errors: Invalid (with the field), [ErrUserExists].
func (s *Service) CreateUser(ctx context.Context, spec UserSpec) (User, error) {
	if err := spec.check(); err != nil {
		return User{}, err
	}
	now := s.clock()
	u := User{ID: s.c.NewID(), UserSpec: spec, CreatedAt: now, UpdatedAt: now, Version: 1}
	detail := "active"
	if !u.Active {
		detail = "not active"
	}
	err := s.c.Store.CreateUser(ctx, u, by(ctx, "directory.user.create", u.target(), detail))
	s.settle(ctx, []string{Key(u.UserName)}, err)
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// User gives one user, or [ErrNoUser].
func (s *Service) User(ctx context.Context, id string) (User, error) { return s.c.Store.User(ctx, id) }

// ListUsers gives the users that a query asks for, and how many its filter lets
// through in all.
func (s *Service) ListUsers(ctx context.Context, q Query) ([]User, int, error) {
	return s.c.Store.ListUsers(ctx, q)
}

// ChangeUser makes of a user what edit says, and gives it as it is then. edit
// may be called more than once; an error of its own is passed on. version is the
// one the caller has seen; 0 is any. What changes nothing leaves no trace.
//
// Errors: [ErrNoUser], [ErrVersion], [ErrUserExists], Invalid (with the field).
func (s *Service) ChangeUser(ctx context.Context, id string, version uint64, edit func(UserSpec) (UserSpec, error)) (User, error) {
	var u User
	err := fault.Retry(ErrMoved, func() error {
		before, err := s.userAt(ctx, id, version)
		if err != nil {
			return err
		}
		u = before
		if u.UserSpec, err = edit(before.UserSpec); err != nil {
			return err
		}
		if err := u.check(); err != nil || u.UserSpec == before.UserSpec {
			return err
		}
		u.Version, u.UpdatedAt = before.Version+1, later(s.clock(), before.UpdatedAt)
		names, err := s.c.Store.SaveUser(ctx, u, explainUser(ctx, before, u))
		if before.Active == u.Active && Key(before.UserName) == Key(u.UserName) {
			names = nil // nobody's standing is another
		}
		s.settle(ctx, names, err)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// explainUser makes the entry of a change.
func explainUser(ctx context.Context, before, u User) audit.Entry {
	action := "directory.user.update"
	switch {
	case u.Active && !before.Active:
		action = "directory.user.enable"
	case before.Active && !u.Active:
		action = "directory.user.disable"
	}
	return by(ctx, action, u.target(), before.changes(u.UserSpec))
}

// DeleteUser deletes a user: its name stays known, and is not active, until a
// new user takes it. version is as in ChangeUser.
//
// Errors: [ErrNoUser], [ErrVersion].
func (s *Service) DeleteUser(ctx context.Context, id string, version uint64) error {
	return fault.Retry(ErrMoved, func() error {
		u, err := s.userAt(ctx, id, version)
		if err != nil {
			return err
		}
		at := later(s.clock(), u.UpdatedAt)
		names, err := s.c.Store.DeleteUser(ctx, u, at, by(ctx, "directory.user.delete", u.target(), ""))
		s.settle(ctx, names, err)
		return err
	})
}

// userAt gives a user in the version that the caller has seen.
func (s *Service) userAt(ctx context.Context, id string, version uint64) (User, error) {
	u, err := s.c.Store.User(ctx, id)
	if err == nil && version != 0 && version != u.Version {
		return User{}, ErrVersion
	}
	return u, err
}

// target is how the record names the user.
func (u User) target() string { return "user/" + Key(u.UserName) }
