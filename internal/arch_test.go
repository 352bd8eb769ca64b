package internal_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// The slices: each a subject that knows no other.
var subjects = []string{"enroll", "compliance", "wipe", "appprotect", "access"}

// words are the rooms that every slice may know: shared words, no machinery.
var words = []string{
	"internal/apprules", "internal/audit", "internal/device", "internal/fault", "internal/identity", "internal/page",
}

// rooms says which packages of this module a package may import, for all but
// the slices, whose rules are made by name in mayKnow. A folder allows what
// lies below it. Programs (cmd, demo) are not listed: they connect everything.
var rooms = map[string][]string{
	"internal/device":    nil,
	"internal/fault":     nil,
	"internal/apprules":  {"internal/fault"},
	"internal/bell":      {"internal/device"},
	"internal/identity":  {"internal/device"},
	"internal/audit":     {"internal/device", "internal/identity"},
	"internal/notify":    {"internal/audit", "internal/webhook"},
	"internal/directory": {"internal/audit", "internal/fault", "internal/identity"},
	"internal/signin":    {"internal/fault"},
	"internal/page":      {"internal/fault"},
	"internal/pki":       {"internal/device", "internal/fault"},
	"internal/sqldb":     {"internal/audit", "internal/fault", "migrations"},
	"internal/rpc":       {"internal/device", "internal/fault", "internal/identity", "internal/pki"},
	// CEL brings the wire's types with it: its room is beside the slice's root.
	"internal/access/accesscel":   {"internal/access"},
	"internal/access/accesstest":  {"internal/access"},
	"internal/access/advice":      {"internal/access"},
	"internal/access/authzen":     {"internal/access", "internal/access/advice", "internal/device", "internal/fault", "internal/page"},
	"internal/access/clientcert":  {"internal/fault"},
	"internal/access/extauthz":    {"internal/access", "internal/access/advice", "internal/access/clientcert", "internal/device", "internal/fault"},
	"internal/access/forwardauth": {"internal/access", "internal/access/clientcert", "internal/device", "internal/fault"},
	// What others ask and are told by goes by web standards, and is no slice.
	"internal/egress":       {"internal/fault"},
	"internal/oauth":        {"internal/audit", "internal/fault", "internal/identity", "internal/webkeys"},
	"internal/transmit":     {"internal/audit", "internal/device", "internal/fault", "internal/identity", "internal/webhook"},
	"internal/transmit/ssf": {"internal/audit", "internal/device", "internal/fault", "internal/identity", "internal/oauth", "internal/transmit"},
	"internal/webhook":      nil,
	"internal/webkeys":      {"internal/audit", "internal/fault"},
	// What every slice's messages hold; a slice's root and its store know no wire.
	"internal/wire": nil,
	"migrations":    nil,
	"agent":         {"agent", "proto", "internal/apprules", "internal/device", "internal/pki"},
}

// mayKnow gives the packages of this module that the package in dir may
// import, and false where there is no rule for it.
func mayKnow(dir string) ([]string, bool) {
	parent, room := path.Split(strings.TrimPrefix(dir, "internal/"))
	parent = strings.TrimSuffix(parent, "/")
	isSlice := func(name string) bool { return slices.Contains(subjects, name) }
	switch {
	case parent == "" && isSlice(room):
		return words, true
	case parent != "" && room == parent+"db":
		return []string{
			"internal/" + parent, "internal/sqldb",
			"internal/apprules", "internal/audit", "internal/device", "internal/fault", "internal/page",
		}, true
	case parent != "" && room == parent+"rpc":
		allowed := []string{
			"internal/" + parent, "proto/mdm/" + parent + "/v1",
			"internal/apprules", "internal/bell", "internal/device", "internal/fault", "internal/identity", "internal/page",
			"internal/wire",
		}
		return allowed, true
	}
	closest := ""
	for name := range rooms {
		if under(dir, name) && len(name) > len(closest) {
			closest = name
		}
	}
	if closest == "" {
		return nil, false
	}
	return append([]string{closest}, rooms[closest]...), true
}

func TestDirection(t *testing.T) {
	imports := graph(product(source(t)))
	for _, dir := range slices.Sorted(maps.Keys(imports)) {
		for _, p := range imports[dir] {
			target, ok := inside(p)
			if !ok || mayImport(dir, target) {
				continue
			}
			allowed, _ := mayKnow(dir)
			t.Errorf("%s imports %s, but may know only %s.\n"+
				"\tDeclare the small interface it needs on its own side and connect the two in cmd.",
				dir, target, strings.Join(allowed, ", "))
		}
	}
}

// mayImport tells whether the package in dir may import the one in target.
func mayImport(dir, target string) bool {
	allowed, ok := mayKnow(dir)
	return !ok || slices.ContainsFunc(allowed, func(a string) bool { return permits(a, target) })
}

// permits tells whether the allowed folder covers target. A slice's root does
// not cover its db and rpc: they know it, and never each other.
func permits(allowed, target string) bool {
	if path.Dir(allowed) == "internal" {
		base := path.Base(allowed)
		if target == allowed+"/"+base+"db" || target == allowed+"/"+base+"rpc" {
			return false
		}
	}
	return under(target, allowed)
}

// stored are rooms that are no slice and keep something in the database.
var stored = []string{"audit", "directory", "notify", "oauth", "transmit", "webkeys"}

func TestSlicesAreNamed(t *testing.T) {
	for dir := range graph(product(source(t))) {
		parent := path.Base(path.Dir(dir))
		room := path.Base(dir)
		if room != parent+"db" && room != parent+"rpc" || slices.Contains(stored, parent) {
			continue
		}
		if !slices.Contains(subjects, parent) {
			t.Errorf("%s looks like part of a slice, but %q is none.\n"+
				"\tAdd it to subjects here and to depguard in .golangci.yml, or name the package otherwise.", dir, parent)
		}
	}
}

// ioPackages do input and output, or carry the wire or the database. net/netip
// and net/url are pure, and stay allowed.
var ioPackages = []string{
	"database/sql", "google.golang.org/grpc", "google.golang.org/protobuf", "gorm.io",
	"log", "net", "os", "syscall",
}

var purePackages = []string{"net/mail", "net/netip", "net/url"}

// impure tells whether a slice's root may not have the package.
func impure(importPath string) bool {
	return !slices.Contains(purePackages, importPath) &&
		slices.ContainsFunc(ioPackages, func(bad string) bool { return under(importPath, bad) })
}

// TestSlicesArePure follows the imports of each slice's root through the
// module: what a word imports, the slice has too.
func TestSlicesArePure(t *testing.T) {
	imports := graph(product(source(t)))
	// The words of app protection are in the app, too, and are as pure.
	for _, name := range append([]string{"apprules"}, subjects...) {
		root := "internal/" + name
		for dir, via := range reach(imports, root) {
			for _, p := range imports[dir] {
				if !impure(p) {
					continue
				}
				t.Errorf("%s has %s (by way of %s), but a slice's root decides and does no I/O.\n"+
					"\tMove what needs it into %sdb, %srpc or cmd, behind an interface of the slice.", root, p, via, name, name)
			}
		}
	}
}

// reach gives every package of the module that root imports, itself included,
// with the way there.
func reach(imports map[string][]string, root string) map[string]string {
	ways := map[string]string{}
	var visit func(dir, way string)
	visit = func(dir, way string) {
		if _, seen := ways[dir]; seen {
			return
		}
		ways[dir] = way
		for _, p := range imports[dir] {
			if next, ok := inside(p); ok {
				visit(next, way+" -> "+next)
			}
		}
	}
	if _, exists := imports[root]; exists {
		visit(root, root)
	}
	return ways
}

// wrapped lists parts that only one room may hold, each with the reason.
var wrapped = []struct {
	what   string
	holder func(dir string) bool
	why    string
}{
	{
		what:   "github.com/smallstep/pkcs7",
		holder: func(dir string) bool { return dir == "internal/pki" },
		why:    "CMS goes through one wrapper, which caps sizes before parsing and pins the algorithms: use internal/pki",
	},
	{
		what:   "cel.dev/cel-go",
		holder: func(dir string) bool { return dir == "internal/access/accesscel" },
		why:    "rules are checked, and their cost limited, in one place: use internal/access/accesscel",
	},
	{
		what:   "gorm.io",
		holder: keeps,
		why:    "gorm stays in sqldb and the slices' db packages: ask for a method on the slice's Store",
	},
	{
		what:   "database/sql",
		holder: keeps,
		why:    "the database is reached through sqldb, so that no change goes without its record: ask for a method on the slice's Store",
	},
}

// keeps tells whether the package in dir is one that stores.
func keeps(dir string) bool {
	return under(dir, "internal/sqldb") || strings.HasPrefix(dir, "internal/") && strings.HasSuffix(dir, "db")
}

func TestWrapped(t *testing.T) {
	for _, f := range product(source(t)) {
		for _, p := range f.imports() {
			for _, w := range wrapped {
				if under(p, w.what) && !w.holder(f.dir()) {
					t.Errorf("%s imports %s: %s.", f.path, p, w.why)
				}
			}
		}
	}
}

// TestStoresAndEdgesKeepApart: db packages know no wire; rpc packages know no
// database, not even through a third-party package.
func TestStoresAndEdgesKeepApart(t *testing.T) {
	for dir, imports := range graph(product(source(t))) {
		var never []string
		switch parent := path.Base(path.Dir(dir)); path.Base(dir) {
		case parent + "db":
			never = []string{"google.golang.org/grpc", "google.golang.org/protobuf"}
		case parent + "rpc":
			never = []string{"gorm.io", "github.com/jackc/pgx", "modernc.org/sqlite"}
		}
		for _, p := range imports {
			if slices.ContainsFunc(never, func(bad string) bool { return under(p, bad) }) {
				t.Errorf("%s imports %s: what is kept and what is said stay apart.\n"+
					"\tPass the slice's own types between them.", dir, p)
			}
		}
	}
}
