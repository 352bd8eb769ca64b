package internal_test

import (
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines     = 400
	maxFunctionLines = 80
)

func TestSizes(t *testing.T) {
	for _, f := range product(source(t)) {
		if f.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d: give its second idea a file of its own.", f.path, f.lines, maxFileLines)
		}
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := f.positions.Position(fn.End()).Line - f.positions.Position(fn.Pos()).Line + 1
			if lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d: name its steps.", f.at(fn.Pos()), fn.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	commented := map[string]bool{}
	for _, f := range source(t) {
		if f.generated || strings.HasSuffix(f.path, "_test.go") && f.dir() != "internal" {
			continue
		}
		name := f.syntax.Name.Name
		doc := f.syntax.Doc.Text()
		says := strings.HasPrefix(doc, "Package "+name+" ")
		if name == "main" {
			says = doc != ""
		}
		commented[f.dir()] = commented[f.dir()] || says
	}
	for _, dir := range slices.Sorted(maps.Keys(commented)) {
		if !commented[dir] {
			t.Errorf("%s has no package comment: say in doc.go what it is and what it promises, beginning with %q.",
				dir, "Package "+path.Base(dir))
		}
	}
}

// vague names say that nobody knew what the package is.
var vague = []string{"util", "common", "helper", "manager", "misc", "shared"}

func TestPackageNames(t *testing.T) {
	for _, f := range source(t) {
		for _, name := range []string{path.Base(f.dir()), f.syntax.Name.Name} {
			if slices.Contains(vague, strings.TrimSuffix(strings.ToLower(name), "s")) {
				t.Errorf("%s: a package %q collects what has no home: name it for what it gives.", f.path, name)
			}
		}
	}
}

// TestClock: the current time comes from outside, so that every decision can
// be tested at any time. Programs pass time.Now in.
func TestClock(t *testing.T) {
	for _, f := range source(t) {
		for _, use := range clockUses(f) {
			name := use.Sel.Name
			switch {
			case name == "Sleep":
				t.Errorf("%s: time.Sleep guesses how long something takes: wait for the thing itself.", f.at(use.Pos()))
			case f.test || f.generated || program(f):
			default:
				t.Errorf("%s: time.%s outside a program: take now func() time.Time, or now time.Time in a pure function.", f.at(use.Pos()), name)
			}
		}
	}
}

// program tells whether f is part of a program: those connect the parts, and
// give them the clock.
func program(f file) bool { return under(f.path, "cmd") || f.syntax.Name.Name == "main" }

// clockUses finds every mention of the functions of package time that read
// the clock or sleep.
func clockUses(f file) []*ast.SelectorExpr {
	local := ""
	for _, spec := range f.syntax.Imports {
		if spec.Path.Value == `"time"` {
			local = "time"
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	var uses []*ast.SelectorExpr
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			x, ok := sel.X.(*ast.Ident)
			if ok && x.Name == local && slices.Contains([]string{"Now", "Since", "Until", "Sleep"}, sel.Sel.Name) {
				uses = append(uses, sel)
			}
		}
		return true
	})
	return uses
}
