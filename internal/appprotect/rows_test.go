package appprotect

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"testing"

	"ringfence/internal/apprules"
)

//go:embed testdata/rows.txt
var rowsText string

// row is one line of testdata/rows.txt.
type row struct{ origin, key, said, scene, without, with string }

func readRows(t *testing.T) []row {
	t.Helper()
	var rows []row
	for line := range strings.Lines(rowsText) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(line, " | ")
		if len(c) != 6 {
			t.Fatalf("%d columns, not 6: %s", len(c), line)
		}
		rows = append(rows, row{c[0], c[1], c[2], c[3], c[4], c[5]})
	}
	return rows
}

// TestRowsDecide plays each line with and without what the policy says.
func TestRowsDecide(t *testing.T) {
	for _, r := range readRows(t) {
		t.Run(r.key+" "+r.scene, func(t *testing.T) {
			with := specOf(t, sayings(r.said))
			without := Spec{Target: everyone()}
			if r.without == "no" {
				without.Target = Target{}
			}
			if got := reached(without, r.scene); got != r.without {
				t.Errorf("without it: %s, want %s", got, r.without)
			}
			if got := reached(with, r.scene); got != r.with {
				t.Errorf("with it: %s, want %s", got, r.with)
			}
			if r.with == r.without {
				t.Error("the scene does not show it")
			}
		})
	}
}

// reached says whether a policy holds for who is in the scene; "beside": there
// is another policy, for everyone.
func reached(spec Spec, scene string) string {
	who, policies := ada, []Named{{Name: "p", Spec: spec}}
	for word := range strings.FieldsSeq(scene) {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "package":
			who.Package = value
		case "level":
			who.Level = levelOf(value)
		case "group":
			who.Groups = []string{value}
		case "beside":
			policies = append(policies, Named{Name: "other", Spec: Spec{Target: everyone()}})
		}
	}
	if slices.Contains(Merge(policies, who, nil).Policies, "p") {
		return "yes"
	}
	return "no"
}

// TestRowsAreComplete: each row of the catalog about whom a policy is for, and
// each of its names in Microsoft Graph, has a line, and each line has a row.
func TestRowsAreComplete(t *testing.T) {
	missing := map[string]bool{}
	for _, r := range apprules.Catalog() {
		for _, o := range r.Origin {
			if strings.HasPrefix(string(r.Key), "target.") {
				missing[o+" "+string(r.Key)] = true
			}
		}
	}
	known := maps.Clone(missing)
	for _, r := range readRows(t) {
		name := r.origin + " " + r.key
		if !known[name] {
			t.Errorf("a line is about %s, which the catalog does not have", name)
		}
		delete(missing, name)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s has no line in testdata/rows.txt", name)
	}
}
