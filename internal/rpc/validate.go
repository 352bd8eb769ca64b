package rpc

import (
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"ringfence/internal/fault"
)

// validate applies the validation rules of a message's definition. It gives an
// Invalid fault with every field that breaks one.
func validate(v protovalidate.Validator, m proto.Message) error {
	err := v.Validate(m)
	if err == nil {
		return nil
	}
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return fmt.Errorf("validation rules of %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	f := &fault.Error{Kind: fault.Invalid}
	for _, violation := range broken.Violations {
		field := fault.Field{
			Name:    protovalidate.FieldPathString(violation.Proto.GetField()),
			Problem: violation.Proto.GetMessage(),
		}
		if field.Problem == "" {
			field.Problem = "breaks the rule " + violation.Proto.GetRuleId()
		}
		f.Fields = append(f.Fields, field)
	}
	f.Message = "the request is not valid"
	if len(f.Fields) > 0 {
		f.Message = cut(complaint(f.Fields[0]))
	}
	return f
}

// complaint is one line of words. A rule about the whole request names no field.
func complaint(f fault.Field) string {
	if f.Name == "" {
		return f.Problem
	}
	return f.Name + ": " + f.Problem
}

// compileRules has the validation rules of a service's requests compiled, so
// that a broken one is found at the start and no caller waits for it.
func compileRules(v protovalidate.Validator, d *grpc.ServiceDesc) error {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(d.ServiceName))
	if err != nil {
		return nil //nolint:nilerr // made by hand, with messages of other packages
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return fmt.Errorf("%s is not a service", d.ServiceName)
	}
	for i := range service.Methods().Len() {
		input := dynamicpb.NewMessage(service.Methods().Get(i).Input())
		err := v.Validate(input)
		if _, broken := errors.AsType[*protovalidate.ValidationError](err); err != nil && !broken {
			return fmt.Errorf("validation rules of %s: %w", input.Descriptor().FullName(), err)
		}
	}
	return nil
}
