package access

import (
	"math/bits"
	"sync"
	"time"
)

// Decide says whether a sign-in is let in, at now. Facts may be nil where
// nothing is known. The sign-in and the facts must not be changed as long as
// the decision may be explained.
func Decide(s *Snapshot, in *SignIn, facts *Facts, now time.Time) Decision {
	var q question
	q.ask(in, facts, now)
	limit := now.Add(s.cacheFor)
	enforced, reported := tally{until: limit}, tally{until: limit}
	s.weigh(&q, &enforced, &reported)
	enforced.blocked = enforced.blocked || in.Person.Disabled

	d := Decision{snapshot: s, in: in, facts: q.facts, at: now, CachedUntil: enforced.until}
	d.Outcome = enforced.outcome(in.Client)
	if d.Outcome != Deny {
		d.Owed, d.session = enforced.owed, enforced.session
	}
	reported.join(&enforced)
	d.WithReportOnly = reported.outcome(in.Client)
	return d
}

// ask gets a question ready.
func (q *question) ask(in *SignIn, facts *Facts, now time.Time) {
	if facts == nil {
		facts = &nothingKnown
	}
	q.describe(in, facts)
	q.compliance, q.registration = standing{unknown: NoDevice}, standing{unknown: NoRegistration}
	if facts.Device != nil {
		q.compliance = standingOf(&facts.Device.Compliance, NoDevice, now)
	}
	if facts.Registration != nil {
		q.registration = standingOf(&facts.Registration.Protection, NoRegistration, now)
	}
}

var nothingKnown Facts

// smallWords is for how many policies, in words of 64, a decision has room of
// its own. Room for more is lent.
const smallWords = 16

var room = sync.Pool{New: func() any { return new([]uint64) }}

// weigh counts every policy that applies.
func (s *Snapshot) weigh(q *question, enforced, reported *tally) {
	if s.words <= smallWords {
		var found, targets [smallWords]uint64
		s.weighIn(q, found[:s.words], targets[:s.words], enforced, reported)
		return
	}
	// What is lent need not be empty: find overwrites it.
	lent := room.Get().(*[]uint64)
	if len(*lent) < 2*s.words {
		*lent = make([]uint64, 2*s.words)
	}
	s.weighIn(q, (*lent)[:s.words], (*lent)[s.words:2*s.words], enforced, reported)
	room.Put(lent)
}

func (s *Snapshot) weighIn(q *question, found, targets numbers, enforced, reported *tally) {
	s.find(q, found, targets)
	var asked memory
	var counted uint64 // demands, of the first 64
	for w, word := range found {
		for ; word != 0; word &= word - 1 {
			r := &s.rules[w*64+bits.TrailingZeros64(word)]
			bit := uint64(1) << r.demand // none beyond the first 64
			if counted&bit != 0 || r.slow && !s.meets(r, q, &asked) {
				continue
			}
			counted |= bit
			if d := &s.demands[r.demand]; d.reportOnly {
				reported.add(d, q)
			} else {
				enforced.add(d, q)
			}
		}
	}
}

// memory keeps what filters answered in one decision: the first 64 of a
// snapshot, a bit for each.
type memory struct{ asked, matched, failed uint64 }

// match asks a filter, once.
func (s *Snapshot) match(n int, q *question, m *memory) (matched, failed bool) {
	bit := uint64(1) << n // none beyond the first 64
	if m.asked&bit != 0 {
		return m.matched&bit != 0, m.failed&bit != 0
	}
	matched, err := s.filters[n].Match(q.in, q.facts)
	m.asked |= bit
	if matched {
		m.matched |= bit
	}
	if err != nil {
		m.failed |= bit
	}
	return matched, err != nil
}

// meets reports whether the conditions that are not in the index are met. A
// rule that fails counts as met, so that it shuts more and never less.
func (s *Snapshot) meets(r *rule, q *question, m *memory) bool {
	if r.placed && r.from.has(q) == nil || r.notFrom.has(q) != nil {
		return false
	}
	if r.filter >= 0 {
		if matched, failed := s.match(r.filter, q, m); !failed && matched == r.filterExcludes {
			return false
		}
	}
	if r.custom >= 0 {
		if matched, failed := s.match(r.custom, q, m); !failed && !matched {
			return false
		}
	}
	return true
}

// tally sums up policies that apply.
type tally struct {
	blocked bool
	owed    Owed
	session sessionRule
	// until is when time alone changes the sum, or the limit of caching.
	until time.Time
}

// add counts what one more policy asks.
func (t *tally) add(d *demand, q *question) {
	t.blocked = t.blocked || d.blocks
	t.session.join(&d.session)
	if d.controls == 0 {
		return
	}
	met := q.met | t.timed(d, q)
	unmet := d.controls &^ met
	switch {
	case unmet == 0:
	case !d.anyOf:
		t.owed.addEach(unmet)
	case d.controls&met == 0:
		t.owed.add(d.controls)
	}
}

// byApp are the controls that a registration meets.
const byApp = ControlSet(1<<(AppProtection-MFA) | 1<<(ApprovedApp-MFA))

// timed gives the controls that are met by evidence, which the policy may find
// too old.
func (t *tally) timed(d *demand, q *question) ControlSet {
	var met ControlSet
	if d.controls&(1<<(CompliantDevice-MFA)) != 0 {
		t.until = q.compliance.turn(d.maxAge.Compliance, t.until)
		if q.compliance.reason(d.maxAge.Compliance) == 0 {
			met |= 1 << (CompliantDevice - MFA)
		}
	}
	if d.controls&byApp != 0 {
		t.until = q.registration.turn(d.maxAge.Registration, t.until)
		switch q.registration.reason(d.maxAge.Registration) {
		case 0:
			met |= byApp
		case NotFit:
			met |= 1 << (ApprovedApp - MFA)
		}
		if reg := q.facts.Registration; reg != nil && !reg.Approved {
			met &^= 1 << (ApprovedApp - MFA)
		}
	}
	return met
}

// join adds another sum.
func (t *tally) join(o *tally) {
	t.blocked = t.blocked || o.blocked
	t.owed |= o.owed
	t.session.join(&o.session)
}

// outcome says what follows. A legacy client cannot be asked for anything.
func (t *tally) outcome(client ClientApp) Outcome {
	switch {
	case t.blocked, t.owed != 0 && client.legacy():
		return Deny
	case t.owed != 0:
		return AllowWith
	default:
		return Allow
	}
}

// join takes over what is stricter.
func (s *sessionRule) join(o *sessionRule) {
	s.every = s.every || o.every
	if o.frequency != 0 && (s.frequency == 0 || o.frequency < s.frequency) {
		s.frequency = o.frequency
	}
	s.labels |= o.labels
}
