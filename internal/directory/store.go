package directory

import (
	"context"
	"time"

	"ringfence/internal/audit"
)

// Every door: one that changes something stores the entry that explains it in
// the same transaction, or changes nothing. What cannot be found is the NotFound
// fault of its kind. Times are UTC, in whole microseconds. Names that are given
// back are keys: every name of the users whose standing may be another now.

// Users keeps users.
type Users interface {
	// CreateUser adds a user, who has the name from now on. A name that a user
	// has who is not deleted is ErrUserExists.
	CreateUser(ctx context.Context, u User, e audit.Entry) error
	// User gives one who is not deleted, or ErrNoUser.
	User(ctx context.Context, id string) (User, error)
	// ListUsers gives those who are not deleted, and how many the filter lets
	// through in all.
	ListUsers(ctx context.Context, q Query) ([]User, int, error)
	// SaveUser puts u in the place of the version just below its own, and gives
	// all names u has or had. Another version there is ErrMoved.
	SaveUser(ctx context.Context, u User, e audit.Entry) ([]string, error)
	// DeleteUser leaves of u, which must be there in that version (else
	// ErrMoved), its names. It takes u out of its groups, whose versions grow.
	DeleteUser(ctx context.Context, u User, at time.Time, e audit.Entry) ([]string, error)
	// Standing gives the standing of whoever has the name, by its key, now.
	Standing(ctx context.Context, key string) (Standing, error)
}

// GroupChange is a change of a group, as it is to be stored.
type GroupChange struct {
	// Before is the group it was decided on: its id and version.
	Before Group
	// Spec is what the group is to be.
	Spec    GroupSpec
	Members Membership
	At      time.Time
	// Explain makes the entry, with the names of those who are added and
	// removed, sorted. It may be called more than once.
	Explain func(added, removed []string) audit.Entry
}

// Groups keeps groups.
type Groups interface {
	// CreateGroup adds a group with members, and gives their names. A display
	// name that another one has is ErrGroupExists; a member who is no user is
	// ErrNoMember.
	CreateGroup(ctx context.Context, g Group, members []string, e audit.Entry) ([]string, error)
	// Group gives one, or ErrNoGroup.
	Group(ctx context.Context, id string) (Group, error)
	// Members gives the ids of a group's members, sorted; none also where there
	// is no such group.
	Members(ctx context.Context, id string) ([]string, error)
	// ListGroups gives groups, and how many the filter lets through in all.
	ListGroups(ctx context.Context, q Query) ([]Group, int, error)
	// SaveGroup stores a change and gives the group as it is then. What changes
	// nothing leaves no entry and no new version. Another version there is
	// ErrMoved; who is added and no user is ErrNoMember; more than MaxMembers
	// are ErrTooManyMembers.
	SaveGroup(ctx context.Context, c GroupChange) (Group, []string, error)
	// DeleteGroup removes g, which must be there in that version: else ErrMoved.
	DeleteGroup(ctx context.Context, g Group, e audit.Entry) ([]string, error)
}

// Tokens keeps tokens.
type Tokens interface {
	// CreateToken adds a token. A name that one has which is not revoked is
	// ErrTokenExists.
	CreateToken(ctx context.Context, t Token, e audit.Entry) error
	// TokenByLookup finds one by the public half of its secret, or ErrNoToken.
	TokenByLookup(ctx context.Context, lookup string) (Token, error)
	// ListTokens gives all, oldest first. They are few.
	ListTokens(ctx context.Context) ([]Token, error)
	// RevokeToken sets when the one of that name which is not revoked was
	// revoked, and gives it as it is then. There may be none: ErrNoToken.
	RevokeToken(ctx context.Context, name string, at time.Time, e audit.Entry) (Token, error)
}

// Store is every door.
type Store interface {
	Users
	Groups
	Tokens
}
