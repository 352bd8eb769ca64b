package apprules

import (
	"fmt"
	"slices"
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
	// ItemBundle has items of its own.
	ItemBundle
	// ItemBundleArray is a list of bundles that all have the same items. It
	// keeps its order.
	ItemBundleArray
)

var itemKindNames = []string{"", "bool", "integer", "string", "choice", "list", "bundle", "bundle-array"}

func (k ItemKind) String() string { return nameOf(itemKindNames, k) }

// ItemMerge is how the values of two policies become one. The numbers are
// stored: do not reorder.
type ItemMerge uint8

// The rules.
const (
	// MergeSame: they must be the same, or the item is left out as a conflict. A
	// bundle is merged item by item, each by its own rule; what one of them has
	// and the other has not is had, and where two cannot be merged the whole
	// bundle is left out.
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

	ItemBundle:      {},
	ItemBundleArray: {},
}

// Bounds of a schema.
const (
	// maxItems counts those in bundles, too.
	maxItems = 512
	// maxDepth is how deep bundles may be in each other.
	maxDepth = 3

	maxTitle     = 200
	maxItemWords = 1000
)

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
	// Hidden items are not offered to administrators, and may not be set: the
	// app takes its default.
	Hidden bool
	// Items are those of a bundle, or of each in an array of bundles.
	Items []Item
}

// Validate checks a schema. Its error is a [SettingError] whose key is the
// item, with those of the bundles around it before it: "vpn.port".
func (s *Schema) Validate() error {
	if !ValidPackage(s.Package) {
		return &SettingError{"package", fmt.Errorf("is no package name")}
	}
	left := maxItems
	return validateItems("", s.Items, maxDepth, &left)
}

// validateItems checks items that may have bundles in each other up to depth,
// and takes their number from left.
func validateItems(path string, items []Item, depth int, left *int) error {
	seen := make(map[string]bool, len(items))
	for i := range items {
		item := &items[i]
		err := item.validate(depth)
		if *left--; *left < 0 {
			err = fmt.Errorf("is one of more than %d", maxItems)
		}
		if seen[item.Key] {
			err = fmt.Errorf("is there twice")
		}
		if err != nil {
			return &SettingError{Key(path + item.Key), err}
		}
		seen[item.Key] = true
		if err := validateItems(path+item.Key+".", item.Items, depth-1, left); err != nil {
			return err
		}
	}
	return nil
}

func (i *Item) validate(depth int) error {
	offered, known := mergesOf[i.Kind]
	bundle := i.Kind == ItemBundle || i.Kind == ItemBundleArray
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
	case bundle != (len(i.Items) > 0):
		return fmt.Errorf("must be a bundle with items, or have none")
	case bundle && depth == 0:
		return fmt.Errorf("is a bundle more than %d deep", maxDepth)
	}
	return i.validateWords()
}

// validateWords checks what is for reading, and the choices.
func (i *Item) validateWords() error {
	if len(i.Choices) > maxItems || len(i.Default) > maxItems {
		return fmt.Errorf("has more than %d choices or defaults", maxItems)
	}
	if len(sortedSet(i.Choices)) != len(i.Choices) {
		return fmt.Errorf("has a choice twice")
	}
	for _, text := range slices.Concat(i.Choices, i.Default, []string{i.Description}) {
		if err := checkConfigText(text); err != nil {
			return err
		}
	}
	if !PlainText(i.Title, maxTitle) || len(i.Description) > maxItemWords {
		return fmt.Errorf("has a title or a description that is too long or no text")
	}
	return nil
}

// Item gives the item of a key. A schema that is nil has none.
func (s *Schema) Item(key string) (*Item, bool) {
	if s == nil {
		return nil, false
	}
	return itemOf(s.Items, key)
}

func itemOf(items []Item, key string) (*Item, bool) {
	i := slices.IndexFunc(items, func(each Item) bool { return each.Key == key })
	if i < 0 {
		return nil, false
	}
	return &items[i], true
}
