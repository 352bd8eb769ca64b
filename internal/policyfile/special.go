package policyfile

import (
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// special checks the values that files write otherwise than their messages are
// made, and reports whether this is one. It changes value to what protoyaml reads.
func (s *strict) special(field protoreflect.FieldDescriptor, value *yaml.Node) bool {
	if field.Message() == nil {
		return false
	}
	switch field.Message().FullName() {
	case "google.protobuf.Value":
		s.free(value)
	case "google.protobuf.Struct":
		s.open(field, value)
	case "google.protobuf.Duration":
		s.duration(field, value)
	case "mdm.access.v1.Choice":
		// [mfa, app-protection] for {anyOf: [mfa, app-protection]}
		if value.Kind != yaml.SequenceNode {
			return false
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "anyOf", Line: value.Line, Column: value.Column}
		list := *value
		*value = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, &list}, Line: value.Line, Column: value.Column}
	default:
		return false
	}
	return true
}

// durationForm is whole units, each once, the longest first.
var durationForm = regexp.MustCompile(`^(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,10})s)?$`)

func (s *strict) duration(field protoreflect.FieldDescriptor, value *yaml.Node) {
	parts := durationForm.FindStringSubmatch(value.Value)
	if value.Kind != yaml.ScalarNode || parts == nil || value.Value == "" {
		s.add(value, "%s wants a time such as 90m, 24h or 7d, not %q", field.JSONName(), value.Value)
		return
	}
	var total int64 // seconds: no sum of so few digits is too large for it
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if parts[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil {
			s.add(value, "%s is no number", parts[i+1])
			return
		}
		total += n * int64(unit/time.Second)
	}
	value.Value = strconv.FormatInt(total, 10) + "s"
}
