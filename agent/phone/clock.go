package phone

import (
	"errors"
	"time"
)

// Clock is how a phone's clocks stand. It takes effect when the phone is opened
// next.
type Clock struct {
	// Off is how far the person has set the clock on the wall ahead of, or, where
	// it is negative, back behind the computer's.
	Off time.Duration `json:"off,omitempty"`
	// Passed is time that the phone has been on and the computer has not: it is
	// later on both of the phone's clocks.
	Passed time.Duration `json:"passed,omitempty"`
}

// mostOff bounds both.
const mostOff = 10 * 365 * 24 * time.Hour

// span reads a time of at least least.
func span(target *time.Duration, v string, least time.Duration) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > mostOff {
		return errors.New("want a time such as 90m or 2200h, of at most ten years")
	}
	*target = d
	return nil
}

// shift has the phone's clocks stand as its settings say.
func (p *Phone) shift() error {
	s, err := p.Settings()
	if err != nil || s.Clock == (Clock{}) {
		return err
	}
	now, uptime := p.now, p.uptime
	p.now = func() time.Time { return now().Add(s.Clock.Off + s.Clock.Passed) }
	if uptime != nil {
		p.uptime = func() (string, time.Duration) {
			boot, up := uptime()
			return boot, up + s.Clock.Passed
		}
	}
	return nil
}

// Now is the phone's clock on the wall.
func (p *Phone) Now() time.Time { return p.now() }
