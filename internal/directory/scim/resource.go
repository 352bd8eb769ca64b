package scim

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringfence/internal/directory"
)

// wantSchema checks that a body does not say it is of other schemas. Some
// clients say nothing.
func wantSchema(body object, schema string) error {
	list, ok := body["schemas"].([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	for _, v := range list {
		if text, _ := v.(string); strings.EqualFold(text, schema) {
			return nil
		}
	}
	return bad(invalidValue, "schemas: must hold %s", schema)
}

// userOf reads a user. Where the body does not say whether it is active, it is
// what it was before.
func userOf(body object, active bool) (directory.UserSpec, error) {
	spec := directory.UserSpec{Active: active}
	body = withoutPrefix(body, schemaUser)
	if err := wantSchema(body, schemaUser); err != nil {
		return spec, err
	}
	for _, field := range []struct {
		name string
		text *string
	}{{"userName", &spec.UserName}, {"externalId", &spec.ExternalID}, {"displayName", &spec.DisplayName}} {
		if err := setText(field.text, field.name, body[strings.ToLower(field.name)]); err != nil {
			return spec, err
		}
	}
	if spec.UserName == "" {
		return spec, bad(invalidValue, "userName: is required")
	}
	if v := body["active"]; v != nil {
		yes, err := truthOf("active", v)
		if err != nil {
			return spec, err
		}
		spec.Active = yes
	}
	return spec, nil
}

// groupOf reads a group and the ids of its members.
func groupOf(body object) (directory.GroupSpec, []string, error) {
	var spec directory.GroupSpec
	body = withoutPrefix(body, schemaGroup)
	if err := wantSchema(body, schemaGroup); err != nil {
		return spec, nil, err
	}
	if err := setText(&spec.DisplayName, "displayName", body["displayname"]); err != nil {
		return spec, nil, err
	}
	if spec.DisplayName == "" {
		return spec, nil, bad(invalidValue, "displayName: is required")
	}
	if err := setText(&spec.ExternalID, "externalId", body["externalid"]); err != nil {
		return spec, nil, err
	}
	ids, err := memberIDs(body["members"])
	return spec, ids, err
}

// withoutPrefix gives attributes of a schema under their short names, too.
func withoutPrefix(body object, schema string) object {
	prefix, short := strings.ToLower(schema)+":", object{}
	for name, v := range body {
		if attribute, long := strings.CutPrefix(name, prefix); long {
			short[attribute] = v
		}
	}
	maps.Copy(short, body) // the short name counts
	return short
}

// renderUser gives a user as clients see it.
func renderUser(u directory.User, base string) object {
	o := object{
		"schemas": []string{schemaUser}, "id": u.ID, "userName": u.UserName, "active": u.Active,
		"meta": meta("User", base+"/Users/"+u.ID, u.Version, u.CreatedAt, u.UpdatedAt),
	}
	setUnlessEmpty(o, "externalId", u.ExternalID)
	setUnlessEmpty(o, "displayName", u.DisplayName)
	return o
}

// renderGroup gives a group as clients see it, without its members.
func renderGroup(g directory.Group, base string) object {
	o := object{
		"schemas": []string{schemaGroup}, "id": g.ID, "displayName": g.DisplayName,
		"meta": meta("Group", base+"/Groups/"+g.ID, g.Version, g.CreatedAt, g.UpdatedAt),
	}
	setUnlessEmpty(o, "externalId", g.ExternalID)
	return o
}

func renderMembers(ids []string) []object {
	members := make([]object, len(ids))
	for i, id := range ids {
		members[i] = object{"value": id, "type": "User"}
	}
	return members
}

func setUnlessEmpty(o object, name, text string) {
	if text != "" {
		o[name] = text
	}
}

func meta(kind, location string, version uint64, created, updated time.Time) object {
	return object{
		"resourceType": kind, "location": location, "version": etag(version),
		"created": created.Format(time.RFC3339Nano), "lastModified": updated.Format(time.RFC3339Nano),
	}
}

// etag is the entity tag of a version.
func etag(version uint64) string { return fmt.Sprintf(`W/"%d"`, version) }

// neverVersion is a version that nothing has.
const neverVersion = 1<<64 - 1

// versions reads the entity tags of If-Match or If-None-Match. any is "*", or no
// header at all; a tag that is none of ours is a version that nothing has.
func versions(headers []string) (tags []uint64, anyOne bool) {
	for tag := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		switch tag = strings.TrimSpace(tag); tag {
		case "":
			continue
		case "*":
			return nil, true
		}
		tag = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(tag, "W/"), `"`), `"`)
		n, err := strconv.ParseUint(tag, 10, 63)
		if err != nil || n == 0 {
			n = neverVersion
		}
		tags = append(tags, n)
	}
	return tags, len(tags) == 0
}

// chosen are the attributes that a request wants (RFC 7644, 3.9).
type chosen struct {
	only, without []string // in lower case, sub-attributes cut off
}

const maxChosen = 100

func parseChosen(query url.Values) (chosen, error) {
	var c chosen
	for _, list := range []struct {
		text string
		to   *[]string
	}{{query.Get("attributes"), &c.only}, {query.Get("excludedAttributes"), &c.without}} {
		for name := range strings.SplitSeq(list.text, ",") {
			if name, _ = withoutSchema(strings.TrimSpace(name)); name == "" {
				continue
			}
			name, _, _ = strings.Cut(name, ".")
			if *list.to = append(*list.to, name); len(*list.to) > maxChosen {
				return c, bad(invalidValue, "more than %d attributes are named", maxChosen)
			}
		}
	}
	return c, nil
}

// wants reports whether an attribute is to be in the answer. id and schemas
// always are.
func (c chosen) wants(name string) bool {
	name = strings.ToLower(name)
	switch {
	case name == "id" || name == "schemas":
		return true
	case len(c.only) > 0:
		return slices.Contains(c.only, name)
	default:
		return !slices.Contains(c.without, name)
	}
}

// of leaves out of a resource what is not wanted.
func (c chosen) of(o object) object {
	for name := range o {
		if !c.wants(name) {
			delete(o, name)
		}
	}
	return o
}
