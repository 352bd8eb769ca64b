package clientcert_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"testing"

	"ringfence/internal/access/clientcert"
	"ringfence/internal/fault"
)

// FuzzParse: whatever is there, what is taken for a certificate is one, is not
// taken when it is there twice or when another form is beside it, and every other
// answer is ErrNone or an Invalid fault.
func FuzzParse(f *testing.F) {
	names := clientcert.Headers()
	for _, s := range spellings(made().leaf) {
		for i, name := range names {
			if v := s.h.Get(name); v != "" {
				f.Add(uint8(s.form), uint8(i), v, "SUCCESS")
			}
		}
	}
	f.Add(uint8(2), uint8(2), `By=a;Hash=00;Subject="\"";URI=b;DNS=c,Cert="%2"`, "NONE")
	f.Fuzz(func(t *testing.T, form, name uint8, value, word string) {
		field := names[int(name)%len(names)]
		h := http.Header{field: {value}}
		if clientcert.Form(form) == clientcert.Nginx {
			h["X-Ssl-Client-Verify"] = []string{word}
		}
		der, err := clientcert.Parse(h, clientcert.Form(form))
		if err != nil {
			if der != nil || !errors.Is(err, clientcert.ErrNone) && fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%d octets, %v", len(der), err)
			}
			return
		}
		if _, err := x509.ParseCertificate(der); err != nil {
			t.Fatalf("what was taken is no certificate: %v", err)
		}
		h[field] = append(h[field], value)
		if _, err := clientcert.Parse(h, clientcert.Form(form)); err == nil {
			t.Fatal("two are taken, too")
		}
		h[field] = h[field][:1]
		for _, other := range []clientcert.Form{clientcert.NoForm, clientcert.RFC9440, clientcert.XFCC, clientcert.Nginx, clientcert.Traefik} {
			if _, err := clientcert.Parse(h, other); err == nil && other != clientcert.Form(form) {
				t.Fatalf("is taken as %v and as %v", clientcert.Form(form), other)
			}
		}
	})
}

// FuzzParseXFCC: an element is taken apart in one way.
func FuzzParseXFCC(f *testing.F) {
	f.Add(`By=a;Hash=` + hash(made().leaf) + `;Cert="` + envoys(made().leaf) + `";Subject="CN=\"a,b;c\"";URI=b;DNS=c;DNS=d`)
	f.Add(`Subject="a\\";DNS="b"`)
	f.Add(`Subject=a,Subject=b`)
	f.Fuzz(func(t *testing.T, value string) {
		p, err := clientcert.ParseXFCC(value)
		if err != nil {
			if p.DER != nil || p.Hash != "" || !errors.Is(err, clientcert.ErrNone) && fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		if p.DER != nil && p.Hash != "" && p.Hash != hash(p.DER) {
			t.Fatal("the hash is that of another certificate")
		}
		if _, err := clientcert.ParseXFCC(value + "," + value); err == nil {
			t.Fatal("two elements are taken for one")
		}
	})
}
