package appprotectrpc

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"

	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
	"ringfence/internal/wire"
)

// exact is up to where every whole number is a number of the wire.
const exact = 1 << 53

// textsFromValues gives the plain form of values by their keys, each by read. Errors
// name the key below field.
func textsFromValues[K ~string](
	values map[string]*structpb.Value, field string, read func(*structpb.Value, string) ([]string, error),
) (map[K][]string, error) {
	if len(values) == 0 {
		return nil, nil
	}
	plain := make(map[K][]string, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		texts, err := read(values[key], field+"."+key)
		if err != nil {
			return nil, err
		}
		plain[K(key)] = texts
	}
	return plain, nil
}

// textsFromValue gives the plain form of one value: a text, a whole number, true
// or false is one text, a list has as many as it lists.
func textsFromValue(v *structpb.Value, field string) ([]string, error) {
	switch is := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return []string{is.StringValue}, nil
	case *structpb.Value_BoolValue:
		return []string{strconv.FormatBool(is.BoolValue)}, nil
	case *structpb.Value_NumberValue:
		n, err := wholeNumber(is.NumberValue, field)
		return []string{strconv.FormatInt(n, 10)}, err
	case *structpb.Value_ListValue:
		texts := make([]string, len(is.ListValue.GetValues()))
		for i, each := range is.ListValue.GetValues() {
			text, ok := each.GetKind().(*structpb.Value_StringValue)
			if !ok {
				return nil, fault.InvalidField(fmt.Sprintf("%s[%d]", field, i), "is not a text: put quotes around it")
			}
			texts[i] = text.StringValue
		}
		return texts, nil
	default:
		return nil, fault.InvalidField(field, "must be a text, a number, true, false or a list of texts")
	}
}

func wholeNumber(n float64, field string) (int64, error) {
	if n != math.Trunc(n) || math.Abs(n) > exact { // NaN is not itself
		return 0, fault.InvalidField(field, "is not a whole number: put quotes around what is a text")
	}
	return int64(n), nil
}

// valueFromTexts is the value that people would write for a plain form. Reading
// it gives the same texts again.
func valueFromTexts(texts []string, list bool) *structpb.Value {
	if list || len(texts) != 1 {
		return structpb.NewListValue(&structpb.ListValue{
			Values: wire.Each(texts, structpb.NewStringValue),
		})
	}
	text := texts[0]
	if text == "true" || text == "false" {
		return structpb.NewBoolValue(text == "true")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && n >= -exact && n <= exact && strconv.FormatInt(n, 10) == text {
		return structpb.NewNumberValue(float64(n))
	}
	return structpb.NewStringValue(text)
}

// listed has the settings whose value is a list, also when it lists one thing:
// those that can be read from no text at all.
var listed = sync.OnceValue(func() map[apprules.Key]bool {
	keys := make(map[apprules.Key]bool)
	for _, row := range apprules.Catalog() {
		_, err := apprules.ParseSettings(map[apprules.Key][]string{row.Key: nil})
		keys[row.Key] = err == nil
	}
	return keys
})
