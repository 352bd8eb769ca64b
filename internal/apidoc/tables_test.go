package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTables: made anew, the pages stay as they are; and a page that has lost
// its place for the tables is not written over.
func TestTables(t *testing.T) {
	for name, anew := range withTables {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(filepath.Join("../../docs", name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := anew(string(page))
			if err != nil {
				t.Fatal(err)
			}
			if got != string(page) {
				t.Errorf("docs/%s is stale: run 'make generate'", name)
			}
			for _, mark := range []string{tablesBegin, tablesEnd} {
				if _, err := anew(strings.Replace(string(page), mark, "", 1)); err == nil {
					t.Errorf("a page without %q was taken", mark)
				}
			}
		})
	}
}
