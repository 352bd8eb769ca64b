package clientcert_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access/clientcert"
	"ringfence/internal/fault"
)

func TestNone(t *testing.T) {
	for name, tt := range map[string]struct {
		form clientcert.Form
		h    http.Header
	}{
		"no form":                 {clientcert.NoForm, header("Accept: text/html")},
		"a form that is not one":  {clientcert.Form(99), header()},
		"rfc9440":                 {clientcert.RFC9440, header()},
		"rfc9440, empty":          {clientcert.RFC9440, header("Client-Cert: ::")},
		"rfc9440, empty header":   {clientcert.RFC9440, header("Client-Cert: ")},
		"xfcc":                    {clientcert.XFCC, header()},
		"nginx":                   {clientcert.Nginx, header(verifyNone)},
		"nginx, an empty header":  {clientcert.Nginx, header("X-SSL-Client-Cert: ", verifyNone)},
		"nginx, nothing at all":   {clientcert.Nginx, header()},
		"traefik":                 {clientcert.Traefik, header()},
		"traefik, info of nobody": {clientcert.Traefik, header("X-Forwarded-Tls-Client-Cert-Info: ")},
	} {
		if der, err := clientcert.Parse(tt.h, tt.form); !errors.Is(err, clientcert.ErrNone) || der != nil {
			t.Errorf("%s: %d octets, %v, want ErrNone", name, len(der), err)
		}
	}
}

// refused checks that a header is not believed.
func refused(t *testing.T, name string, h http.Header, form clientcert.Form) {
	t.Helper()
	der, err := clientcert.Parse(h, form)
	switch {
	case err == nil || errors.Is(err, clientcert.ErrNone) || fault.KindOf(err) != fault.Invalid:
		t.Errorf("%s: %v, want an Invalid fault", name, err)
	case der != nil:
		t.Errorf("%s: a certificate with an error", name)
	case len(err.Error()) > 200:
		t.Errorf("%s: the error repeats what was sent", name)
	}
}

func TestRefused(t *testing.T) {
	leaf, issuer, stranger := made().leaf, made().issuer, made().stranger
	good := b64(leaf)
	xfcc := `Cert="` + envoys(leaf) + `"`
	values := map[clientcert.Form]map[string]string{
		clientcert.RFC9440: {
			"two, as a list": ":" + good + ":, :" + b64(stranger) + ":", "parameters": ":" + good + ":;a=1", "no colons": good,
			"one colon": ":", "a string": `"` + good + `"`, "encoded newline": ":" + good[:64] + "%0A" + good[64:] + ":",
			"newline": ":" + good[:64] + "\n" + good[64:] + ":", "base64url": ":" + strings.NewReplacer("+", "-", "/", "_").Replace("+/"+good) + ":",
			"trailing data": ":" + b64(append(leaf[:len(leaf):len(leaf)], 0)) + ":", "two in one": ":" + b64(append(leaf[:len(leaf):len(leaf)], issuer...)) + ":",
			"pem": ":" + b64([]byte(pemOf(leaf))) + ":", "no certificate": ":aGVsbG8=:", "no padding": ":aGVsbG8:", "bits in the padding": ":aGVsbG9=:",
			"space": ": " + good + ":",
		},
		clientcert.Nginx: {
			"two": escaped(leaf) + escaped(stranger), "not escaped": pemOf(leaf), "tabs": strings.ReplaceAll(pemOf(leaf), "\n", "\n\t"),
			"twice escaped": url.QueryEscape(escaped(leaf)), "half an escape": escaped(leaf) + "%", "text before": "a%0A" + escaped(leaf),
			"text behind": escaped(leaf) + "a", "another line end": strings.ReplaceAll(escaped(leaf), "%0A", "%0D%0A"),
			"one more line end": escaped(leaf) + "%0A", "long lines": "-----BEGIN%20CERTIFICATE-----%0A" + url.QueryEscape(good) + "%0A-----END%20CERTIFICATE-----%0A",
			"a header in it": strings.Replace(escaped(leaf), "-----%0A", "-----%0AA%3A%20b%0A%0A", 1), "a key": strings.ReplaceAll(escaped(leaf), "CERTIFICATE", "PRIVATE%20KEY"),
			"base64": good, "null": escaped(leaf) + "%00", "(null)": "(null)", "no certificate": "-----BEGIN%20CERTIFICATE-----%0AaGVsbG8%3D%0A-----END%20CERTIFICATE-----%0A",
		},
		clientcert.XFCC: {
			"two proxies": xfcc + "," + xfcc, "two proxies, the first another": "Hash=" + hash(stranger) + "," + xfcc, "two certificates": xfcc + ";" + xfcc,
			"two certificates in one": `Cert="` + envoys(leaf) + envoys(stranger) + `"`, "unknown key": xfcc + ";Foo=bar", "another hash": "Hash=" + hash(stranger) + ";" + xfcc,
			"two hashes": "Hash=" + hash(leaf) + ";Hash=" + hash(leaf) + ";" + xfcc, "a hash that is none": "Hash=abc;" + xfcc, "hash alone": "Hash=" + hash(leaf),
			"chain alone": `Chain="` + envoys(leaf) + `"`, "no end": xfcc + ";", "no value": xfcc + ";Subject", "open": `Cert="` + envoys(leaf), "text behind the quotes": xfcc + "a",
			"an escaped end": `Cert="` + envoys(leaf) + `\"`, "a space": xfcc + "; Subject=a", "a list of nothing": ",", "a hidden second": `Subject="a";` + xfcc + `;subject="b"`,
			"newline": xfcc + ";Subject=\"a\nb\"", "many names": xfcc + strings.Repeat(";DNS=a", 33), "not quoted, with =": "Cert=" + pemOf(leaf), "empty": `Cert=""`,
		},
		clientcert.Traefik: {
			"a stranger behind": good + "," + b64(stranger), "a stranger before": b64(stranger) + "," + good, "twice": good + "," + good, "reversed": b64(issuer) + "," + good,
			"too many": good + strings.Repeat(","+b64(issuer), 4), "empty at the end": good + ",", "empty first": "," + good, "encoded newline": good[:64] + "%0A" + good[64:],
			"a space": good + ", " + b64(issuer), "twice escaped": url.QueryEscape(url.QueryEscape(good + "=")), "two in pem": escaped(leaf) + "%2C" + escaped(issuer),
			"escaped comma and a stranger": good + "%2C" + b64(stranger), "rfc9440": ":" + good + ":",
		},
	}
	for form, all := range values {
		name := clientcert.Headers()[map[clientcert.Form]int{clientcert.RFC9440: 0, clientcert.XFCC: 2, clientcert.Nginx: 3, clientcert.Traefik: 5}[form]]
		for what, value := range all {
			h := http.Header{name: {value}}
			if form == clientcert.Nginx {
				h.Set("X-SSL-Client-Verify", "SUCCESS")
			}
			refused(t, form.String()+", "+what, h, form)
		}
	}
}

// TestSmuggled: for each way to write a certificate, what a client could add.
func TestSmuggled(t *testing.T) {
	mine := spellings(made().leaf)
	for name, s := range mine {
		for other, o := range spellings(made().stranger) {
			both := s.h.Clone()
			for field, values := range o.h {
				both[field] = append(both[field], values...)
			}
			if o.form == s.form && (other == "traefik, chain" || name == "traefik, chain") && len(both["X-Forwarded-Tls-Client-Cert"]) < 2 {
				continue
			}
			refused(t, name+" beside "+other, both, s.form)
		}
		for _, field := range clientcert.Headers() {
			if _, mine := s.h[field]; mine {
				twice := s.h.Clone()
				twice[field] = append(twice[field], "")
				if field != "Client-Cert-Chain" && !strings.HasSuffix(field, "-Info") {
					refused(t, name+" with a second, empty "+field, twice, s.form)
				}
				continue
			}
			if strings.HasPrefix(field, "Client-Cert") && s.form == clientcert.RFC9440 || strings.HasPrefix(field, "X-Forwarded-Tls") && s.form == clientcert.Traefik {
				continue
			}
			more := s.h.Clone()
			more[field] = []string{""}
			refused(t, name+" with an empty "+field, more, s.form)
		}
		refused(t, name+" where none is expected", s.h, clientcert.NoForm)
		long := s.h.Clone()
		for field := range long {
			if !strings.HasSuffix(field, "-Info") && field != "Client-Cert-Chain" {
				long[field] = []string{strings.Repeat("A", 16<<10+1)}
			}
		}
		refused(t, name+", too long", long, s.form)
	}
}

func TestWordOfNginx(t *testing.T) {
	cert := "X-SSL-Client-Cert: " + escaped(made().leaf)
	for name, h := range map[string]http.Header{
		"no word": header(cert), "none": header(cert, verifyNone), "failed": header(cert, "X-SSL-Client-Verify: FAILED:certificate has expired"),
		"small": header(cert, "X-SSL-Client-Verify: success"), "two words": header(cert, verifyOK, verifyOK), "no certificate": header(verifyOK),
		"failed without": header("X-SSL-Client-Verify: FAILED"), "a word and more": header(cert, "X-SSL-Client-Verify: SUCCESS, FAILED"),
	} {
		refused(t, name, h, clientcert.Nginx)
	}
}

func TestParseXFCC(t *testing.T) {
	leaf := made().leaf
	got, err := clientcert.ParseXFCC(`By=spiffe://a;hash=` + strings.ToUpper(hash(leaf)) + `;Cert="` + envoys(leaf) + `";Chain="x";Subject="CN=\"a\\b\",O=c;d";URI=spiffe://b;DNS=x;DNS=y`)
	want := clientcert.Peer{
		DER: leaf, Hash: hash(leaf), Subject: `CN="a\\b",O=c;d`,
		By: []string{"spiffe://a"}, URI: []string{"spiffe://b"}, DNS: []string{"x", "y"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := clientcert.ParseXFCC(""); !errors.Is(err, clientcert.ErrNone) {
		t.Errorf("nothing: %v", err)
	}
	if got, err := clientcert.ParseXFCC("Hash=" + hash(leaf)); err != nil || got.DER != nil || got.Hash != hash(leaf) {
		t.Errorf("a hash alone: %+v, %v", got, err)
	}
}

func TestParseForm(t *testing.T) {
	for _, f := range []clientcert.Form{clientcert.NoForm, clientcert.RFC9440, clientcert.XFCC, clientcert.Nginx, clientcert.Traefik} {
		if got, err := clientcert.ParseForm(f.String()); got != f || err != nil {
			t.Errorf("ParseForm(%q) = %v, %v", f, got, err)
		}
	}
	if got, err := clientcert.ParseForm(""); got != clientcert.NoForm || err != nil {
		t.Errorf("the empty form is %v, %v", got, err)
	}
	if _, err := clientcert.ParseForm("Nginx"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an unknown form: %v", err)
	}
	if got := clientcert.Form(99).String(); got != "none" {
		t.Errorf("a form that is not one is %q", got)
	}
}
