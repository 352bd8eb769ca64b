package policyfile

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Place gives the line and column, from 1, of a field of the document. Its path
// is as a server names it, for example spec.vpns[0].servers[1].address, in wire
// or in file names. What the document does not hold is at the innermost part
// that it does.
func (d Document) Place(path string) (line, column int) {
	at := d.root
	for rest := path; rest != ""; {
		next, after := child(at, rest)
		if next == nil {
			break
		}
		at, rest = next, strings.TrimPrefix(after, ".")
	}
	return at.Line, at.Column
}

// pathStep is how a path begins: with a field's name, or an index or a map's key
// in brackets.
var pathStep = regexp.MustCompile(`^(?:[A-Za-z0-9_]+|\[[0-9]+\]|\["[^"]*"\])`)

// child gives the part of a mapping or list that a path begins with, and the rest
// of the path; nil where there is none. Of two keys the longer counts: keys of
// settings have dots in them.
func child(n *yaml.Node, path string) (part *yaml.Node, rest string) {
	step := pathStep.FindString(path)
	name := strings.Trim(step, "[]\"")
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(name); err == nil && i < len(n.Content) {
			return n.Content[i], path[len(step):]
		}
		return nil, ""
	}
	longest := -1
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, after := n.Content[i].Value, path[len(step):]
		dotted := strings.HasPrefix(path, key) && (len(path) == len(key) || strings.ContainsAny(path[len(key):len(key)+1], ".["))
		switch {
		case dotted:
			after = path[len(key):]
		case step == "" || key != name && InFileWords(key) != InFileWords(name):
			continue
		}
		if len(key) > longest {
			part, rest, longest = n.Content[i+1], after, len(key)
		}
	}
	return part, rest
}
