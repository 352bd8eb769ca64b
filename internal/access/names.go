package access

import (
	"slices"
	"strings"
)

// folded is the form in which names are compared: directories do not tell
// "Sales" from "sales". Whoever compares them in any other way puts people under
// policies that are not theirs.
func folded(name string) string { return strings.ToLower(name) }

// foldedSet gives the folded names, sorted and each once.
func foldedSet(names []string) []string {
	set := make([]string, len(names))
	for i, name := range names {
		set[i] = folded(name)
	}
	slices.Sort(set)
	return slices.Compact(set)
}
