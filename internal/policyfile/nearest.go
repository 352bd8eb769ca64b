package policyfile

import (
	"fmt"
	"strings"
)

// perhaps asks whether a word that nobody knows was to be one of those that are
// known, as "did you mean word? "; "" where none is near, or more than one.
func perhaps(word string, known []string) string {
	const reach = 2
	least, near := reach+1, ""
	for _, k := range known {
		// A word of three letters is two slips from any other.
		if d := distance(word, k, min(reach, len(k)/3)); d < least {
			least, near = d, k
		} else if d == least {
			near = ""
		}
	}
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s? ", near)
}

// distance counts the slips between two words: letters that are missing, too
// many, other ones, or swapped with their neighbour. Small and large letters, and
// - and _ and nothing, are the same. More than most are not counted to the end.
func distance(a, b string, most int) int {
	a, b = plain(a), plain(b)
	if d := len(a) - len(b); d > most || -d > most {
		return len(a) + len(b) + most
	}
	// The last three rows of the table of distances between beginnings.
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range len(b) {
			other := 1
			if a[i] == b[j] {
				other = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+other)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	if row[len(b)] > most {
		return len(a) + len(b) + most
	}
	return row[len(b)]
}

var joiners = strings.NewReplacer("-", "", "_", "")

func plain(word string) string { return strings.ToLower(joiners.Replace(word)) }
