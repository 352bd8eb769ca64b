package apprules

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Key names a setting, as policies, the wire and the record do.
type Key string

// Row is what the catalog says of one setting. All of it is for reading.
type Row struct {
	Key Key
	// Origin is how Microsoft Graph calls the setting, for who comes from there.
	Origin []string
	// Meaning is what happens when the setting bites.
	Meaning string
	// Values is the vocabulary or the range, with the unit.
	Values string
	// Default is the value where no policy speaks; empty: nothing is asked.
	Default string
	// Merge is how the values of two policies become one.
	Merge string
	// Within is the restriction that this is an exception to, or a part of;
	// empty for a setting that stands alone.
	Within string
}

// kind is what all settings of one type have in common.
type kind[T any] struct {
	// values and rule describe the kind in the catalog.
	values, rule string
	// parse reads the plain form and refuses what is no value at all. What it
	// gives is canonical.
	parse func([]string) (T, error)
	// format gives the plain form; parse(format(v)) is v.
	format func(T) []string
	// merge is commutative, associative and idempotent.
	merge func(a, b T) T
	// check refuses what a merge may give but no policy may say; nil for none.
	check func(T) error
}

// Setting is one row of the catalog with its type.
type Setting[T any] struct {
	row       Row
	kind      kind[T]
	byDefault *T
	within    func(Settings) bool
}

// Key gives the setting's name.
func (s *Setting[T]) Key() Key { return s.row.Key }

// Is says a value, for [Say].
func (s *Setting[T]) Is(value T) Saying { return Saying{s.row.Key, value} }

// Said gives what is said, and whether anything is.
func (s *Setting[T]) Said(in Settings) (T, bool) {
	value, said := in.said[s.row.Key].(T)
	return value, said
}

// In gives what is said or else the default, and whether there is either.
func (s *Setting[T]) In(settings Settings) (T, bool) {
	value, said := s.Said(settings)
	if !said && s.byDefault != nil && !settings.bare {
		return *s.byDefault, true
	}
	return value, said
}

// Of is In for a setting whose zero value asks nothing, or that has a default.
func (s *Setting[T]) Of(settings Settings) T {
	value, _ := s.In(settings)
	return value
}

// inside makes the setting one that has a meaning only in a policy that makes
// some restriction itself. Such a policy, if it does not say the setting, says
// its default.
func (s *Setting[T]) inside(restriction string, holds func(Settings) bool) *Setting[T] {
	s.row.Within = restriction
	s.within = func(said Settings) bool { return holds(Settings{said.said, true}) }
	return s
}

// entry is a Setting whose type is forgotten. The values it takes and gives are
// of that type.
type entry interface {
	Key() Key
	describe() Row
	parse([]string) (any, error)
	format(any) []string
	merge(a, b any) any
	check(any) error
	settle(Settings)
	idle(Settings) bool
	missing(Settings) bool
}

func (s *Setting[T]) describe() Row { return s.row }

func (s *Setting[T]) parse(plain []string) (any, error) {
	value, err := s.kind.parse(plain)
	return value, err
}

func (s *Setting[T]) format(value any) []string { return s.kind.format(value.(T)) }

func (s *Setting[T]) merge(a, b any) any { return s.kind.merge(a.(T), b.(T)) }

// check reads the value back: one that was made in Go, and not parsed, may be
// none at all.
func (s *Setting[T]) check(value any) error {
	v, err := s.kind.parse(s.kind.format(value.(T)))
	if err == nil && s.kind.check != nil {
		err = s.kind.check(v)
	}
	return err
}

// settle drops the setting where it has no meaning, and writes the default out
// where the restriction is made and the setting is not said.
func (s *Setting[T]) settle(in Settings) {
	_, said := in.said[s.row.Key]
	switch {
	case s.within == nil:
	case !s.within(in):
		delete(in.said, s.row.Key)
	case !said && s.byDefault != nil:
		in.said[s.row.Key] = *s.byDefault
	}
}

// idle reports whether the setting is said where it has no meaning.
func (s *Setting[T]) idle(in Settings) bool {
	_, said := in.said[s.row.Key]
	return said && s.within != nil && !s.within(in)
}

// missing reports whether the setting must be said, and is not: it has no
// default, and the restriction it belongs to is made.
func (s *Setting[T]) missing(in Settings) bool {
	_, said := in.said[s.row.Key]
	return !said && s.within != nil && s.byDefault == nil && s.within(in)
}

// declared has every setting, as the declarations of this package add them.
var declared []entry

// declare adds a setting to the catalog. It is for declarations only.
func declare[T any](row Row, k kind[T]) *Setting[T] {
	row.Values, row.Merge = k.values, k.rule
	s := &Setting[T]{row: row, kind: k}
	declared = append(declared, s)
	return s
}

// declareDefault is declare for a setting that holds where no policy speaks.
func declareDefault[T any](row Row, k kind[T], byDefault T) *Setting[T] {
	s := declare(row, k)
	s.byDefault, s.row.Default = &byDefault, strings.Join(k.format(byDefault), ", ")
	return s
}

// entries gives every setting by its key, and in the order of the keys.
var entries = sync.OnceValues(func() (map[Key]entry, []entry) {
	byKey := make(map[Key]entry, len(declared))
	for _, e := range declared {
		if byKey[e.Key()] != nil {
			panic(fmt.Sprintf("setting %s is declared twice", e.Key()))
		}
		byKey[e.Key()] = e
	}
	ordered := slices.SortedFunc(slices.Values(declared), func(a, b entry) int {
		return strings.Compare(string(a.Key()), string(b.Key()))
	})
	return byKey, ordered
})

// Catalog describes every setting, in the order of the keys, and then what
// else a policy says.
func Catalog() []Row {
	_, ordered := entries()
	rows := make([]Row, len(ordered))
	for i, e := range ordered {
		rows[i] = e.describe()
	}
	return append(rows, others...)
}

// others are the parts of a policy that are no settings.
var others = []Row{
	{
		Key: "config.values", Origin: []string{"settings", "payloadJson", "schemaItems"},
		Meaning: "what the app is told, by the keys of its schema",
		Values:  "bool, integer, string, choice, list, bundle or array of bundles, with tokens in strings and lists", Merge: "as the schema says for each key",
	},
	{
		Key: "config.custom", Origin: []string{"customSettings"},
		Meaning: "what the app is told beside its schema", Values: "texts, with tokens", Merge: "left out where policies differ",
	},
	{
		Key: "config.custom.update_source", Origin: []string{"com.microsoft.intune.myappstore"},
		Meaning: "where a new version of the app is to be had", Values: "an https address", Merge: "left out where policies differ",
	},
	{
		Key: "config.permissions", Origin: []string{"permissionActions"},
		Meaning: "the answers to Android's permissions", Values: "grant, prompt, deny", Merge: "the strictest",
	},
	{
		Key: "config.connected_apps", Origin: []string{"connectedAppsEnabled"},
		Meaning: "the app may speak with itself across profiles", Values: "true, false", Merge: "on if no policy says otherwise",
	},
	{
		Key: "target.apps", Origin: []string{"apps", "appGroupType", "targetedMobileApps"},
		Meaning: "the apps a policy is for", Values: "packages with signers, or app groups", Merge: "each policy for itself",
	},
	{
		Key: "target.people", Origin: []string{"assignments"},
		Meaning: "the people a policy is for", Values: "users and groups, included and excluded", Merge: "each policy for itself; excluded wins",
	},
	{
		Key: "target.fallback", Origin: []string{"defaultManagedAppProtection"},
		Meaning: "beside the target, as fallback: the policy holds only where no other does", Values: "true, false", Default: "false", Merge: "each policy for itself",
	},
	{
		Key: "target.levels", Origin: []string{"targetedAppManagementLevels", "profileApplicability"},
		Meaning: "the management levels a policy is for", Values: "unenrolled, work-profile, fully-managed", Merge: "each policy for itself",
	},
}

// CatalogMarkdown writes the catalog as a table.
func CatalogMarkdown() string {
	var b strings.Builder
	b.WriteString("| Setting | Meaning | Values | Default | Merged by | Within | In Microsoft Graph |\n|---|---|---|---|---|---|---|\n")
	for _, r := range Catalog() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n",
			r.Key, r.Meaning, r.Values, r.Default, r.Merge, r.Within, strings.Join(r.Origin, ", "))
	}
	return b.String()
}
