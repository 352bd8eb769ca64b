package extauthz_test

import (
	"testing"

	"ringfence/internal/access/extauthz"
)

// TestHost: however a host is written, it is the same app.
func TestHost(t *testing.T) {
	for host, want := range map[string]string{
		"mail.example.com": "mail.example.com", "Mail.Example.com.:8443": "mail.example.com", "mail_1:80": "mail_1",
		"192.0.2.1:443": "192.0.2.1", "[2001:DB8:0::1]:443": "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
		"": "", ".": "", "crm.example.com..": "", ".crm.example.com": "", "crm..example.com": "", "a b": "", "a/b": "", "a:b": "", "a:80:90": "", "[::1:80": "", "user@mail": "", "m\u00e4il": "", "[a": "", "[::1]:x": "", "a\n": "",
	} {
		w := newWorld(t)
		r, err := extauthz.New(extauthz.Config{Decider: w, Phones: w}).Check(t.Context(), asked{host: host, route: map[string]string{"user": ada}}.request())
		got := ""
		if len(w.asked) > 0 {
			got = w.asked[0].SignIn.App
		}
		if got != want || err != nil || (r.GetOkResponse() != nil) != (want != "") {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
	w := newWorld(t)
	route := map[string]string{"user": ada, "app": "Mail"}
	if _, err := extauthz.New(extauthz.Config{Decider: w, Phones: w}).Check(t.Context(), asked{host: "crm.example.com", route: route}.request()); err != nil || w.asked[0].SignIn.App != "Mail" {
		t.Errorf("asked %+v, %v", w.asked, err)
	}
}
