package enroll

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// The bounds and defaults of a token.
const (
	DefaultGroup         = "default"
	DefaultTokenLifetime = 24 * time.Hour
	MinTokenLifetime     = time.Minute
	MaxTokenLifetime     = 90 * 24 * time.Hour
	MaxTokenUses         = 10000

	maxDescription = 200
	maxReason      = 200
)

var (
	requestKeyPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{8,64}$`)
	groupPattern      = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	userPattern       = regexp.MustCompile(`^[A-Za-z0-9._%+@-]{0,254}$`)
)

// TokenSpec is what an administrator wants of a token.
type TokenSpec struct {
	// RequestKey makes the call safe to retry. Required.
	RequestKey  string
	Description string
	Ownership   device.Ownership
	Mode        device.Mode
	// Group is DefaultGroup where empty.
	Group string
	User  string
	// MaxUses is 1 where 0.
	MaxUses uint32
	// Lifetime is DefaultTokenLifetime where 0.
	Lifetime time.Duration
}

func (s TokenSpec) withDefaults() TokenSpec {
	if s.Group == "" {
		s.Group = DefaultGroup
	}
	if s.MaxUses == 0 {
		s.MaxUses = 1
	}
	if s.Lifetime == 0 {
		s.Lifetime = DefaultTokenLifetime
	}
	return s
}

// check is the wire's rules once more: they hold whoever calls.
func (s TokenSpec) check() error {
	switch {
	case !requestKeyPattern.MatchString(s.RequestKey):
		return fault.InvalidField("request_key", "must match %s", requestKeyPattern)
	case !s.Mode.Enrols() || !s.Mode.Allowed(s.Ownership):
		return fault.InvalidField("mode", "%q is not allowed with ownership %q", s.Mode, s.Ownership)
	case !groupPattern.MatchString(s.Group):
		return fault.InvalidField("group", "must match %s", groupPattern)
	case !userPattern.MatchString(s.User):
		return fault.InvalidField("user", "must match %s", userPattern)
	case s.MaxUses > MaxTokenUses:
		return fault.InvalidField("max_uses", "must be %d or less", MaxTokenUses)
	case s.Lifetime < MinTokenLifetime || s.Lifetime > MaxTokenLifetime:
		return fault.InvalidField("lifetime", "must be between %v and %v", MinTokenLifetime, MaxTokenLifetime)
	default:
		return checkText("description", s.Description, maxDescription)
	}
}

// fingerprint is equal for equal requests of one administrator.
func (s TokenSpec) fingerprint(by string) Digest {
	return sha256.Sum256(fmt.Appendf(nil, "%q", []string{
		by, s.RequestKey, s.Description, string(s.Ownership), string(s.Mode), s.Group, s.User,
		strconv.FormatUint(uint64(s.MaxUses), 10), s.Lifetime.String(),
	}))
}

// checkText refuses what cannot be stored, or would forge lines where it is
// shown: broken UTF-8 and control characters.
func checkText(field, s string, most int) error {
	if n := utf8.RuneCountInString(s); n > most {
		return fault.InvalidField(field, "has %d characters, %d are allowed", n, most)
	}
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return fault.InvalidField(field, "holds the character %U", r)
		}
	}
	return nil
}
