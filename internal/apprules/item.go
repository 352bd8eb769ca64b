package apprules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// value is the value of an item as it is read: texts, or of a bundle the values
// of its items, or of an array its bundles.
type value struct {
	texts   []string
	fields  map[string]value
	entries []value
}

// Allows reports what is wrong with a value that a policy says; nil if nothing
// is.
func (i *Item) Allows(texts []string) error {
	if i.Hidden {
		return errHidden
	}
	v, err := i.parse(texts)
	if err != nil {
		return err
	}
	_, err = i.expand(v, anyTokens)
	return err
}

// Canonical gives the one form of a value that the item allows: sets are
// sorted, and so are the keys of bundles.
func (i *Item) Canonical(texts []string) []string {
	v, err := i.parse(texts)
	if err != nil {
		return texts
	}
	return i.format(v)
}

// Combine makes one of two values that the item allows, by its rule; ok reports
// whether that could be. The order of the two does not matter.
func (i *Item) Combine(a, b []string) (combined []string, ok bool) {
	va, errA := i.parse(a)
	vb, errB := i.parse(b)
	if errA != nil || errB != nil {
		return nil, false
	}
	v, ok := i.combine(va, vb)
	if !ok {
		return nil, false
	}
	return i.format(v), true
}

// parse reads a value as it is given, or, expanded, as the app will get it.
func (i *Item) parse(texts []string) (value, error) {
	if i.Kind == ItemBundle || i.Kind == ItemBundleArray {
		text, err := one(texts)
		if err != nil {
			return value{}, err
		}
		return i.parseBundle(text)
	}
	return i.leaf(texts)
}

// leaf checks the texts of an item that is no bundle.
func (i *Item) leaf(texts []string) (value, error) {
	if i.Kind != ItemList {
		text, err := one(texts)
		if err == nil {
			err = i.checkText(text)
		}
		return value{texts: []string{text}}, err
	}
	if len(texts) > maxListed {
		return value{}, fmt.Errorf("has %d values, more than %d", len(texts), maxListed)
	}
	for _, text := range texts {
		if err := i.checkText(text); err != nil {
			return value{}, err
		}
	}
	return value{texts: sortedSet(texts)}, nil
}

func (i *Item) checkText(text string) error {
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
	case ItemBundle, ItemBundleArray:
		return fmt.Errorf("is a bundle, and no text")
	}
	return nil
}

// expands reports whether tokens in the item's values mean something.
func (i *Item) expands() bool {
	switch i.Kind {
	case ItemString, ItemList:
		return len(i.Choices) == 0
	case ItemBundle, ItemBundleArray:
		return slices.ContainsFunc(i.Items, func(each Item) bool { return each.expands() })
	case ItemBool, ItemInteger, ItemChoice:
	}
	return false
}

// combine is Combine of what was read.
func (i *Item) combine(a, b value) (value, bool) {
	switch {
	case i.Kind == ItemBundle:
		return i.combineFields(a, b)
	case i.Kind == ItemBundleArray:
		return a, slices.Equal(i.format(a), i.format(b))
	}
	texts, ok := i.combineTexts(a.texts, b.texts)
	return value{texts: texts}, ok
}

func (i *Item) combineFields(a, b value) (value, bool) {
	fields := maps.Clone(a.fields)
	for key, field := range b.fields {
		before, both := fields[key]
		if both {
			item, _ := itemOf(i.Items, key)
			var ok bool
			if field, ok = item.combine(before, field); !ok {
				return value{}, false
			}
		}
		fields[key] = field
	}
	return value{fields: fields}, true
}

func (i *Item) combineTexts(a, b []string) (combined []string, ok bool) {
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
		return slices.DeleteFunc(slices.Clone(a), func(text string) bool { return !slices.Contains(b, text) }), true
	case MergeUnion:
		union := sortedSet(slices.Concat(a, b))
		return union, len(union) <= maxListed
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

// integer reads what checkText has let through.
func integer(texts []string) int64 {
	n, _ := strconv.ParseInt(texts[0], 10, 64)
	return n
}
