package appprotectrpc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/fault"
)

// configFromValue is textsFromValue for configuration, of which a value may also
// be a bundle, or a list of bundles. Its plain form is one text: the JSON.
func configFromValue(v *structpb.Value, field string) ([]string, error) {
	if !isBundle(v) && !slices.ContainsFunc(v.GetListValue().GetValues(), isBundle) {
		return textsFromValue(v, field)
	}
	tree, err := bundleFromValue(v, field, 2*maxBundles)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, fault.InvalidField(field, "is no bundle")
	}
	return []string{string(text)}, nil
}

func isBundle(v *structpb.Value) bool { return v.GetStructValue() != nil }

// bundleFromValue gives what encoding/json writes as the value is meant. Depth is
// how many more lists and bundles may lie in each other.
func bundleFromValue(v *structpb.Value, field string, depth int) (any, error) {
	if depth < 0 {
		return nil, fault.InvalidField(field, "are bundles more than %d deep", maxBundles)
	}
	switch is := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return is.StringValue, nil
	case *structpb.Value_BoolValue:
		return is.BoolValue, nil
	case *structpb.Value_NumberValue:
		return wholeNumber(is.NumberValue, field)
	case *structpb.Value_ListValue:
		list := make([]any, len(is.ListValue.GetValues()))
		for i, each := range is.ListValue.GetValues() {
			var err error
			if list[i], err = bundleFromValue(each, fmt.Sprintf("%s[%d]", field, i), depth-1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *structpb.Value_StructValue:
		fields := is.StructValue.GetFields()
		object := make(map[string]any, len(fields))
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			var err error
			if object[key], err = bundleFromValue(fields[key], field+"."+key, depth-1); err != nil {
				return nil, err
			}
		}
		return object, nil
	default:
		return nil, fault.InvalidField(field, "has no value")
	}
}

// valueFromConfig is valueFromTexts for configuration: a bundle is shown as one.
// A text that only looks like one, and would be read as another, stays a text.
func valueFromConfig(texts []string) *structpb.Value {
	if len(texts) == 1 && (strings.HasPrefix(texts[0], "{") || strings.HasPrefix(texts[0], "[{")) {
		var tree any
		if json.Unmarshal([]byte(texts[0]), &tree) == nil {
			if v, err := structpb.NewValue(tree); err == nil {
				if again, err := configFromValue(v, ""); err == nil && slices.Equal(again, texts) {
					return v
				}
			}
		}
	}
	return valueFromTexts(texts, false)
}
