package identity_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/identity"
)

// page has the table of roles that administrators read.
const page = "../../docs/operations.md"

// TestDocumentedRoles: the documents say of every role and verb what the code
// does.
func TestDocumentedRoles(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	head := []string{"Verb", "What it covers"}
	for _, r := range identity.Roles() {
		head = append(head, string(r))
	}
	want = append(want, head)
	for _, v := range identity.Verbs() {
		row := []string{"`" + string(v) + "`"}
		for _, r := range identity.Roles() {
			row = append(row, map[bool]string{true: "yes", false: "–"}[r.May(v)])
		}
		want = append(want, row)
	}
	if diff := cmp.Diff(want, documented(string(text))); diff != "" {
		t.Errorf("the table of roles in %s (-code +document):\n%s", page, diff)
	}
}

// documented is the table in a document: its head, then its rows without the
// words in their second column.
func documented(text string) [][]string {
	var table [][]string
	for line := range strings.Lines(text) {
		line, isRow := strings.CutPrefix(strings.TrimSpace(line), "| ")
		switch {
		case isRow && strings.HasPrefix(line, "Verb |"):
			table = append(table, cells(line))
		case len(table) > 0 && isRow:
			row := cells(line)
			table = append(table, append(row[:1:1], row[2:]...))
		case len(table) > 1:
			return table
		}
	}
	return table
}

func cells(line string) []string {
	all := strings.Split(strings.TrimSuffix(line, " |"), " | ")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}
