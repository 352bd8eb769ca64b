package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// printable keeps a terminal safe from what strangers may have put into a text,
// and a table in its lines: whatever cannot be seen is spelled out.
func printable(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }

// printableLines is printable for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// span says a duration as people do, in one unit, rounded down.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + span(-d)
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d < 2*year:
		return fmt.Sprintf("%dd", d/day)
	default:
		return fmt.Sprintf("%dy", d/year)
	}
}

// age is how long ago t was; "" for an absent time.
func age(t *timestamppb.Timestamp, now time.Time) string {
	switch {
	case t == nil:
		return ""
	case t.AsTime().After(now):
		left := t.AsTime().Sub(now)
		if left > 2*time.Minute {
			left = left.Round(time.Minute) // what was made for 24h a second ago has 24h left
		}
		return "in " + span(left)
	default:
		return span(now.Sub(t.AsTime()))
	}
}

// due is when t will come, or how long it is past; "" for an absent time.
func due(t *timestamppb.Timestamp, now time.Time) string {
	words := age(t, now)
	if t != nil && !t.AsTime().After(now) {
		words += " ago"
	}
	return words
}

// moment is t in full, with its age; "" for an absent time.
func moment(t *timestamppb.Timestamp, now time.Time) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s)", clock(t.AsTime()), due(t, now))
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// lifetime is a flag's duration: as Go writes it, or whole days or weeks.
type lifetime time.Duration

func (l *lifetime) String() string {
	if *l == 0 {
		return ""
	}
	return time.Duration(*l).String()
}

// Set implements pflag.Value.
func (l *lifetime) Set(s string) error {
	for unit, length := range map[string]time.Duration{"d": day, "w": 7 * day} {
		number, found := strings.CutSuffix(s, unit)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 {
			break
		}
		*l = lifetime(time.Duration(n) * length)
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return fmt.Errorf("want a time such as 90m, 24h or 30d")
	}
	*l = lifetime(d)
	return nil
}

// Type implements pflag.Value.
func (l *lifetime) Type() string { return "duration" }
