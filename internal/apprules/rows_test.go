package apprules

import (
	_ "embed"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
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

// TestRowsDecide plays each line with and without its setting: every setting
// changes what is decided.
func TestRowsDecide(t *testing.T) {
	for _, r := range readRows(t) {
		t.Run(r.key+" "+r.scene, func(t *testing.T) {
			said := sayings(r.said)
			with := specOf(t, said)
			if err := errors.Join(with.settings.Validate(), with.config.Validate(mailSchema)); err != nil {
				t.Errorf("Validate: %v", err)
			}
			before := len(said)
			maps.DeleteFunc(said, func(key string, _ []string) bool { return key == r.key || strings.HasPrefix(key, r.key+".") })
			if len(said) == before {
				t.Fatalf("the policy does not say %s", r.key)
			}
			without := specOf(t, said)
			if got := play(t, without, r.scene); got != r.without {
				t.Errorf("without the setting: %s, want %s", got, r.without)
			}
			if got := play(t, with, r.scene); got != r.with {
				t.Errorf("with the setting: %s, want %s", got, r.with)
			}
			if r.with == r.without {
				t.Error("the scene does not show the setting")
			}
		})
	}
}

// TestRowsAreComplete: each row of the catalog, and each of its names in
// Microsoft Graph, has a line, and each line has a row. Whom a policy is for is
// the server's to decide, and has its lines there.
func TestRowsAreComplete(t *testing.T) {
	shown, origins := map[Key]bool{}, map[string]Key{}
	for _, r := range readRows(t) {
		shown[Key(r.key)] = true
		if r.origin != "-" {
			origins[r.origin] = Key(r.key)
		}
	}
	known := map[string]bool{}
	for _, r := range Catalog() {
		elsewhere := strings.HasPrefix(string(r.Key), "target.")
		if !shown[r.Key] && !elsewhere {
			t.Errorf("%s has no line in testdata/rows.txt", r.Key)
		}
		delete(shown, r.Key)
		for _, o := range r.Origin {
			known[o] = true
			if _, has := origins[o]; !has && !elsewhere {
				t.Errorf("%s, which is %s in Microsoft Graph, has no line in testdata/rows.txt", r.Key, o)
			}
		}
		if r.Meaning == "" || r.Values == "" || r.Merge == "" {
			t.Errorf("%s is not described: %+v", r.Key, r)
		}
		if !strings.Contains(CatalogMarkdown(), "| `"+string(r.Key)+"` |") {
			t.Errorf("%s is not in the table", r.Key)
		}
	}
	for key := range shown {
		t.Errorf("a line is about %s, which is not in the catalog", key)
	}
	for _, origin := range slices.Sorted(maps.Keys(origins)) {
		if !known[origin] {
			t.Errorf("a line is about %s, which no row of the catalog has", origin)
		}
	}
}
