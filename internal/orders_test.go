package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Orders that take data back come to be in one place: internal/wipe decides them,
// and its store saves what was decided. The rules below keep it so, for code that
// budgets, approvals and the record would not see otherwise.

const (
	ordersRoom = "internal/wipe"
	ordersDB   = "internal/wipe/wipedb"
)

// orderTypes are what an order is made of, and what it is saved by.
var orderTypes = []string{"Order", "Change", "Booking"}

// TestNobodyElseMakesOrders: outside internal/wipe no value of those types is made,
// and no order is written past the store.
func TestNobodyElseMakesOrders(t *testing.T) {
	for _, f := range product(source(t)) {
		if under(f.dir(), ordersRoom) {
			continue
		}
		for _, n := range ordersMade(f.syntax) {
			t.Errorf("%s makes an order, or what saves one: only %s decides that.\n\tAsk wipe.Service for it.", f.at(n.Pos()), ordersRoom)
		}
	}
	for _, f := range product(source(t)) {
		if f.dir() == ordersDB {
			continue
		}
		for _, n := range ordersInserted(f.syntax) {
			t.Errorf("%s writes into wipe_orders: only %s does.", f.at(n.Pos()), ordersDB)
		}
	}
}

// ordersMade finds composite literals, conversions, new and new types of the order
// types, with whatever name the file gives to package wipe.
func ordersMade(f *ast.File) (made []ast.Node) {
	local := ""
	for _, spec := range f.Imports {
		if spec.Path.Value == strconv.Quote(module+"/"+ordersRoom) {
			local = path.Base(ordersRoom)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	is := func(e ast.Expr) bool { return isOrderType(e, local) }
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if is(n.Type) {
				made = append(made, n)
			}
		case *ast.CallExpr:
			fun, plain := n.Fun.(*ast.Ident)
			if is(n.Fun) || plain && fun.Name == "new" && len(n.Args) == 1 && is(n.Args[0]) {
				made = append(made, n)
			}
		case *ast.TypeSpec:
			if is(n.Type) {
				made = append(made, n)
			}
		}
		return true
	})
	return made
}

// isOrderType reports whether e is one of the order types, or a list, a map or a
// pointer of them.
func isOrderType(e ast.Expr, local string) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && x.Name == local && slices.Contains(orderTypes, e.Sel.Name)
	case *ast.Ident:
		return local == "." && slices.Contains(orderTypes, e.Name)
	case *ast.ArrayType:
		return isOrderType(e.Elt, local)
	case *ast.MapType:
		return isOrderType(e.Value, local)
	case *ast.StarExpr:
		return isOrderType(e.X, local)
	case *ast.ParenExpr:
		return isOrderType(e.X, local)
	default:
		return false
	}
}

var insertsOrders = regexp.MustCompile("(?i)\\b(insert|replace)\\s+(or\\s+\\w+\\s+)?into\\s+[\"`]?wipe_orders\\b")

// ordersInserted finds SQL that adds orders.
func ordersInserted(f *ast.File) (found []ast.Node) {
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && insertsOrders.MatchString(lit.Value) {
			found = append(found, n)
		}
		return true
	})
	return found
}

// TestOrdersAreSavedByDecision: in the store, whatever adds an order is reached by
// Decide and Invoke only.
func TestOrdersAreSavedByDecision(t *testing.T) {
	var files []*ast.File
	for _, f := range product(source(t)) {
		if f.dir() == ordersDB {
			files = append(files, f.syntax)
		}
	}
	got := waysToInsert(files)
	if want := []string{"Decide", "Invoke"}; !slices.Equal(got, want) {
		t.Errorf("%s adds orders by %s, and may by %s only: what is not decided at a desk is no order.",
			ordersDB, strings.Join(got, ", "), strings.Join(want, " and "))
	}
}

// waysToInsert gives the exported functions of one package from which something
// is reached that adds rows of orders, by name.
func waysToInsert(files []*ast.File) []string {
	calls, inserts := map[string][]string{}, map[string]bool{}
	for _, f := range files {
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				name := fn.Name.Name
				calls[name] = append(calls[name], called(fn.Body)...)
				inserts[name] = inserts[name] || addsOrders(fn.Body)
			}
		}
	}
	var ways []string
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if ast.IsExported(name) && leads(name, calls, inserts, map[string]bool{}) {
			ways = append(ways, name)
		}
	}
	return ways
}

func leads(name string, calls map[string][]string, inserts, seen map[string]bool) bool {
	if inserts[name] {
		return true
	}
	seen[name] = true
	return slices.ContainsFunc(calls[name], func(next string) bool {
		return !seen[next] && calls[next] != nil && leads(next, calls, inserts, seen)
	})
}

// called names what a body calls, or hands on as a function.
func called(body ast.Node) []string {
	names := []string{""}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			names = append(names, n.Sel.Name)
		case *ast.Ident:
			names = append(names, n.Name)
		}
		return true
	})
	return names
}

// adders are gorm's ways to add a row.
var adders = []string{"Create", "CreateInBatches", "FirstOrCreate", "Save"}

// addsOrders reports whether a body adds rows of orders: with SQL, or by handing
// gorm something that was made from them.
func addsOrders(body ast.Node) bool {
	rows := map[string]bool{"orderRow": true, "toRow": true}
	mentions := func(n ast.Node) (yes bool) {
		ast.Inspect(n, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			yes = yes || ok && rows[id.Name]
			return true
		})
		return yes
	}
	adds := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if slices.ContainsFunc(n.Rhs, func(e ast.Expr) bool { return mentions(e) }) {
				for _, left := range n.Lhs {
					if id, ok := left.(*ast.Ident); ok {
						rows[id.Name] = true
					}
				}
			}
		case *ast.ValueSpec:
			if n.Type != nil && mentions(n.Type) {
				for _, id := range n.Names {
					rows[id.Name] = true
				}
			}
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if ok && slices.Contains(adders, sel.Sel.Name) && slices.ContainsFunc(n.Args, func(e ast.Expr) bool { return mentions(e) }) {
				adds = true
			}
		case *ast.BasicLit:
			adds = adds || n.Kind == token.STRING && insertsOrders.MatchString(n.Value)
		}
		return true
	})
	return adds
}

func parsed(t *testing.T, src string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The rules bite.

func TestOrdersMade(t *testing.T) {
	tests := map[string]int{
		`import "ringfence/internal/wipe"; var o = wipe.Order{ID: "x"}`:                      1,
		`import "ringfence/internal/wipe"; var o = []wipe.Order{{ID: "x"}}`:                  1,
		`import "ringfence/internal/wipe"; var o = map[string]*wipe.Order{"a": {ID: "x"}}`:   1,
		`import w "ringfence/internal/wipe"; var o = &w.Booking{Orders: []w.Change{{}, {}}}`: 2,
		`import "ringfence/internal/wipe"; var o = new(wipe.Order)`:                          1,
		`import "ringfence/internal/wipe"; type order wipe.Order`:                            1,
		`import "ringfence/internal/wipe"; var o = wipe.Order(struct{}{})`:                   1,
		`import . "ringfence/internal/wipe"; var o = Order{}`:                                1,
		`import "ringfence/internal/wipe"; var q = wipe.Query{}; var o []wipe.Order`:         0,
		`import "other/wipe"; var o = wipe.Order{}`:                                          0,
		`import "ringfence/internal/wipe"; func f(o wipe.Order) []wipe.Order { return nil }`: 0,
	}
	for src, want := range tests {
		if got := len(ordersMade(parsed(t, "package p; "+src))); got != want {
			t.Errorf("%s: found %d, want %d", src, got, want)
		}
	}
}

func TestOrdersInserted(t *testing.T) {
	tests := map[string]bool{
		"INSERT INTO wipe_orders (id) VALUES (?)": true, "insert or ignore\n into wipe_orders VALUES (1)": true, "replace into wipe_orders": true,
		"INSERT INTO wipe_orders_next SELECT": false, "SELECT * FROM wipe_orders": false, "UPDATE wipe_orders SET state = ?": false,
	}
	for sql, want := range tests {
		if got := len(ordersInserted(parsed(t, "package p; var s = "+strconv.Quote(strings.ReplaceAll(sql, "\n", " "))))) == 1; got != want {
			t.Errorf("%q: found = %t, want %t", sql, got, want)
		}
	}
}

func TestWaysToInsert(t *testing.T) {
	const src = `package p
func (s *Store) Decide() { s.write(func() { s.book() }) }
func (s *Store) book()   { s.create() }
func (s *Store) create() { rows := make([]orderRow, 1); db.Create(&rows) }
func (s *Store) Invoke() { row := toRow(o); db.Clauses().Create(&row) }
func (s *Store) Save()   { row := toRow(o); db.Create(proof); db.Updates(&row) }
func (s *Store) Sneak()  { var row orderRow; db.Save(&row) }
func (s *Store) Hand()   { s.write(s.book) }
func (s *Store) Plain()  { db.Exec("INSERT INTO wipe_orders (id) VALUES (?)") }
func (s *Store) List()   { db.Find(&rows) }
`
	got := waysToInsert([]*ast.File{parsed(t, src)})
	if want := []string{"Decide", "Hand", "Invoke", "Plain", "Sneak"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
