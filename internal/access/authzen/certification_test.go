package authzen_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access/authzen"
)

// TestCertification asks what the working group's certification scenario asks,
// of the levels basic, batch and discovery.
func TestCertification(t *testing.T) {
	d := newDoor(t, newCore(t, certification(t)...))
	const (
		alice    = `"subject":{"type":"user","id":"alice"}`
		bob      = `"subject":{"type":"user","id":"bob"}`
		admin    = `"subject":{"type":"user","id":"bob","properties":{"role":"admin"}}`
		record   = `"resource":{"type":"record","id":"record-1"}`
		archived = `"resource":{"type":"record","id":"record-2","properties":{"status":"archived"}}`
	)
	action := func(name string) string { return fmt.Sprintf(`"action":{"name":%q}`, name) }
	deleting := func(soft bool) string {
		return fmt.Sprintf(`"action":{"name":"delete","properties":{"soft":%t}}`, soft)
	}
	request := func(parts ...any) string {
		text := "{"
		for i, p := range parts {
			if i > 0 {
				text += ","
			}
			text += p.(string)
		}
		return text + "}"
	}
	for name, test := range map[string]struct {
		body string
		want bool
	}{
		"alice reads":               {request(alice, action("read"), record), true},
		"alice writes":              {request(alice, action("write"), record), true},
		"bob reads":                 {request(bob, action("read"), record), true},
		"bob writes":                {request(bob, action("write"), record), false},
		"alice writes the archived": {request(alice, action("write"), archived), false},
		"admin writes the archived": {request(admin, action("write"), archived), true},
		"alice deletes softly":      {request(alice, deleting(true), record), true},
		"alice deletes for good":    {request(alice, deleting(false), record), false},
		"with a context": {request(alice, action("read"), record,
			`"context":{"time":"2025-06-27T18:03-07:00","ip":"192.168.1.1"}`), true},
		"with unknown fields": {request(alice, action("read"), record, `"foo":"bar","futureField":{"nested":true}`), true},
		"with more properties": {`{"subject":{"type":"user","id":"alice","properties":{"department":"Sales","role":"manager"}},
			"action":{"name":"read","properties":{"method":"GET"}},
			"resource":{"type":"record","id":"record-1","properties":{"status":"active","owner":"bob"}}}`, true},
		"somebody unknown": {request(`"subject":{"type":"user","id":"eve"}`, action("read"), record), false},
	} {
		for _, path := range []string{authzen.EvaluationPath, authzen.EvaluationsPath} {
			for range 2 {
				if got := answered(t, post(d, path, test.body))["decision"]; got != test.want {
					t.Errorf("%s at %s: got %v, want %v", name, path, got, test.want)
				}
			}
		}
	}
	for name, test := range map[string]struct {
		body string
		want []bool
	}{
		"order":    {request(bob, record, `"evaluations":[{`+action("read")+`},{`+action("write")+`}]`), []bool{true, false}},
		"resource": {request(alice, action("write"), `"evaluations":[{`+record+`},{`+archived+`}]`), []bool{true, false}},
		"subject":  {request(action("write"), archived, `"evaluations":[{`+alice+`},{`+admin+`}]`), []bool{false, true}},
		"no defaults": {`{"evaluations":[` + request(alice, action("read"), record) + `,` + request(bob, action("write"), record) + `]}`,
			[]bool{true, false}},
		"defaults":         {request(alice, action("write"), record, `"evaluations":[{},{`+archived+`}]`), []bool{true, false}},
		"own context":      {request(alice, action("read"), `"context":{"time":"a"},"evaluations":[{`+record+`},{`+record+`,"context":{"source":"b"}}]`), []bool{true, true}},
		"one is not whole": {request(alice, action("read"), `"options":{"evaluations_semantic":"execute_all"},"evaluations":[{`+record+`},{}]`), []bool{true, false}},
	} {
		if diff := cmp.Diff(test.want, decisions(t, post(d, authzen.EvaluationsPath, test.body))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	empty := request(alice, action("read"), record, `"evaluations":[]`)
	if got := answered(t, post(d, authzen.EvaluationsPath, empty)); got["decision"] != true || got["evaluations"] != nil {
		t.Errorf("no evaluations: %v", got)
	}
}

// TestCertificationErrors has the requests that are no requests.
func TestCertificationErrors(t *testing.T) {
	d := newDoor(t, newCore(t, certification(t)...))
	for name, body := range map[string]string{
		"no subject":          `{"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`,
		"no action":           `{"subject":{"type":"user","id":"alice"},"resource":{"type":"record","id":"record-1"}}`,
		"no resource":         `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"}}`,
		"no subject type":     `{"subject":{"id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`,
		"no subject id":       `{"subject":{"type":"user"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`,
		"no action name":      `{"subject":{"type":"user","id":"alice"},"action":{},"resource":{"type":"record","id":"record-1"}}`,
		"no resource type":    `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"id":"record-1"}}`,
		"no resource id":      `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record"}}`,
		"a subject as text":   `{"subject":"alice","action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`,
		"an action as number": `{"subject":{"type":"user","id":"alice"},"action":{"name":123},"resource":{"type":"record","id":"record-1"}}`,
		"nothing":             ``,
		"not JSON":            `{"subject"`,
	} {
		for _, path := range []string{authzen.EvaluationPath, authzen.EvaluationsPath} {
			if w := post(d, path, body); w.Code != http.StatusBadRequest || w.Body.Len() == 0 {
				t.Errorf("%s at %s: got %d: %s", name, path, w.Code, w.Body)
			}
		}
	}
}
