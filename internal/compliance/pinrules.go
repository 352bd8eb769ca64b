package compliance

import (
	"fmt"
	"time"
)

// judgePins: each lock must be set, strong enough and not expired.
//
// Some phones do not say how long or how strong a secret is. There the
// device's word that the whole setting is applied counts, because Android
// checks it; without that word, what is not said does not hold.
func (j *judgement) judgePins() {
	for _, p := range j.Manifest.Pins {
		lock := LockState{Scope: p.Scope}
		for _, l := range j.Report.Posture.Locks {
			if l.Scope == p.Scope {
				lock = l
			}
		}
		j.judgePin(p, lock)
	}
}

func (j *judgement) judgePin(p PinRule, lock LockState) {
	if !lock.Set {
		j.findPin(p, "set", "a screen lock", "none")
		return
	}
	result, _ := j.result(pinSetting(p.Scope))
	vouched := result.Status == Applied
	if p.Quality > lock.Quality && (lock.Quality != 0 || !vouched) {
		j.findPin(p, "quality", "at least "+p.Quality.String(), lock.Quality.String())
	}
	if p.Complexity > lock.Complexity && (lock.Complexity != 0 || !vouched) {
		j.findPin(p, "complexity", "at least "+p.Complexity.String(), lock.Complexity.String())
	}
	if p.MinimumLength > lock.Length && (lock.Length != 0 || !vouched) {
		actual := "not reported"
		if lock.Length != 0 {
			actual = fmt.Sprint(lock.Length)
		}
		j.findPin(p, "minimum_length", fmt.Sprintf("at least %d", p.MinimumLength), actual)
	}
	if p.ExpiresAfterDays > 0 {
		j.judgePinAge(p, lock, vouched)
	}
}

func (j *judgement) judgePinAge(p PinRule, lock LockState, vouched bool) {
	// A change in the future would put the expiry off for ever.
	if lock.ChangedAt.After(j.Report.ObservedAt) {
		lock.ChangedAt = j.Report.ObservedAt
	}
	expires := lock.ChangedAt.Add(time.Duration(p.ExpiresAfterDays) * day)
	actual := "not reported"
	switch {
	case lock.ChangedAt.IsZero() && vouched, !lock.ChangedAt.IsZero() && !j.passed(expires):
		return
	case lock.ChangedAt.IsZero():
		expires = time.Time{}
	default:
		actual = "changed " + lock.ChangedAt.Format(time.DateOnly)
	}
	expected := fmt.Sprintf("changed in the last %d days", p.ExpiresAfterDays)
	j.find(j.pinFinding(p, "expired", expected, actual), expires)
}

func (j *judgement) findPin(p PinRule, aspect, expected, actual string) {
	j.find(j.pinFinding(p, aspect, expected, actual), time.Time{})
}

func (j *judgement) pinFinding(p PinRule, aspect, expected, actual string) Finding {
	remedy := "set a stronger screen lock for the phone"
	if p.Scope == PinWorkProfile {
		remedy = "set a stronger lock for the work profile"
	}
	if aspect == "expired" {
		remedy = "change the secret of this lock"
	}
	return Finding{Rule: pinSetting(p.Scope) + "." + aspect, Expected: expected, Actual: actual, Remedy: remedy}
}
