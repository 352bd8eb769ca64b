package policyfile

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one complaint about one place of a file.
type Problem struct {
	File string
	// Line and Column count from 1; a column counts characters. A syntax error's
	// column is that of the line's first word: the scanner does not say more.
	Line, Column int
	Text         string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems is all that is wrong with a file, from its top to its end.
type Problems []Problem

// shown is how many problems an error text spells out.
const shown = 20

// Error gives one line a problem, and a count of those past the first twenty.
func (ps Problems) Error() string {
	var lines []string
	for _, p := range ps[:min(len(ps), shown)] {
		lines = append(lines, p.String())
	}
	if n := len(ps) - shown; n > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(lines, "\n")
}

// longest bounds, in characters, how much of a file's own words a problem
// repeats.
const longest = 400

func bounded(text string) string {
	if r := []rune(text); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return text
}

// sorted orders by place and keeps the first problem of each place: the ones
// after it are mostly its consequences.
func (ps Problems) sorted() Problems {
	byPlace := func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	}
	slices.SortStableFunc(ps, byPlace)
	return slices.CompactFunc(ps, func(a, b Problem) bool { return byPlace(a, b) == 0 })
}

var (
	syntaxForm    = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	tabIndent     = regexp.MustCompile(`(?m)^ *\t`)
)

// syntaxProblem finds the place of an error of the YAML scanner or parser.
func syntaxProblem(file string, data []byte, err error) Problem {
	p := Problem{File: file, Line: 1, Column: 1, Text: err.Error()}
	if m := syntaxForm.FindStringSubmatch(err.Error()); m != nil {
		p.Text = m[2]
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			p.Line = n
		}
	}
	// The library counts lines from 0 when its parser, not its scanner, complains.
	if strings.HasPrefix(p.Text, "did not find expected") {
		p.Line++
	}
	lines := bytes.Split(bytes.TrimRight(data, "\r\n"), []byte("\n"))
	p.Line = min(p.Line, len(lines))
	line := lines[p.Line-1]
	p.Column = 1 + len(line) - len(bytes.TrimLeft(line, " "))
	if m := unknownAnchor.FindStringSubmatch(p.Text); m != nil {
		if at := bytes.Index(data, []byte("*"+m[1])); at >= 0 {
			p.Line, p.Column = place(data, at)
		}
	}
	// A tab is behind most errors of these two kinds, and the line is then often
	// that of the tab's parent.
	if strings.Contains(p.Text, "tab") || strings.Contains(p.Text, "cannot start any token") {
		if at := tabIndent.FindIndex(data); at != nil {
			p.Line, p.Column = place(data, at[1]-1)
			p.Text = "indented with a tab: YAML wants spaces"
		}
	}
	return p
}

// place gives line and column of the character at byte offset at.
func place(data []byte, at int) (line, column int) {
	before := data[:at]
	start := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte("\n")), 1 + len([]rune(string(before[start:])))
}
