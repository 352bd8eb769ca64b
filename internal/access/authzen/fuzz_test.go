package authzen_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"ringfence/internal/access/authzen"
)

// FuzzRequest: nothing that is sent makes the door fail, permit without having
// been asked, or answer in anything but JSON; and what Go's own reader of JSON
// refuses is refused.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{
		whole, `{"evaluations":[` + whole + `,{}]}`, `{"subject":{"type":"user","id":"a"},"resource":{"type":"app"},"action":{"name":"b"},"page":{"limit":1}}`,
		`{"a":1,"\u0061":2}`, `"\ud800"`, `{"subject":{"type":"user","id":"\ud83d\ude00"}}`, `[[[[`, `{"context":{"ip":"::1","n":-0.0e1}}`,
		`{"subject":{"type":"user","id":"alice"},"action":{"name":"write"},"resource":{"type":"record","id":"record-1"},"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{},{"action":null}]}`,
	} {
		f.Add([]byte(body))
	}
	c := newCore(f, certification(f)...)
	d := newDoor(f, c)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{authzen.EvaluationPath, authzen.EvaluationsPath, authzen.SearchResourcePath, authzen.SearchActionPath} {
			c.asked = nil
			w := post(d, path, string(body))
			switch w.Code {
			case http.StatusOK:
				if !json.Valid(body) || !json.Valid(w.Body.Bytes()) {
					t.Fatalf("%s: %q is answered with %q", path, body, w.Body)
				}
				if permits := bytes.Count(w.Body.Bytes(), []byte(`"decision":true`)); permits > len(c.asked) {
					t.Fatalf("%s: %q is permitted unasked", path, body)
				}
			case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			default:
				t.Fatalf("%s: %q gives %d %s", path, body, w.Code, w.Body)
			}
		}
	})
}
