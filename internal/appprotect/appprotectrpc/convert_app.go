package appprotectrpc

import (
	"fmt"
	"slices"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/fault"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// maxBundles is how deep bundles may be in each other.
const maxBundles = 3

var itemKinds = map[string]apprules.ItemKind{
	"bool": apprules.ItemBool, "integer": apprules.ItemInteger, "string": apprules.ItemString,
	"choice": apprules.ItemChoice, "list": apprules.ItemList,
	"bundle": apprules.ItemBundle, "bundle-array": apprules.ItemBundleArray,
}

// itemMerges are in the order of their numbers; unsaid is the first.
var itemMerges = []string{"same", "any", "all", "least", "most", "strictest", "common", "union"}

// appFromWire shares nothing with the request.
func appFromWire(pkg string, w *appprotectv1.AppSpec) (appprotect.KnownApp, error) {
	a := appprotect.KnownApp{
		Package: pkg, Title: w.GetTitle(),
		SignerSHA256: slices.Clone(w.GetSignerSha256()), Groups: slices.Clone(w.GetGroups()),
	}
	if len(w.GetSchema()) == 0 {
		return a, nil
	}
	items, err := itemsFromWire(w.GetSchema(), "spec.schema", maxBundles)
	if err != nil {
		return appprotect.KnownApp{}, err
	}
	a.Schema = &apprules.Schema{Package: pkg, Items: items}
	return a, nil
}

// itemsFromWire reads items that may have bundles in each other up to depth.
func itemsFromWire(list []*appprotectv1.ConfigItem, field string, depth int) ([]apprules.Item, error) {
	var items []apprules.Item
	for i, w := range list {
		place := fmt.Sprintf("%s[%d]", field, i)
		item, err := itemFromWire(w, place)
		if err != nil {
			return nil, err
		}
		if len(w.GetItems()) > 0 {
			if depth == 0 {
				return nil, fault.InvalidField(place+".items", "are bundles more than %d deep", maxBundles)
			}
			if item.Items, err = itemsFromWire(w.GetItems(), place+".items", depth-1); err != nil {
				return nil, err
			}
		}
		items = append(items, item)
	}
	return items, nil
}

func itemFromWire(w *appprotectv1.ConfigItem, field string) (apprules.Item, error) {
	kind, ok := itemKinds[w.GetType()]
	if !ok {
		return apprules.Item{}, fault.InvalidField(field+".type", "is no type of a value")
	}
	merge, ok := mergeFromWire(w.GetMerge())
	if !ok {
		return apprules.Item{}, fault.InvalidField(field+".merge", "is no rule of merging")
	}
	return apprules.Item{
		Key: w.GetKey(), Title: w.GetTitle(), Description: w.GetDescription(),
		Kind: kind, Merge: merge,
		Min: w.GetMinimum(), Max: w.GetMaximum(),
		Choices: slices.Clone(w.GetChoices()), Default: slices.Clone(w.GetDefaultValues()),
		Hidden: w.GetHidden(),
	}, nil
}

func mergeFromWire(name string) (merge apprules.ItemMerge, ok bool) {
	for merge := apprules.MergeSame; merge <= apprules.MergeUnion; merge++ {
		if itemMerges[merge] == name {
			return merge, true
		}
	}
	return apprules.MergeSame, name == ""
}

func appToWire(a appprotect.KnownApp) *appprotectv1.App {
	spec := &appprotectv1.AppSpec{Title: a.Title, SignerSha256: a.SignerSHA256, Groups: a.Groups}
	if a.Schema != nil {
		spec.Schema = wire.Each(a.Schema.Items, itemToWire)
	}
	return &appprotectv1.App{
		Package: a.Package, Version: a.Version, Spec: spec, ChangedAt: wire.Time(a.ChangedAt), ChangedBy: a.ChangedBy,
	}
}

// itemToWire leaves the default rule of merging out.
func itemToWire(i apprules.Item) *appprotectv1.ConfigItem {
	w := &appprotectv1.ConfigItem{
		Key: i.Key, Title: i.Title, Description: i.Description, Type: i.Kind.String(),
		Minimum: i.Min, Maximum: i.Max, Choices: i.Choices, DefaultValues: i.Default, Hidden: i.Hidden,
		Items: wire.Each(i.Items, itemToWire),
	}
	if i.Merge != apprules.MergeSame && int(i.Merge) < len(itemMerges) {
		w.Merge = itemMerges[i.Merge]
	}
	return w
}
