package directorydb_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ringfence/internal/directory"
)

// texts are awkward values: of other lengths in octets, in other case, with
// LIKE's own signs.
var texts = []string{"", "a", "A", "ab", "aB", "b%", "_", "ä", "Ä", "äb", "日本", "'", `\`, "u01", "u02"}

// condition draws a filter.
func condition(t *rapid.T, on []directory.Attribute, depth int) directory.Filter {
	operators := []directory.Operator{directory.Equal, directory.Contains, directory.StartsWith, directory.EndsWith, directory.Present}
	if depth > 0 {
		operators = append(operators, directory.And, directory.Or, directory.Not)
	}
	f := directory.Filter{Operator: rapid.SampledFrom(operators).Draw(t, "operator")}
	switch f.Operator {
	case directory.And, directory.Or:
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			f.Parts = append(f.Parts, condition(t, on, depth-1))
		}
	case directory.Not:
		f.Parts = []directory.Filter{condition(t, on, depth-1)}
	default:
		f.Attribute = rapid.SampledFrom(on).Draw(t, "attribute")
		if f.Attribute == directory.Active || f.Attribute == directory.Member {
			f.Operator = rapid.SampledFrom([]directory.Operator{directory.Equal, directory.Present}).Draw(t, "operator")
		}
		f.Text = rapid.SampledFrom(texts).Draw(t, "text")
		f.Yes = rapid.Bool().Draw(t, "yes")
	}
	return f
}

// TestFilters: the databases find what the filter matches, page by page.
func TestFilters(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.t.Context()
		users := []directory.User{user(1), user(2), user(3)}
		for n, text := range texts {
			u := user(n + 10)
			u.UserName, u.ExternalID, u.DisplayName, u.Active = fmt.Sprintf("%c-AB", 'a'+n), text, text, n%2 == 0
			must(f.t, f.CreateUser(ctx, u, entry("directory.user.create")))
			users = append(users, u)
		}
		var groups []directory.Group
		members := map[string][]string{}
		for n, text := range texts {
			g := group(n)
			g.DisplayName, g.ExternalID = fmt.Sprintf("%c%s", 'a'+n, text), text
			members[g.ID] = []string{"u01", "u02"}[:n%3]
			_, err := f.CreateGroup(ctx, g, members[g.ID], entry("directory.group.create"))
			must(f.t, err)
			groups = append(groups, g)
		}
		slices.SortFunc(groups, func(a, b directory.Group) int { return a.CreatedAt.Compare(b.CreatedAt) })
		rapid.Check(f.t, func(t *rapid.T) {
			q := directory.Query{Skip: rapid.IntRange(0, 3).Draw(t, "skip"), Limit: rapid.IntRange(0, 30).Draw(t, "limit")}
			where := condition(t, []directory.Attribute{directory.ID, directory.UserName, directory.ExternalID, directory.DisplayName, directory.Active}, 2)
			q.Filter = &where
			gotUsers, total, err := f.ListUsers(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			wantUsers := slices.DeleteFunc(slices.Clone(users), func(u directory.User) bool { return !where.MatchUser(u) })
			equalPages(t, q, total, gotUsers, wantUsers)

			where = condition(t, []directory.Attribute{directory.ID, directory.ExternalID, directory.DisplayName, directory.Member}, 2)
			gotGroups, total, err := f.ListGroups(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			wantGroups := slices.DeleteFunc(slices.Clone(groups), func(g directory.Group) bool { return !where.MatchGroup(g, members[g.ID]) })
			equalPages(t, q, total, gotGroups, wantGroups)
		})
	})
}

// equalPages checks a page against all that matches.
func equalPages[T comparable](t *rapid.T, q directory.Query, total int, got, all []T) {
	want := all[min(q.Skip, len(all)):]
	want = want[:min(q.Limit, len(want))]
	if total != len(all) || !slices.Equal(got, want) {
		t.Fatalf("filter %+v: got %d of %d, want %d of %d:\n%v\n%v", *q.Filter, len(got), total, len(want), len(all), got, want)
	}
}
