package scim

import (
	"maps"
	"slices"
	"strings"

	"ringfence/internal/directory"
)

// maxOperations is how many operations one request may have.
const maxOperations = 1000

// operation is one step of a PATCH.
type operation struct {
	op      string // add, replace or remove
	path    path
	hasPath bool
	value   any
}

// parsePatch reads the body of a PATCH (RFC 7644, 3.5.2).
func parsePatch(body object) ([]operation, error) {
	if err := wantSchema(body, schemaPatch); err != nil {
		return nil, err
	}
	list, ok := body["operations"].([]any)
	if !ok || len(list) == 0 || len(list) > maxOperations {
		return nil, bad(invalidSyntax, "Operations: must be a list of 1 to %d", maxOperations)
	}
	operations := make([]operation, len(list))
	for i, v := range list {
		o, ok := v.(object)
		if !ok {
			return nil, bad(invalidSyntax, "Operations: one is no object")
		}
		var err error
		if operations[i], err = parseOperation(o); err != nil {
			return nil, err
		}
	}
	return operations, nil
}

func parseOperation(o object) (operation, error) {
	name, _ := o["op"].(string)
	step := operation{op: strings.ToLower(name), value: o["value"]}
	if !slices.Contains([]string{"add", "replace", "remove"}, step.op) {
		return step, bad(invalidSyntax, "op: must be add, replace or remove")
	}
	where, err := textOf("path", o["path"])
	if err != nil {
		return step, bad(invalidPath, "path: must be a text")
	}
	if where != "" {
		step.hasPath = true
		step.path, err = parsePath(where)
		return step, err
	}
	if step.op == "remove" {
		return step, bad(noTarget, "remove: needs a path")
	}
	if _, ok := step.value.(object); !ok {
		return step, bad(invalidValue, "without a path the value must be an object")
	}
	return step, nil
}

// spread gives an operation for each attribute, in their order, of one that has
// no path.
func (o operation) spread() ([]operation, error) {
	if o.hasPath {
		return []operation{o}, nil
	}
	attributes := o.value.(object)
	var all []operation
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		p, err := parsePath(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(readOnly, p.attribute) {
			continue // Okta sends the id with everything
		}
		all = append(all, operation{op: o.op, path: p, hasPath: true, value: attributes[name]})
	}
	return all, nil
}

// readOnly are the attributes that a client cannot change.
var readOnly = []string{"id", "schemas", "meta"}

// unkept are the attributes of a user that the standard knows and nothing here
// needs: they are read past.
var unkept = []string{
	"name", "nickname", "profileurl", "title", "usertype", "preferredlanguage", "locale", "timezone", "password",
	"emails", "phonenumbers", "ims", "photos", "addresses", "groups", "entitlements", "roles", "x509certificates",
}

// patchUser applies operations to a user.
func patchUser(spec directory.UserSpec, operations []operation) (directory.UserSpec, error) {
	for _, o := range operations {
		steps, err := o.spread()
		if err != nil {
			return spec, err
		}
		for _, step := range steps {
			if err := patchUserStep(&spec, step); err != nil {
				return spec, err
			}
		}
	}
	return spec, nil
}

func patchUserStep(spec *directory.UserSpec, o operation) error {
	if o.path.foreign || slices.Contains(unkept, o.path.attribute) {
		return nil
	}
	if slices.Contains(readOnly, o.path.attribute) {
		return bad(mutability, "%s cannot be changed", o.path.attribute)
	}
	if o.path.hasFilter || o.path.sub {
		return bad(invalidPath, "%s has no parts", o.path.attribute)
	}
	if o.op == "remove" {
		o.value = nil
	}
	switch o.path.attribute {
	case "externalid":
		return setText(&spec.ExternalID, "externalId", o.value)
	case "displayname":
		return setText(&spec.DisplayName, "displayName", o.value)
	case "username", "active":
		if o.value == nil {
			return bad(mutability, "%s cannot be removed", o.path.attribute)
		}
		if o.path.attribute == "username" {
			return setText(&spec.UserName, "userName", o.value)
		}
		yes, err := truthOf("active", o.value)
		spec.Active = yes
		return err
	default:
		return bad(invalidPath, "there is no attribute %.50q", o.path.attribute)
	}
}

func setText(field *string, attribute string, v any) error {
	text, err := textOf(attribute, v)
	if err != nil {
		return err
	}
	*field = text
	return nil
}

// patchGroup applies operations to a group.
func patchGroup(spec directory.GroupSpec, operations []operation) (directory.GroupSpec, directory.Membership, error) {
	var members directory.Membership
	for _, o := range operations {
		steps, err := o.spread()
		if err != nil {
			return spec, members, err
		}
		for _, step := range steps {
			if err := patchGroupStep(&spec, &members, step); err != nil {
				return spec, members, err
			}
		}
	}
	return spec, members, nil
}

func patchGroupStep(spec *directory.GroupSpec, members *directory.Membership, o operation) error {
	if o.path.foreign {
		return nil
	}
	if o.path.attribute == "members" && !o.path.sub {
		return patchMembers(members, o)
	}
	if slices.Contains(readOnly, o.path.attribute) {
		return bad(mutability, "%s cannot be changed", o.path.attribute)
	}
	if o.path.hasFilter || o.path.sub {
		return bad(invalidPath, "%s has no such parts", o.path.attribute)
	}
	if o.op == "remove" {
		o.value = nil
	}
	switch o.path.attribute {
	case "externalid":
		return setText(&spec.ExternalID, "externalId", o.value)
	case "displayname":
		if o.value == nil {
			return bad(mutability, "displayName cannot be removed")
		}
		return setText(&spec.DisplayName, "displayName", o.value)
	default:
		return bad(invalidPath, "there is no attribute %.50q", o.path.attribute)
	}
}

func patchMembers(members *directory.Membership, o operation) error {
	if o.path.hasFilter {
		ids, err := selected(o.path.filter)
		if err != nil {
			return err
		}
		if o.op != "remove" {
			return bad(invalidPath, "members that are selected by a filter can only be removed")
		}
		members.Remove(ids...)
		return nil
	}
	ids, err := memberIDs(o.value)
	switch {
	case err != nil:
		return err
	case o.op == "add":
		members.Add(ids...)
	case o.op == "replace", o.value == nil: // to remove without saying whom is to remove all
		members.Replace(ids...)
	default:
		members.Remove(ids...)
	}
	return nil
}

// memberIDs reads the ids of members: objects with a value, or bare texts, one
// or a list.
func memberIDs(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	ids := make([]string, 0, len(list))
	for _, item := range list {
		if o, ok := item.(object); ok {
			item = o["value"]
		}
		id, ok := item.(string)
		if !ok || id == "" || !printable(id) {
			return nil, bad(invalidValue, "members: each needs a value, the id of a user")
		}
		ids = append(ids, id)
	}
	return ids, nil
}
