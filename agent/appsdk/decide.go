package appsdk

import (
	"slices"
	"time"

	"ringfence/agent/lease"
	"ringfence/internal/apprules"
)

// What the app asks Decide about.
const (
	// EventLaunch: the app has started. A check-in follows, if there is contact.
	EventLaunch = 1
	// EventResume: the app comes back to the front.
	EventResume = 2
	// EventActive: the person does something in the account; about once a minute.
	EventActive = 3
	// EventTimer: nothing happened; is it still so?
	EventTimer = 4
)

// What the app shall do.
const (
	// Proceed: open the account.
	Proceed = "proceed"
	// Warn: say why, and open the account.
	Warn = "warn"
	// NeedPIN: ask for the prompts, in their order.
	NeedPIN = "need-pin"
	// Block: say why, and keep the account shut.
	Block = "block"
	// Wiped: the account's data is gone from the app.
	Wiped = "wiped"
)

// Decide says what the app shall do now. It needs no server, and an event that it
// does not know is EventTimer. Files are open
// after Proceed and Warn, and shut after everything else.
func (s *SDK) Decide(event int) *Decision {
	facts, err := s.facts()
	if event < EventLaunch || event > EventActive {
		event = EventTimer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.shutFiles()
		return blocked("phone_unknown")
	}
	d := s.follow(s.decide(event, facts))
	// Whom the server has shut out may be let in by now.
	back := event == EventResume && (s.overdue() || d.Outcome == Block)
	if event == EventLaunch || back || d.MessageKey == wipePending {
		s.lookSoon()
	}
	return d
}

// follow opens or shuts the files as a decision says, which becomes another where
// they cannot be opened.
func (s *SDK) follow(d *Decision) *Decision {
	if d.Outcome == Proceed || d.Outcome == Warn {
		key := s.openFiles()
		if key == "" {
			return d
		}
		d = blocked(key)
	}
	s.shutFiles()
	return d
}

const wipePending = "wipe_pending"

func blocked(key string) *Decision { return &Decision{Outcome: Block, MessageKey: key, TriesLeft: -1} }

func wiped(cause string) *Decision {
	keys := map[string]string{ordered: "wiped_by_order", ranOut: "wiped_offline", wrongPINs: "wiped_after_wrong_pins"}
	if key, ok := keys[cause]; ok {
		return &Decision{Outcome: Wiped, MessageKey: key, TriesLeft: -1}
	}
	return blocked("not_registered")
}

// decide decides. The caller holds mu.
func (s *SDK) decide(event int, facts *Facts) *Decision {
	if d := s.decideWhether(); d != nil {
		return d
	}
	r := s.reading()
	silence := s.st.Silence.Observe(r)
	if silence.Wipes(s.st.Lease.WipeAfter) {
		return s.wipeNow(ranOut) // also where nothing can be written down
	}
	if err := s.observe(r); err != nil {
		s.line(err.Error())
		return blocked("state_unwritable")
	}
	e, err := s.policy()
	switch {
	case s.st.Ended != nil:
		return blocked("registration_ended")
	case err != nil:
		return blocked("no_policy")
	case silence.ClockSetBack():
		return blocked("clock_set_back")
	}
	at := s.now(r)
	findings := s.findings(e, facts, at, silence)
	admission := apprules.Access(e, s.session(facts, r), at.now)
	if admission.Wipe {
		return s.wipeNow(wrongPINs)
	}
	d := s.conclusion(findings, admission, at.now)
	if d.Outcome == Proceed || d.Outcome == Warn {
		if event != EventTimer {
			s.round.active = at.now
		}
	}
	if event != EventTimer {
		s.used = at.now
	}
	return d
}

// decideWhether decides where there is no account to open; nil where there is.
func (s *SDK) decideWhether() *Decision {
	switch {
	case s.closed:
		return blocked("closed")
	case s.vault == nil:
		return blocked("state_restored")
	case s.st.Gone != nil && s.st.Gone.Done:
		return wiped(s.st.Gone.Cause)
	case s.st.Gone != nil:
		return s.wipeNow(s.st.Gone.Cause)
	case s.st.Registration == nil && s.st.Former != nil:
		return wiped(s.st.Former.Cause)
	case s.st.Registration == nil:
		return blocked("not_registered")
	case s.st.Lease == nil || s.st.Silence == nil:
		return blocked("go_online")
	}
	return nil
}

// wipeNow destroys the account's data.
func (s *SDK) wipeNow(cause string) *Decision {
	if err := s.destroy(cause); err != nil {
		s.line(err.Error())
		return blocked("wiping")
	}
	if s.st.Ended != nil { // there is nobody to tell
		if err := s.forget(cause); err != nil {
			s.line(err.Error())
		}
	}
	s.lookSoon()
	return wiped(cause)
}

// observe keeps the reading, at least each minute.
func (s *SDK) observe(r lease.Reading) error {
	last := s.st.Silence.Last
	moved := r.Wall.Sub(last.Wall).Abs() >= time.Minute || r.Boot != last.Boot || (r.Up-last.Up).Abs() >= time.Minute
	if !moved {
		return nil
	}
	next := s.st.Silence.Observe(r)
	return s.change(func(st *state) error {
		st.Silence = &next
		if s.round.active.After(st.Opened.At) {
			st.Opened = opened{At: s.round.active, Boot: r.Boot}
		}
		return nil
	})
}

// policy gives the policy in force, read once.
func (s *SDK) policy() (*apprules.Effective, error) {
	if s.cached == nil {
		e, err := s.st.policy()
		if err != nil {
			return nil, err
		}
		s.cached = e
	}
	return s.cached, nil
}

// conclusion sums up.
func (s *SDK) conclusion(findings []apprules.Finding, a apprules.Admission, now time.Time) *Decision {
	d := &Decision{
		Outcome: Proceed, ConnectVPN: a.ConnectVPN, RecheckSeconds: int64(a.Recheck / time.Second),
		TriesLeft: s.triesLeft(), findings: findings, prompts: s.left(a.Prompts, now),
	}
	resets := slices.Contains(a.Prompts, apprules.PromptResetPIN)
	for _, f := range findings {
		if resets && f.Check == "access.pin_retries" && f.Action == apprules.ActionBlock {
			continue // a new PIN cures it: that is asked for below
		}
		d.MessageKey, d.Link = f.RemedyKey, f.Link
		switch f.Action {
		case apprules.ActionWipe:
			d.Outcome, d.MessageKey, d.prompts = Block, wipePending, nil
			return d
		case apprules.ActionBlock:
			d.Outcome, d.prompts = Block, nil
			return d
		case apprules.ActionWarn:
			d.Outcome = Warn
		case apprules.ActionNone:
		}
		break
	}
	if len(d.prompts) > 0 {
		d.Outcome, d.MessageKey = NeedPIN, d.prompts[0].String()
	}
	return d
}

func (s *SDK) overdue() bool {
	return s.st.Lease != nil && !s.now(s.reading()).now.Before(s.st.Due)
}
