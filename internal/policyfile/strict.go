package policyfile

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/enumname"
)

// strict is called by protoyaml before it decodes each message. It refuses what
// protoyaml lets pass (numbers for field names and enum values, a field under
// both its names, empty values, "4k" for 4000) and spells out short enum names.
// It never decodes anything itself.
type strict struct {
	root     *yaml.Node // put in place of the first node, once
	problems Problems
}

// Unmarshal implements protoyaml.CustomUnmarshaler.
func (s *strict) Unmarshal(node *yaml.Node, message proto.Message) (bool, error) {
	if s.root != nil {
		*node, s.root = *s.root, nil
	}
	switch message.(type) {
	case *structpb.Value, *structpb.Struct:
		return false, nil // see free
	}
	if node.Kind != yaml.MappingNode {
		return false, nil
	}
	fields := message.ProtoReflect().Descriptor().Fields()
	seen := make(map[protoreflect.FieldNumber]bool)
	chosen := make(map[protoreflect.Name]string) // by oneof, the field that is given
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := fields.ByJSONName(key.Value)
		if field == nil {
			field = fields.ByTextName(key.Value)
		}
		switch {
		case field == nil:
			s.add(key, "unknown field %q; %sthere are: %s", key.Value, perhaps(key.Value, names(fields)), fieldNames(fields))
			continue
		case seen[field.Number()]:
			s.add(key, "field %q is there already under its other name", key.Value)
		}
		seen[field.Number()] = true
		if choice := field.ContainingOneof(); choice != nil {
			if first, ok := chosen[choice.Name()]; ok {
				s.add(value, "%s cannot go with %s: give one of %s", key.Value, first, fieldNames(choice.Fields()))
				continue
			}
			chosen[choice.Name()] = key.Value
		}
		s.field(field, value)
	}
	return false, nil
}

func (s *strict) field(field protoreflect.FieldDescriptor, value *yaml.Node) {
	switch {
	case isNull(value):
		s.value(field, value)
	case field.IsMap() && value.Kind != yaml.MappingNode:
		s.add(value, "%s wants a mapping", field.JSONName())
	case field.IsList() && value.Kind != yaml.SequenceNode:
		s.add(value, "%s wants a list", field.JSONName())
	case field.IsMap():
		for i := 1; i < len(value.Content); i += 2 {
			s.value(field.MapValue(), value.Content[i])
		}
	case field.IsList():
		for _, item := range value.Content {
			s.value(field, item)
		}
	default:
		s.value(field, value)
	}
}

func (s *strict) value(field protoreflect.FieldDescriptor, value *yaml.Node) {
	if isNull(value) {
		s.add(value, "%s has no value: leave it out or give one", field.JSONName())
		return
	}
	if s.special(field, value) {
		return
	}
	if message := field.Message() != nil; message || value.Kind != yaml.ScalarNode {
		s.kind(field, value, message)
		return
	}
	switch field.Kind() {
	case protoreflect.EnumKind:
		s.enum(field, value)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		switch {
		case value.Tag == "!!int" && strings.HasPrefix(value.Value, "-"):
			s.add(value, "%s cannot be negative", field.JSONName())
		case value.Tag != "!!int":
			s.add(value, "%s wants a whole number, not %q", field.JSONName(), value.Value)
		case !plainNumber.MatchString(value.Value):
			s.add(value, "%s wants a plain decimal number, not %q", field.JSONName(), value.Value)
		}
	case protoreflect.Int64Kind:
		// Programs write it in quotes, as JSON does.
		if value.Tag != "!!int" && value.Tag != "!!str" || !wholeNumber.MatchString(value.Value) {
			s.add(value, "%s wants a plain whole number, not %q", field.JSONName(), value.Value)
		}
	case protoreflect.BoolKind:
		if value.Tag != "!!bool" {
			s.add(value, "%s wants true or false, not %q", field.JSONName(), value.Value)
		}
	}
}

// plainNumber is a number that everybody reads alike: YAML takes 010 for 8.
var plainNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// kind refuses a mapping where a plain value belongs, and the reverse.
func (s *strict) kind(field protoreflect.FieldDescriptor, value *yaml.Node, message bool) {
	of := field.JSONName()
	if field.IsList() {
		of = "an entry of " + of
	}
	switch {
	case message && value.Kind != yaml.MappingNode:
		s.add(value, "%s wants a mapping with some of: %s", of, fieldNames(field.Message().Fields()))
	case !message:
		s.add(value, "%s wants one plain value", of)
	}
}

func (s *strict) enum(field protoreflect.FieldDescriptor, value *yaml.Node) {
	found, ok := enumname.Find(field.Enum(), value.Value)
	if !ok {
		choices := enumname.Choices(field.Enum())
		s.add(value, "%s cannot be %q; %schoose from: %s",
			wordFor(field), value.Value, perhaps(value.Value, choices), strings.Join(choices, ", "))
		return
	}
	value.Value = string(found.Name())
}

func (s *strict) add(n *yaml.Node, format string, args ...any) {
	s.problems = append(s.problems, Problem{
		Line: n.Line, Column: n.Column, Text: bounded(fmt.Sprintf(format, args...)),
	})
}

// fieldList is the fields of a message or of a oneof.
type fieldList interface {
	Len() int
	Get(i int) protoreflect.FieldDescriptor
}

func fieldNames(fields fieldList) string { return strings.Join(names(fields), ", ") }

func names(fields fieldList) []string {
	all := make([]string, fields.Len())
	for i := range all {
		all[i] = fields.Get(i).JSONName()
	}
	return all
}

// wordFor says what a value is of: the values of a map have no field.
func wordFor(field protoreflect.FieldDescriptor) string {
	if field.ContainingMessage().IsMapEntry() {
		return "the value"
	}
	return field.JSONName()
}
