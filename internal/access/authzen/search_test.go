package authzen_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/access/authzen"
)

// TestSearchCertification has what the scenario asks of action searches, and of
// what is not found.
func TestSearchCertification(t *testing.T) {
	d := newDoor(t, newCore(t, certification(t)...))
	for name, test := range map[string]struct {
		path, body string
		want       []string
	}{
		"alice": {authzen.SearchActionPath, `{"subject":{"type":"user","id":"alice"},"resource":{"type":"record","id":"record-1"}}`,
			[]string{"read", "write"}},
		"alice, with a context": {authzen.SearchActionPath,
			`{"subject":{"type":"user","id":"alice"},"resource":{"type":"record","id":"record-1"},"context":{"ip":"192.168.1.1","time":"x"}}`,
			[]string{"read", "write"}},
		"bob": {authzen.SearchActionPath, `{"subject":{"type":"user","id":"bob"},"resource":{"type":"record","id":"record-1"}}`,
			[]string{"read"}},
		"an administrator": {authzen.SearchActionPath, `{"subject":{"type":"user","id":"bob","properties":{"role":"admin"}},
			"resource":{"type":"record","id":"record-2","properties":{"status":"archived"}}}`, []string{"read", "write"}},
		"nobody we know": {authzen.SearchActionPath, `{"subject":{"type":"user","id":"nonexistent-user"},"resource":{"type":"record","id":"record-1"}}`,
			[]string{}},
		"no type of subject we know": {authzen.SearchActionPath, `{"subject":{"type":"spaceship","id":"x"},"resource":{"type":"record","id":"r"}}`,
			[]string{}},
		"no type of resource we know": {authzen.SearchResourcePath,
			`{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"spaceship"}}`, []string{}},
	} {
		if diff := cmp.Diff(test.want, results(t, answered(t, post(d, test.path, test.body)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for path, body := range map[string]string{
		authzen.SearchResourcePath + "#subject": `{"action":{"name":"read"},"resource":{"type":"record"}}`,
		authzen.SearchResourcePath + "#id":      `{"subject":{"type":"user"},"action":{"name":"read"},"resource":{"type":"record"}}`,
		authzen.SearchResourcePath + "#action":  `{"subject":{"type":"user","id":"a"},"resource":{"type":"record"}}`,
		authzen.SearchActionPath + "#resource":  `{"subject":{"type":"user","id":"alice"}}`,
		authzen.SearchActionPath + "#id":        `{"subject":{"type":"user"},"resource":{"type":"record","id":"record-1"}}`,
	} {
		where, what, _ := strings.Cut(path, "#")
		if w := post(d, where, body); w.Code != http.StatusBadRequest {
			t.Errorf("%s without %s: got %d", where, what, w.Code)
		}
	}
	if w := post(d, authzen.SearchSubjectPath, whole); w.Code != http.StatusNotImplemented {
		t.Errorf("subjects: got %d", w.Code)
	}
}

func TestSearchResources(t *testing.T) {
	off := blocking("off", "secret")
	off.Spec.State = access.Off
	action := blocking("action", "x")
	action.Spec.Apps, action.Spec.Actions = access.Apps{}, []access.Action{access.RegisterDevice}
	others := blocking("others")
	others.Spec.Apps = access.Apps{Include: []string{"wiki"}, Exclude: []string{"Files"}}
	d := newDoor(t, newCore(t, blocking("no-crm", "CRM"), asking("mfa", "mail", access.AllOf, access.MFA), off, action, others))
	ask := func(resource, context string) []string {
		return results(t, answered(t, post(d, authzen.SearchResourcePath,
			`{"subject":{"type":"user","id":"ada"},"action":{"name":"use"},"resource":`+resource+`,"context":`+context+`}`)))
	}
	for _, test := range []struct {
		resource, context string
		want              []string
	}{
		{`{"type":"app"}`, `{}`, []string{"files"}},
		{`{"type":"app"}`, `{"mfa":true}`, []string{"files", "mail"}},
		{`{"type":"app","id":"crm"}`, `{"mfa":true}`, []string{"files", "mail"}},
		{`{"type":"user-action"}`, `{}`, []string{"register-security-info"}},
	} {
		if diff := cmp.Diff(test.want, ask(test.resource, test.context)); diff != "" {
			t.Errorf("%s in %s (-want +got):\n%s", test.resource, test.context, diff)
		}
	}
}

func TestPages(t *testing.T) {
	var policies []access.Policy
	var want []string
	for i := range 250 {
		app := fmt.Sprintf("app-%03d", i)
		p := asking("p-"+app, app, access.AllOf, access.MFA)
		if i%2 == 1 {
			p = blocking("p-"+app, app)
		} else {
			want = append(want, app)
		}
		policies = append(policies, p)
	}
	d := newDoor(t, newCore(t, policies...))
	body := func(page string) string {
		return `{"subject":{"type":"user","id":"ada"},"action":{"name":"use"},"resource":{"type":"app"},"context":{"mfa":true},"page":` + page + `}`
	}
	for _, limit := range []int{0, 1, 7, 100, 1 << 40} {
		var got []string
		page := fmt.Sprintf(`{"limit":%d}`, limit)
		for more := true; more; {
			answer := answered(t, post(d, authzen.SearchResourcePath, body(page)))
			one := results(t, answer)
			next := answer["page"].(map[string]any)
			if next["count"] != float64(len(one)) || limit > 0 && len(one) > limit || len(one) > 100 {
				t.Fatalf("limit %d: %d results, page %v", limit, len(one), next)
			}
			got = append(got, one...)
			token := next["next_token"].(string)
			page, more = fmt.Sprintf(`{"token":%q}`, token), token != ""
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	first := answered(t, post(d, authzen.SearchResourcePath, body(`{"limit":5}`)))["page"].(map[string]any)["next_token"].(string)
	for name, request := range map[string]string{
		"another limit":    body(fmt.Sprintf(`{"token":%q,"limit":6}`, first)),
		"another subject":  strings.Replace(body(fmt.Sprintf(`{"token":%q}`, first)), "ada", "eve", 1),
		"another context":  strings.Replace(body(fmt.Sprintf(`{"token":%q}`, first)), `"mfa":true`, `"mfa":false`, 1),
		"another token":    body(`{"token":"abc"}`),
		"no text":          body(`{"token":7}`),
		"a negative limit": body(`{"limit":-1}`),
		"half a limit":     body(`{"limit":1.5}`),
		"no page":          body(`7`),
	} {
		if w := post(d, authzen.SearchResourcePath, request); w.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
	same := body(fmt.Sprintf(`{"token":%q,"limit":5}`, first))
	if got := results(t, answered(t, post(d, authzen.SearchResourcePath, strings.Replace(same, `{"type":"app"}`, `{"type":"app","id":"x"}`, 1)))); len(got) != 5 || got[0] != "app-010" {
		t.Errorf("the second page: %v", got)
	}
}

// TestLongSearch: a page in which everything is denied ends all the same.
func TestLongSearch(t *testing.T) {
	apps := make([]string, 1000)
	for i := range apps {
		apps[i] = fmt.Sprintf("app-%04d", i)
	}
	c := newCore(t, blocking("most", apps...))
	d := newDoor(t, c)
	got := answered(t, post(d, authzen.SearchResourcePath, `{"subject":{"type":"user","id":"ada"},"action":{"name":"use"},"resource":{"type":"app"}}`))
	if next := got["page"].(map[string]any)["next_token"]; next == "" || len(c.asked) > 500 {
		t.Errorf("asked %d times, next %q", len(c.asked), next)
	}
}
