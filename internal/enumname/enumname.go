// Package enumname gives the values of wire enums the names people type and
// read: PIN_QUALITY_NUMERIC_COMPLEX is numeric-complex.
package enumname

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// unspecified ends the name of every enum's zero value; what stands before it
// is the prefix of all values.
const unspecified = "UNSPECIFIED"

// Of gives the short name of e: "" for the zero value, "unknown(7)" where value 7
// is not known here.
func Of(e protoreflect.Enum) string {
	if e.Number() == 0 {
		return ""
	}
	d := e.Descriptor()
	v := d.Values().ByNumber(e.Number())
	if v == nil {
		return fmt.Sprintf("unknown(%d)", e.Number())
	}
	return Short(v)
}

// Short gives the short name of a value, the zero value's too: unspecified.
func Short(v protoreflect.EnumValueDescriptor) string {
	d, ok := v.Parent().(protoreflect.EnumDescriptor)
	if !ok {
		return string(v.Name())
	}
	s := strings.TrimPrefix(string(v.Name()), prefix(d))
	return strings.ToLower(strings.ReplaceAll(s, "_", "-"))
}

// Choices lists the short names of all values but the zero one, in wire order.
func Choices(d protoreflect.EnumDescriptor) []string {
	var names []string
	for i := range d.Values().Len() {
		if v := d.Values().Get(i); v.Number() != 0 {
			names = append(names, Short(v))
		}
	}
	return names
}

// Find gives the value that s names: its short name with - or _, in any case,
// or its whole wire name. The zero value has no name. Reports whether there is
// one.
func Find(d protoreflect.EnumDescriptor, s string) (protoreflect.EnumValueDescriptor, bool) {
	upper := strings.ToUpper(strings.ReplaceAll(s, "-", "_"))
	for _, name := range []string{upper, prefix(d) + upper} {
		if v := d.Values().ByName(protoreflect.Name(name)); v != nil && v.Number() != 0 {
			return v, true
		}
	}
	return nil, false
}

func prefix(d protoreflect.EnumDescriptor) string {
	return strings.TrimSuffix(string(d.Values().Get(0).Name()), unspecified)
}
