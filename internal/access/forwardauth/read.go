package forwardauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"ringfence/internal/access"
	"ringfence/internal/access/clientcert"
	"ringfence/internal/fault"
)

// Bounds of what is read, in octets.
const (
	maxHeaders   = 64 << 10 // of all headers together: a browser's cookies are among them
	maxAssertion = 8 << 10
	maxURL       = 8 << 10
)

// The headers of requests that are this room's own.
const (
	headerUser      = "X-Ringfence-User"
	headerMFA       = "X-Ringfence-Mfa"
	headerAssertion = "X-Ringfence-Assertion"
)

// read makes a question of what the proxy says.
func (d *Door) read(r *http.Request, s settings) (access.Question, *refusal) {
	q := access.Question{SignIn: access.SignIn{App: s.app, Client: s.client}}
	size := 0
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	if size > maxHeaders {
		return q, refuse(ReasonRequest, "the headers have more than %d octets", maxHeaders)
	}
	user, refused := one(r.Header, headerUser, maxName)
	if refused != nil {
		return q, refused
	}
	if user != "" && !plain(user, maxName) {
		return q, refuse(ReasonRequest, "%s is no name of a person", headerUser)
	}
	mfa, refused := one(r.Header, headerMFA, maxName)
	if refused != nil {
		return q, refused
	}
	if q.SignIn.Address, refused = address(r.Header); refused != nil {
		return q, refused
	}
	if q.SignIn.Request, refused = target(r, s); refused != nil {
		return q, refused
	}
	q.SignIn.MFA = mfa == "true"
	q.SignIn.Person.Name = strings.ToLower(user)
	refused = d.identify(r, s, &q)
	return q, refused
}

// identify says which phone and which registration it is.
func (d *Door) identify(r *http.Request, s settings, q *access.Question) *refusal {
	holder, thumbprint, refused := d.byCertificate(r, s.form)
	if refused != nil {
		return refused
	}
	q.SignIn.CertificateBound = thumbprint != ""
	token, refused := one(r.Header, headerAssertion, maxAssertion)
	if refused != nil {
		return refused
	}
	if token != "" {
		if holder, refused = d.byAssertion(r.Context(), s, token, bound{holder, thumbprint}); refused != nil {
			return refused
		}
	}
	q.Device, q.Registration = holder.Device, holder.Registration
	owner := strings.ToLower(holder.User)
	switch name := q.SignIn.Person.Name; {
	case name == "":
		q.SignIn.Person.Name = owner
	case owner != "" && owner != name:
		return refuse(ReasonPerson, "the certificate or the assertion is another person's")
	}
	return nil
}

// byCertificate gives the holder of the client's certificate and its thumbprint,
// which is empty where there is none.
func (d *Door) byCertificate(r *http.Request, form clientcert.Form) (Holder, string, *refusal) {
	der, err := clientcert.Parse(r.Header, form)
	if errors.Is(err, clientcert.ErrNone) {
		return Holder{}, "", nil
	}
	if err != nil {
		return Holder{}, "", &refusal{ReasonCertificateHeader, err}
	}
	holder, err := d.c.Phones.Identify(r.Context(), der)
	if err == nil && holder.Device == "" && holder.Registration == "" {
		err = errors.New("a certificate is held by nobody")
	}
	if err != nil {
		return Holder{}, "", doubt(ReasonCertificate, err)
	}
	sum := sha256.Sum256(der)
	return holder, base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// bound is what the certificate says.
type bound struct {
	holder     Holder
	thumbprint string
}

// byAssertion gives the holder of an assertion. A certificate that came with it
// must be the one it is bound to.
func (d *Door) byAssertion(ctx context.Context, s settings, token string, by bound) (Holder, *refusal) {
	if d.c.Assertions == nil {
		return Holder{}, refuse(ReasonAssertion, "assertions are not taken here")
	}
	holder, thumbprint, err := d.c.Assertions.VerifyAssertion(ctx, token)
	if err == nil && holder.Device == "" && holder.Registration == "" {
		err = errors.New("an assertion is held by nobody")
	}
	if err != nil {
		return Holder{}, doubt(ReasonAssertion, err)
	}
	switch {
	case by.thumbprint == "" && !s.bearer:
		return Holder{}, refuse(ReasonUnbound, "the assertion came without a certificate")
	case by.thumbprint == "":
		return holder, nil
	case subtle.ConstantTimeCompare([]byte(thumbprint), []byte(by.thumbprint)) != 1,
		holder.Device != by.holder.Device, holder.Registration != by.holder.Registration:
		return Holder{}, refuse(ReasonAssertion, "the assertion is bound to another certificate")
	}
	return by.holder, nil
}

// doubt tells what does not count from what could not be looked up.
func doubt(reason Reason, err error) *refusal {
	switch fault.KindOf(err) {
	case fault.Denied, fault.NotFound, fault.Invalid, fault.Refused:
		return &refusal{reason, err}
	default:
		return &refusal{ReasonUnavailable, err}
	}
}

// one gives the one value of a header, empty where there is none.
func one(h http.Header, name string, most int) (string, *refusal) {
	switch values := h[name]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", refuse(ReasonRequest, "%s is there twice", name)
	case len(values[0]) > most:
		return "", refuse(ReasonRequest, "%s has more than %d octets", name, most)
	default:
		return values[0], nil
	}
}

// address gives the person's address: the last one in X-Forwarded-For is what the
// proxy saw, whatever its client wrote before it. If the proxy says X-Real-IP too,
// it must say the same.
func address(h http.Header) (netip.Addr, *refusal) {
	var found netip.Addr
	if values := h["X-Forwarded-For"]; strings.Join(values, ",") != "" {
		last := values[len(values)-1]
		addr, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
		if err != nil || addr.Zone() != "" {
			return found, refuse(ReasonRequest, "X-Forwarded-For does not end with an address")
		}
		found = addr.Unmap()
	}
	alone, refused := one(h, "X-Real-Ip", maxName)
	if refused != nil || alone == "" {
		return found, refused
	}
	addr, err := netip.ParseAddr(alone)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, refuse(ReasonRequest, "X-Real-IP is no address")
	}
	if addr = addr.Unmap(); found.IsValid() && found != addr {
		return netip.Addr{}, refuse(ReasonRequest, "X-Forwarded-For and X-Real-IP do not say the same")
	}
	return addr, nil
}

// target is what the person asked the proxy for, which custom conditions may look
// at: nil where the proxy does not say. The query is left out: it may be secret.
func target(r *http.Request, s settings) (*access.Request, *refusal) {
	said := map[string]string{}
	for name, most := range map[string]int{
		"X-Forwarded-Method": maxName, "X-Forwarded-Host": maxName, "X-Forwarded-Uri": maxURL, "X-Original-Url": maxURL,
	} {
		value, refused := one(r.Header, name, most)
		if refused != nil {
			return nil, refused
		}
		said[name] = value
	}
	method, host, uri := cmp.Or(said["X-Forwarded-Method"], r.Method), said["X-Forwarded-Host"], said["X-Forwarded-Uri"]
	if s.uri != "" {
		method, host, uri = r.Method, r.Host, s.uri
	} else if original := said["X-Original-Url"]; original != "" {
		if uri != "" {
			return nil, refuse(ReasonRequest, "X-Forwarded-Uri and X-Original-URL are both there")
		}
		uri = original
	}
	if uri == "" {
		return nil, nil
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil || len(uri) > maxURL {
		return nil, refuse(ReasonRequest, "what was asked for is no URL, or too long")
	}
	host = strings.ToLower(cmp.Or(u.Host, host))
	if !plain(method, 32) || host != "" && !plain(host, maxName) {
		return nil, refuse(ReasonRequest, "the method or the host that was asked for cannot be read")
	}
	return requestOf(method, host, u.Path), nil
}

func requestOf(method, host, path string) *access.Request {
	return &access.Request{
		Action: method, ResourceType: "url", ResourceID: host + path,
		Resource: map[string]any{"host": host, "path": path},
	}
}
