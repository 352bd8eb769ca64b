package apprules

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PlainText reports whether s has at most limit bytes of valid text, not blank
// at the ends, and without control or formatting characters.
func PlainText(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError
		})
}

var packagePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z][a-zA-Z0-9_]*)+$`)

// ValidPackage reports whether s has the form of an Android package name.
func ValidPackage(s string) bool { return len(s) <= 255 && packagePattern.MatchString(s) }

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ValidDigest reports whether s has the form in which SHA-256 digests are
// written here, of a signer's certificate and of a revision: 64 lower-case
// hexadecimal digits.
func ValidDigest(s string) bool { return digestPattern.MatchString(s) }
