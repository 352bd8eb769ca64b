package authzen

import (
	"fmt"

	"ringfence/internal/fault"
)

// The bounds of a request, beside that of its length.
const (
	// maxName is how long a type, an id or a name may be, in bytes.
	maxName = 512
	// maxProperties is how many properties each part of a request may have.
	maxProperties = 100
	// maxNames is how many groups or roles a request may give.
	maxNames = 1000
	// maxEvaluations is how many questions may be asked at once.
	maxEvaluations = 100
)

// entity is a subject or a resource.
type entity struct {
	kind, id   string
	properties map[string]any
}

// act is the action of a request.
type act struct {
	name       string
	properties map[string]any
}

// evaluation is one question, in the standard's words.
type evaluation struct {
	subject, resource entity
	action            act
	context           map[string]any
}

// needs says what of a question must be there. In a search, what is searched
// for has no id.
type needs struct{ subjectID, resourceID, action bool }

var wholeQuestion = needs{subjectID: true, resourceID: true, action: true}

// newEvaluation reads one question. Where a part is not there, defaults may have
// it, as a whole: parts are not mixed. Defaults may be nil.
func newEvaluation(from, defaults map[string]any, n needs) (evaluation, error) {
	var e evaluation
	r := reader{}
	part := func(name string) (map[string]any, bool) {
		v, found := from[name]
		if !found {
			v, found = defaults[name]
		}
		if !found {
			return nil, false
		}
		return r.object(name, v), true
	}
	required := func(name string) map[string]any {
		fields, found := part(name)
		if !found {
			r.fail(name, "is required")
		}
		return fields
	}
	e.subject = r.entity("subject", required("subject"), n.subjectID)
	e.resource = r.entity("resource", required("resource"), n.resourceID)
	if n.action {
		fields := required("action")
		e.action = act{r.name("action", "name", fields), r.properties("action", fields)}
	}
	if fields, found := part("context"); found {
		e.context = fields
		if len(fields) > maxProperties {
			r.fail("context", "must have at most %d keys", maxProperties)
		}
	}
	return e, r.err
}

// reader takes a request apart, and keeps the first complaint.
type reader struct{ err error }

func (r *reader) fail(field, format string, args ...any) {
	if r.err == nil {
		r.err = fault.InvalidField(field, format, args...)
	}
}

func (r *reader) object(field string, v any) map[string]any {
	fields, ok := v.(map[string]any)
	if !ok {
		r.fail(field, "must be an object")
	}
	return fields
}

// name reads a text that must be there.
func (r *reader) name(part, key string, fields map[string]any) string {
	field := part + "." + key
	v, found := fields[key]
	if !found {
		r.fail(field, "is required")
		return ""
	}
	text, ok := v.(string)
	switch {
	case !ok:
		r.fail(field, "must be a string")
	case text == "":
		r.fail(field, "must not be empty")
	case len(text) > maxName:
		r.fail(field, "must have at most %d bytes", maxName)
	}
	return text
}

// entity reads a subject or a resource. Where the id is searched for, one that
// is given is not looked at.
func (r *reader) entity(part string, fields map[string]any, id bool) entity {
	e := entity{kind: r.name(part, "type", fields), properties: r.properties(part, fields)}
	if id {
		e.id = r.name(part, "id", fields)
	}
	return e
}

func (r *reader) properties(part string, fields map[string]any) map[string]any {
	v, found := fields["properties"]
	if !found {
		return nil
	}
	properties := r.object(part+".properties", v)
	if len(properties) > maxProperties {
		r.fail(part+".properties", "must have at most %d keys", maxProperties)
	}
	return properties
}

// batch are the questions of one request, and when to stop answering.
type batch struct {
	items    []any
	defaults map[string]any
	semantic semantic
}

// semantic says when the rest of a batch is not answered.
type semantic string

const (
	executeAll          semantic = "execute_all"
	denyOnFirstDeny     semantic = "deny_on_first_deny"
	permitOnFirstPermit semantic = "permit_on_first_permit"
)

// ends reports whether no more is answered after this decision.
func (s semantic) ends(decision bool) bool {
	return s == denyOnFirstDeny && !decision || s == permitOnFirstPermit && decision
}

// newBatch reads what all questions have in common. Without items it is one
// question, of the defaults.
func newBatch(body map[string]any) (batch, error) {
	b := batch{defaults: body, semantic: executeAll}
	if v, found := body["evaluations"]; found {
		items, ok := v.([]any)
		switch {
		case !ok:
			return b, fault.InvalidField("evaluations", "must be an array")
		case len(items) > maxEvaluations:
			return b, fault.InvalidField("evaluations", "must have at most %d items", maxEvaluations)
		}
		b.items = items
	}
	for _, name := range []string{"subject", "resource", "action", "context"} {
		if v, found := body[name]; found {
			if _, ok := v.(map[string]any); !ok {
				return b, fault.InvalidField(name, "must be an object")
			}
		}
	}
	if v, found := body["options"]; found {
		options, ok := v.(map[string]any)
		if !ok {
			return b, fault.InvalidField("options", "must be an object")
		}
		err := b.readSemantic(options)
		return b, err
	}
	return b, nil
}

func (b *batch) readSemantic(options map[string]any) error {
	const key = "evaluations_semantic"
	v, found := options[key]
	if !found {
		return nil
	}
	text, _ := v.(string)
	switch s := semantic(text); s {
	case executeAll, denyOnFirstDeny, permitOnFirstPermit:
		b.semantic = s
		return nil
	default:
		return fault.InvalidField("options."+key, "must be %s, %s or %s", executeAll, denyOnFirstDeny, permitOnFirstPermit)
	}
}

// item reads one question of the batch.
func (b *batch) item(i int) (evaluation, error) {
	from, ok := b.items[i].(map[string]any)
	if !ok {
		return evaluation{}, fault.InvalidField(fmt.Sprintf("evaluations[%d]", i), "must be an object")
	}
	return newEvaluation(from, b.defaults, wholeQuestion)
}
