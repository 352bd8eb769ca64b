package extauthz_test

import (
	"encoding/pem"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/access"
	"ringfence/internal/access/extauthz"
	"ringfence/internal/fault"
)

var toMail = map[string]string{"app": "mail"}

// headersOf gives headers by name. Each must take the place of the client's.
func headersOf(t testing.TB, options []*corev3.HeaderValueOption) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range options {
		name := o.GetHeader().GetKey()
		if _, twice := all[name]; twice || o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s is there twice, or added to what the client sent", name)
		}
		all[name] = o.GetHeader().GetValue()
	}
	return all
}

func TestAllowed(t *testing.T) {
	w := newWorld(t, access.CompliantDevice, access.CertificateBound)
	r := check(t, dial(t, extauthz.Config{Decider: w, Phones: w}), asked{
		route: toMail, certificate: escaped(made().phone),
		headers: map[string]string{
			"x-ringfence-device": "phone-9999", "x-ringfence-registration": "forged", "X-Ringfence-Admin": "yes", "x_ringfence_user": "boss",
			":authority": "mail", "accept": "*/*",
		},
	})
	ok := r.GetOkResponse()
	set := headersOf(t, ok.GetHeaders())
	if diff := cmp.Diff(map[string]string{
		"x-ringfence-decision": "allow", "x-ringfence-device": "phone-0001", "x-ringfence-user": ada,
		"x-ringfence-session": "limited,no-download",
	}, set); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x-ringfence-admin", "x-ringfence-reason", "x-ringfence-registration", "x_ringfence_user"}, ok.GetHeadersToRemove()); diff != "" {
		t.Errorf("headers to remove (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"decision": "allow", "device": "phone-0001", "user": ada, "cached_until": "2026-11-22T09:01:00Z",
		"session":  []any{"limited", "no-download"},
		"versions": map[string]any{"policies": "7", "device": "3", "device_epoch": "2", "compliance": "12"},
	}, r.GetDynamicMetadata().AsMap()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	q := w.asked[0]
	if q.Device != phone || q.SignIn.App != "mail" || !q.SignIn.CertificateBound || q.SignIn.Address != netip.MustParseAddr("192.0.2.1") ||
		q.SignIn.Request.Action != http.MethodGet {
		t.Errorf("asked %+v", q)
	}
}

func TestDenied(t *testing.T) {
	w := newWorld(t, access.CompliantDevice)
	w.unfit()
	client := dial(t, extauthz.Config{Decider: w, Phones: w})
	r := check(t, client, asked{route: toMail, certificate: escaped(made().phone)})
	denied := r.GetDeniedResponse()
	if denied.GetStatus().GetCode() != 403 || codes.Code(r.GetStatus().GetCode()) != codes.PermissionDenied {
		t.Errorf("got %v, %v", denied.GetStatus(), r.GetStatus())
	}
	if want := "Needed: a phone that meets your organisation's rules and has reported in lately. Choose a PIN of 6 digits.\n"; denied.GetBody() != want {
		t.Errorf("the body is %q", denied.GetBody())
	}
	if diff := cmp.Diff(map[string]string{
		"content-type": "text/plain; charset=utf-8", "cache-control": "no-store",
		"x-ringfence-decision": "allow-with", "x-ringfence-reason": "compliant-device: unfit",
	}, headersOf(t, denied.GetHeaders())); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"decision": "allow-with", "device": "phone-0001", "user": ada, "cached_until": "2026-11-22T09:01:00Z",
		"reason": "compliant-device: unfit", "policies": []any{"mail"}, "owed": []any{"compliant-device"},
		"session":  []any{"limited", "no-download"},
		"versions": map[string]any{"policies": "7", "device": "3", "device_epoch": "2", "compliance": "12"},
	}, r.GetDynamicMetadata().AsMap()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	for _, host := range []string{"crm.example.com", "CRM.example.com:443", "crm.example.com.", "crm.example.com.:8443"} {
		r := check(t, client, asked{host: host, certificate: escaped(made().phone)})
		if got := headersOf(t, r.GetDeniedResponse().GetHeaders())["x-ringfence-reason"]; got != "blocked" {
			t.Errorf("%s: got %v", host, r)
		}
	}
}

// TestStepUp: a second factor is asked for in the way that the route wants.
func TestStepUp(t *testing.T) {
	for _, test := range []struct {
		controls []access.Control
		owed     string
		want     int32
	}{
		{[]access.Control{access.MFA}, "", 403},
		{[]access.Control{access.MFA}, "401", 401},
		{[]access.Control{access.MFA, access.ManagedDevice}, "401", 403},
		{[]access.Control{access.ManagedDevice}, "401", 403},
	} {
		w := newWorld(t, test.controls...)
		client := dial(t, extauthz.Config{Decider: w, Phones: w})
		r := check(t, client, asked{route: map[string]string{"app": "mail", "owed": test.owed, "user": "eve"}})
		challenge := headersOf(t, r.GetDeniedResponse().GetHeaders())["www-authenticate"]
		if int32(r.GetDeniedResponse().GetStatus().GetCode()) != test.want || (challenge != "") != (test.want == 401) {
			t.Errorf("%v, owed %q: got %v", test.controls, test.owed, r)
		}
	}
}

func claims(name string, amr ...any) *corev3.Metadata {
	s, err := structpb.NewStruct(map[string]any{"claims": map[string]any{"email": name, "amr": amr}})
	if err != nil {
		panic(err)
	}
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"jwt": s}}
}

// TestWho: the person comes from those who know, and never from the client.
func TestWho(t *testing.T) {
	w := newWorld(t, access.MFA)
	client := dial(t, extauthz.Config{
		Decider: w, Phones: w, User: []string{"jwt", "claims", "email"}, MFA: []string{"jwt", "claims", "amr"},
	})
	forged := map[string]string{"x-ringfence-user": "boss", "x-forwarded-user": "boss", "user": "boss", "authorization": "Basic Ym9zczo="}
	for name, test := range map[string]struct {
		asked
		user, status string
	}{
		"claims":              {asked{metadata: claims("Ada@example.com", "pwd", "mfa")}, ada, ""},
		"claims without mfa":  {asked{metadata: claims("Ada@example.com", "pwd")}, ada, "403"},
		"route":               {asked{route: map[string]string{"user": "Robot"}}, "robot", "403"},
		"claims before route": {asked{route: map[string]string{"user": "robot"}, metadata: claims(ada, "mfa")}, ada, ""},
		"phone":               {asked{certificate: escaped(made().phone)}, "", "403"},
		"nobody":              {asked{}, "-", "401"},
		"odd claims":          {asked{metadata: claims("")}, "-", "401"},
	} {
		w.asked = nil
		test.headers = forged
		if test.route == nil {
			test.route = map[string]string{}
		}
		test.route["app"] = "mail"
		r := check(t, client, test.asked)
		user := "-"
		if len(w.asked) > 0 {
			user = w.asked[0].SignIn.Person.Name
		}
		got := ""
		if d := r.GetDeniedResponse(); d != nil {
			got = map[int32]string{401: "401", 403: "403"}[int32(d.GetStatus().GetCode())]
		}
		if user != test.user || got != test.status {
			t.Errorf("%s: asked about %q, want %q; got %v", name, user, test.user, r)
		}
	}
	// A phone that is not known any more, and nobody else.
	delete(w.facts, phone)
	r := check(t, client, asked{route: map[string]string{"app": "wiki"}, certificate: escaped(made().phone)})
	if r.GetDeniedResponse().GetStatus().GetCode() != 401 {
		t.Errorf("a phone that is gone: got %v", r)
	}
}

// TestCertificate: only what Envoy has verified says whose phone it is.
func TestCertificate(t *testing.T) {
	good := escaped(made().phone)
	plain := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made().phone}))
	for name, test := range map[string]struct {
		asked
		trust bool
		// want is whose it is, or a reason.
		want string
	}{
		"verified":         {asked{certificate: good}, false, "phone-0001"},
		"an app's":         {asked{certificate: escaped(made().app)}, false, "registration-1"},
		"none of ours":     {asked{certificate: escaped(made().stranger)}, false, "certificate"},
		"not escaped":      {asked{certificate: plain}, false, "phone-0001"},
		"broken escape":    {asked{certificate: good + "%zz"}, false, "malformed"},
		"two":              {asked{certificate: good + good}, false, "malformed"},
		"a key":            {asked{certificate: strings.ReplaceAll(good, "CERTIFICATE", "PRIVATE%20KEY")}, false, "malformed"},
		"words before":     {asked{certificate: "x%0A" + good}, false, "malformed"},
		"much":             {asked{certificate: strings.Repeat("A", 20<<10)}, false, "malformed"},
		"none":             {asked{}, false, ""},
		"a header":         {asked{headers: map[string]string{"x-forwarded-client-cert": xfcc(made().phone)}}, false, ""},
		"a trusted header": {asked{headers: map[string]string{"x-forwarded-client-cert": xfcc(made().phone)}}, true, "phone-0001"},
		"a raw header":     {asked{raw: []*corev3.HeaderValue{{Key: "x-forwarded-client-cert", RawValue: []byte(xfcc(made().phone))}}}, true, "phone-0001"},
		"two raw headers": {asked{raw: []*corev3.HeaderValue{
			{Key: "x-forwarded-client-cert", RawValue: []byte(xfcc(made().phone))},
			{Key: "X-Forwarded-Client-Cert", RawValue: []byte(xfcc(made().stranger))},
		}}, true, "malformed"},
		"merged headers":       {asked{headers: map[string]string{"x-forwarded-client-cert": xfcc(made().stranger) + "," + xfcc(made().phone)}}, true, "malformed"},
		"a hash alone":         {asked{headers: map[string]string{"x-forwarded-client-cert": "Hash=" + strings.Repeat("ab", 32)}}, true, "malformed"},
		"an empty header":      {asked{headers: map[string]string{"x-forwarded-client-cert": ""}}, true, ""},
		"a header and another": {asked{certificate: escaped(made().stranger), headers: map[string]string{"x-forwarded-client-cert": xfcc(made().phone)}}, true, "certificate"},
	} {
		w := newWorld(t)
		test.route = map[string]string{"app": "wiki", "user": ada}
		r := check(t, dial(t, extauthz.Config{Decider: w, Phones: w, TrustXFCC: test.trust}), test.asked)
		got := headersOf(t, r.GetDeniedResponse().GetHeaders())["x-ringfence-reason"]
		if r.GetOkResponse() != nil {
			got = string(w.asked[0].Device + w.asked[0].Registration)
			if w.asked[0].SignIn.CertificateBound != (got != "") {
				t.Errorf("%s: bound is %v", name, w.asked[0].SignIn.CertificateBound)
			}
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q: %v", name, got, test.want, r)
		}
	}
}

// TestTrouble: whatever goes wrong, nobody is let in.
func TestTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		err error
		asked
		code   codes.Code
		status int32
	}{
		"broken":   {fault.New(fault.Internal, "", "the database is on fire"), asked{route: toMail}, codes.Unavailable, 503},
		"denied":   {fault.New(fault.Denied, "", "no"), asked{route: toMail}, codes.PermissionDenied, 403},
		"no host":  {nil, asked{}, codes.PermissionDenied, 403},
		"odd host": {nil, asked{host: "a b"}, codes.PermissionDenied, 403},
		"half":     {nil, asked{host: "[::1:80"}, codes.PermissionDenied, 403},
		"client":   {nil, asked{route: map[string]string{"app": "wiki", "client": "toaster"}}, codes.PermissionDenied, 403},
	} {
		w := newWorld(t)
		w.err = test.err
		test.certificate = escaped(made().phone)
		r := check(t, dial(t, extauthz.Config{Decider: w, Phones: w}), test.asked)
		if codes.Code(r.GetStatus().GetCode()) != test.code || int32(r.GetDeniedResponse().GetStatus().GetCode()) != test.status {
			t.Errorf("%s: got %v", name, r)
		}
		if text := r.String(); strings.Contains(text, "fire") {
			t.Errorf("%s: the answer tells of us: %s", name, text)
		}
	}
	w := newWorld(t)
	if r, err := extauthz.New(extauthz.Config{Decider: w, Phones: w}).Check(t.Context(), nil); err != nil || r.GetOkResponse() != nil {
		t.Errorf("nothing at all: %v, %v", r, err)
	}
}

// FuzzCheck: no request makes the door fail, or opens what is blocked.
func FuzzCheck(f *testing.F) {
	f.Add("crm.example.com", escaped(made().phone), "x-forwarded-client-cert", xfcc(made().phone), ada)
	f.Add("CRM.example.com.:443", "", "x-ringfence-user", "boss", "")
	f.Add("[::1]:80", "%", "", "", "\xff\n")
	w := newWorld(f, access.MFA)
	s := extauthz.New(extauthz.Config{Decider: w, Phones: w, TrustXFCC: true})
	f.Fuzz(func(t *testing.T, host, certificate, name, value, user string) {
		w.asked = nil
		a := asked{host: host, certificate: certificate, headers: map[string]string{name: value}, route: map[string]string{"user": user}}
		for _, app := range []string{"", "MAIL"} {
			a.route["app"] = app
			r, err := s.Check(t.Context(), a.request())
			if err != nil || app != "" && r.GetOkResponse() != nil {
				t.Fatalf("got %v, %v", r, err)
			}
			checkHeaders(t, r)
		}
	})
}

// checkHeaders: no header is set and removed, and none has a line end.
func checkHeaders(t *testing.T, r *authv3.CheckResponse) {
	t.Helper()
	all := append(r.GetOkResponse().GetHeaders(), r.GetDeniedResponse().GetHeaders()...)
	set := headersOf(t, all)
	for _, name := range r.GetOkResponse().GetHeadersToRemove() {
		if _, found := set[name]; found {
			t.Errorf("%s is set and removed", name)
		}
	}
	for name, value := range set {
		if strings.ContainsAny(value, "\r\n\x00") {
			t.Errorf("%s is %q", name, value)
		}
	}
}
