package transmit

import (
	"strings"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// signal is what an entry of the record means for receivers.
type signal struct {
	// device is a phone or the registration of an app. Where serial is given
	// and the entry does not say whose certificate it is, it is to be found.
	device device.ID
	// ends: its sessions are over.
	ends bool
	// compliant and risk are how it stands now.
	compliant verdict
	risk      verdict
	// change says what became of the certificate of this serial number; empty
	// for none.
	change string
	serial string
	// enrolled: from now on the phone may be another person's.
	enrolled bool
	// forget: nothing is kept of the device any longer.
	forget bool
	// by and why go with every event of it.
	by  initiator
	why words
}

// verdict is yes, no, or nothing said.
type verdict uint8

const (
	unsaid verdict = iota
	yes
	no
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// initiator is who caused an event, as CAEP 1.0 has it.
type initiator string

const (
	byAdmin  initiator = "admin"
	byUser   initiator = "user"
	byPolicy initiator = "policy"
	bySystem initiator = "system"
)

// words say why. They are this package's own, and names of rules: what people
// wrote into the record stays there.
type words struct {
	admin string
	user  string
}

// translation says what entries of one action mean.
type translation struct {
	action string
	read   func(e *audit.Entry, s *signal) bool // false: nothing
	by     initiator                            // where the actor is no administrator
	why    words
}

// What a person can do about it.
const (
	askAgent   = "Open the work agent on your phone: it says what to do."
	enrolAgain = "Enrol your phone again to use work apps on it."
	signIn     = "Sign in again in the work app."
)

// translations is everything that is told, by action of the record.
var translations = []translation{
	{"compliance.standing", standing, byPolicy, words{"the phone's compliance changed", askAgent}},
	{"appprotect.standing", appStanding, byPolicy, words{"the standing of a work account in an app changed", "Open the work app: it says what to do."}},
	{"enroll.leave", ended, byUser, words{"the phone left", enrolAgain}},
	{"enroll.retire", ended, bySystem, words{"the phone was retired", enrolAgain}},
	{"enroll.wiped", ended, bySystem, words{"the phone's work data was wiped", enrolAgain}},
	{"enroll.join", joined, byUser, words{"the phone was enrolled", ""}},
	{"enroll.renew", renewed, bySystem, words{"the phone's certificate was renewed", ""}},
	{"enroll.purge", purged, bySystem, words{}},
	{"wipe.order", wiped, byPolicy, words{"a wipe of work data was ordered", "Work data on this phone is being removed: ask your administrator."}},
	{"appprotect.register", joined, byUser, words{"a person signed in to a work app", ""}},
	{"appprotect.renew", renewed, bySystem, words{"the work account's certificate was renewed", ""}},
	{"appprotect.end", appEnded, bySystem, words{"a work account in an app ended", signIn}},
	{"compliance.certificate.issue", issued, bySystem, words{"a certificate was issued", ""}},
	{"compliance.certificate.revoke", revoked, byPolicy, words{"a certificate was revoked", ""}},
}

// translated finds a translation by its action.
var translated = func() map[string]*translation {
	all := make(map[string]*translation, len(translations))
	for i := range translations {
		all[translations[i].action] = &translations[i]
	}
	return all
}()

// Actions gives the actions of the record that mean something here.
func Actions() []string {
	all := make([]string, len(translations))
	for i, t := range translations {
		all[i] = t.action
	}
	return all
}

// translate says what an entry means; false for nothing.
func translate(e *audit.Entry) (signal, bool) {
	t, ok := translated[e.Action]
	if !ok {
		return signal{}, false
	}
	s := signal{by: t.by, why: t.why}
	if strings.HasPrefix(e.Actor, "admin:") {
		s.by = byAdmin
	}
	if kind, name, ok := strings.Cut(e.Target, "/"); ok && (kind == "device" || kind == "registration") {
		s.device = device.ID(name)
	}
	if !t.read(e, &s) || s.device == "" && s.serial == "" {
		return signal{}, false
	}
	return s, true
}

// standing reads "BEFORE to AFTER[: RULES]".
func standing(e *audit.Entry, s *signal) bool {
	after, rules := turn(e.Detail)
	switch after {
	case "compliant", "non-compliant", "unknown":
	default:
		return false
	}
	s.by = byPolicy // whoever reported: the rules decide
	s.judged(after == "compliant", rules)
	return true
}

// appStanding reads "[BEFORE to ]AFTER[: CHECKS]".
func appStanding(e *audit.Entry, s *signal) bool {
	after, checks := turn(e.Detail)
	switch after {
	case "ok", "warn":
	case "block", "wipe":
		s.ends = true
	default:
		return false
	}
	s.by = byPolicy
	s.judged(!s.ends, checks)
	return true
}

// turn splits what a standing turned to from the rules behind it.
func turn(detail string) (after string, rules []string) {
	turned, list, found := strings.Cut(detail, ": ")
	if found {
		rules = strings.Split(list, ", ")
	}
	if _, to, ok := strings.Cut(turned, " to "); ok {
		turned = to
	}
	return turned, rules
}

// more ends a list of rules that is cut short.
const more = "and more"

// judged is what a standing and the rules in force mean.
func (s *signal) judged(compliant bool, rules []string) {
	s.compliant = verdictOf(compliant)
	high, cut := false, false
	for _, r := range rules {
		high = high || integrity(r)
		cut = cut || r == more
	}
	if high || !cut { // what a cut list leaves out may be about integrity
		s.risk = verdictOf(high)
	}
	if len(rules) > 0 {
		s.why.admin += ": " + strings.Join(rules, ", ")
	}
}

// integrityRules are the rules and checks that fail where a phone may be in
// others' hands: that it is rooted, or not what it says it is, or under attack.
var integrityRules = []string{
	"integrity", "setting.integrity", "launch.rooted", "launch.integrity", "launch.integrity_evaluation",
	"launch.app_scan", "launch.knox", "launch.threat_level",
}

// integrity says whether a rule is about that; it may have an aspect behind a
// full stop.
func integrity(rule string) bool {
	for _, r := range integrityRules {
		if rule == r || strings.HasPrefix(rule, r+".") {
			return true
		}
	}
	return false
}

// ended: an enrolment is over.
func ended(_ *audit.Entry, s *signal) bool {
	s.ends, s.compliant = true, no
	return true
}

// wiped: sessions end with the order, and do not wait for the phone. It says
// nothing of compliance: an order may be cancelled, and no entry would then say
// that the phone is compliant again.
func wiped(_ *audit.Entry, s *signal) bool {
	s.ends = true
	return true
}

// joined reads whether an earlier enrolment was cut short. Until the new one
// reports, it is not compliant. An entry of an enrolment names no certificate.
func joined(e *audit.Entry, s *signal) bool {
	s.change, s.serial = "create", e.Credential
	s.compliant = no
	s.ends = strings.Contains(e.Detail, ", cut epoch ")
	s.enrolled = e.Action == "enroll.join"
	return true
}

// renewed reads "epoch N, certificate SERIAL".
func renewed(e *audit.Entry, s *signal) bool {
	s.change, s.serial = "update", serial(e)
	return true
}

// serial gives the number that a detail ends with.
func serial(e *audit.Entry) string {
	if _, number, ok := strings.Cut(e.Detail, "certificate "); ok && hexadecimal(number) {
		return number
	}
	return ""
}

func purged(_ *audit.Entry, s *signal) bool {
	s.forget = true
	return true
}

// appEnded reads "epoch N: REASON[, DETAIL]".
func appEnded(e *audit.Entry, s *signal) bool {
	_, reason, _ := strings.Cut(e.Detail, ": ")
	reason, _, _ = strings.Cut(reason, ", ")
	switch reason {
	case "signed-out":
		s.by = byUser
	case "self-wiped":
		s.by = byPolicy
	}
	s.ends, s.compliant = true, no
	return true
}

// issued reads "ALIAS for device ID, epoch N".
func issued(e *audit.Entry, s *signal) bool {
	s.serial = strings.TrimPrefix(e.Target, "certificate/")
	_, whose, _ := strings.Cut(e.Detail, " for device ")
	name, _, _ := strings.Cut(whose, ", epoch ")
	id, err := device.ParseID(name)
	if err != nil || !hexadecimal(s.serial) {
		return false
	}
	s.device, s.change = id, "create"
	return true
}

// revoked names a certificate, and not whose it is.
func revoked(e *audit.Entry, s *signal) bool {
	s.serial = strings.TrimPrefix(e.Target, "certificate/")
	s.change = "revoke"
	return hexadecimal(s.serial)
}

func hexadecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}
