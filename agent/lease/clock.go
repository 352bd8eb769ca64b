package lease

import "time"

const (
	// tolerance is how far the clock on the wall may be put back, for it to be
	// set right.
	tolerance = 5 * time.Minute
	// onShare is the part of the wipe's term that must have been seen.
	onShare = 10
	// forever bounds what is added up.
	forever = 100 * 365 * 24 * time.Hour
)

// Reading is both clocks of a phone, read at once.
type Reading struct {
	Wall time.Time `json:"wall"`
	// Boot names the life of the phone since it was switched on; another one has
	// another name. Up is for how long it lasts, asleep or not. A phone that does
	// not know has "" and 0: no time is seen on it, and nothing is ever wiped.
	Boot string        `json:"boot,omitempty"`
	Up   time.Duration `json:"up,omitempty"`
}

// Silence is what was measured since contact. The zero Silence has not begun.
type Silence struct {
	// Since is the clock on the wall at contact.
	Since time.Time `json:"since"`
	// Seen was counted by a clock that cannot be set; Off is what the clock on
	// the wall says of the time that the phone was off; Wall is how far that went
	// at the most.
	Seen time.Duration `json:"seen"`
	Off  time.Duration `json:"off"`
	Wall time.Duration `json:"wall"`
	// Latest is the latest that the clock on the wall has shown, and SetBack how
	// far it was put back from there at the most.
	Latest  time.Time     `json:"latest"`
	SetBack time.Duration `json:"setBack,omitempty"`
	// Last is the last reading; one that did not know the boot, after one that did,
	// is none.
	Last Reading `json:"last"`
}

// Begin gives the silence that begins with a reading.
func Begin(r Reading) Silence {
	r.Wall = r.Wall.Round(0)
	return Silence{Since: r.Wall, Latest: r.Wall, Last: r}
}

// Observe adds a reading.
func (s Silence) Observe(r Reading) Silence {
	r.Wall = r.Wall.Round(0) // without the process's own clock in it
	passed := min(max(r.Wall.Sub(s.Last.Wall), 0), forever)
	next := r
	switch {
	case s.Last.Boot == "": // for how long the phone has been on says nothing of since when
		s.Off = add(s.Off, passed)
	case r.Boot == "": // not known just now: the next one that knows counts from the last that did
		next = s.Last
	case r.Boot != s.Last.Boot:
		s.Seen = add(s.Seen, r.Up)
		s.Off = add(s.Off, passed-max(r.Up, 0))
	case r.Up >= s.Last.Up:
		s.Seen = add(s.Seen, r.Up-s.Last.Up)
	default: // it ran backwards: nothing is known
	}
	s.Wall = max(s.Wall, min(r.Wall.Sub(s.Since), forever))
	s.SetBack = max(s.SetBack, s.Latest.Sub(r.Wall))
	if r.Wall.After(s.Latest) {
		s.Latest = r.Wall
	}
	s.Last = next
	return s
}

// add adds what is not negative.
func add(sum, d time.Duration) time.Duration {
	return min(sum+min(max(d, 0), forever), forever)
}

// Proven is for how long there was silence, whatever was done to the clock while
// the phone was on.
func (s Silence) Proven() time.Duration { return add(s.Seen, s.Off) }

// Longest is the longest that the silence may have been.
func (s Silence) Longest() time.Duration { return max(s.Proven(), s.Wall) }

// ClockSetBack reports whether the clock on the wall was put back further than
// anybody does to set it right.
func (s Silence) ClockSetBack() bool { return s.SetBack > tolerance }

// Locks says why the work side is to be locked; "" if it is not. A zero after
// never locks by time.
func (s Silence) Locks(after time.Duration) string {
	switch {
	case s.ClockSetBack():
		return "the clock was set back"
	case after > 0 && s.Longest() >= after:
		return "there was no contact for " + after.String()
	default:
		return ""
	}
}

// Wipes reports whether the work side is to be wiped. A zero after never wipes.
func (s Silence) Wipes(after time.Duration) bool {
	return after > 0 && s.Proven() >= after && s.Seen >= after/onShare
}
