package rpc

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence/internal/fault"
)

// maxTextDepth is how deep badText looks for the broken string.
const maxTextDepth = 32

// cut bounds a text and keeps it valid UTF-8.
func cut(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxFieldLen)], "")
}

// malformed says what is wrong with octets that are no m. Most often that is a
// string in another encoding, and then the field can be named.
func malformed(m proto.Message, data []byte, cause error) error {
	if path := badText(m.ProtoReflect().Descriptor(), data, maxTextDepth); path != "" {
		return fault.InvalidField(path, "is not valid UTF-8").WithCause(cause)
	}
	return fault.New(fault.Invalid, "", "the request is not a well-formed %s", m.ProtoReflect().Descriptor().Name()).WithCause(cause)
}

// badText gives the path of the first string in data that is not UTF-8, "" if
// there is none. It goes down into messages, at most depth levels.
func badText(md protoreflect.MessageDescriptor, data []byte, depth int) string {
	for len(data) > 0 && depth > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return ""
		}
		data = data[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, data); n < 0 {
				return ""
			}
			data = data[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(data)
		if n < 0 {
			return ""
		}
		data = data[n:]
		if path := badField(md.Fields().ByNumber(number), value, depth); path != "" {
			return path
		}
	}
	return ""
}

func badField(field protoreflect.FieldDescriptor, value []byte, depth int) string {
	switch {
	case field == nil:
		return ""
	case field.Kind() == protoreflect.StringKind && !utf8.Valid(value):
		return string(field.Name())
	case field.Kind() == protoreflect.MessageKind:
		if inner := badText(field.Message(), value, depth-1); inner != "" {
			return string(field.Name()) + "." + inner
		}
	}
	return ""
}
