package policyfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"buf.build/go/protovalidate"
	"buf.build/go/protoyaml"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
)

// decode fills message, which is empty, from a checked document, or says what is
// wrong. It changes root: short enum names become wire names.
//
// Types come first and limits second, since a value that could not be read would
// be complained about twice.
func decode(root *yaml.Node, message proto.Message) Problems {
	base := root.Line - 1
	shift(root, -base)
	problems := unmarshal(root, message.ProtoReflect().New().Interface(), nil)
	if len(problems) == 0 {
		problems = unmarshal(root, message, validator{})
	}
	shift(root, base)
	for i := range problems {
		problems[i].Line += base
	}
	return problems
}

// unmarshal has protoyaml decode root, whose lines count from 1.
//
// protoyaml reads bytes, not nodes. So it is given an empty mapping, in whose
// place its hook for custom types then puts root: nodes keep their places in
// the file, and nothing is parsed twice. It looks up the text of a node's line,
// so there are as many empty lines as root has.
func unmarshal(root *yaml.Node, message proto.Message, v protoyaml.Validator) Problems {
	hook := &strict{root: root}
	o := protoyaml.UnmarshalOptions{CustomUnmarshaler: hook, Validator: v}
	err := o.Unmarshal([]byte(strings.Repeat("\n", lastLine(root))+"{}"), message)
	return append(hook.problems, decodeProblems(err)...).sorted()
}

// nodeErrorForm is the text of protoyaml's errors, whose type it keeps to
// itself: an empty path, line, column, and what follows.
var nodeErrorForm = regexp.MustCompile(`^:(\d+):(\d+) `)

func decodeProblems(err error) Problems {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	var problems Problems
	for _, e := range list {
		p := Problem{Line: 1, Column: 1, Text: e.Error()}
		if m := nodeErrorForm.FindString(p.Text); m != "" {
			// Both numbers were just matched.
			_, _ = fmt.Sscanf(m, ":%d:%d", &p.Line, &p.Column)
		}
		if cause := errors.Unwrap(e); cause != nil {
			p.Text = bounded(inFileWords(ruleID.ReplaceAllString(cause.Error(), "")))
		}
		problems = append(problems, p)
	}
	return problems
}

// ruleID is how a violation's text ends; it means nothing to a file's author.
var ruleID = regexp.MustCompile(` \([a-z0-9_.]+\)$`)

// inFileWords says a violation as the file does: fields by their names in files,
// and what is left out as left out, not as a zero.
func inFileWords(text string) string {
	path, rest, found := strings.Cut(text, ": ")
	if !found {
		return text
	}
	if rest == "must not be in list [0]" {
		rest = "value is required"
	}
	return InFileWords(path) + ": " + rest
}

// InFileWords gives the path of a field with the names that files have, for one
// with the names that the wire has: spec.pins[0].minimumLength for
// spec.pins[0].minimum_length. The keys of settings and of an app's configuration
// are the same in both.
func InFileWords(path string) string {
	keys := ""
	if m := freeKeys.FindStringSubmatch(path); m != nil {
		path, keys = m[1], m[2]
	}
	return wireWord.ReplaceAllStringFunc(path, func(s string) string { return strings.ToUpper(s[1:]) }) + keys
}

// freeKeys matches a path into a mapping whose keys are no fields.
var freeKeys = regexp.MustCompile(`^(spec\.(?:settings|config\.(?:values|custom|permissions)))([.\[].*)$`)

var wireWord = regexp.MustCompile(`_[a-z]`)

// validator is protovalidate as protoyaml wants it.
type validator struct{}

func (validator) Validate(m proto.Message) error { return protovalidate.Validate(m) }

func shift(n *yaml.Node, by int) {
	n.Line += by
	for _, child := range n.Content {
		shift(child, by)
	}
}

func lastLine(n *yaml.Node) int {
	last := n.Line
	for _, child := range n.Content {
		last = max(last, lastLine(child))
	}
	return last
}
