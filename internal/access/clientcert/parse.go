package clientcert

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"ringfence/internal/fault"
)

// maxValue is how long the value of a header may be.
const maxValue = 16 << 10

// maxChain is how many certificates Traefik may pass on, the leaf included.
const maxChain = 4

// ErrNone is the error where the proxy says that its client has shown no
// certificate. Any other error is about a header that must not be believed.
var ErrNone = errors.New("the client has shown no certificate")

// Parse gives the certificate that the proxy saw, as DER. The names in h must be
// in the spelling of package net/http. The error is ErrNone or an Invalid fault
// that names the header.
func Parse(h http.Header, form Form) ([]byte, error) {
	if int(form) >= len(headers) {
		form = NoForm
	}
	for other, names := range headers {
		for _, name := range names {
			if _, found := h[name]; found && Form(other) != form {
				return nil, fault.InvalidField(name, "is not the header of the form %s", form)
			}
		}
	}
	if form == NoForm {
		return nil, ErrNone
	}
	value, err := only(h, headers[form][0])
	if err != nil {
		return nil, err
	}
	if form == Nginx {
		if err := verified(h, value != ""); err != nil {
			return nil, err
		}
	}
	if value == "" {
		return nil, ErrNone
	}
	der, err := readers[form](value)
	if problem, ok := errors.AsType[malformed](err); ok {
		return nil, fault.InvalidField(headers[form][0], "%s", string(problem))
	}
	return der, err
}

// readers read a value that is not empty, and short enough.
var readers = [...]func(string) ([]byte, error){
	RFC9440: readBinary,
	XFCC:    readXFCC,
	Nginx:   readEscaped,
	Traefik: readChain,
}

// only gives the one value of a header, empty where there is none.
func only(h http.Header, name string) (string, error) {
	switch values := h[name]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", fault.InvalidField(name, "is there %d times", len(values))
	case len(values[0]) > maxValue:
		return "", fault.InvalidField(name, "has more than %d octets", maxValue)
	default:
		return values[0], nil
	}
}

// verified takes the word of nginx on the certificate: its own header passes on
// certificates that do not hold, too.
func verified(h http.Header, shown bool) error {
	word, err := only(h, headerVerify)
	switch {
	case err != nil:
		return err
	case shown && word == "SUCCESS", !shown && (word == "NONE" || word == ""):
		return nil
	case shown:
		return fault.InvalidField(headerVerify, "is not SUCCESS")
	default:
		return fault.InvalidField(headerVerify, "speaks of a certificate that is not there")
	}
}

// malformed is what is wrong with a value. It never has the value in it.
type malformed string

func (m malformed) Error() string { return string(m) }

const (
	errBase64      = malformed("is no base64 of one certificate")
	errEscape      = malformed("is not escaped as it must be")
	errPEM         = malformed("is not the PEM of one certificate")
	errCertificate = malformed("is no certificate")
	errBinary      = malformed("is no byte sequence of RFC 8941")
	errChain       = malformed("is a list of certificates that did not issue one another")
)

// readBinary reads a byte sequence of RFC 8941, 3.3.5, without parameters. An
// empty one is no certificate: some proxies cannot leave the header out.
func readBinary(value string) ([]byte, error) {
	if value == "::" {
		return nil, ErrNone
	}
	if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {
		return nil, errBinary
	}
	return fromBase64(value[1 : len(value)-1])
}

// fromBase64 reads a certificate in base64. The decoder skips line ends, and a
// second writing of the same certificate is nothing that any proxy makes.
func fromBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errBase64
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errBase64
	}
	return der, wellFormed(der)
}

// wellFormed reports an error where der is not one certificate, and nothing behind
// it.
func wellFormed(der []byte) error {
	if _, err := x509.ParseCertificate(der); err != nil {
		return errCertificate
	}
	return nil
}

// readEscaped reads a certificate in PEM, escaped as in a URL.
func readEscaped(value string) ([]byte, error) {
	text, err := unescape(value)
	if err != nil {
		return nil, err
	}
	return fromPEM(text)
}

// unescape undoes the escapes of a URL, once. A plus is a plus: those who escape
// spaces as that escape the plus, too. What is not escaped must be visible.
func unescape(value string) (string, error) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", errEscape
	}
	text, err := url.PathUnescape(value)
	if err != nil || strings.ContainsRune(text, '%') {
		return "", errEscape
	}
	return text, nil
}

// fromPEM reads one certificate in the one way in which PEM is written: what is
// read must be what would be written, with or without the last line end.
func fromPEM(text string) ([]byte, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return nil, errPEM
	}
	written := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
	if strings.TrimSuffix(text, "\n") != strings.TrimSuffix(string(written), "\n") {
		return nil, errPEM
	}
	return block.Bytes, wellFormed(block.Bytes)
}

// readChain reads what Traefik writes: the base64 of all certificates that the
// client sent, the leaf first; older versions escape it. Others wrote PEM. Each
// certificate must be issued by the next: so a list that somebody has made longer
// is not taken for one.
func readChain(value string) ([]byte, error) {
	text, err := unescape(value)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(text, "-----BEGIN") {
		return fromPEM(text)
	}
	parts := strings.SplitN(text, ",", maxChain+1)
	if len(parts) > maxChain {
		return nil, errChain
	}
	var leaf []byte
	var last *x509.Certificate
	for i, part := range parts {
		der, err := fromBase64(part)
		if err != nil {
			return nil, err
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errCertificate
		}
		if i == 0 {
			leaf = der
		} else if last.CheckSignatureFrom(certificate) != nil {
			return nil, errChain
		}
		last = certificate
	}
	return leaf, nil
}
