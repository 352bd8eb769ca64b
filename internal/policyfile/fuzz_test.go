package policyfile_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"buf.build/go/protoyaml"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"ringfence/internal/policyfile"
)

// FuzzParse holds Parse to its promises: no panic, an error is Problems with
// places inside the file, and what is accepted is valid and survives being
// written and read again.
func FuzzParse(f *testing.F) {
	for _, path := range examples(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"", "---\n---\n", "a: &a [*a]", "\xff", "a:\n\tb", "- - - -", "{{{", "? a\n: b", "spec: ~", "\r\r: a", "a: \u2028b\n\u2028c: [",
		appPolicy("a", "  settings: {data.send_to: managed-apps, access.pin_length: 6, a: [x, y], b: {c: [{d: -1}]}, c: 14.1, d: 1_0, e: True}\n"),
		"kind: App\napiVersion: ringfence/v1\nmetadata: {name: a.b}\nspec: {schema: [{key: a, type: bundle, minimum: -5, items: [{key: b, type: bool}]}]}\n",
		accessPolicy("  state: on\n  includePeople: {everyone: true}\n  session: {signInFrequency: 1d12h}\n  maxAge: {compliance: 90m}\n"),
		accessCase("expect: {outcome: allow-with, owed: [[mfa], {anyOf: [block]}], policies: {a: owing}}"),
		document("a", "  pins: [{scope: device}]\n") + "---\r\n" + document("b", "  assignments: [{all: true}]\r\n"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := policyfile.Parse("f", data)
		if err != nil {
			checkProblems(t, data, err)
			return
		}
		for _, d := range docs {
			if err := protovalidate.Validate(d.Message()); err != nil {
				t.Fatalf("accepted but invalid: %v", err)
			}
			again, err := protoyaml.Marshal(d.Message())
			if err != nil {
				t.Fatal(err)
			}
			got, err := policyfile.Parse("again", again)
			if err != nil {
				t.Fatalf("%v in\n%s", err, again)
			}
			if diff := cmp.Diff(d.Message(), got[0].Message(), protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func checkProblems(t *testing.T, data []byte, err error) {
	t.Helper()
	var problems policyfile.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("not problems: %v", err)
	}
	// YAML has more kinds of line end than \n.
	lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r")
	for _, end := range []string{"\u0085", "\u2028", "\u2029"} {
		lines += strings.Count(string(data), end)
	}
	for _, p := range problems {
		if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Text == "" {
			t.Fatalf("%+v in a file of %d lines", p, lines)
		}
	}
}
