package scim

import (
	"strconv"

	"ringfence/internal/directory"
)

// Sizes of a page.
const (
	usualPage = 100
	maxPage   = 200
)

// query is what a listing asks for (RFC 7644, 3.4.2).
type query struct {
	directory.Query
	start int // 1 for the first
}

func (c *call) query(of names) (query, error) {
	values := c.URL.Query()
	q := query{start: 1}
	count := usualPage
	for _, field := range []struct {
		name string
		to   *int
	}{{"startIndex", &q.start}, {"count", &count}} {
		text := values.Get(field.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return q, bad(invalidValue, "%s: must be a number", field.name)
		}
		*field.to = int(n)
	}
	q.start = max(q.start, 1)
	q.Skip, q.Limit = q.start-1, min(max(count, 0), maxPage)
	if text := values.Get("filter"); text != "" {
		f, err := parseFilter(text, of)
		if err != nil {
			return q, err
		}
		q.Filter = &f
	}
	return q, nil
}

// listOf is the answer to a listing.
func listOf(found []object, total, start int) object {
	if found == nil {
		found = []object{}
	}
	return object{
		"schemas": []string{schemaList}, "totalResults": total, "startIndex": start,
		"itemsPerPage": len(found), "Resources": found,
	}
}
