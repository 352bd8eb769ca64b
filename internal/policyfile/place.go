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
	for _, step := range pathStep.FindAllString(path, -1) {
		next := child(at, step)
		if next == nil {
			break
		}
		at = next
	}
	return at.Line, at.Column
}

// pathStep is a field's name, or an index or a map's key in brackets.
var pathStep = regexp.MustCompile(`[A-Za-z0-9_]+|\[[0-9]+\]|\["[^"]*"\]`)

// child gives the part of a mapping or list that a step of a path names; nil
// where there is none.
func child(n *yaml.Node, step string) *yaml.Node {
	name := strings.Trim(step, "[]\"")
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(name); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i].Value; key == name || InFileWords(key) == InFileWords(name) {
			return n.Content[i+1]
		}
	}
	return nil
}
