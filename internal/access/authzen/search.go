package authzen

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringfence/internal/access"
	"ringfence/internal/fault"
	"ringfence/internal/page"
)

// The bounds of one page of a search.
const (
	// maxFound is how many are found at most.
	maxFound = page.DefaultSize
	// maxAsked is how many are asked about at most. Where most are denied, a page
	// has fewer than it might, and the next goes on.
	maxAsked = 500
)

// found is one page of a search.
type found struct {
	Page    foundPage           `json:"page"`
	Results []map[string]string `json:"results"`
}

type foundPage struct {
	NextToken string `json:"next_token"`
	Count     int    `json:"count"`
}

// search is what is asked of each candidate.
type search struct {
	// about is the question without what is searched for.
	about      evaluation
	candidates []string // sorted
	// set makes the question about one candidate.
	set func(e *evaluation, candidate string)
	// result tells of a candidate.
	result func(candidate string) map[string]string
	// listing names the search, so that a token cannot be carried to another.
	listing string
}

// searchResources finds apps, and what a person does other than signing in. Of
// other types no resources are known here.
func (d *Door) searchResources(ctx context.Context, body map[string]any) (any, error) {
	e, err := newEvaluation(body, nil, needs{subjectID: true, action: true})
	if err != nil {
		return nil, err
	}
	s := search{
		about:   e,
		set:     func(e *evaluation, id string) { e.resource.id = id },
		result:  func(id string) map[string]string { return map[string]string{"type": e.resource.kind, "id": id} },
		listing: listingOf(SearchResourcePath, body),
	}
	switch e.resource.kind {
	case appType:
		names, err := d.names.at(ctx, d.Catalogue)
		if err != nil {
			return nil, err
		}
		s.candidates = names.apps
	case userActionType:
		s.candidates = slices.Sorted(slices.Values(namesOf[access.Action]()[1:]))
	}
	return d.search(ctx, &s, body)
}

// searchActions finds actions that custom conditions name.
func (d *Door) searchActions(ctx context.Context, body map[string]any) (any, error) {
	e, err := newEvaluation(body, nil, needs{subjectID: true, resourceID: true})
	if err != nil {
		return nil, err
	}
	names, err := d.names.at(ctx, d.Catalogue)
	if err != nil {
		return nil, err
	}
	return d.search(ctx, &search{
		about: e, candidates: names.actions,
		set:     func(e *evaluation, name string) { e.action.name = name },
		result:  func(name string) map[string]string { return map[string]string{"name": name} },
		listing: listingOf(SearchActionPath, body),
	}, body)
}

// search asks about the candidates of one page, and gives those that are
// permitted.
func (d *Door) search(ctx context.Context, s *search, body map[string]any) (found, error) {
	at, err := readPlace(body, s.listing)
	if err != nil {
		return found{}, err
	}
	f := found{Results: []map[string]string{}}
	rest := s.candidates
	i, exact := slices.BinarySearch(rest, at.after)
	if exact {
		i++
	}
	rest = rest[i:]
	for asked, candidate := range rest {
		if err := ctx.Err(); err != nil {
			return found{}, err
		}
		e := s.about
		s.set(&e, candidate)
		permitted, err := d.permits(ctx, &e)
		if err != nil {
			return found{}, err
		}
		if permitted {
			f.Results = append(f.Results, s.result(candidate))
		}
		if full := len(f.Results) == at.limit || asked+1 == maxAsked; full && asked+1 < len(rest) {
			f.Page.NextToken = page.Encode(place{at.limit, candidate}.String(), s.listing)
			break
		}
	}
	f.Page.Count = len(f.Results)
	return f, nil
}

// place is where a page of a search begins, and how much there may be on it.
type place struct {
	limit int
	after string
}

func (p place) String() string { return fmt.Sprintf("%d %s", p.limit, p.after) }

// readPlace reads the page that is asked for. The limit may be left out later
// on, but not be changed.
func readPlace(body map[string]any, listing string) (place, error) {
	first := place{limit: maxFound}
	v, given := body["page"]
	if !given {
		return first, nil
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return place{}, fault.InvalidField("page", "must be an object")
	}
	limit, limited := fields["limit"]
	if n, ok := limit.(int64); limited && (!ok || n < 0) {
		return place{}, fault.InvalidField("page.limit", "must be an integer that is not negative")
	} else if n > 0 {
		first.limit = int(min(n, maxFound))
	}
	token, given := fields["token"]
	if !given || token == "" {
		return first, nil
	}
	text, _ := token.(string)
	cursor, err := page.Decode(text, listing)
	if err != nil || text == "" {
		return place{}, fault.InvalidField("page.token", "is none of this search")
	}
	size, after, _ := strings.Cut(cursor, " ")
	n, err := strconv.Atoi(size)
	if err != nil || n < 1 || n > maxFound {
		return place{}, fault.InvalidField("page.token", "is none of this search")
	}
	if limited && first.limit != n {
		return place{}, fault.InvalidField("page.limit", "must be that of the first page")
	}
	return place{n, after}, nil
}

// listingOf names a search by all that shapes it. What is searched for has no
// id, whatever the request says.
func listingOf(path string, body map[string]any) string {
	shape := map[string]any{"subject": body["subject"], "resource": body["resource"], "context": body["context"]}
	if path == SearchResourcePath {
		shape["action"] = body["action"]
		resource := map[string]any{}
		if given, ok := body["resource"].(map[string]any); ok {
			resource["type"], resource["properties"] = given["type"], given["properties"]
		}
		shape["resource"] = resource
	}
	raw, err := json.Marshal(shape)
	if err != nil {
		panic("authzen: what was read as JSON always marshals: " + err.Error())
	}
	return path + string(raw)
}
