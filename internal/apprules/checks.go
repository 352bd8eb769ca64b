package apprules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// judgeRegistration judges what the server knows by itself. It is not evidence
// of the app's, and has no age.
func (j *judgement) judgeRegistration() {
	r := j.Registration
	j.flat(check{AccountDisabled.Key(), remedyAccount}, AccountDisabled.Of(j.settings), "an account that is on",
		known{"disabled or deleted", true}, !r.AccountDisabled)
	actual := known{"last online " + r.OnlineAt.Format(time.RFC3339), true}
	for _, t := range []*Setting[time.Duration]{Offline.Block, Offline.Wipe} {
		if limit, asked := t.In(j.settings); asked {
			j.turnsAt(r.OnlineAt.Add(limit))
		}
	}
	threshold(j, check{"launch.offline", remedyGoOnline}, Offline, actual,
		func(limit time.Duration) bool { return j.now.Before(r.OnlineAt.Add(limit)) },
		func(limit time.Duration) string { return "online in the last " + formatSpan(limit) })
	j.judgeHours()
	j.judgeClock()
}

// judgeHours judges the time by the schedules.
func (j *judgement) judgeHours() {
	c, grace := check{"launch.working_hours", remedyWait}, OffHoursGrace.Of(j.settings)
	for _, a := range []Action{ActionBlock, ActionWarn} {
		hours, asked := WorkingHours.of(a).In(j.settings)
		if !asked {
			continue
		}
		began, ends := hours.around(j.now)
		j.turnsAt(ends)
		if hours.Working(j.now) {
			continue
		}
		if a == ActionBlock && !began.IsZero() && !j.passed(began.Add(grace)) {
			a = ActionWarn
		}
		j.find(c, a, hours.String(), j.now.Format(time.RFC3339))
		return
	}
}

// judgeClock judges what the server is told of the person's shift.
func (j *judgement) judgeClock() {
	out, asked := j.Registration.ClockedOutAt, ClockedOut.Of(j.settings)
	if asked == ActionNone || out.IsZero() || out.After(j.now) {
		return
	}
	if asked == ActionBlock && !j.passed(out.Add(OffHoursGrace.Of(j.settings))) {
		asked = ActionWarn
	}
	j.find(check{ClockedOut.Key(), remedyWait}, asked, "clocked in", "clocked out since "+out.Format(time.RFC3339))
}

// judgeVersions judges the app, Android, its patches, the SDK and the agent.
func (j *judgement) judgeVersions() {
	r := j.report
	atLeast := func(v Version) func(Version) bool { return func(want Version) bool { return v.Compare(want) >= 0 } }
	version := func(v Version) known { return known{v.String(), v != Version{}} }
	describe := func(v Version) string { return "at least " + v.String() }
	threshold(j, check{"launch.app_version", remedyUpdateApp}, AppVersion, version(r.AppVersion), atLeast(r.AppVersion), describe)
	threshold(j, check{"launch.os_version", remedyUpdateOS}, OSVersion, version(r.OSVersion), atLeast(r.OSVersion), describe)
	threshold(j, check{"launch.os_version_max", remedyOSTooNew}, OSCeiling, version(r.OSVersion),
		func(most Version) bool { return r.OSVersion.Compare(most) <= 0 },
		func(most Version) string { return "at most " + ceilingText(most) })
	threshold(j, check{"launch.patch_level", remedyUpdateOS}, PatchLevel, known{r.Patch.String(), r.Patch != ""},
		func(want Patch) bool { return r.Patch >= want },
		func(want Patch) string { return "at least " + want.String() })
	threshold(j, check{"launch.sdk_version", remedyUpdateApp}, SDKVersion, version(r.SDKVersion), atLeast(r.SDKVersion), describe)
	threshold(j, check{"launch.agent_version", remedyUpdateAgent}, AgentVersion, version(r.AgentVersion), atLeast(r.AgentVersion), describe)
	j.judgeAgentAge()
}

// judgeAgentAge: the update goes on waiting while nothing is heard.
func (j *judgement) judgeAgentAge() {
	actual := known{"not reported", j.report.AgentUpdateWaits != nil}
	var since time.Time
	if actual.reported {
		since = j.report.ObservedAt.Add(-*j.report.AgentUpdateWaits)
		actual.text = fmt.Sprintf("an update waits since %s", since.Format(time.DateOnly))
	}
	// Zero is a phone without an update that waits, and stays good.
	waits := actual.reported && *j.report.AgentUpdateWaits > 0
	exceeded := func(days uint32) time.Time { return since.Add(time.Duration(days)*day + time.Microsecond) }
	if waits {
		for _, t := range []*Setting[uint32]{AgentAge.Warn, AgentAge.Block, AgentAge.Wipe} {
			if days, asked := t.In(j.settings); asked {
				j.turnsAt(exceeded(days))
			}
		}
	}
	threshold(j, check{"launch.agent_age", remedyUpdateAgent}, AgentAge, actual,
		func(days uint32) bool { return !waits || j.now.Before(exceeded(days)) },
		func(days uint32) string { return fmt.Sprintf("updates wait at most %d days", days) })
}

// judgePhone judges what the phone is and how it is locked.
func (j *judgement) judgePhone() {
	r := j.report
	var signs []string
	for i, name := range rootSignalNames {
		if r.RootSignals&(1<<i) != 0 {
			signs = append(signs, name)
		}
	}
	rooted := known{strings.Join(signs, ", "), r.RootChecked || len(signs) > 0}
	if !rooted.reported {
		rooted.text = "not reported"
	}
	j.flat(check{Rooted.Key(), remedyUnroot}, Rooted.Of(j.settings), "the maker's system", rooted, len(signs) == 0)

	threshold(j, check{"launch.device_lock", remedyLock}, DeviceLock, known{r.Lock.String(), r.Lock != 0}, j.lockIsEnough,
		func(want Lock) string { return "at least " + want.String() })

	said := func(s string) known {
		if s == "" {
			return known{"not reported", false}
		}
		return known{s, true}
	}
	oneOf := func(list []string) string { return "one of: " + strings.Join(list, ", ") }
	threshold(j, check{"launch.manufacturers", remedyOtherPhone}, Manufacturers, said(r.Manufacturer),
		func(list []string) bool { return slices.Contains(list, strings.ToLower(r.Manufacturer)) }, oneOf)
	threshold(j, check{"launch.models", remedyOtherPhone}, Models, said(r.Model),
		func(list []string) bool { return slices.Contains(list, r.Model) }, oneOf)
}

// complexitySince is the first version of Android that says how strong a lock
// is.
var complexitySince = Version{12}

// lockIsEnough: an older Android knows no strengths, and any lock is good. A
// newer one that does not say how strong its lock is has only a lock.
func (j *judgement) lockIsEnough(want Lock) bool {
	os := j.report.OSVersion
	if want > LockSet && os != (Version{}) && os.Compare(complexitySince) < 0 {
		want = LockSet
	}
	return j.report.Lock >= want
}

// judgeIntegrity judges what Google and Samsung say of the phone.
func (j *judgement) judgeIntegrity() {
	r, i := j.report, j.report.Integrity
	verdict := known{i.Verdict.String(), i.Verdict != 0}
	evaluation := known{i.Evaluation.String(), i.Evaluation != 0}
	ends := i.At.Add(integrityServes)
	switch {
	case !verdict.reported && !evaluation.reported:
	case !j.now.Before(ends):
		old := known{"not since " + i.At.Format(time.RFC3339), false}
		verdict, evaluation = old, old
	case IntegrityVerdict.asked(j.settings) || IntegrityEvaluation.asked(j.settings):
		j.turnsAt(ends)
	}
	threshold(j, check{"launch.integrity", remedyIntegrity}, IntegrityVerdict, verdict,
		func(want Integrity) bool { return i.Verdict >= want },
		func(want Integrity) string { return "at least " + want.String() })
	threshold(j, check{"launch.integrity_evaluation", remedyIntegrity}, IntegrityEvaluation, evaluation,
		func(want Evaluation) bool { return i.Evaluation >= want },
		func(want Evaluation) string { return "at least " + want.String() })
	j.flat(check{AppScan.Key(), remedyAppScan}, AppScan.Of(j.settings), "on", known{r.AppScan.String(), r.AppScan != 0}, r.AppScan == AppScanOn)

	// That a phone has no such attestation is its nature, and not its fault:
	// where one is asked for it counts as one that it does not report.
	knox := known{r.Knox.String(), r.Knox == AttestationPassed || r.Knox == AttestationFailed}
	j.flat(check{Knox.Key(), remedyOtherPhone}, Knox.Of(j.settings), "passed", knox, r.Knox == AttestationPassed)
	if r.Knox != AttestationUnsupported {
		j.flat(check{KnoxWhereSupported.Key(), remedyIntegrity}, KnoxWhereSupported.Of(j.settings), "passed", knox, r.Knox == AttestationPassed)
	}
}

// judgeThreats judges the word of the threat defence apps.
func (j *judgement) judgeThreats() {
	best, worst := j.threats()
	c := check{"launch.threat_level", remedyThreat}
	describe := func(t Threat) string { return "at most " + t.String() }
	wipe, wipes := ThreatLevel.Wipe.In(j.settings)
	if wipes && best > wipe {
		j.find(c, ActionWipe, describe(wipe), best.String())
		return
	}
	block, blocks := ThreatLevel.Block.In(j.settings)
	if wipes && (!blocks || wipe < block) {
		block, blocks = wipe, true
	}
	if blocks && (worst == 0 || worst > block) {
		j.find(c, ActionBlock, describe(block), worst.String())
	}
}

// threats gives the best and the worst word among those that policies chose;
// zero where nobody speaks.
func (j *judgement) threats() (best, worst Threat) {
	first := func(a, b Threat) Threat {
		if a != 0 {
			return a
		}
		return b
	}
	r, chosen := j.report, ThreatFrom.Of(j.settings)
	for choice, word := range map[ThreatChoice]Threat{
		ThreatWorst:     max(r.Defender, r.ThirdParty),
		DefenderFirst:   first(r.Defender, r.ThirdParty),
		ThirdPartyFirst: first(r.ThirdParty, r.Defender),
	} {
		if chosen&choice != 0 {
			worst = max(worst, word)
			if best == 0 || word < best {
				best = word
			}
		}
	}
	return best, worst
}

// judgePINFailures judges whether the wrong PINs are too many.
func (j *judgement) judgePINFailures() {
	failures := j.report.PIN.Failures
	if action, limit := afterFailures(j.settings, failures); action != ActionNone {
		j.find(check{"access.pin_retries", remedyResetPIN}, action, fmt.Sprintf("fewer than %d wrong PINs", limit), fmt.Sprint(failures))
	}
}
