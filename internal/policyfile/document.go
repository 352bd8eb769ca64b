package policyfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Document is one thing as it should be, and where it stands. One of Policy,
// AppPolicy and App is there.
type Document struct {
	File string
	Line int

	Policy    *compliancev1.PolicyDocument
	AppPolicy *appprotectv1.AppPolicyDocument
	App       *appprotectv1.AppDocument

	root *yaml.Node
}

// makers begin an empty document, by the kinds that files name.
var makers = map[string]func(*Document) proto.Message{
	"Policy": func(d *Document) proto.Message {
		d.Policy = new(compliancev1.PolicyDocument)
		return d.Policy
	},
	"AppProtectionPolicy": func(d *Document) proto.Message {
		d.AppPolicy = new(appprotectv1.AppPolicyDocument)
		return d.AppPolicy
	},
	"App": func(d *Document) proto.Message {
		d.App = new(appprotectv1.AppDocument)
		return d.App
	},
}

// begin gives the empty message of the kind that the document names, or says what
// is wrong with that.
func (d *Document) begin() (proto.Message, Problems) {
	kinds := strings.Join(slices.Sorted(maps.Keys(makers)), ", ")
	kind, _ := child(d.root, "kind")
	switch {
	case kind == nil:
		return nil, Problems{{Line: d.root.Line, Column: d.root.Column, Text: "kind is missing; choose from: " + kinds}}
	case kind.Kind != yaml.ScalarNode || makers[kind.Value] == nil:
		return nil, Problems{{Line: kind.Line, Column: kind.Column, Text: bounded(fmt.Sprintf("kind cannot be %q", kind.Value)) + "; choose from: " + kinds}}
	}
	return makers[kind.Value](d), nil
}

// Thing is what the document is of: policy, app-policy or app.
func (d Document) Thing() string {
	switch {
	case d.AppPolicy != nil:
		return "app-policy"
	case d.App != nil:
		return "app"
	default:
		return "policy"
	}
}

// Name is what its thing is called: an app by its package.
func (d Document) Name() string {
	switch {
	case d.AppPolicy != nil:
		return d.AppPolicy.GetMetadata().GetName()
	case d.App != nil:
		return d.App.GetMetadata().GetName()
	default:
		return d.Policy.GetMetadata().GetName()
	}
}

// Message is the document as a whole.
func (d Document) Message() proto.Message {
	switch {
	case d.AppPolicy != nil:
		return d.AppPolicy
	case d.App != nil:
		return d.App
	default:
		return d.Policy
	}
}
