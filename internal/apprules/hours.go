package apprules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "time/tzdata" // the same zones on every machine, also where there are none
)

// Hours are the times at which a person works: when every schedule says so.
type Hours []Schedule

// Schedule is a week of working time in one zone; [ParseSchedule] makes it.
type Schedule struct {
	// zone is an IANA name, such as Europe/Berlin, and place is that zone; the
	// zero Schedule has neither, and no shifts.
	zone  string
	place *time.Location
	// shifts are sorted, apart from each other, and end on the day they begin.
	shifts []shift
}

// shift is a working time on one day of the week, in minutes since midnight by
// the clock on the wall: from from, until before until.
type shift struct {
	day         time.Weekday
	from, until int
}

const (
	dayMinutes = 24 * 60
	// maxSchedules is how many a policy may give: each costs time at check-in.
	maxSchedules = 4
)

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// schedules is the kind of working hours. Each text is one schedule: a zone,
// and then days and times as in "Europe/Berlin mon-fri 08:00-18:00 sat
// 09:00-12:00". A time that ends before it begins ends on the next day.
func schedules() kind[Hours] {
	return kind[Hours]{
		values: "schedules such as Europe/Berlin mon-fri 08:00-18:00", rule: "the time in all of them",
		parse: parseHours,
		format: func(h Hours) []string {
			plain := make([]string, len(h))
			for i, s := range h {
				plain[i] = s.String()
			}
			return plain
		},
		merge: func(a, b Hours) Hours { return sortedHours(slices.Concat(a, b)) },
		check: func(h Hours) error {
			if len(h) == 0 || len(h) > maxSchedules {
				return fmt.Errorf("lists %d schedules, not 1 to %d", len(h), maxSchedules)
			}
			return nil
		},
	}
}

func parseHours(plain []string) (Hours, error) {
	if len(plain) > maxListed {
		return nil, fmt.Errorf("has %d schedules, more than %d", len(plain), maxListed)
	}
	var h Hours
	for _, text := range plain {
		s, err := ParseSchedule(text)
		if err != nil {
			return nil, err
		}
		h = append(h, s)
	}
	return sortedHours(h), nil
}

func sortedHours(h Hours) Hours {
	slices.SortFunc(h, func(a, b Schedule) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(h, func(a, b Schedule) bool { return a.String() == b.String() })
}

// ParseSchedule reads one schedule.
func ParseSchedule(text string) (Schedule, error) {
	fields := strings.Fields(text)
	if len(text) > 1024 || len(fields) < 3 || len(fields)%2 == 0 {
		return Schedule{}, fmt.Errorf("%.60q is not a zone, and then days and times", text)
	}
	s := Schedule{zone: fields[0]}
	place, err := time.LoadLocation(s.zone)
	if err != nil || s.zone == "Local" {
		return Schedule{}, fmt.Errorf("%.40q is no time zone", s.zone)
	}
	s.place = place
	for rest := fields[1:]; len(rest) > 0; rest = rest[2:] {
		first, last, err := parseDays(rest[0])
		if err != nil {
			return Schedule{}, err
		}
		from, until, err := parseTimes(rest[1])
		if err != nil {
			return Schedule{}, err
		}
		for d := first; ; d = (d + 1) % 7 {
			s.add(time.Weekday(d), from, until)
			if d == last {
				break
			}
		}
	}
	s.join()
	return s, nil
}

func parseDays(text string) (first, last int, err error) {
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		to = from
	}
	first, last = slices.Index(dayNames, from), slices.Index(dayNames, to)
	if first < 0 || last < 0 {
		return 0, 0, fmt.Errorf("%.20q is no day such as mon, or mon-fri", text)
	}
	return first, last, nil
}

func parseTimes(text string) (from, until int, err error) {
	a, b, _ := strings.Cut(text, "-")
	from, until = parseMinute(a), parseMinute(b)
	if from < 0 || until < 0 || from == dayMinutes || from == until {
		return 0, 0, fmt.Errorf("%.20q is no time such as 08:00-18:00", text)
	}
	return from, until, nil
}

// parseMinute gives the minutes since midnight, or -1.
func parseMinute(text string) int {
	if len(text) != 5 || text[2] != ':' {
		return -1
	}
	h, herr := strconv.ParseUint(text[:2], 10, 8)
	m, merr := strconv.ParseUint(text[3:], 10, 8)
	if herr != nil || merr != nil || m > 59 || h*60+m > dayMinutes {
		return -1
	}
	return int(h*60 + m)
}

func (s *Schedule) add(d time.Weekday, from, until int) {
	if until > from {
		s.shifts = append(s.shifts, shift{d, from, until})
		return
	}
	s.shifts = append(s.shifts, shift{d, from, dayMinutes})
	if until > 0 {
		s.shifts = append(s.shifts, shift{(d + 1) % 7, 0, until})
	}
}

// join sorts the shifts and makes one of those that touch.
func (s *Schedule) join() {
	slices.SortFunc(s.shifts, func(a, b shift) int {
		if a.day != b.day {
			return int(a.day - b.day)
		}
		return a.from - b.from
	})
	joined := s.shifts[:0]
	for _, next := range s.shifts {
		if n := len(joined); n > 0 && joined[n-1].day == next.day && next.from <= joined[n-1].until {
			joined[n-1].until = max(joined[n-1].until, next.until)
			continue
		}
		joined = append(joined, next)
	}
	s.shifts = joined
}

func (s Schedule) String() string {
	var b strings.Builder
	b.WriteString(s.zone)
	for _, hours := range s.shifts {
		fmt.Fprintf(&b, " %s %02d:%02d-%02d:%02d", dayNames[hours.day],
			hours.from/60, hours.from%60, hours.until/60, hours.until%60)
	}
	return b.String()
}

// working reports whether the wall clock of the schedule's zone is in a hours.
func (s Schedule) working(t time.Time) bool {
	if s.place == nil {
		return false
	}
	t = t.In(s.place)
	minute := t.Hour()*60 + t.Minute()
	return slices.ContainsFunc(s.shifts, func(hours shift) bool {
		return hours.day == t.Weekday() && hours.from <= minute && minute < hours.until
	})
}

// Working reports whether it is working time at t.
func (h Hours) Working(t time.Time) bool {
	return !slices.ContainsFunc(h, func(s Schedule) bool { return !s.working(t) })
}

func (h Hours) String() string {
	texts := make([]string, len(h))
	for i, s := range h {
		texts[i] = s.String()
	}
	return strings.Join(texts, " and ")
}

// around gives when the present state of t began and when it ends, as far as
// that is within eight days; zero beyond.
func (h Hours) around(t time.Time) (began, ends time.Time) {
	var marks []time.Time
	for _, s := range h {
		marks = s.marks(marks, t)
	}
	slices.SortFunc(marks, time.Time.Compare)
	for _, mark := range marks {
		if h.Working(mark) == h.Working(mark.Add(-time.Nanosecond)) {
			continue
		}
		if mark.After(t) {
			return began, mark.UTC()
		}
		began = mark.UTC()
	}
	return began, time.Time{}
}

// marks adds every moment within eight days of t at which the schedule may
// turn. Where clocks are put back an hour is there twice, and where they are
// put on it is missing; the turn of the clock is a mark itself then.
func (s Schedule) marks(marks []time.Time, t time.Time) []time.Time {
	if s.place == nil {
		return marks
	}
	local := t.In(s.place)
	year, month, date := local.Date()
	for d := -8; d <= 8; d++ {
		midnight := time.Date(year, month, date+d, 0, 0, 0, 0, s.place)
		marks = append(marks, midnight)
		before, after, turn, turns := clockChange(midnight)
		if turns {
			marks = append(marks, turn)
		}
		for _, hours := range s.shifts {
			for _, minute := range []int{hours.from, hours.until} {
				mark := time.Date(year, month, date+d, minute/60, minute%60, 0, 0, s.place)
				marks = append(marks, mark)
				if turns {
					marks = append(marks, mark.Add(after-before), mark.Add(before-after))
				}
			}
		}
	}
	return marks
}

// clockChange tells whether clocks change within a day and a half after
// midnight, and the offsets before and after.
func clockChange(midnight time.Time) (before, after time.Duration, turn time.Time, turns bool) {
	_, turn = midnight.ZoneBounds()
	if turn.IsZero() || turn.Sub(midnight) > 36*time.Hour {
		return 0, 0, time.Time{}, false
	}
	_, old := midnight.Zone()
	_, other := turn.Zone()
	return time.Duration(old) * time.Second, time.Duration(other) * time.Second, turn, true
}
