package policyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// The bounds of one file. MaxSize is in bytes and exported for readers, who
// should stop there.
const (
	MaxSize      = 1 << 20
	maxDocuments = 1000
	maxDepth     = 32
	maxEntries   = 4096 // of one mapping or list; a location has the most
)

// Parse reads a whole file, of which name is only said in errors. It gives all
// its documents, at least one, no two of one kind with the same name; or
// Problems, at least one. Empty documents are passed over.
func Parse(name string, data []byte) ([]Document, error) {
	p := &parser{file: name, names: map[string]int{}}
	if !p.checkText(data) {
		return nil, p.problems
	}
	for _, root := range p.documents(data) {
		if p.checkStructure(root, "a policy is a mapping with apiVersion, kind, metadata and spec") {
			p.document(root)
		}
	}
	if len(p.problems) == 0 && len(p.good) == 0 {
		p.add(1, 1, "holds no policy")
	}
	if len(p.problems) > 0 {
		return nil, p.problems.sorted()
	}
	return p.good, nil
}

type parser struct {
	file     string
	problems Problems
	good     []Document
	names    map[string]int // line of each thing and its name
}

func (p *parser) add(line, column int, format string, args ...any) {
	p.problems = append(p.problems, Problem{p.file, line, column, fmt.Sprintf(format, args...)})
}

// documents gives the root of each document that is not empty. After a syntax
// error there are none: what follows one cannot be trusted.
func (p *parser) documents(data []byte) []*yaml.Node {
	var roots []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return roots
		}
		if err != nil {
			p.problems = append(p.problems, syntaxProblem(p.file, data, err))
			return nil
		}
		if n > maxDocuments {
			p.add(doc.Line, doc.Column, "more than %d documents in one file", maxDocuments)
			return nil
		}
		if root := doc.Content[0]; !isNull(root) {
			roots = append(roots, root)
		}
	}
}

func (p *parser) document(root *yaml.Node) {
	d := Document{File: p.file, Line: root.Line, root: root}
	message, problems := d.begin()
	if message != nil {
		problems = decode(root, message)
	}
	if len(problems) == 0 && d.AccessTest != nil {
		problems = d.checkCases()
	}
	if !p.take(problems) {
		return
	}
	key := d.Thing() + "/" + d.Name()
	if first, ok := p.names[key]; ok {
		p.add(d.Line, root.Column, "%s %q is in this file already, at line %d", d.Thing(), d.Name(), first)
		return
	}
	p.names[key] = d.Line
	p.good = append(p.good, d)
}

// take notes the problems of one document, and reports whether there are none.
func (p *parser) take(problems Problems) bool {
	for _, problem := range problems {
		problem.File = p.file
		p.problems = append(p.problems, problem)
	}
	return len(problems) == 0
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
