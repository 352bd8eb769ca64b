package scim

import (
	"strings"

	"ringfence/internal/directory"
)

// The schemas' names.
const (
	schemaUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	schemaPatch  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	schemaList   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	schemaError  = "urn:ietf:params:scim:api:messages:2.0:Error"
	schemaConfig = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	schemaType   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaSchema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// withoutSchema gives an attribute's name in lower case, without the schema
// before it; foreign for the attributes of a schema that is none of ours.
func withoutSchema(name string) (attribute string, foreign bool) {
	name = strings.ToLower(name)
	for _, own := range []string{schemaUser, schemaGroup} {
		own = strings.ToLower(own)
		if rest, ok := strings.CutPrefix(name, own+":"); ok || name == own {
			return rest, false // of the schema itself, no name
		}
	}
	return name, strings.HasPrefix(name, "urn:")
}

// path is where an operation applies (RFC 7644, 3.5.2).
type path struct {
	// attribute is in lower case, sub-attributes cut off.
	attribute string
	sub       bool
	foreign   bool
	// filter is what stands in brackets.
	filter    string
	hasFilter bool
}

// parsePath reads a path: an attribute, a filter on its values, and a
// sub-attribute.
func parsePath(text string) (path, error) {
	var p path
	if len(text) > maxFilter || !printable(text) {
		return p, bad(invalidPath, "the path is too long, or no plain text")
	}
	name, rest := text, ""
	if at := strings.IndexByte(text, '['); at >= 0 {
		name = text[:at]
		end := closing(text[at+1:])
		if end < 0 {
			return p, bad(invalidPath, "the path has a bracket without an end")
		}
		p.hasFilter, p.filter = true, text[at+1:at+1+end]
		rest = text[at+2+end:]
	}
	if rest != "" {
		if len(rest) == 1 || rest[0] != '.' || !isName(rest[1:]) {
			return p, bad(invalidPath, "after the filter the path has no sub-attribute")
		}
		p.sub = true
	}
	p.attribute, p.foreign = withoutSchema(strings.TrimSpace(name))
	if !p.foreign {
		var sub string
		var dotted bool
		p.attribute, sub, dotted = strings.Cut(p.attribute, ".")
		if !isName(p.attribute) || dotted && !isName(sub) {
			return p, bad(invalidPath, "the path names no attribute")
		}
		p.sub = p.sub || dotted
	}
	return p, nil
}

// closing finds the bracket that ends a filter, outside texts; -1 for none.
func closing(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			return i
		}
	}
	return -1
}

func isName(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$") == ""
}

// selected gives the ids that a filter on members names: value eq "id", and more
// of it with or between.
func selected(filter string) ([]string, error) {
	f, err := parseFilter(filter, memberNames)
	if err != nil {
		return nil, err
	}
	parts := []directory.Filter{f}
	if f.Operator == directory.Or {
		parts = f.Parts
	}
	var ids []string
	for _, p := range parts {
		if p.Operator != directory.Equal {
			return nil, bad(invalidFilter, `members are selected by value eq "id"`)
		}
		ids = append(ids, p.Text)
	}
	return ids, nil
}
