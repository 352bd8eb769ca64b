package apprules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Version is a version of an app or of Android, of up to four numbers. The
// zero value is "not reported".
type Version [4]uint32

// anything stands in the parts of a ceiling that are not said: 14 lets 14.2 be.
const anything = math.MaxUint32

// ParseVersion reads up to four numbers between points; what is not said is 0.
func ParseVersion(text string) (Version, error) { return parseVersion(text, 0) }

func parseVersion(text string, unsaid uint32) (Version, error) {
	v := Version{unsaid, unsaid, unsaid, unsaid}
	parts := strings.Split(text, ".")
	if len(text) > 43 || len(parts) > len(v) {
		return Version{}, fmt.Errorf("%.43q is not a version of up to four numbers", text)
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return Version{}, fmt.Errorf("%.43q is not a version of up to four numbers", text)
		}
		v[i] = uint32(n)
	}
	if v == (Version{}) {
		return Version{}, fmt.Errorf("0 is no version")
	}
	return v, nil
}

// Compare gives -1, 0 or 1.
func (v Version) Compare(o Version) int { return slices.Compare(v[:], o[:]) }

func (v Version) String() string {
	if v == (Version{}) {
		return "not reported"
	}
	said := len(v)
	for said > 1 && v[said-1] == 0 {
		said--
	}
	return v.first(said)
}

// ceilingText writes what a ceiling says, and so also its zeros.
func ceilingText(v Version) string {
	if said := slices.Index(v[:], anything); said >= 0 {
		return v.first(said)
	}
	return v.first(len(v))
}

func (v Version) first(n int) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = strconv.FormatUint(uint64(v[i]), 10)
	}
	return strings.Join(texts, ".")
}

// floor is the least version that will do.
func floor() kind[Version] {
	return single("1 to 4 numbers between points", "the greatest", ParseVersion, Version.String, func(a, b Version) Version {
		if a.Compare(b) < 0 {
			return b
		}
		return a
	})
}

// ceiling is the greatest version that will do.
func ceiling() kind[Version] {
	parse := func(text string) (Version, error) { return parseVersion(text, anything) }
	return single("1 to 4 numbers between points", "the smallest", parse, ceilingText, func(a, b Version) Version {
		if a.Compare(b) > 0 {
			return b
		}
		return a
	})
}

// Patch is the day of a security patch level, as in 2026-03-05. The zero value
// is "not reported".
type Patch string

// ParsePatch reads a day.
func ParsePatch(text string) (Patch, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 2008 {
		return "", fmt.Errorf("%.40q is not a day such as 2026-03-05", text)
	}
	return Patch(text), nil
}

func (p Patch) String() string {
	if p == "" {
		return "not reported"
	}
	return string(p)
}

// patchFloor is the least patch level that will do.
func patchFloor() kind[Patch] {
	return single("a day, as in 2026-03-05", "the latest", ParsePatch, Patch.String, func(a, b Patch) Patch { return max(a, b) })
}
