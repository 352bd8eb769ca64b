package policyfile

import (
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// plainDecimal is a number that everybody reads alike, whole or not.
var plainDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$`)

// open checks a mapping that has any keys, and single values.
func (s *strict) open(field protoreflect.FieldDescriptor, value *yaml.Node) {
	if value.Kind != yaml.MappingNode {
		s.add(value, "%s wants a mapping", field.JSONName())
		return
	}
	for i := 1; i < len(value.Content); i += 2 {
		switch each := value.Content[i]; {
		case each.Kind != yaml.ScalarNode:
			s.add(each, "%s wants one plain value", value.Content[i-1].Value)
		case each.Tag == "!!float" && plainDecimal.MatchString(each.Value):
		case each.Tag == "!!float":
			s.add(each, "%q is no plain decimal number: put quotes around it if it is a text", each.Value)
		default:
			s.free(each)
		}
	}
}

// wholeNumber is a number that everybody reads alike.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// exactNumber is up to where every whole number survives the wire.
const exactNumber = 1 << 53

// free checks a value whose type its key decides. The server knows the keys; here
// only that is refused of which people and programs might think differently.
func (s *strict) free(value *yaml.Node) {
	if value.Kind != yaml.ScalarNode {
		step := 1
		if value.Kind == yaml.MappingNode {
			step = 2
		}
		for i := step - 1; i < len(value.Content); i += step {
			s.free(value.Content[i])
		}
		return
	}
	switch value.Tag {
	case "!!null":
		s.add(value, "a value is missing: leave the key out or give one")
	case "!!bool":
		if value.Value != "true" && value.Value != "false" {
			s.add(value, "write true or false, or put quotes around %q", value.Value)
		}
	case "!!int":
		n, err := strconv.ParseInt(value.Value, 10, 64)
		if err != nil || !wholeNumber.MatchString(value.Value) || n < -exactNumber || n > exactNumber {
			s.add(value, "%q is no plain decimal number: put quotes around it if it is a text", value.Value)
		}
	case "!!float":
		s.add(value, "%q is no whole number: put quotes around it, or 14.10 would be 14.1", value.Value)
	}
}
