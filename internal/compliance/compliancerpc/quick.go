package compliancerpc

import (
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// QuickCheckIn reports whether m is a CheckInRequest that surely satisfies its
// validation rules. False says nothing: the full check then decides, and finds
// the words. Check-ins are most of what a fleet sends, and the full check takes
// longer than all the rest of one, most of it in regular expressions.
func QuickCheckIn(m proto.Message) bool {
	r, ok := m.(*compliancev1.CheckInRequest)
	if !ok || r.GetObservedAt() == nil || r.GetPosture() == nil || len(r.GetResults()) > 100 {
		return false
	}
	if len(r.GetAppliedRevision()) > 64 || !every(r.GetAppliedRevision(), hexDigit) {
		return false
	}
	for _, s := range r.GetResults() {
		if !quickSetting(s) {
			return false
		}
	}
	return quickPosture(r.GetPosture())
}

func quickSetting(s *compliancev1.SettingResult) bool {
	name := s.GetSetting()
	return len(name) >= 1 && len(name) <= 100 && every(name, settingLetter) &&
		between(s.GetStatus(), compliancev1.ApplyStatus_APPLY_STATUS_APPLIED, compliancev1.ApplyStatus_APPLY_STATUS_UNSUPPORTED) &&
		(len(s.GetDetail()) <= 200 || utf8.RuneCountInString(s.GetDetail()) <= 200)
}

func quickPosture(p *compliancev1.Posture) bool {
	if !dotted(p.GetOsVersion()) || !dateOrNone(p.GetSecurityPatchLevel()) ||
		len(p.GetLocks()) > 2 || len(p.GetClientCertificates()) > 50 || len(p.GetVpns()) > 20 || len(p.GetWorkApps()) > 200 {
		return false
	}
	for _, l := range p.GetLocks() {
		if !between(l.GetScope(), compliancev1.PinScope_PIN_SCOPE_DEVICE, compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE) ||
			!between(l.GetQuality(), 0, lastQuality) || !between(l.GetComplexity(), 0, lastComplexity) || l.GetLength() > 256 {
			return false
		}
	}
	for _, c := range p.GetClientCertificates() {
		if n := len(c.GetSerial()); n < 1 || n > 40 || !every(c.GetSerial(), hexDigit) || !label(c.GetAlias()) || c.GetNotAfter() == nil {
			return false
		}
	}
	for _, v := range p.GetVpns() {
		if !label(v.GetName()) {
			return false
		}
	}
	for _, a := range p.GetWorkApps() {
		if !packageName(a.GetPackage()) || len(a.GetVersion()) > 64 && utf8.RuneCountInString(a.GetVersion()) > 64 {
			return false
		}
	}
	return quickRoots(p.GetTrustedRootSha256())
}

// quickRoots leaves long lists to the full check: looking for doubles pair by
// pair is cheap for a few only.
func quickRoots(roots []string) bool {
	if len(roots) > 16 {
		return false
	}
	for i, root := range roots {
		if len(root) != 64 || !every(root, hexDigit) {
			return false
		}
		for _, before := range roots[:i] {
			if before == root {
				return false
			}
		}
	}
	return true
}

const (
	lastQuality    = compliancev1.PinQuality_PIN_QUALITY_COMPLEX
	lastComplexity = compliancev1.PinComplexity_PIN_COMPLEXITY_HIGH
)

func between[E ~int32](v, first, last E) bool { return v >= first && v <= last }

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func digit(c byte) bool    { return c >= '0' && c <= '9' }
func hexDigit(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' }
func alnum(c byte) bool    { return digit(c) || c >= 'a' && c <= 'z' }

func settingLetter(c byte) bool { return alnum(c) || c == '.' || c == '_' || c == '-' }
func labelLetter(c byte) bool   { return alnum(c) || c == '-' }

// label is a lower-case name with dashes inside.
func label(s string) bool {
	return len(s) >= 1 && len(s) <= 63 && every(s, labelLetter) && s[0] != '-' && s[len(s)-1] != '-'
}

// packageName is two or more words of letters, digits and underscores that begin
// with a letter, with dots between.
func packageName(s string) bool {
	words, begins := 0, true
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		switch {
		case begins && letter:
			words, begins = words+1, false
		case !begins && (letter || digit(c) || c == '_'):
		case !begins && c == '.':
			begins = true
		default:
			return false
		}
	}
	return words >= 2 && !begins && len(s) <= 255
}

// dotted is one to four numbers of one to five digits.
func dotted(s string) bool {
	numbers, digits := 1, 0
	for i := range len(s) {
		switch {
		case digit(s[i]) && digits < 5:
			digits++
		case s[i] == '.' && digits > 0 && numbers < 4:
			numbers, digits = numbers+1, 0
		default:
			return false
		}
	}
	return digits > 0
}

func dateOrNone(s string) bool {
	return s == "" || len(s) == 10 && s[4] == '-' && s[7] == '-' && every(s[:4], digit) && every(s[5:7], digit) && every(s[8:], digit)
}
