package transmit

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// AddSubject tells a stream of a subject again that was left out. A stream is
// told of every subject at first. Errors: Invalid, ErrNoStream, ErrTooMany,
// ErrMoved.
func (s *Service) AddSubject(ctx context.Context, o Owner, id string, subject Subject) error {
	return s.rule(ctx, o, id, Rule{Subject: subject})
}

// RemoveSubject leaves a subject out: the stream is told no event any longer
// that it matches. Errors as of AddSubject.
func (s *Service) RemoveSubject(ctx context.Context, o Owner, id string, subject Subject) error {
	return s.rule(ctx, o, id, Rule{Subject: subject, Out: true})
}

func (s *Service) rule(ctx context.Context, o Owner, id string, r Rule) error {
	if r.Subject.IsZero() {
		return fault.InvalidField("subject", "must name a device, a user or a tenant")
	}
	for _, text := range []string{string(r.Subject.Device), r.Subject.User, r.Subject.Tenant} {
		if err := plain("subject", text, maxEventType); err != nil {
			return err
		}
	}
	st, err := s.Stream(ctx, o, id)
	if err != nil {
		return err
	}
	rules, err := s.c.Store.Rules(ctx, id)
	if err != nil {
		return err
	}
	drop, keep := follow(rules, r)
	if len(drop) == 0 && keep == nil {
		return nil
	}
	action := "transmit.stream.subject.add"
	if r.Out {
		action = "transmit.stream.subject.remove"
	}
	// The record holds nothing personal: it names a device, never a person.
	detail := "a person's devices"
	if r.Subject.Device != "" {
		detail = "device " + string(r.Subject.Device)
	}
	return s.c.Store.SetRules(ctx, st, drop, keep, audit.Of(ctx, action, st.target(), detail))
}

// follow gives what a new rule makes of those there are: which go, and whether
// it is kept. One that says what holds without it is not.
func follow(rules []Rule, r Rule) (drop []Subject, keep *Rule) {
	needed := r.Out
	for _, old := range rules {
		switch {
		case old.Subject == r.Subject && old.Out == r.Out:
			// As it was; but others may have come after it.
			drop = append(drop, old.Subject)
		case old.Subject == r.Subject:
			drop = append(drop, old.Subject)
		case old.Out && !r.Out && old.Subject.overlaps(r.Subject):
			needed = true
		}
	}
	if needed {
		keep = &r
	}
	return drop, keep
}

// ruling is the rules of one stream, ready for many events.
type ruling map[Subject]Rule

func rulingOf(rules []Rule) ruling {
	all := make(ruling, len(rules))
	for _, r := range rules {
		all[r.Subject] = r
	}
	return all
}

// out says whether an event on a subject is left out. A rule matches where all
// that it names is the event's: so there are seven to look for.
func (r ruling) out(s Subject) bool {
	if len(r) == 0 {
		return false
	}
	var last Rule
	for mask := 1; mask < 8; mask++ {
		var key Subject
		if mask&1 != 0 {
			key.Device = s.Device
		}
		if mask&2 != 0 {
			key.User = s.User
		}
		if mask&4 != 0 {
			key.Tenant = s.Tenant
		}
		if found, ok := r[key]; ok && found.Number > last.Number {
			last = found
		}
	}
	return last.Out
}
