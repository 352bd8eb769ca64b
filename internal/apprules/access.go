package apprules

import (
	"slices"
	"time"
)

// Session is what the app knows of the person in front of it.
type Session struct {
	Level Level
	// DeviceLock: the phone has a screen lock.
	DeviceLock bool
	// CheckedAt is when the person last passed all that is asked, or was last
	// active since; zero after a restart of the phone.
	CheckedAt time.Time

	PINSet bool
	// PINChangedAt is when it was set, PINUsedAt when it was last given right.
	PINChangedAt, PINUsedAt time.Time
	// Failures counts the wrong PINs since the last right one.
	Failures  uint32
	Biometric Biometric
}

// Biometric is what the phone offers instead of a PIN.
type Biometric struct {
	Kind BiometricKind
	// Class is Android's: 3 is strong, 2 is weak.
	Class uint8
	// Changed: the enrolled biometrics are not those of when the PIN was last
	// given.
	Changed bool
}

// BiometricKind is a sort of biometric; zero is none.
type BiometricKind uint8

// The sorts.
const (
	Fingerprint BiometricKind = iota + 1
	Face
	Iris
)

// Prompt is something a person is asked for. The numbers are stored: do not
// reorder.
type Prompt uint8

// The prompts.
const (
	// PromptSignIn: the work account's credentials.
	PromptSignIn Prompt = iota + 1
	// PromptPIN: the app's PIN.
	PromptPIN
	// PromptBiometric: a biometric, or the PIN.
	PromptBiometric
	// PromptSetPIN: a first PIN.
	PromptSetPIN
	// PromptChangePIN: the PIN, and a new one since it has expired.
	PromptChangePIN
	// PromptResetPIN: the credentials and a new PIN, after too many wrong ones.
	PromptResetPIN
)

var promptNames = []string{"", "sign-in", "pin", "biometric", "set-pin", "change-pin", "reset-pin"}

func (p Prompt) String() string { return nameOf(promptNames, p) }

// Admission is what it takes to open the work account now.
type Admission struct {
	// Wipe: there were so many wrong PINs that the account's data goes.
	Wipe bool
	// Prompts are in the order in which to ask; none opens the account.
	Prompts []Prompt
	// ConnectVPN: bring the VPN up first.
	ConnectVPN bool
	// Recheck is after how long at rest to ask again.
	Recheck time.Duration
}

// Access decides what a person is asked for at now, apart from the launch
// checks.
func Access(e *Effective, s Session, now time.Time) Admission {
	set := e.Settings
	a := Admission{ConnectVPN: VPNOnLaunch.Of(set), Recheck: RecheckAfter.Of(set)}
	pin := PINRequired.Of(set) && !(PINUnlessDeviceLock.Of(set) && s.Level.enrolled() && s.DeviceLock)
	if pin {
		switch action, _ := afterFailures(set, s.Failures); action {
		case ActionWipe:
			return Admission{Wipe: true}
		case ActionBlock:
			a.Prompts = []Prompt{PromptResetPIN}
			return a
		case ActionNone, ActionWarn:
		}
	}
	fresh := within(s.CheckedAt, a.Recheck, now)
	if SignInRequired.Of(set) && !fresh {
		a.Prompts = append(a.Prompts, PromptSignIn)
	}
	if pin {
		if prompt := pinPrompt(set, s, now, fresh); prompt != 0 {
			a.Prompts = append(a.Prompts, prompt)
		}
	}
	return a
}

// within reports whether then is no longer ago than limit. A time to come was
// made with another clock, and proves nothing.
func within(then time.Time, limit time.Duration, now time.Time) bool {
	return !then.IsZero() && !then.After(now) && now.Sub(then) < limit
}

func pinPrompt(set Settings, s Session, now time.Time, fresh bool) Prompt {
	expires := PINExpiresAfter.Of(set)
	switch {
	case !s.PINSet:
		return PromptSetPIN
	case expires > 0 && !within(s.PINChangedAt, expires, now):
		return PromptChangePIN
	case fresh:
		return 0
	case biometricDoes(set, s, now):
		return PromptBiometric
	}
	return PromptPIN
}

// biometricDoes reports whether a biometric is as good as the PIN now.
func biometricDoes(set Settings, s Session, now time.Time) bool {
	b := s.Biometric
	enabled, said := BiometricsEnabled.Said(set)
	switch {
	case b.Kind == 0, said && !enabled:
		return false
	case b.Kind == Fingerprint && FingerprintBlocked.Of(set), b.Kind != Fingerprint && BiometricsBlocked.Of(set):
		return false
	case b.Class < 3 && Class3Biometrics.Of(set), b.Changed && PINAfterBiometricChange.Of(set):
		return false
	}
	return within(s.PINUsedAt, BiometricTimeout.Of(set), now)
}

// PINProblem is what is wrong with a new PIN, as a message key.
type PINProblem string

// The problems.
const (
	PINTooShort   PINProblem = "pin_too_short"
	PINTooLong    PINProblem = "pin_too_long"
	PINWrongKind  PINProblem = "pin_wrong_kind"
	PINTooSimple  PINProblem = "pin_too_simple"
	PINUsedBefore PINProblem = "pin_used_before"
)

// maxPIN is how many characters a PIN has at most.
const maxPIN = 128

// CheckPIN finds what is wrong with a new PIN. Ago is how many PINs ago it was
// in use: 1 for the one that it replaces, 0 for never.
func CheckPIN(e *Effective, pin string, ago uint32) []PINProblem {
	set, runes := e.Settings, []rune(pin)
	var problems []PINProblem
	note := func(wrong bool, p PINProblem) {
		if wrong {
			problems = append(problems, p)
		}
	}
	simpleBlocked := SimplePINBlocked.Of(set)
	note(uint64(len(runes)) < uint64(PINLength.Of(set)), PINTooShort)
	note(len(runes) > maxPIN, PINTooLong)
	note(!pinKindFits(runes, PINMadeOf.Of(set), simpleBlocked), PINWrongKind)
	note(simpleBlocked && simple(runes), PINTooSimple)
	note(ago > 0 && ago <= PINHistory.Of(set), PINUsedBefore)
	return problems
}

func pinKindFits(runes []rune, k PINKind, allSorts bool) bool {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	isLetter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
	digit := slices.ContainsFunc(runes, isDigit)
	letter := slices.ContainsFunc(runes, isLetter)
	symbol := slices.ContainsFunc(runes, func(r rune) bool { return !isDigit(r) && !isLetter(r) })
	switch {
	case k == PINNumeric:
		return !letter && !symbol
	case allSorts:
		return digit && letter && symbol
	}
	return letter || symbol
}

// simple reports whether three characters in a row are the same, or count up or
// down by one.
func simple(runes []rune) bool {
	for i := 2; i < len(runes); i++ {
		step := runes[i] - runes[i-1]
		if step == runes[i-1]-runes[i-2] && step >= -1 && step <= 1 {
			return true
		}
	}
	return false
}
