package appprotectdb

import (
	"strings"
	"testing"
)

// survives checks that what was read can be written, and is the same when it is
// read again.
func survives[T any](t *testing.T, raw string, decode func(string) (T, error), encode func(T) (string, error)) {
	t.Helper()
	v, err := decode(raw)
	if err != nil {
		return
	}
	once, err := encode(v)
	if err != nil {
		t.Fatalf("%q was read, and cannot be written: %v", raw, err)
	}
	if v, err = decode(once); err != nil {
		t.Fatalf("%q became %q: %v", raw, once, err)
	}
	if again, err := encode(v); err != nil || again != once {
		t.Errorf("%q became %q, %v", once, again, err)
	}
}

// FuzzForms: a form that is read survives being written again, and a damaged one
// is an error, never a panic.
func FuzzForms(f *testing.F) {
	for _, raw := range []string{
		`{"v":1,"is":{}}`, `{"v":2,"is":{}}`, `{"v":1}`, `null`, ``, `{"v":1,"is":{"observed_at":1,"patch":"2026-02-05","app_version":[1,2,3,4],"lock":2}}`,
		`{"v":1,"is":{"observed_at":1,"unsynced_changes":1000000}}`,
		`{"v":1,"is":{"standing":2,"since":-62135596800000000,"findings":[{"check":"a","action":1,"evidence_age":5}]}}`,
		`{"v":1,"is":{"target":{"apps":[{"package":"a.b","signer_sha256":["x"]}],"levels":[1]},"settings":{"data.send_to":["none"]},` +
			`"config":{"values":{"a":["b"]},"permissions":{"p":3},"connected_apps":false}}}`,
		`{"v":1,"is":{"title":"t","groups":["g"],"schema":{"package":"a.b","items":[{"key":"k","kind":6,"items":[{"key":"n","kind":1}]}]}}}`,
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		survives(t, raw, decodeReport, encodeReport)
		survives(t, raw, decodeVerdict, encodeVerdict)
		survives(t, raw, decodeSpec, encodeSpec)
		survives(t, raw, decodeApp, encodeApp)
	})
}

// TestUnreadable: only what this program has written is read.
func TestUnreadable(t *testing.T) {
	const whole = `{"v":1,"is":{"standing":1}}`
	if _, err := decodeVerdict(whole); err != nil {
		t.Fatal(err)
	}
	for what, raw := range map[string]string{
		"another version": `{"v":2,"is":{"standing":1}}`, "no version": `{"is":{"standing":1}}`, "more after it": whole + whole, "half": whole[:20],
		"another field": `{"v":1,"is":{"standing":1,"mood":1}}`, "no standing": `{"v":1,"is":{}}`, "another standing": `{"v":1,"is":{"standing":5}}`,
		"another action": `{"v":1,"is":{"standing":1,"findings":[{"check":"a","action":9}]}}`, "a great one": `{"v":1,"is":{"standing":300}}`,
		"too many findings": `{"v":1,"is":{"standing":1,"findings":[` + strings.Repeat(`{"check":"a","action":1},`, maxFindings) + `{"check":"a","action":1}]}}`,
		"too long":          `{"v":1,"is":{"standing":1}` + strings.Repeat(" ", maxState) + `}`,
	} {
		if v, err := decodeVerdict(raw); err == nil {
			t.Errorf("%s was read as %+v", what, v)
		}
	}
	for what, raw := range map[string]string{
		"another level": `{"v":1,"is":{"target":{"levels":[4]}}}`, "another answer": `{"v":1,"is":{"target":{},"config":{"permissions":{"p":4}}}}`,
		"an unknown setting": `{"v":1,"is":{"target":{},"settings":{"data.none":["x"]}}}`, "no value": `{"v":1,"is":{"target":{},"settings":{"data.send_to":["x"]}}}`,
	} {
		if s, err := decodeSpec(raw); err == nil {
			t.Errorf("%s was read as %+v", what, s)
		}
	}
	if a, err := decodeApp(`{"v":1,"is":{"schema":{"package":"a.b","items":[{"key":"k","kind":99}]}}}`); err == nil {
		t.Errorf("a schema that is none was read as %+v", a)
	}
	for what, raw := range map[string]string{
		"a lock that is none": `{"v":1,"is":{"observed_at":1,"lock":77}}`, "too many changes": `{"v":1,"is":{"observed_at":1,"unsynced_changes":1000001}}`,
	} {
		if r, err := decodeReport(raw); err == nil {
			t.Errorf("%s was read as %+v", what, r)
		}
	}
	if r, err := decodeReport(`{"v":1,"is":{"observed_at":1,"pin_set":true}}`); err != nil || r.UnsyncedChanges != 0 {
		t.Errorf("one from before there was a count: %+v, %v", r, err)
	}
}
