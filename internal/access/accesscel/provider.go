package accesscel

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// provider tells CEL of our objects, and of its own words by the registry.
type provider struct {
	*types.Registry
	objects map[string]*object
}

func newProvider(objects []*object) (*provider, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	p := &provider{registry, make(map[string]*object, len(objects))}
	for _, o := range objects {
		p.objects[o.typeName()] = o
	}
	return p, nil
}

// FindStructType finds the type of an object.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, found := p.objects[name]; found {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames lists the attributes of an object.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if o, found := p.objects[name]; found {
		return slices.Sorted(maps.Keys(o.attributes)), true
	}
	return p.Registry.FindStructFieldNames(name)
}

// FindStructFieldType finds an attribute, and how it is read.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	o, found := p.objects[name]
	if !found {
		return p.Registry.FindStructFieldType(name, field)
	}
	a, found := o.attributes[field]
	if !found {
		return nil, false
	}
	return &types.FieldType{
		Type: a.kind,
		IsSet: func(target any) bool {
			s, ok := target.(*subject)
			return ok && !empty(a.read(*s))
		},
		GetFrom: func(target any) (any, error) {
			s, ok := target.(*subject)
			if !ok {
				return nil, fmt.Errorf("%T has no attribute %q", target, field)
			}
			return a.read(*s), nil
		},
	}, true
}

// value is an object in a rule that is being asked. It can be looked into, and
// nothing else.
type value struct {
	*subject
	object *object
}

// ConvertToNative refuses: nobody else has use for an object.
func (v value) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot be made a %s", v.object.name, t)
}

// ConvertToType gives the type of the object, and nothing else.
func (v value) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return types.NewObjectType(v.object.typeName())
	}
	return types.NewErr("%s cannot be made a %s", v.object.name, t.TypeName())
}

// Equal is true for the object itself.
func (v value) Equal(other ref.Val) ref.Val {
	o, ok := other.(value)
	return types.Bool(ok && o.object == v.object)
}

// Type gives the object's type.
func (v value) Type() ref.Type { return types.NewObjectType(v.object.typeName()) }

// Value gives what attributes are read from.
func (v value) Value() any { return v.subject }
