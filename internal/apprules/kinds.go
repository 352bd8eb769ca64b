package apprules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The kinds of single values.

// one gives the only text of a plain form.
func one(plain []string) (string, error) {
	if len(plain) != 1 {
		return "", fmt.Errorf("needs one value, not %d", len(plain))
	}
	return plain[0], nil
}

// single makes a kind whose plain form is one text.
func single[T any](values, rule string, parse func(string) (T, error), format func(T) string, merge func(a, b T) T) kind[T] {
	return kind[T]{
		values: values, rule: rule, merge: merge,
		parse: func(plain []string) (T, error) {
			text, err := one(plain)
			if err != nil {
				var none T
				return none, err
			}
			return parse(text)
		},
		format: func(value T) []string { return []string{format(value)} },
	}
}

func parseFlag(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, fmt.Errorf("%.40q is neither true nor false", text)
	}
	return text == "true", nil
}

// ifAny is a flag that is on if any policy says so: it restricts.
func ifAny() kind[bool] {
	return single("true, false", "on if any policy says so", parseFlag, strconv.FormatBool, func(a, b bool) bool { return a || b })
}

// ifAll is a flag that is on if every policy that says it says so: it loosens.
func ifAll() kind[bool] {
	return single("true, false", "on if no policy says otherwise", parseFlag, strconv.FormatBool, func(a, b bool) bool { return a && b })
}

func least[T uint32 | time.Duration](a, b T) T { return min(a, b) }

func most[T uint32 | time.Duration](a, b T) T { return max(a, b) }

// leastAsked is the smaller of two limits, where 0 is no limit.
func leastAsked[T uint32 | time.Duration](a, b T) T {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// limit names a rule for numbers.
type limit[T uint32 | time.Duration] struct {
	rule  string
	merge func(a, b T) T
}

func smallest[T uint32 | time.Duration]() limit[T] { return limit[T]{"the smallest", least[T]} }

func greatest[T uint32 | time.Duration]() limit[T] { return limit[T]{"the greatest", most[T]} }

// number is a count from low to high.
func number(low, high uint32, unit string, l limit[uint32]) kind[uint32] {
	parse := func(text string) (uint32, error) {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n < uint64(low) || n > uint64(high) {
			return 0, fmt.Errorf("%.40q is not a number from %d to %d", text, low, high)
		}
		return uint32(n), nil
	}
	format := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	return single(fmt.Sprintf("%d to %d %s", low, high, unit), l.rule, parse, format, l.merge)
}

const (
	day = 24 * time.Hour
	// longest bounds every span of time: ten years.
	longest = 3650 * day
)

// span is a time of low to high, in whole seconds.
func span(low, high time.Duration, l limit[time.Duration]) kind[time.Duration] {
	parse := func(text string) (time.Duration, error) {
		d, err := parseSpan(text)
		if err == nil && (d < low || d > high) {
			err = fmt.Errorf("%s is not from %s to %s", text, formatSpan(low), formatSpan(high))
		}
		return d, err
	}
	values := fmt.Sprintf("%s to %s, as in 1d12h30m", formatSpan(low), formatSpan(high))
	return single(values, l.rule, parse, formatSpan, l.merge)
}

// spanOrNever is span, where 0s is for ever.
func spanOrNever(low time.Duration) kind[time.Duration] {
	k := span(low, longest, limit[time.Duration]{"the smallest; 0s is for ever", leastAsked[time.Duration]})
	bounded := k.parse
	k.values += ", or 0s for never"
	k.parse = func(plain []string) (time.Duration, error) {
		if len(plain) == 1 && plain[0] == "0s" {
			return 0, nil
		}
		return bounded(plain)
	}
	return k
}

// units are in the order in which a span is written.
var units = []struct {
	name byte
	size time.Duration
}{{'d', day}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

var errSpan = errors.New("is not a time such as 90d, 12h or 1h30m")

// parseSpan reads what formatSpan writes, and other ways to say the same. It
// refuses what is longer than the longest span, before it could overflow.
func parseSpan(text string) (time.Duration, error) {
	var sum time.Duration
	rest, unit := text, 0
	for rest != "" {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, err := strconv.ParseUint(rest[:digits], 10, 31)
		if err != nil || digits == len(rest) {
			return 0, errSpan
		}
		for unit < len(units) && units[unit].name != rest[digits] {
			unit++
		}
		if unit == len(units) || time.Duration(n) > longest/units[unit].size {
			return 0, errSpan
		}
		sum += time.Duration(n) * units[unit].size
		rest = rest[digits+1:]
		unit++
	}
	if text == "" {
		return 0, errSpan
	}
	return sum, nil
}

// formatSpan writes whole seconds in days, hours, minutes and seconds.
func formatSpan(d time.Duration) string {
	var b strings.Builder
	for _, u := range units {
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%c", n, u.name)
			d %= u.size
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// strictest is a choice of which the greater is the stricter. A name that is
// empty is no choice.
func strictest[T ~uint8](names ...string) kind[T] {
	return choice(names, "the strictest", func(a, b T) T { return max(a, b) })
}

// mildest is a choice of which the smaller is the stricter.
func mildest[T ~uint8](names ...string) kind[T] {
	return choice(names, "the strictest", func(a, b T) T { return min(a, b) })
}

func choice[T ~uint8](names []string, rule string, merge func(a, b T) T) kind[T] {
	var offered []string
	for _, name := range names {
		if name != "" {
			offered = append(offered, name)
		}
	}
	values := strings.Join(offered, ", ")
	parse := func(text string) (T, error) {
		for i, name := range names {
			if name != "" && name == text {
				return T(i), nil
			}
		}
		return 0, fmt.Errorf("%.40q is none of: %s", text, values)
	}
	format := func(value T) string {
		if int(value) < len(names) {
			return names[value]
		}
		return ""
	}
	return single(values, rule, parse, format, merge)
}

// actions is the action of a check that has no threshold: "none" and those
// given.
func actions(offered ...Action) kind[Action] {
	names := make([]string, len(actionNames))
	names[ActionNone] = actionNames[ActionNone]
	for _, a := range offered {
		names[a] = actionNames[a]
	}
	return strictest[Action](names...)
}
