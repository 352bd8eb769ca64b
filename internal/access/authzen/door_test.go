package authzen_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/access/authzen"
	"ringfence/internal/fault"
)

const whole = `{"subject":{"type":"user","id":"ada@example.com"},"action":{"name":"read"},"resource":{"type":"app","id":"mail"}}`

func TestMetadata(t *testing.T) {
	c := newCore(t)
	everything := map[string]any{
		"policy_decision_point": base, "access_evaluation_endpoint": base + "/access/v1/evaluation",
		"access_evaluations_endpoint": base + "/access/v1/evaluations",
		"search_resource_endpoint":    base + "/access/v1/search/resource", "search_action_endpoint": base + "/access/v1/search/action",
	}
	get := func(d *authzen.Door) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		d.Metadata().ServeHTTP(w, httptest.NewRequest(http.MethodGet, base+authzen.MetadataPath, nil))
		return w
	}
	if diff := cmp.Diff(everything, answered(t, get(newDoor(t, c)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d, err := authzen.New(authzen.Config{Decider: c, BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	delete(everything, "search_resource_endpoint")
	delete(everything, "search_action_endpoint")
	if diff := cmp.Diff(everything, answered(t, get(d))); diff != "" {
		t.Errorf("without a catalogue (-want +got):\n%s", diff)
	}
	for _, path := range []string{authzen.SearchSubjectPath, authzen.SearchResourcePath, authzen.SearchActionPath} {
		if w := post(d, path, whole); w.Code != http.StatusNotImplemented {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
	for _, url := range []string{"http://a", "https://", "https://a/", "https://a/b", "https://a?b", "https://u@a", "", "https://a#b"} {
		if _, err := authzen.New(authzen.Config{Decider: c, BaseURL: url}); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
}

func TestTransport(t *testing.T) {
	c := newCore(t)
	d := newDoor(t, c)
	long := strings.Repeat(" ", 10<<20)
	for name, test := range map[string]struct {
		body, header string
		want         int
	}{
		"right":              {whole, "Content-Type: application/json; charset=utf-8", 200},
		"text":               {whole, "Content-Type: text/plain", 400},
		"no type":            {whole, "Content-Type: ", 400},
		"almost the type":    {whole, "Content-Type: application/jsonx", 400},
		"ten megabytes":      {whole + long, "Content-Type: application/json", 413},
		"one byte too long":  {whole + long[:1<<20+1-len(whole)], "Content-Type: application/json", 413},
		"as long as may be":  {whole + long[:1<<20-len(whole)], "Content-Type: application/json", 200},
		"deep":               {strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), "", 400},
		"very deep":          {strings.Repeat(`[`, 100_000) + strings.Repeat("]", 100_000), "", 400},
		"a name twice":       {whole[:len(whole)-1] + `,"action":{"name":"write"}}`, "", 400},
		"a name in disguise": {whole[:len(whole)-1] + `,"\u0061ction":{"name":"write"}}`, "", 400},
		"an inner name":      {strings.Replace(whole, `"id":"mail"`, `"id":"mail","id":"crm"`, 1), "", 400},
		"capitals":           {strings.Replace(whole, `"subject"`, `"Subject"`, 1), "", 400},
		"capitals beside":    {whole[:len(whole)-1] + `,"Action":{"name":"write"}}`, "", 200},
		"not UTF-8":          {strings.Replace(whole, "ada", "a\xffda", 1), "", 400},
		"half a character":   {strings.Replace(whole, "ada", `a\ud800da`, 1), "", 400},
		"the other half":     {strings.Replace(whole, "ada", `a\uDC00da`, 1), "", 400},
		"halves turned":      {strings.Replace(whole, "ada", `a\udc00\ud800da`, 1), "", 400},
		"both halves":        {strings.Replace(whole, "ada", `a\ud83d\ude00da`, 1), "", 200},
		"a backslash before": {strings.Replace(whole, "ada", `a\\ud800da`, 1), "", 200},
		"two objects":        {whole + whole, "", 400},
		"an array":           {"[" + whole + "]", "", 400},
		"a large number":     {whole[:len(whole)-1] + `,"context":{"n":1e400}}`, "", 400},
		"null":               {`null`, "", 400},
		"a null subject":     {strings.Replace(whole, `{"type":"user","id":"ada@example.com"}`, "null", 1), "", 400},
		"a null context":     {whole[:len(whole)-1] + `,"context":null}`, "", 400},
		"a long id":          {strings.Replace(whole, "ada", strings.Repeat("a", 600), 1), "", 400},
		"an empty id":        {strings.Replace(whole, "mail", "", 1), "", 400},
		"many properties":    {whole[:len(whole)-1] + `,"context":{` + keys(101) + `}}`, "", 400},
		"a bad address":      {whole[:len(whole)-1] + `,"context":{"ip":"1.2.3"}}`, "", 400},
		"a bad platform":     {whole[:len(whole)-1] + `,"context":{"platform":"amiga"}}`, "", 400},
		"a bad truth":        {whole[:len(whole)-1] + `,"context":{"mfa":"yes"}}`, "", 400},
		"a bad country":      {whole[:len(whole)-1] + `,"context":{"country":"DEU"}}`, "", 400},
		"bad groups":         {strings.Replace(whole, `"user",`, `"user","properties":{"groups":["a",1]},`, 1), "", 400},
	} {
		w := post(d, authzen.EvaluationPath, test.body, test.header, "X-Request-ID: abc \"<1>")
		if test.header == "" {
			w = post(d, authzen.EvaluationPath, test.body, "X-Request-ID: abc \"<1>")
		}
		if w.Code != test.want {
			t.Errorf("%s: got %d, want %d: %.200s", name, w.Code, test.want, w.Body)
		}
		if got := w.Header().Get("X-Request-ID"); got != `abc "<1>` {
			t.Errorf("%s: the request's id came back as %q", name, got)
		}
		if w.Code != 200 && (w.Body.Len() == 0 || w.Body.Len() > 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain")) {
			t.Errorf("%s: got %q: %s", name, w.Header().Get("Content-Type"), w.Body)
		}
	}
	if got := post(d, authzen.EvaluationPath, whole).Header(); got.Get("X-Request-ID") != "" || got.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", got)
	}
	w := httptest.NewRecorder()
	d.API().ServeHTTP(w, httptest.NewRequest(http.MethodGet, base+authzen.EvaluationPath, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

// keys gives that many members of an object.
func keys(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"k%d":%d`, i, i)
	}
	return strings.Join(all, ",")
}

// TestErrors: what cannot be decided is never permitted, and says nothing of us.
func TestErrors(t *testing.T) {
	c := newCore(t)
	d := newDoor(t, c)
	for _, test := range []struct {
		err  error
		want int
		says string
	}{
		{errBroken, 500, "internal error"},
		{fault.New(fault.NotFound, "", "no such thing"), 500, "internal error"},
		{fault.New(fault.Denied, "", "you may not"), 403, "you may not"},
		{fault.InvalidField("person", "is odd"), 400, "person: is odd"},
	} {
		c.err = test.err
		if w := post(d, authzen.EvaluationPath, whole); w.Code != test.want || strings.TrimSpace(w.Body.String()) != test.says {
			t.Errorf("%v: got %d %s", test.err, w.Code, w.Body)
		}
	}
	c.err, c.failFor = errBroken, "bob"
	body := `{"action":{"name":"read"},"resource":{"type":"app","id":"mail"},"evaluations":[
		{"subject":{"type":"user","id":"ada"}},{"subject":{"type":"user","id":"bob"}},{"subject":{"type":"user","id":"eve"}},
		{"subject":{"type":"spaceship","id":"x"}},7]}`
	got := answered(t, post(d, authzen.EvaluationsPath, body))["evaluations"].([]any)
	statuses := make([]any, len(got))
	for i, each := range got {
		one := each.(map[string]any)
		statuses[i] = one["decision"]
		if e, ok := one["context"].(map[string]any)["error"].(map[string]any); ok {
			statuses[i] = e["status"]
		}
	}
	if diff := cmp.Diff([]any{true, 500.0, true, 404.0, 400.0}, statuses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.failFor = ""
	if w := post(d, authzen.SearchActionPath, whole); w.Code != 500 {
		t.Errorf("a search: %d", w.Code)
	}
}

func TestSemantics(t *testing.T) {
	d := newDoor(t, newCore(t, blocking("no-crm", "crm")))
	for _, test := range []struct {
		semantic, apps string
		want           []bool
	}{
		{"", "mail crm mail", []bool{true, false, true}},
		{"execute_all", "mail crm mail", []bool{true, false, true}},
		{"deny_on_first_deny", "mail crm mail", []bool{true, false}},
		{"deny_on_first_deny", "crm mail", []bool{false}},
		{"deny_on_first_deny", "mail mail", []bool{true, true}},
		{"deny_on_first_deny", "mail - mail", []bool{true, false}},
		{"permit_on_first_permit", "mail crm mail", []bool{true}},
		{"permit_on_first_permit", "crm - mail crm", []bool{false, false, true}},
		{"permit_on_first_permit", "crm crm", []bool{false, false}},
	} {
		var items []string
		for _, app := range strings.Fields(test.apps) {
			item := fmt.Sprintf(`{"resource":{"type":"app","id":%q}}`, app)
			if app == "-" {
				item = `{"resource":{"type":"app"}}`
			}
			items = append(items, item)
		}
		options := fmt.Sprintf(`{"evaluations_semantic":%q}`, test.semantic)
		if test.semantic == "" {
			options = `{"other":1}`
		}
		body := `{"subject":{"type":"user","id":"ada"},"action":{"name":"read"},"options":` + options + `,"evaluations":[` + strings.Join(items, ",") + `]}`
		if diff := cmp.Diff(test.want, decisions(t, post(d, authzen.EvaluationsPath, body))); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", test.semantic, test.apps, diff)
		}
	}
	for name, rest := range map[string]string{
		"another semantic": `"options":{"evaluations_semantic":"first_come"},"evaluations":[{}]`,
		"no semantic":      `"options":{"evaluations_semantic":null},"evaluations":[{}]`,
		"other options":    `"options":[],"evaluations":[{}]`,
		"no array":         `"evaluations":{}`,
		"a bad default":    `"context":7,"evaluations":[{}]`,
		"too many":         `"evaluations":[` + strings.Repeat("{},", 100) + `{}]`,
	} {
		if w := post(d, authzen.EvaluationsPath, whole[:len(whole)-1]+","+rest+"}"); w.Code != 400 {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
}

// TestContext: a denial says why, to whom it concerns.
func TestContext(t *testing.T) {
	c := newCore(t,
		asking("phones", "mail", access.AnyOf, access.CompliantDevice, access.AppProtection),
		asking("second-factor", "mail", access.AllOf, access.MFA),
		blocking("tried-out", "mail"), blocking("no-crm", "crm"),
	)
	p := c.snapshot.Policies()
	for i := range p {
		if p[i].Name == "tried-out" {
			p[i].Spec.State = access.ReportOnly
		}
	}
	c.snapshot = newCore(t, p...).snapshot
	c.facts[phone] = unfit()
	d := newDoor(t, c)
	body := strings.Replace(whole, `"user",`, `"user","properties":{"device_id":"phone-0001"},`, 1)
	got := answered(t, post(d, authzen.EvaluationPath, body))
	want := map[string]any{"decision": false, "context": map[string]any{
		"outcome": "allow-with",
		"reason_admin": map[string]any{"403": "policy phones asks for compliant-device (unfit) or app-protection (no-registration); " +
			"policy second-factor asks for mfa (not-shown)"},
		"reason_user": map[string]any{"403": "Needed: a second factor. Needed: a phone that meets your organisation's rules and has reported in lately, " +
			"or an app that your organisation protects. Choose a PIN of 6 digits."},
		"owed": []any{[]any{"mfa"}, []any{"compliant-device", "app-protection"}},
		"policies": []any{
			map[string]any{"name": "phones", "revision": 3.0, "result": "owing", "controls": []any{
				map[string]any{"name": "compliant-device", "reason": "unfit", "age": 60.0, "max_age": 86400.0},
				map[string]any{"name": "app-protection", "reason": "no-registration", "max_age": 86400.0},
			}},
			map[string]any{"name": "second-factor", "revision": 3.0, "result": "owing", "controls": []any{
				map[string]any{"name": "mfa", "reason": "not-shown"},
			}},
		},
		"remedies": []any{map[string]any{
			"rule": "pin-length", "expected": "6", "actual": "4", "remedy": "Choose a PIN of 6 digits.", "link": "https://mdm.example.com/pin",
		}},
		"versions": map[string]any{
			"policies": "0", "device_id": "phone-0001", "device_epoch": "2", "device": "1152921504606846976", "compliance": "12",
		},
		"cached_until": "2026-11-22T09:01:00Z",
	}}
	want["context"].(map[string]any)["versions"].(map[string]any)["policies"] = "7"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	blocked := answered(t, post(d, authzen.EvaluationPath, strings.Replace(whole, "mail", "CRM", 1)))["context"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"403": "Your organisation does not allow this."}, blocked["reason_user"]); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
	allowed := answered(t, post(d, authzen.EvaluationPath, strings.Replace(whole, "mail", "wiki", 1)))
	if diff := cmp.Diff(map[string]any{"decision": true, "context": map[string]any{
		"outcome": "allow", "versions": map[string]any{"policies": "7"}, "cached_until": "2026-11-22T09:01:00Z",
	}}, allowed); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
}

// TestMeaning: what a request says arrives where policies look.
func TestMeaning(t *testing.T) {
	c := newCore(t)
	d := newDoor(t, c)
	body := `{"subject":{"type":"user","id":"Ada@Example.com","properties":{"device_id":"phone-0001","registration_id":"8:65:ee",
			"groups":["sales"],"roles":["boss"],"ip_address":"198.51.100.1","level":3,"nested":{"a":1},"none":null}},
		"action":{"name":"Read","properties":{"soft":true}},
		"resource":{"type":"record","id":"R1","properties":{"size":1.5,"huge":9007199254740993}},
		"context":{"ip":"2001:db8::1","platform":"iOS","client":"native","flow":"device-code","country":"de","sign_in_risk":"low",
			"user_risk":"high","mfa":true,"certificate_bound":true}}`
	answered(t, post(d, authzen.EvaluationPath, body))
	want := access.Question{
		Device: phone,
		SignIn: access.SignIn{
			Person: access.Person{Name: "ada@example.com", Groups: []string{"sales"}, Roles: []string{"boss"}},
			App:    "record", Platform: access.IOS, Client: access.NativeClient, Flow: access.DeviceCode,
			Address: netip.MustParseAddr("2001:db8::1"), Country: "DE", SignInRisk: access.RiskLow, UserRisk: access.RiskHigh,
			MFA: true, CertificateBound: true,
			Request: &access.Request{
				Action: "Read", ActionAttributes: map[string]any{"soft": true},
				ResourceType: "record", ResourceID: "R1", Resource: map[string]any{"size": 1.5, "huge": float64(9007199254740992)},
				Subject: map[string]any{"device_id": "phone-0001", "registration_id": "8:65:ee", "ip_address": "198.51.100.1", "level": int64(3)},
				Context: map[string]any{
					"ip": "2001:db8::1", "platform": "iOS", "client": "native", "flow": "device-code", "country": "de",
					"sign_in_risk": "low", "user_risk": "high", "mfa": true, "certificate_bound": true,
				},
			},
		},
	}
	if diff := cmp.Diff(want, c.asked[0], cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, test := range map[string]struct {
		resource, context string
		app               string
		action            access.Action
		bound             bool
	}{
		"app":         {`{"type":"app","id":"Mail"}`, `{"certificate_bound":true}`, "Mail", access.NoAction, false},
		"user action": {`{"type":"user-action","id":"register-device"}`, `{}`, "", access.RegisterDevice, false},
	} {
		c.asked = nil
		answered(t, post(d, authzen.EvaluationPath,
			`{"subject":{"type":"user","id":"a"},"action":{"name":"x"},"resource":`+test.resource+`,"context":`+test.context+`}`))
		if in := c.asked[0].SignIn; in.App != test.app || in.Action != test.action || in.CertificateBound != test.bound {
			t.Errorf("%s: %+v", name, in)
		}
	}
	c.asked = nil
	for _, body := range []string{
		strings.Replace(whole, `"user"`, `"service"`, 1), strings.Replace(whole, `"app"`, `"user-action"`, 1),
	} {
		if got := answered(t, post(d, authzen.EvaluationPath, body)); got["decision"] != false || len(c.asked) > 0 {
			t.Errorf("%s: got %v", body, got)
		}
	}
}
