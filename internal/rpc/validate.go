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

// validators apply the validation rules of a message's definition.
type validators struct {
	// first stops at the first rule that is broken, all does not.
	first, all protovalidate.Validator
}

func newValidators() (v validators, err error) {
	if v.first, err = protovalidate.New(protovalidate.WithFailFast()); err != nil {
		return v, err
	}
	v.all, err = protovalidate.New()
	return v, err
}

// manyItems is how many items a message may have in its lists for all that is
// wrong with it to be looked for. A broken rule costs thousands of times what it
// cost to send: a request of 1 MiB can break half a million, which would take
// seconds and a gigabyte to say.
const manyItems = 500

// validate applies the validation rules. It gives an Invalid fault with every
// field that breaks one, or the first one if there may be very many.
func validate(v validators, m proto.Message) error {
	err := v.first.Validate(m)
	if err == nil {
		return nil
	}
	if items := manyItems; fewItems(m.ProtoReflect(), &items) {
		err = v.all.Validate(m)
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

// fewItems reports whether a message has at most so many items in its lists and
// maps, counting down.
func fewItems(m protoreflect.Message, left *int) bool {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			*left -= v.Map().Len()
		case f.IsList():
			*left -= v.List().Len()
			for i := 0; *left >= 0 && f.Message() != nil && i < v.List().Len(); i++ {
				fewItems(v.List().Get(i).Message(), left)
			}
		case f.Message() != nil:
			fewItems(v.Message(), left)
		}
		return *left >= 0
	})
	return *left >= 0
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
func compileRules(v validators, d *grpc.ServiceDesc) error {
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
		err := v.first.Validate(input)
		if _, broken := errors.AsType[*protovalidate.ValidationError](err); err != nil && !broken {
			return fmt.Errorf("validation rules of %s: %w", input.Descriptor().FullName(), err)
		}
	}
	return nil
}
