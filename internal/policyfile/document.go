package policyfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Document is one thing as it should be, and where it stands. One of the messages
// is there, as its kind says.
type Document struct {
	File string
	Line int

	Policy       *compliancev1.PolicyDocument
	AppPolicy    *appprotectv1.AppPolicyDocument
	App          *appprotectv1.AppDocument
	AccessPolicy *accessv1.AccessPolicyDocument
	Location     *accessv1.LocationDocument
	// AccessTest is nothing to apply: it says how sign-ins shall be decided.
	AccessTest *accessv1.AccessTestDocument

	kind kind
	root *yaml.Node
}

// kind is what a document may be of.
type kind struct {
	thing string
	begin func(*Document) proto.Message // makes the document's message, empty
	name  func(*Document) string
}

// kinds are what files name.
var kinds = map[string]kind{
	"Policy": {
		"policy",
		func(d *Document) proto.Message { return made(&d.Policy) },
		func(d *Document) string { return d.Policy.GetMetadata().GetName() },
	},
	"AppProtectionPolicy": {
		"app-policy",
		func(d *Document) proto.Message { return made(&d.AppPolicy) },
		func(d *Document) string { return d.AppPolicy.GetMetadata().GetName() },
	},
	"App": {
		"app",
		func(d *Document) proto.Message { return made(&d.App) },
		func(d *Document) string { return d.App.GetMetadata().GetName() },
	},
	"AccessPolicy": {
		"access-policy",
		func(d *Document) proto.Message { return made(&d.AccessPolicy) },
		func(d *Document) string { return d.AccessPolicy.GetMetadata().GetName() },
	},
	"Location": {
		"location",
		func(d *Document) proto.Message { return made(&d.Location) },
		func(d *Document) string { return d.Location.GetMetadata().GetName() },
	},
	"AccessTest": {
		"access-test",
		func(d *Document) proto.Message { return made(&d.AccessTest) },
		func(d *Document) string { return d.AccessTest.GetMetadata().GetName() },
	},
}

// made puts a new T where it belongs.
func made[T any](at **T) *T {
	*at = new(T)
	return *at
}

// begin gives the empty message of the kind that the document names, or says what
// is wrong with that.
func (d *Document) begin() (proto.Message, Problems) {
	all := slices.Sorted(maps.Keys(kinds))
	choose := "choose from: " + strings.Join(all, ", ")
	node, _ := child(d.root, "kind")
	switch {
	case node == nil:
		return nil, Problems{{Line: d.root.Line, Column: d.root.Column, Text: "kind is missing; " + choose}}
	case node.Kind != yaml.ScalarNode || kinds[node.Value].begin == nil:
		text := bounded(fmt.Sprintf("kind cannot be %q", node.Value)) + "; " + perhaps(node.Value, all) + choose
		return nil, Problems{{Line: node.Line, Column: node.Column, Text: text}}
	}
	d.kind = kinds[node.Value]
	return d.kind.begin(d), nil
}

// Thing is what the document is of: policy, app-policy, app, access-policy,
// location or access-test.
func (d Document) Thing() string { return d.kind.thing }

// Name is what its thing is called: an app by its package.
func (d Document) Name() string { return d.kind.name(&d) }

// Message is the document as a whole.
func (d Document) Message() proto.Message {
	switch {
	case d.Policy != nil:
		return d.Policy
	case d.AppPolicy != nil:
		return d.AppPolicy
	case d.App != nil:
		return d.App
	case d.AccessPolicy != nil:
		return d.AccessPolicy
	case d.Location != nil:
		return d.Location
	default:
		return d.AccessTest
	}
}
