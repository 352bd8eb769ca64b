package clientcert

import (
	"slices"

	"ringfence/internal/fault"
)

// Form is how a proxy passes certificates on. The zero value is no form: no
// certificate is expected.
type Form uint8

// The forms.
const (
	NoForm Form = iota
	RFC9440
	XFCC
	Nginx
	Traefik
)

var formNames = []string{"none", "rfc9440", "xfcc", "nginx", "traefik"}

// String gives the name of the form, "none" for NoForm.
func (f Form) String() string {
	if int(f) < len(formNames) {
		return formNames[f]
	}
	return formNames[NoForm]
}

// ParseForm gives the form of a name; the empty name is that of NoForm. The error
// is an Invalid fault.
func ParseForm(name string) (Form, error) {
	if name == "" {
		return NoForm, nil
	}
	for f := NoForm; int(f) < len(formNames); f++ {
		if f.String() == name {
			return f, nil
		}
	}
	return NoForm, fault.InvalidField("cert", "must be one of rfc9440, xfcc, nginx, traefik")
}

// The headers, in the spelling of package net/http.
const (
	headerRFC9440 = "Client-Cert"
	headerChain   = "Client-Cert-Chain"
	headerXFCC    = "X-Forwarded-Client-Cert"
	headerNginx   = "X-Ssl-Client-Cert"
	headerVerify  = "X-Ssl-Client-Verify"
	headerTraefik = "X-Forwarded-Tls-Client-Cert"
	headerInfo    = "X-Forwarded-Tls-Client-Cert-Info"
)

// headers are those of each form. The first has the certificate; what the others
// say beside it is not needed, but for the word of nginx.
var headers = [...][]string{
	NoForm:  nil,
	RFC9440: {headerRFC9440, headerChain},
	XFCC:    {headerXFCC},
	Nginx:   {headerNginx, headerVerify},
	Traefik: {headerTraefik, headerInfo},
}

// Headers gives the names of the headers of all forms. A proxy must drop what its
// clients send of them.
func Headers() []string { return slices.Concat(headers[:]...) }
