// Package enumname gives the values of wire enums the names people type and
// read: PIN_QUALITY_NUMERIC_COMPLEX is numeric-complex.
//
// The zero value mostly stands for nothing and has no name. Where it stands for
// something, its wire name says for what, and it is as good as any other:
// PLATFORM_UNKNOWN_UNSPECIFIED is unknown.
package enumname

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// unspecified ends the name of every enum's zero value.
const unspecified = "UNSPECIFIED"

// Of gives the short name of e: "" for a zero value without one, "unknown(7)"
// where value 7 is not known here.
func Of(e protoreflect.Enum) string {
	d := e.Descriptor()
	v := d.Values().ByNumber(e.Number())
	switch {
	case v == nil:
		return fmt.Sprintf("unknown(%d)", e.Number())
	case !named(v, prefix(d)):
		return ""
	}
	return Short(v)
}

// Short gives the short name of a value; for a zero value without one,
// unspecified.
func Short(v protoreflect.EnumValueDescriptor) string {
	d, ok := v.Parent().(protoreflect.EnumDescriptor)
	if !ok {
		return string(v.Name())
	}
	return short(v, prefix(d))
}

// Choices lists the short names of all values that have one, in wire order.
func Choices(d protoreflect.EnumDescriptor) []string {
	var names []string
	p := prefix(d)
	for i := range d.Values().Len() {
		if v := d.Values().Get(i); named(v, p) {
			names = append(names, short(v, p))
		}
	}
	return names
}

// Find gives the value that s names: its short name with - or _, in any case,
// or its whole wire name. Reports whether there is one.
func Find(d protoreflect.EnumDescriptor, s string) (protoreflect.EnumValueDescriptor, bool) {
	p, lower := prefix(d), strings.ToLower(strings.ReplaceAll(s, "_", "-"))
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		if named(v, p) && (lower == short(v, p) || strings.EqualFold(s, string(v.Name()))) {
			return v, true
		}
	}
	return nil, false
}

func named(v protoreflect.EnumValueDescriptor, prefix string) bool {
	return v.Number() != 0 || string(v.Name()) != prefix+unspecified
}

func short(v protoreflect.EnumValueDescriptor, prefix string) string {
	s := strings.TrimPrefix(string(v.Name()), prefix)
	if v.Number() == 0 {
		s = strings.TrimSuffix(s, "_"+unspecified)
	}
	return strings.ToLower(strings.ReplaceAll(s, "_", "-"))
}

// prefix gives what all values of an enum begin with. Where the zero value has a
// name, that is a word less than what stands before its ending.
func prefix(d protoreflect.EnumDescriptor) string {
	p := strings.TrimSuffix(string(d.Values().Get(0).Name()), unspecified)
	for i := 1; i < d.Values().Len(); i++ {
		for !strings.HasPrefix(string(d.Values().Get(i).Name()), p) {
			p = p[:strings.LastIndexByte(strings.TrimSuffix(p, "_"), '_')+1]
		}
	}
	return p
}
