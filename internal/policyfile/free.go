package policyfile

import (
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// isFree reports whether a field takes any value, whose type its key decides. The
// server knows the keys; here only that is refused of which people and programs
// might think differently.
func isFree(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().FullName() == "google.protobuf.Value"
}

// wholeNumber is a number that everybody reads alike.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// exactNumber is up to where every whole number survives the wire.
const exactNumber = 1 << 53

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
