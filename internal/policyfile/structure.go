package policyfile

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// checkText looks at the bytes before any parser does.
func (p *parser) checkText(data []byte) bool {
	if len(data) > MaxSize {
		p.add(1, 1, "larger than %d bytes", MaxSize)
		return false
	}
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		line, column := 0, 0
		switch {
		case r == utf8.RuneError && size <= 1:
			line, column = place(data, at)
			p.add(line, column, "not valid UTF-8")
			return false
		case r < ' ' && !bytes.ContainsRune([]byte("\t\n\r"), r), r == 0x7f:
			line, column = place(data, at)
			p.add(line, column, "control character %U", r)
			return false
		}
		at += size
	}
	return true
}

// checkStructure refuses what no policy needs and what hostile files live on.
// It stops at the first find: there may be millions. Shape says what root is.
func (p *parser) checkStructure(root *yaml.Node, shape string) bool {
	if root.Kind != yaml.MappingNode {
		p.add(root.Line, root.Column, "%s", shape)
		return false
	}
	return p.checkNode(root, 1)
}

func (p *parser) checkNode(n *yaml.Node, depth int) bool {
	problem := ""
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		problem = "anchors and aliases are not accepted"
	case n.Style&yaml.TaggedStyle != 0:
		problem = "tags are not accepted"
	case depth > maxDepth:
		problem = "nested too deeply"
	case len(n.Content) > 2*maxEntries, n.Kind == yaml.SequenceNode && len(n.Content) > maxEntries:
		problem = "too many entries"
	}
	if problem != "" {
		p.add(n.Line, n.Column, "%s", problem)
		return false
	}
	if n.Kind == yaml.MappingNode && !p.checkKeys(n) {
		return false
	}
	for _, child := range n.Content {
		if !p.checkNode(child, depth+1) {
			return false
		}
	}
	return true
}

func (p *parser) checkKeys(n *yaml.Node) bool {
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			p.add(key.Line, key.Column, "a key must be a plain word")
			return false
		}
		if first, ok := lines[key.Value]; ok {
			p.add(key.Line, key.Column, "key %q is there already, at line %d", key.Value, first)
			return false
		}
		lines[key.Value] = key.Line
	}
	return true
}
