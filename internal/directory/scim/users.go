package scim

import (
	"net/http"
	"slices"

	"ringfence/internal/directory"
)

func (h *Handler) listUsers(c *call) answer {
	q, err := c.query(userNames)
	if err != nil {
		return failed(err)
	}
	users, total, err := h.c.Directory.ListUsers(c.Context(), q.Query)
	if err != nil {
		return failed(err)
	}
	var found []object
	for _, u := range users {
		found = append(found, c.want.of(renderUser(u, c.base)))
	}
	return ok(listOf(found, total, q.start))
}

func (h *Handler) createUser(c *call) answer {
	body, err := c.object()
	if err != nil {
		return failed(err)
	}
	spec, err := userOf(body, true)
	if err != nil {
		return failed(err)
	}
	u, err := h.c.Directory.CreateUser(c.Context(), spec)
	if err != nil {
		return failed(err)
	}
	a := c.user(u)
	a.status, a.location = http.StatusCreated, c.base+"/Users/"+u.ID
	return a
}

// user answers with a user, as far as it is wanted.
func (c *call) user(u directory.User) answer {
	return ok(c.want.of(renderUser(u, c.base))).at(u.Version)
}

func (h *Handler) getUser(c *call, id string) answer {
	u, err := h.c.Directory.User(c.Context(), id)
	if err != nil {
		return failed(err)
	}
	if c.has(u.Version) {
		return answer{status: http.StatusNotModified}.at(u.Version)
	}
	return c.user(u)
}

// has reports whether the client says that it has that version already.
func (c *call) has(version uint64) bool {
	tags, anyOne := versions(c.Header.Values("If-None-Match"))
	if anyOne {
		return len(c.Header.Values("If-None-Match")) > 0
	}
	return slices.Contains(tags, version)
}

// version gives the version that a change is for, 0 for any: of several that
// would do, the one that is there now.
func (c *call) version(now func() (uint64, error)) (uint64, error) {
	tags, anyOne := versions(c.Header.Values("If-Match"))
	switch {
	case anyOne:
		return 0, nil
	case len(tags) == 1:
		return tags[0], nil
	}
	v, err := now()
	if err == nil && !slices.Contains(tags, v) {
		err = directory.ErrVersion
	}
	return v, err
}

func (h *Handler) userVersion(c *call, id string) (uint64, error) {
	return c.version(func() (uint64, error) {
		u, err := h.c.Directory.User(c.Context(), id)
		return u.Version, err
	})
}

func (h *Handler) replaceUser(c *call, id string) answer {
	body, err := c.object()
	if err != nil {
		return failed(err)
	}
	return h.changeUser(c, id, func(before directory.UserSpec) (directory.UserSpec, error) {
		return userOf(body, before.Active)
	})
}

func (h *Handler) patchUser(c *call, id string) answer {
	body, err := c.object()
	if err != nil {
		return failed(err)
	}
	operations, err := parsePatch(body)
	if err != nil {
		return failed(err)
	}
	return h.changeUser(c, id, func(before directory.UserSpec) (directory.UserSpec, error) {
		return patchUser(before, operations)
	})
}

func (h *Handler) changeUser(c *call, id string, edit func(directory.UserSpec) (directory.UserSpec, error)) answer {
	version, err := h.userVersion(c, id)
	if err != nil {
		return failed(err)
	}
	u, err := h.c.Directory.ChangeUser(c.Context(), id, version, edit)
	if err != nil {
		return failed(err)
	}
	return c.user(u)
}

func (h *Handler) deleteUser(c *call, id string) answer {
	version, err := h.userVersion(c, id)
	if err == nil {
		err = h.c.Directory.DeleteUser(c.Context(), id, version)
	}
	if err != nil {
		return failed(err)
	}
	return answer{status: http.StatusNoContent}
}
