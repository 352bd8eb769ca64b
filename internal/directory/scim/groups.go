package scim

import (
	"net/http"

	"ringfence/internal/directory"
)

// listGroups gives a page of groups. Members are many: a page ends early rather
// than having more of them than one group can have.
func (h *Handler) listGroups(c *call) answer {
	q, err := c.query(groupNames)
	if err != nil {
		return failed(err)
	}
	groups, total, err := h.c.Directory.ListGroups(c.Context(), q.Query)
	if err != nil {
		return failed(err)
	}
	var found []object
	left := directory.MaxMembers
	for _, g := range groups {
		o := renderGroup(g, c.base)
		if c.want.wants("members") {
			ids, err := h.c.Directory.Members(c.Context(), g.ID)
			if err != nil {
				return failed(err)
			}
			if left -= len(ids); left < 0 && len(found) > 0 {
				break
			}
			o["members"] = renderMembers(ids)
		}
		found = append(found, c.want.of(o))
	}
	return ok(listOf(found, total, q.start))
}

func (h *Handler) createGroup(c *call) answer {
	body, err := c.object()
	if err != nil {
		return failed(err)
	}
	spec, members, err := groupOf(body)
	if err != nil {
		return failed(err)
	}
	g, err := h.c.Directory.CreateGroup(c.Context(), spec, members)
	if err != nil {
		return failed(err)
	}
	a := h.group(c, g)
	if a.problem == nil {
		a.status, a.location = http.StatusCreated, c.base+"/Groups/"+g.ID
	}
	return a
}

// group answers with a group, as far as it is wanted.
func (h *Handler) group(c *call, g directory.Group) answer {
	o := renderGroup(g, c.base)
	if c.want.wants("members") {
		ids, err := h.c.Directory.Members(c.Context(), g.ID)
		if err != nil {
			return failed(err)
		}
		o["members"] = renderMembers(ids)
	}
	return ok(c.want.of(o)).at(g.Version)
}

func (h *Handler) getGroup(c *call, id string) answer {
	g, err := h.c.Directory.Group(c.Context(), id)
	if err != nil {
		return failed(err)
	}
	if c.has(g.Version) {
		return answer{status: http.StatusNotModified}.at(g.Version)
	}
	return h.group(c, g)
}

func (h *Handler) groupVersion(c *call, id string) (uint64, error) {
	return c.version(func() (uint64, error) {
		g, err := h.c.Directory.Group(c.Context(), id)
		return g.Version, err
	})
}

func (h *Handler) replaceGroup(c *call, id string) answer {
	body, err := c.object()
	if err != nil {
		return failed(err)
	}
	g, err := h.changeGroup(c, id, func(directory.GroupSpec) (directory.GroupSpec, directory.Membership, error) {
		spec, ids, err := groupOf(body)
		var members directory.Membership
		members.Replace(ids...)
		return spec, members, err
	})
	if err != nil {
		return failed(err)
	}
	return h.group(c, g)
}

// patchGroup answers without a body, unless attributes are asked for: a group
// can be large, and changes by small steps.
func (h *Handler) patchGroup(c *call, id string) answer {
	body, err := c.object()
	if err != nil {
		return failed(err)
	}
	operations, err := parsePatch(body)
	if err != nil {
		return failed(err)
	}
	g, err := h.changeGroup(c, id, func(before directory.GroupSpec) (directory.GroupSpec, directory.Membership, error) {
		return patchGroup(before, operations)
	})
	switch {
	case err != nil:
		return failed(err)
	case c.URL.Query().Get("attributes") != "":
		return h.group(c, g)
	default:
		return answer{status: http.StatusNoContent}.at(g.Version)
	}
}

func (h *Handler) changeGroup(c *call, id string, edit directory.GroupEdit) (directory.Group, error) {
	version, err := h.groupVersion(c, id)
	if err != nil {
		return directory.Group{}, err
	}
	return h.c.Directory.ChangeGroup(c.Context(), id, version, edit)
}

func (h *Handler) deleteGroup(c *call, id string) answer {
	version, err := h.groupVersion(c, id)
	if err == nil {
		err = h.c.Directory.DeleteGroup(c.Context(), id, version)
	}
	if err != nil {
		return failed(err)
	}
	return answer{status: http.StatusNoContent}
}
