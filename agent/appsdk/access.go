package appsdk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence/agent/appsdk/pin"
	"ringfence/agent/lease"
	"ringfence/internal/apprules"
)

const (
	// roundLasts is how long one thing that was given waits for the others that
	// are asked for.
	roundLasts = 5 * time.Minute
	// keptPINs is how many verifiers are kept: the most that a policy can look
	// back, and the present one.
	keptPINs = 25
	// longestPIN is above every PIN that can have been set, in octets.
	longestPIN = 4 * 128
)

// round is what was given so far, and since when the account is used; by the
// server's clock.
type round struct{ signedIn, pin, biometric, active time.Time }

// session is what the app knows of the person in front of it.
func (s *SDK) session(f *Facts, r lease.Reading) apprules.Session {
	p := s.st.PIN
	session := apprules.Session{
		Level: f.level(), DeviceLock: f.locked(), CheckedAt: s.round.active,
		PINSet: len(p.History) > 0, PINChangedAt: p.ChangedAt, PINUsedAt: p.UsedAt, Failures: p.Failures,
		Biometric: apprules.Biometric{
			Kind: enum(f.Biometric, apprules.Iris), Class: uint8(min(max(f.BiometricClass, 0), 3)),
			Changed: f.BiometricEnrolled != p.Biometrics,
		},
	}
	if s.st.Opened.Boot == r.Boot && r.Boot != "" && s.st.Opened.At.After(session.CheckedAt) {
		session.CheckedAt = s.st.Opened.At
	}
	return session
}

// left gives the prompts that have not been answered in this round.
func (s *SDK) left(prompts []apprules.Prompt, now time.Time) []apprules.Prompt {
	fresh := func(t time.Time) bool { return !t.IsZero() && !t.After(now) && now.Sub(t) < roundLasts }
	return slices.DeleteFunc(slices.Clone(prompts), func(p apprules.Prompt) bool {
		switch p {
		case apprules.PromptSignIn:
			return fresh(s.round.signedIn)
		case apprules.PromptPIN:
			return fresh(s.round.pin)
		case apprules.PromptBiometric:
			return fresh(s.round.pin) || fresh(s.round.biometric)
		case apprules.PromptSetPIN, apprules.PromptChangePIN, apprules.PromptResetPIN:
		}
		return false
	})
}

// settle opens the account once all that is asked was given. The caller holds mu.
func (s *SDK) settle(now time.Time) error {
	facts, err := s.facts()
	if err != nil {
		return err
	}
	r := s.reading()
	e, err := s.policy()
	if err != nil {
		return ErrShut
	}
	if a := apprules.Access(e, s.session(facts, r), now); a.Wipe || len(s.left(a.Prompts, now)) > 0 {
		return nil
	}
	s.round = round{signedIn: s.round.signedIn, active: now}
	return s.change(func(st *state) error {
		st.Opened = opened{At: now, Boot: r.Boot}
		return nil
	})
}

// triesLeft is how many wrong PINs are borne before something follows.
func (s *SDK) triesLeft() int {
	e, err := s.policy()
	if err != nil {
		return -1
	}
	block, wipe := apprules.PINRetries.Block.Of(e.Settings), uint32(0)
	if most, asked := apprules.PINRetries.Wipe.In(e.Settings); asked {
		wipe = most
		if _, said := apprules.PINRetries.Block.Said(e.Settings); !said {
			block = 0
		}
	}
	least := block
	if wipe > 0 && (least == 0 || wipe < least) {
		least = wipe
	}
	if least == 0 {
		return -1
	}
	return max(int(least)-int(s.st.PIN.Failures), 0)
}

// asked decides for who is about to give something: what is asked, or why
// nothing is.
func (s *SDK) asked() (*Decision, *Facts, time.Time) {
	facts, err := s.facts()
	if err != nil {
		s.shutFiles()
		return blocked("phone_unknown"), nil, time.Time{}
	}
	d := s.follow(s.decide(EventTimer, facts))
	if d.Outcome == Block || d.Outcome == Wiped {
		return d, nil, time.Time{}
	}
	return d, facts, s.now(s.reading()).now
}

func (d *Decision) asks(prompts ...apprules.Prompt) bool {
	return slices.ContainsFunc(d.prompts, func(p apprules.Prompt) bool { return slices.Contains(prompts, p) })
}

// Unlock gives the PIN, and decides anew. A wrong one is MessageKey "pin_wrong";
// after too many of them the account asks for a new PIN, or is wiped. The try is
// counted, durably, before it is checked. Where no PIN is asked for it is not
// looked at.
func (s *SDK) Unlock(given string) (*Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, facts, now := s.asked()
	if facts == nil || !d.asks(apprules.PromptPIN, apprules.PromptBiometric, apprules.PromptChangePIN) {
		return d, nil
	}
	right, err := s.try(given, facts, now)
	if err != nil {
		return blocked("state_unwritable"), err
	}
	if right {
		if err := s.settle(now); err != nil {
			return blocked("state_unwritable"), err
		}
	}
	d = s.follow(s.decide(EventTimer, facts))
	if !right && d.Outcome == NeedPIN && !d.asks(apprules.PromptResetPIN) {
		d.MessageKey = "pin_wrong"
	}
	return d, nil
}

// try counts a try and then checks it.
func (s *SDK) try(given string, facts *Facts, now time.Time) (right bool, err error) {
	if len(s.st.PIN.History) == 0 {
		return false, errors.New("no PIN is set")
	}
	if err := s.change(func(st *state) error {
		st.PIN.Failures++
		return nil
	}); err != nil {
		return false, err
	}
	s.progress("before check")
	secret, err := s.secret()
	if err != nil {
		return false, err
	}
	defer clear(secret)
	if len(given) > longestPIN || !s.st.PIN.History[0].Knows(secret, given) {
		s.lookSoon()
		return false, nil
	}
	s.progress("after check")
	s.round.pin = now
	return true, s.change(func(st *state) error {
		st.PIN.Failures, st.PIN.UsedAt, st.PIN.Biometrics = 0, now, facts.BiometricEnrolled
		return nil
	})
}

// secret gives the account's secret for PINs.
func (s *SDK) secret() ([]byte, error) {
	secret, err := s.o.Keys.Unwrap(s.o.pinKey(), s.st.PIN.Secret)
	if err != nil || len(secret) != pin.SecretSize {
		return nil, errors.Join(errors.New("the key of the PIN is gone"), err)
	}
	return secret, nil
}

// PassBiometric says that the person has passed the phone's biometric prompt, and
// decides anew. It counts only where that is asked for.
func (s *SDK) PassBiometric() (*Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, facts, now := s.asked()
	if facts == nil || !d.asks(apprules.PromptBiometric) {
		return d, nil
	}
	s.round.biometric = now
	if err := s.settle(now); err != nil {
		return blocked("state_unwritable"), err
	}
	return s.follow(s.decide(EventTimer, facts)), nil
}

// SetPIN sets the first PIN. Problems are message keys between spaces; empty when
// it is set. ErrShut where none is asked for.
func (s *SDK) SetPIN(given string) (problems string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, facts, now := s.asked()
	if facts == nil || !d.asks(apprules.PromptSetPIN) {
		return "", ErrShut
	}
	return s.newPIN(given, facts, now)
}

// ChangePIN sets another PIN, whoever gives the present one. A wrong one is
// "pin_wrong", and counts as in Unlock: Decide says what follows.
func (s *SDK) ChangePIN(present, given string) (problems string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, facts, now := s.asked()
	if facts == nil || len(s.st.PIN.History) == 0 || d.asks(apprules.PromptResetPIN) {
		return "", ErrShut
	}
	right, err := s.try(present, facts, now)
	if err != nil {
		return "", err
	}
	if !right {
		s.follow(s.decide(EventTimer, facts))
		return "pin_wrong", nil
	}
	return s.newPIN(given, facts, now)
}

// ResetPIN sets another PIN after SignInAgain, without the present one. ErrShut
// without that. One sign-in is good for one PIN.
func (s *SDK) ResetPIN(given string) (problems string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, facts, now := s.asked()
	signedIn := s.left([]apprules.Prompt{apprules.PromptSignIn}, now)
	if facts == nil || len(signedIn) > 0 {
		return "", ErrShut
	}
	problems, err = s.newPIN(given, facts, now)
	if problems == "" && err == nil {
		s.round.signedIn = time.Time{}
	}
	return problems, err
}

// newPIN checks and keeps another PIN.
func (s *SDK) newPIN(given string, facts *Facts, now time.Time) (string, error) {
	e, err := s.policy()
	if err != nil {
		return "", ErrShut
	}
	wrapped := s.st.PIN.Secret
	var secret []byte
	if len(wrapped) > 0 {
		secret, err = s.secret()
	} else {
		secret, wrapped, err = s.newSecret()
	}
	if err != nil {
		return "", err
	}
	defer clear(secret)
	ago := uint32(0)
	if most := apprules.PINHistory.Of(e.Settings); most > 0 && len(given) <= longestPIN {
		ago = pin.Ago(s.st.PIN.History[:min(len(s.st.PIN.History), int(most))], secret, given)
	}
	if found := apprules.CheckPIN(e, given, ago); len(found) > 0 {
		words := make([]string, len(found))
		for i, p := range found {
			words[i] = string(p)
		}
		return strings.Join(words, " "), nil
	}
	v := pin.New(secret, given, s.pinCost)
	err = s.change(func(st *state) error {
		history := slices.Concat([]pin.Verifier{v}, st.PIN.History)
		st.PIN = pinState{
			Secret: wrapped, History: history[:min(len(history), keptPINs)],
			ChangedAt: now, UsedAt: now, Biometrics: facts.BiometricEnrolled,
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	s.round.pin = now
	return "", s.settle(now)
}

func (s *SDK) newSecret() (secret, wrapped []byte, err error) {
	secret = make([]byte, pin.SecretSize)
	_, _ = rand.Read(secret) // never fails
	wrapped, err = s.o.Keys.Wrap(s.o.pinKey(), secret)
	if err != nil {
		return nil, nil, fmt.Errorf("the key store: %w", err)
	}
	return secret, wrapped, nil
}
