package compliance

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/fault"
)

// Values are what templates may use of a device.
type Values struct {
	DeviceID, DeviceGroup, User string
}

// ValuesOf gives the values of a device.
func ValuesOf(d Device) Values {
	return Values{DeviceID: string(d.ID), DeviceGroup: d.Group, User: d.User}
}

// placeholder gives the value behind a placeholder; known is false for a name
// that means nothing.
func (v Values) placeholder(name string) (value string, known bool) {
	switch name {
	case "device.id":
		return v.DeviceID, true
	case "device.group":
		return v.DeviceGroup, true
	case "user":
		return v.User, true
	default:
		return "", false
	}
}

// expand fills a template in. Values are put in once and never looked at
// again, so that a value cannot hold a placeholder; quote makes a value safe
// for where it is put (nil: as it is). Errors are ErrTemplateEmpty, or an
// Invalid fault for what no value can cure.
func expand(template string, v Values, quote func(string) string) (string, error) {
	var b strings.Builder
	for rest := template; ; {
		text, after, found := strings.Cut(rest, "{{")
		if strings.Contains(text, "}}") {
			return "", fault.New(fault.Invalid, "", `has a "}}" without "{{"`)
		}
		b.WriteString(text)
		if !found {
			return b.String(), nil
		}
		name, tail, closed := strings.Cut(after, "}}")
		if !closed {
			return "", fault.New(fault.Invalid, "", `has a "{{" without "}}"`)
		}
		value, known := v.placeholder(name)
		switch {
		case !known:
			return "", fault.New(fault.Invalid, "",
				"has the unknown placeholder %q: use {{device.id}}, {{device.group}} or {{user}}", name)
		case value == "":
			return "", fault.New(fault.Refused, ReasonTemplateEmpty, "{{%s}} is needed, and this device has none", name)
		}
		if quote != nil {
			value = quote(value)
		}
		b.WriteString(value)
		rest = tail
	}
}

// plainText reports whether s is fit for a name in a certificate: valid, not
// blank at the ends, and without control or formatting characters.
func plainText(s string) bool {
	if s == "" || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError
	})
}

// dnsName reports whether s is a host name: letters, digits and inner hyphens
// in labels of at most 63, 253 in all. No wildcard: a phone is one host.
func dnsName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool { return !alphanumeric(r) && r != '-' }) {
			return false
		}
	}
	return true
}

// emailAddress reports whether s is a plain address (RFC 5321 without quoted
// local parts, comments or literals).
func emailAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if !found || local == "" || len(local) > 64 || len(s) > 254 || !dnsName(domain) {
		return false
	}
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return false
	}
	return !strings.ContainsFunc(local, func(r rune) bool {
		return !alphanumeric(r) && !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r)
	})
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
