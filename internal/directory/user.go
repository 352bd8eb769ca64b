package directory

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/fault"
)

// Bounds of what is kept, in octets.
const (
	MaxUserName    = 128
	MaxDisplayName = 256
	MaxExternalID  = 256
	MaxGroupName   = 128
)

// User is one person's account.
type User struct {
	// ID is 32 lower-case hex digits, and is never used again.
	ID string
	UserSpec
	CreatedAt, UpdatedAt time.Time
	// Version is 1 at first and grows with each change.
	Version uint64
}

// UserSpec is what an identity provider says of a user.
type UserSpec struct {
	// UserName has 1 to MaxUserName ASCII characters without spaces and quotes,
	// as the provider spells it. No two users have the same Key of it.
	UserName string
	// ExternalID is the provider's own id; empty for none.
	ExternalID string
	// DisplayName is empty for none.
	DisplayName string
	Active      bool
}

// Key is the form in which names, of users and of groups, are compared.
func Key(name string) string { return strings.ToLower(name) }

// A name is compared, recorded and typed by administrators: one that only looks
// like another must not exist.
var plainUserName = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+=?^_{|}~.@-]{1,128}$`)

// PlainUserName reports whether the text can be a user's name.
func PlainUserName(text string) bool { return plainUserName.MatchString(text) }

func (s UserSpec) check() error {
	switch {
	case !PlainUserName(s.UserName):
		return fault.InvalidField("userName", "must have 1 to %d ASCII characters without spaces and quotes", MaxUserName)
	case !plainText(s.ExternalID, MaxExternalID):
		return fault.InvalidField("externalId", "must be plain text of at most %d octets", MaxExternalID)
	case !plainText(s.DisplayName, MaxDisplayName):
		return fault.InvalidField("displayName", "must be plain text of at most %d octets", MaxDisplayName)
	default:
		return nil
	}
}

// changes names what is other in next, for the record, which must hold no value
// but names.
func (s UserSpec) changes(next UserSpec) string {
	var what []string
	if s.UserName != next.UserName {
		what = append(what, "renamed from "+s.UserName)
	}
	if s.ExternalID != next.ExternalID {
		what = append(what, "other external id")
	}
	if s.DisplayName != next.DisplayName {
		what = append(what, "other display name")
	}
	return strings.Join(what, ", ")
}

// plainText reports whether s has at most limit octets of printable text, not
// blank at the ends.
func plainText(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
