// Package internal_test holds the house rules as tests: which room may know
// which, how large things get, and what every package must have. It reads the
// source of the whole module and runs none of it.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "ringfence"

// file is one Go file of the module. Its build constraints are ignored: the
// rules hold on every system.
type file struct {
	path      string // from the module's root, with slashes
	syntax    *ast.File
	positions *token.FileSet
	lines     int
	test      bool // *_test.go, or a package made for tests such as sqldb/dbtest
	generated bool
}

// dir is the folder of the file's package, from the module's root.
func (f file) dir() string { return path.Dir(f.path) }

// imports lists the import paths of the file.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic("the parser lets only strings through: " + err.Error())
		}
		paths = append(paths, p)
	}
	return paths
}

// at gives "path:line" of a position in the file.
func (f file) at(pos token.Pos) string {
	return f.path + ":" + strconv.Itoa(f.positions.Position(pos).Line)
}

// source parses every Go file of the module.
func source(t *testing.T) []file {
	t.Helper()
	const root = ".."
	var files []file
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && outside(name, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := parse(name, filepath.ToSlash(rel))
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatalf("read the module's source: %v", err)
	}
	if len(files) == 0 {
		t.Fatal("found no source: is this test still one folder below the module's root?")
	}
	return files
}

// outside tells folders that the go command does not take as part of the module.
func outside(name, base string) bool {
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}

func parse(name, rel string) (file, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	f := file{path: rel, positions: token.NewFileSet(), lines: strings.Count(string(raw), "\n")}
	f.syntax, err = parser.ParseFile(f.positions, rel, raw, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	f.test = strings.HasSuffix(rel, "_test.go") || strings.HasSuffix(f.dir(), "test")
	f.generated = ast.IsGenerated(f.syntax)
	return f, nil
}

// product keeps what is neither a test nor generated.
func product(files []file) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return f.test || f.generated })
}

// graph maps each package folder of the product to what it imports.
func graph(files []file) map[string][]string {
	g := make(map[string][]string)
	for _, f := range files {
		g[f.dir()] = append(g[f.dir()], f.imports()...)
	}
	for dir := range g {
		slices.Sort(g[dir])
		g[dir] = slices.Compact(g[dir])
	}
	return g
}

// inside gives the folder of a package of this module, and whether it is one.
func inside(importPath string) (dir string, ok bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// under tells whether p is the package parent or lies below it.
func under(p, parent string) bool {
	return p == parent || strings.HasPrefix(p, parent+"/")
}
