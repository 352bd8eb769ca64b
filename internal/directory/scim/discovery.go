package scim

// The discovery documents of RFC 7644, 4: what this server can, and what users
// and groups have.

func (h *Handler) config() object {
	return object{
		"schemas":        []string{schemaConfig},
		"patch":          object{"supported": true},
		"bulk":           object{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":         object{"supported": true, "maxResults": maxPage},
		"changePassword": object{"supported": false},
		"sort":           object{"supported": false},
		"etag":           object{"supported": true},
		"authenticationSchemes": []object{{
			"type": "oauthbearertoken", "name": "OAuth Bearer Token", "primary": true,
			"description": "a token that was made on the server, in the Authorization header",
		}},
	}
}

func resourceTypes(base string) []object {
	kind := func(name, schema string) object {
		return object{
			"schemas": []string{schemaType}, "id": name, "name": name, "endpoint": "/" + name + "s", "schema": schema,
			"meta": object{"resourceType": "ResourceType", "location": base + "/ResourceTypes/" + name},
		}
	}
	return []object{kind("User", schemaUser), kind("Group", schemaGroup)}
}

func schemas(base string) []object {
	schema := func(id, name string, attributes ...object) object {
		return object{
			"schemas": []string{schemaSchema}, "id": id, "name": name, "attributes": attributes,
			"meta": object{"resourceType": "Schema", "location": base + "/Schemas/" + id},
		}
	}
	return []object{
		schema(schemaUser, "User",
			attribute("userName", "string", object{"required": true, "uniqueness": "server"}),
			attribute("displayName", "string", nil),
			attribute("active", "boolean", nil)),
		schema(schemaGroup, "Group",
			attribute("displayName", "string", object{"required": true, "uniqueness": "server"}),
			attribute("members", "complex", object{"multiValued": true, "subAttributes": []object{
				attribute("value", "string", object{"mutability": "immutable", "caseExact": true}),
				attribute("type", "string", object{"mutability": "immutable", "canonicalValues": []string{"User"}}),
			}})),
	}
}

// attribute describes one, with what is other than usual.
func attribute(name, kind string, other object) object {
	o := object{
		"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false,
		"mutability": "readWrite", "returned": "default", "uniqueness": "none",
	}
	for k, v := range other {
		o[k] = v
	}
	return o
}
