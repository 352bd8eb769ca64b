package apprules

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// The kinds of sets and lists.

// vocabulary is what a set of bits is written with.
type vocabulary[T ~uint8 | ~uint16] struct {
	// names has the name of each bit; an empty name is no member.
	names []string
	// none is how the empty set is written, where it may be said; else "".
	none string
	// shut is a member beside which the others say nothing; 0 for none.
	shut T
}

func (v vocabulary[T]) values() string {
	var list []string
	if v.none != "" {
		list = append(list, v.none)
	}
	for _, name := range v.names {
		if name != "" {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

func (v vocabulary[T]) parse(plain []string) (T, error) {
	var set T
	for _, text := range plain {
		i := slices.Index(v.names, text)
		switch {
		case text == "" || i < 0 && text != v.none:
			return 0, fmt.Errorf("%.40q is none of: %s", text, v.values())
		case text == v.none && len(plain) > 1:
			return 0, fmt.Errorf("%s stands alone", text)
		case i >= 0:
			set |= 1 << i
		}
	}
	return v.settled(set), nil
}

func (v vocabulary[T]) settled(set T) T {
	if v.shut != 0 && set&v.shut != 0 {
		return v.shut
	}
	return set
}

func (v vocabulary[T]) format(set T) []string {
	if set == 0 && v.none != "" {
		return []string{v.none}
	}
	list := make([]string, 0, bits.OnesCount16(uint16(set)))
	for i, name := range v.names {
		if set&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

// demands is a set to which every policy adds.
func demands[T ~uint8](v vocabulary[T]) kind[T] {
	return kind[T]{
		values: "a list of: " + v.values(), rule: "all of them", parse: v.parse, format: v.format,
		merge: func(a, b T) T { return v.settled(a | b) },
	}
}

// allowed is a set of which that is left on which the policies agree.
func allowed[T ~uint8 | ~uint16](v vocabulary[T]) kind[T] {
	return kind[T]{
		values: "a list of: " + v.values(), rule: "what all of them have", parse: v.parse, format: v.format,
		merge: func(a, b T) T { return a & b },
	}
}

// membersOf keeps a vocabulary to the members of a set.
func membersOf(names []string, set Location) []string {
	kept := slices.Clone(names)
	for i := range kept {
		if set&(1<<i) == 0 {
			kept[i] = ""
		}
	}
	return kept
}

// maxListed bounds every list.
const maxListed = 256

// Listed is an app in a list: its package, and how people call it.
type Listed struct {
	Package string
	// Name may be empty. It decides nothing.
	Name string
}

// packages is a list of apps of which that is left on which the policies agree.
// Each text is a package, or a package, "=" and a name. No policy may list
// fewer than low or more than high.
func packages(low, high int) kind[[]Listed] {
	values := fmt.Sprintf("%d to %d of package or package=name", low, high)
	if high == 1 {
		values = "one package, or package=name"
	}
	return kind[[]Listed]{
		values: values, rule: "what all of them have",
		parse: parseListed, format: formatListed, merge: commonListed,
		check: func(list []Listed) error {
			if len(list) < low || len(list) > high {
				return fmt.Errorf("lists %d apps, not %d to %d", len(list), low, high)
			}
			return nil
		},
	}
}

func parseListed(plain []string) ([]Listed, error) {
	if len(plain) > maxListed {
		return nil, fmt.Errorf("has %d entries, more than %d", len(plain), maxListed)
	}
	list := make([]Listed, 0, len(plain))
	for _, text := range plain {
		pkg, name, named := strings.Cut(text, "=")
		if !ValidPackage(pkg) {
			return nil, fmt.Errorf("%.80q is no package name", pkg)
		}
		if named && !PlainText(name, 128) {
			return nil, fmt.Errorf("the name of %s is not plain text", pkg)
		}
		list = append(list, Listed{pkg, name})
	}
	slices.SortFunc(list, byPackage)
	for i := range list[min(1, len(list)):] {
		if list[i].Package == list[i+1].Package {
			return nil, fmt.Errorf("%s is listed twice", list[i].Package)
		}
	}
	return list, nil
}

func byPackage(a, b Listed) int { return strings.Compare(a.Package, b.Package) }

func formatListed(list []Listed) []string {
	plain := make([]string, len(list))
	for i, each := range list {
		plain[i] = each.Package
		if each.Name != "" {
			plain[i] += "=" + each.Name
		}
	}
	return plain
}

// commonListed intersects by package. Of two names the one that comes first in
// the alphabet stays, and any name before none.
func commonListed(a, b []Listed) []Listed {
	common := make([]Listed, 0, min(len(a), len(b)))
	for _, each := range a {
		i := slices.IndexFunc(b, func(o Listed) bool { return o.Package == each.Package })
		if i < 0 {
			continue
		}
		if other := b[i].Name; each.Name == "" || other != "" && other < each.Name {
			each.Name = other
		}
		common = append(common, each)
	}
	return common
}

// lists reports whether a package is on a list.
func lists(list []Listed, pkg string) bool {
	return slices.ContainsFunc(list, func(each Listed) bool { return each.Package == pkg })
}

// texts is an allow-list of names, of which that is left on which the policies
// agree. No policy may give an empty one. fold makes two spellings one.
func texts(fold func(string) string) kind[[]string] {
	return kind[[]string]{
		values: fmt.Sprintf("1 to %d names", maxListed), rule: "what all of them have",
		parse: func(plain []string) ([]string, error) {
			if len(plain) > maxListed {
				return nil, fmt.Errorf("has %d entries, more than %d", len(plain), maxListed)
			}
			list := make([]string, 0, len(plain))
			for _, text := range plain {
				if text == "" || !PlainText(text, 128) {
					return nil, fmt.Errorf("%.40q is not a plain name", text)
				}
				list = append(list, fold(text))
			}
			slices.Sort(list)
			return slices.Compact(list), nil
		},
		format: slices.Clone[[]string],
		merge: func(a, b []string) []string {
			return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
		},
		check: func(list []string) error {
			if len(list) == 0 {
				return fmt.Errorf("lists nothing, so that no phone would do")
			}
			return nil
		},
	}
}
