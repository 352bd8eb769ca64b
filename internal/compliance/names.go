package compliance

import (
	"crypto/x509/pkix"
	"net/url"

	"ringfence/internal/fault"
)

// names are what a certificate calls a device.
type names struct {
	subject pkix.Name
	dns     []string
	emails  []string
	uris    []*url.URL
}

// nameTemplate is one template of a profile, and what its result must be.
type nameTemplate struct {
	field string
	list  []string
	quote func(string) string
	valid func(string) bool
	take  func(string)
}

// names fills the profile's templates in. fieldPrefix is how complaints name
// the profile. Errors are ErrTemplateEmpty, ErrTemplateInvalid (the result is
// no valid name), or Invalid (the template itself is wrong).
func (c CertificateProfile) names(v Values, fieldPrefix string) (names, error) {
	var n names
	for _, t := range c.templates(&n) {
		for _, template := range t.list {
			text, err := expand(template, v, t.quote)
			if err == nil && !t.valid(text) {
				err = fault.New(fault.Refused, ReasonTemplateInvalid, "%s: %q is not a valid name", t.field, text)
			}
			if fault.KindOf(err) == fault.Invalid {
				return names{}, fault.InvalidField(fieldPrefix+t.field, "%v", err)
			}
			if err != nil {
				return names{}, err
			}
			t.take(text)
		}
	}
	return n, nil
}

func (c CertificateProfile) templates(n *names) []nameTemplate {
	organization := []string{c.Organization}
	if c.Organization == "" {
		organization = nil
	}
	return []nameTemplate{
		{"common_name", []string{c.CommonName}, nil, plainText, func(s string) { n.subject.CommonName = s }},
		{"organization", organization, nil, plainText, func(s string) { n.subject.Organization = []string{s} }},
		{"san_dns_names", c.SANDNSNames, nil, dnsName, func(s string) { n.dns = append(n.dns, s) }},
		{"san_email_addresses", c.SANEmailAddresses, nil, emailAddress, func(s string) { n.emails = append(n.emails, s) }},
		{"san_uris", c.SANURIs, url.PathEscape, absoluteURI, func(s string) {
			if u, err := url.Parse(s); err == nil { // absoluteURI has looked
				n.uris = append(n.uris, u)
			}
		}},
	}
}

// absoluteURI reports whether s is fit for a subject alternative name (RFC
// 5280, 4.2.1.6): ASCII, with a scheme and something behind it, and the same
// when written again.
func absoluteURI(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.User != nil || u.String() != s {
		return false
	}
	if u.Host != "" {
		return u.Hostname() != ""
	}
	return u.Opaque != "" || len(u.Path) > 1
}
