package appprotect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Schema says what an app can be told.
type Schema struct {
	Package string
	Items   []Item
	// OEMConfig: the app passes settings on to the phone's maker. For reading.
	OEMConfig bool
}

// ItemKind is the type of a configuration value. The numbers are stored: do
// not reorder.
type ItemKind uint8

// The types.
const (
	ItemBool ItemKind = iota + 1
	ItemInteger
	ItemString
	ItemChoice
	ItemList
)

var itemKindNames = []string{"", "bool", "integer", "string", "choice", "list"}

func (k ItemKind) String() string { return nameOf(itemKindNames, k) }

// ItemMerge is how the values of two policies become one. The numbers are
// stored: do not reorder.
type ItemMerge uint8

// The rules.
const (
	// MergeSame: they must be the same, or the item is left out as a conflict.
	MergeSame ItemMerge = iota
	// MergeAny: true if any policy says so. Bool.
	MergeAny
	// MergeAll: true if all policies say so. Bool.
	MergeAll
	// MergeLeast and MergeMost. Integer.
	MergeLeast
	MergeMost
	// MergeStrictest: the one that comes later among the choices. Choice.
	MergeStrictest
	// MergeCommon: what all of them list. List.
	MergeCommon
	// MergeUnion: what any of them lists. List.
	MergeUnion
)

// mergesOf has the rules that each type offers beside MergeSame.
var mergesOf = map[ItemKind][]ItemMerge{
	ItemBool:    {MergeAny, MergeAll},
	ItemInteger: {MergeLeast, MergeMost},
	ItemString:  {},
	ItemChoice:  {MergeStrictest},
	ItemList:    {MergeCommon, MergeUnion},
}

// Item is one thing an app can be told.
type Item struct {
	Key         string
	Title       string
	Description string
	Kind        ItemKind
	Merge       ItemMerge
	// Min and Max bound an integer; where both are 0 it may be any.
	Min, Max int64
	// Choices are the values of a choice, and of a list if there are any.
	Choices []string
	// Default is what the app takes where it is told nothing. For reading.
	Default []string
	// Hidden items are not offered to administrators, and may not be set.
	Hidden bool
}

// Validate checks a schema. Its error is a [SettingError] whose key is the item.
func (s *Schema) Validate() error {
	if !validPackage(s.Package) {
		return &SettingError{"package", fmt.Errorf("is no package name")}
	}
	if len(s.Items) > maxConfig {
		return &SettingError{"items", fmt.Errorf("are more than %d", maxConfig)}
	}
	seen := make(map[string]bool, len(s.Items))
	for i := range s.Items {
		item := &s.Items[i]
		err := item.validate()
		if seen[item.Key] {
			err = fmt.Errorf("is there twice")
		}
		if err != nil {
			return &SettingError{Key(item.Key), err}
		}
		seen[item.Key] = true
	}
	return nil
}

func (i *Item) validate() error {
	offered, known := mergesOf[i.Kind]
	switch {
	case !configKey.MatchString(i.Key):
		return fmt.Errorf("is no key")
	case !known:
		return fmt.Errorf("has no type")
	case i.Merge != MergeSame && !slices.Contains(offered, i.Merge):
		return fmt.Errorf("cannot be merged like that as %s", i.Kind)
	case i.Kind == ItemChoice && len(i.Choices) == 0:
		return fmt.Errorf("has no choices")
	case i.Min > i.Max:
		return fmt.Errorf("has a minimum above its maximum")
	}
	return nil
}

// item gives the item of a key.
func (s *Schema) item(key string) (*Item, bool) {
	if s == nil {
		return nil, false
	}
	i := slices.IndexFunc(s.Items, func(each Item) bool { return each.Key == key })
	if i < 0 {
		return nil, false
	}
	return &s.Items[i], true
}

// check reports what is wrong with a value as it is given, or, expanded, as the
// app will get it.
func (i *Item) check(texts []string) error {
	if i.Kind != ItemList && len(texts) != 1 {
		return fmt.Errorf("needs one value, not %d", len(texts))
	}
	if len(texts) > maxListed {
		return fmt.Errorf("has %d values, more than %d", len(texts), maxListed)
	}
	for _, text := range texts {
		if err := i.checkOne(text); err != nil {
			return err
		}
	}
	return nil
}

func (i *Item) checkOne(text string) error {
	switch i.Kind {
	case ItemBool:
		_, err := parseFlag(text)
		return err
	case ItemInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || (i.Min != 0 || i.Max != 0) && (n < i.Min || n > i.Max) {
			return fmt.Errorf("%.40q is no integer in its range", text)
		}
		if strconv.FormatInt(n, 10) != text {
			return fmt.Errorf("%.40q is not how %d is written", text, n)
		}
	case ItemString, ItemChoice, ItemList:
		if len(i.Choices) > 0 && !slices.Contains(i.Choices, text) {
			return fmt.Errorf("%.40q is none of: %s", text, strings.Join(i.Choices, ", "))
		}
		return checkConfigText(text)
	}
	return nil
}

// expands reports whether tokens in the item's values mean something.
func (i *Item) expands() bool {
	return (i.Kind == ItemString || i.Kind == ItemList) && len(i.Choices) == 0
}

// merge makes one of two values; same reports whether they could be.
func (i *Item) merge(a, b []string) (merged []string, same bool) {
	switch i.Merge {
	case MergeAny:
		return pick(a, b, a[0] == "true"), true
	case MergeAll:
		return pick(a, b, a[0] == "false"), true
	case MergeLeast:
		return pick(a, b, integer(a) <= integer(b)), true
	case MergeMost:
		return pick(a, b, integer(a) >= integer(b)), true
	case MergeStrictest:
		return pick(a, b, slices.Index(i.Choices, a[0]) >= slices.Index(i.Choices, b[0])), true
	case MergeCommon:
		common := []string{}
		for _, text := range a {
			if slices.Contains(b, text) {
				common = append(common, text)
			}
		}
		return common, true
	case MergeUnion:
		return sortedSet(slices.Concat(a, b)), true
	case MergeSame:
		return a, slices.Equal(a, b)
	}
	return nil, false
}

func pick(a, b []string, first bool) []string {
	if first {
		return a
	}
	return b
}

// integer reads what check has let through.
func integer(texts []string) int64 {
	n, _ := strconv.ParseInt(texts[0], 10, 64)
	return n
}
