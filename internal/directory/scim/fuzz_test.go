package scim

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"ringfence/internal/directory"
)

// sane checks that an error is one for the client.
func sane(t *testing.T, err error) {
	t.Helper()
	p, ok := errors.AsType[*problem](err)
	if !ok || p.status != 400 || p.kind == "" || p.detail == "" {
		t.Fatalf("the error is %#v", err)
	}
}

// size counts the comparisons of a filter, and checks that it can be asked.
func size(t *testing.T, f directory.Filter, depth int) int {
	t.Helper()
	if depth > 3*maxFilterDepth+3 {
		t.Fatal("the filter is too deep")
	}
	switch f.Operator {
	case directory.And, directory.Or, directory.Not:
		n := 0
		for _, p := range f.Parts {
			n += size(t, p, depth+1)
		}
		if n == 0 {
			t.Fatal("a filter of no parts")
		}
		return n
	case 0:
		t.Fatal("a filter without an operator")
	}
	if f.Attribute == 0 {
		t.Fatal("a comparison without an attribute")
	}
	if f.Attribute == directory.Active && f.Text != "" || !printable(f.Text) {
		t.Fatalf("compared with %q", f.Text)
	}
	return 1
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:7": "192.0.2.1", "[::ffff:192.0.2.1]:7": "192.0.2.1", "[2001:db8:1:2:3::4]:7": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:7": "fe80::/64", "pipe": "",
	} {
		c := &call{Request: &http.Request{RemoteAddr: address}}
		if got := c.network(); got != want {
			t.Errorf("network of %s: %q, want %q", address, got, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, text := range []string{
		`userName eq "bjensen"`, `active eq true and not (externalId pr or displayName co "x\"y")`,
		`members[value eq "a" or value eq "b"] and id ne "c"`, `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`,
		`((((((((((((userName pr))))))))))))`, `not(active eq "False")`, `userName eq "\u00e4"`, `members.value eq "a"`,
	} {
		f.Add(text)
	}
	u := directory.User{ID: "a", UserSpec: directory.UserSpec{UserName: "B", Active: true}}
	g := directory.Group{ID: "a", GroupSpec: directory.GroupSpec{DisplayName: "B"}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, of := range []names{userNames, groupNames, memberNames} {
			got, err := parseFilter(text, of)
			if err != nil {
				sane(t, err)
				continue
			}
			if n := size(t, got, 0); n > maxComparisons {
				t.Fatalf("%d comparisons", n)
			}
			// The opposite says the opposite.
			if got.MatchUser(u) == opposite(got).MatchUser(u) || got.MatchGroup(g, nil) == opposite(got).MatchGroup(g, nil) {
				t.Fatal("a filter and its opposite agree")
			}
		}
		p, err := parsePath(text)
		if err != nil {
			sane(t, err)
		} else if p.hasFilter {
			if ids, err := selected(p.filter); err != nil {
				sane(t, err)
			} else if len(ids) == 0 {
				t.Fatal("nobody is selected")
			}
		}
	})
}

func FuzzPatch(f *testing.F) {
	for _, text := range []string{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`,
		`{"Operations":[{"op":"replace","value":{"active":false,"name.givenName":"x","id":"1"}}]}`,
		`{"Operations":[{"op":"add","path":"members","value":[{"value":"a"},"b"]},{"op":"remove","path":"members[value eq \"a\"]"},{"op":"remove","path":"members"}]}`,
		`{"Operations":[{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}]}`,
		`{"userName":"a","displayName":[{"value":"b"}],"active":"TRUE","members":{"value":"c"}}`,
		`{"a":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}`,
	} {
		f.Add([]byte(text))
	}
	before := directory.UserSpec{UserName: "anna", ExternalID: "1", DisplayName: "Anna", Active: false}
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := parseObject(text)
		if err != nil {
			sane(t, err)
			return
		}
		for _, active := range []bool{true, false} {
			if spec, err := userOf(body, active); err != nil {
				sane(t, err)
			} else if _, says := withoutPrefix(body, schemaUser)["active"]; !says && spec.Active != active {
				t.Fatal("a body that does not say so changed active")
			}
		}
		if _, _, err := groupOf(body); err != nil {
			sane(t, err)
		}
		operations, err := parsePatch(body)
		if err != nil {
			sane(t, err)
			return
		}
		after, err := patchUser(before, operations)
		if err != nil {
			sane(t, err)
		} else if again, err := patchUser(after, operations); err != nil || again != after {
			t.Fatalf("the same operations once more: %+v, %v, after %+v", again, err, after)
		}
		spec, members, err := patchGroup(directory.GroupSpec{DisplayName: "Sales"}, operations)
		if err != nil {
			sane(t, err)
			return
		}
		in := []string{"a", "b", "z"}
		added, removed := members.Settle(in)
		for _, id := range added {
			if slices.Contains(in, id) || slices.Contains(removed, id) {
				t.Fatalf("adds %q, who is in or removed: %+v", id, spec)
			}
		}
		for _, id := range removed {
			if !slices.Contains(in, id) {
				t.Fatalf("removes %q, who is not in", id)
			}
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add(`W/"1", "2"`, "attributes=userName,a.b&excludedAttributes=members", "Bearer x")
	f.Fuzz(func(t *testing.T, tag, query, header string) {
		tags, anyOne := versions([]string{tag})
		if anyOne != (len(tags) == 0) || slices.Contains(tags, 0) {
			t.Fatalf("%q: %v, %v", tag, tags, anyOne)
		}
		if values, err := url.ParseQuery(query); err == nil {
			if c, err := parseChosen(values); err != nil {
				sane(t, err)
			} else if !c.wants("id") || !c.wants("schemas") {
				t.Fatal("the id is not wanted")
			}
		}
		_, _ = bearer([]string{header})
	})
}
