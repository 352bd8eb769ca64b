package main

import (
	"os"
	"strings"
	"testing"
)

// TestWipePage: made anew, the page stays as it is; and a page that has lost its
// place for the tables is not written over.
func TestWipePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/wipe.md")
	if err != nil {
		t.Fatal(err)
	}
	got, err := wipePage(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(page) {
		t.Error("docs/wipe.md is stale: run 'make generate'")
	}
	for _, mark := range []string{wipeBegin, wipeEnd} {
		if _, err := wipePage(strings.Replace(string(page), mark, "", 1)); err == nil {
			t.Errorf("a page without %q was taken", mark)
		}
	}
}
