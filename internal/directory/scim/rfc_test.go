package scim_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"ringfence/internal/directory"
)

// TestUserLife follows RFC 7644: 3.3 (create), 3.4.1 (read), 3.5.1 (replace),
// 3.5.2 (change), 3.6 (delete), with the RFC's own bodies.
func TestUserLife(t *testing.T) {
	each(t, func(s *server) {
		got := s.want(http.StatusCreated, "POST", "/Users", `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],
			"userName":"bjensen",
			"externalId":"bjensen-ext",
			"name":{"formatted":"Ms. Barbara J Jensen III","familyName":"Jensen","givenName":"Barbara"}}`)
		id := got.id()
		if !hex32.MatchString(id) {
			t.Fatalf("id %q", id)
		}
		at := "https://mdm.example/scim/v2/Users/" + id
		want := map[string]any{
			"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:User"}, "id": id,
			"userName": "bjensen", "externalId": "bjensen-ext", "active": true,
			"meta": map[string]any{
				"resourceType": "User", "created": "2026-01-02T12:00:00.123456Z", "lastModified": "2026-01-02T12:00:00.123456Z",
				"version": `W/"1"`, "location": at,
			},
		}
		check(t, "created", want, got.body)
		check(t, "Location", at, got.header.Get("Location"))
		check(t, "ETag", `W/"1"`, got.header.Get("ETag"))
		check(t, "read", want, s.want(http.StatusOK, "GET", "/Users/"+id, "").body)
		s.problem(http.StatusConflict, "uniqueness", "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"BJensen"}`)

		s.pass(time.Minute)
		got = s.want(http.StatusOK, "PUT", "/Users/"+id, `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],
			"id":"2819c223-7f76-453a-919d-413861904646",
			"userName":"bjensen","displayName":"Babs","roles":[],
			"emails":[{"value":"bjensen@example.com"},{"value":"babs@jensen.org"}]}`, `If-Match: W/"1"`)
		delete(want, "externalId")
		want["displayName"] = "Babs"
		want["meta"].(map[string]any)["version"], want["meta"].(map[string]any)["lastModified"] = `W/"2"`, "2026-01-02T12:01:00.123456Z"
		check(t, "replaced", want, got.body)

		got = s.want(http.StatusOK, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":false}`))
		check(t, "active", any(false), got.body["active"])
		check(t, "Standing", directory.Standing{Known: true}, s.standing("BJENSEN"))
		got = s.want(http.StatusOK, "PUT", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bjensen"}`)
		check(t, "active after a PUT that does not say", any(false), got.body["active"])
		s.want(http.StatusOK, "PATCH", "/Users/"+id, patch(`{"op":"add","value":{"active":true,"nickName":"Babs","emails":[{"value":"babs@jensen.org","type":"home"}]}}`))
		s.want(http.StatusOK, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"userName","value":"babs"}`))

		got = s.want(http.StatusNoContent, "DELETE", "/Users/"+id, "")
		check(t, "body of a deletion", "", got.text)
		s.problem(http.StatusNotFound, "", "GET", "/Users/"+id, "")
		s.problem(http.StatusNotFound, "", "DELETE", "/Users/"+id, "")
		s.problem(http.StatusNotFound, "", "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":true}`))
		for _, name := range []string{"bjensen", "babs"} {
			check(t, "Standing of "+name, directory.Standing{Known: true}, s.standing(name))
		}
		again := s.user("bjensen")
		if again == id {
			t.Error("the id was used again")
		}
		check(t, "Standing of the new one", directory.Standing{Known: true, Active: true}, s.standing("bjensen"))
		check(t, "record", []string{
			"scim:okta directory.user.create user/bjensen: active",
			"scim:okta directory.user.update user/bjensen: other external id, other display name",
			"scim:okta directory.user.disable user/bjensen",
			"scim:okta directory.user.update user/bjensen: other display name",
			"scim:okta directory.user.enable user/bjensen",
			"scim:okta directory.user.update user/babs: renamed from bjensen",
			"scim:okta directory.user.delete user/babs",
			"scim:okta directory.user.create user/bjensen: active",
		}, s.entries())
		check(t, "rung", []string{"bjensen", "bjensen", "bjensen", "babs", "bjensen", "babs", "bjensen", "bjensen"}, s.rung())
	})
}

// TestGroupLife follows RFC 7644, 3.5.2.1 to 3.5.2.3, with the RFC's operations.
func TestGroupLife(t *testing.T) {
	each(t, func(s *server) {
		babs, james, mandy := s.user("babs"), s.user("james"), s.user("mandy")
		got := s.want(http.StatusCreated, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],
			"displayName":"Tour Guides","members":[{"value":"`+babs+`","$ref":"../Users/`+babs+`","display":"Babs Jensen"}]}`)
		id := got.id()
		at := "https://mdm.example/scim/v2/Groups/" + id
		want := map[string]any{
			"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "id": id, "displayName": "Tour Guides",
			"members": []any{map[string]any{"value": babs, "type": "User"}},
			"meta": map[string]any{
				"resourceType": "Group", "created": "2026-01-02T12:00:00.123456Z", "lastModified": "2026-01-02T12:00:00.123456Z",
				"version": `W/"1"`, "location": at,
			},
		}
		check(t, "created", want, got.body)
		check(t, "Location", at, got.header.Get("Location"))
		check(t, "read", want, s.want(http.StatusOK, "GET", "/Groups/"+id, "").body)
		s.problem(http.StatusConflict, "uniqueness", "POST", "/Groups", `{"displayName":"tour guides"}`)
		check(t, "Standing", directory.Standing{Known: true, Active: true, Groups: []string{"tour guides"}}, s.standing("babs"))
		s.rung()

		steps := []struct {
			what, operations string
			members          []string
			rung             []string
		}{
			{"add a member", `{"op":"add","path":"members","value":[{"display":"James","value":"` + james + `"}]}`, []string{babs, james}, []string{"james"}},
			{"add again", `{"op":"add","path":"members","value":[{"value":"` + james + `"}]}`, []string{babs, james}, nil},
			{"remove one", `{"op":"remove","path":"members[value eq \"` + babs + `\"]"}`, []string{james}, []string{"babs"}},
			{"remove all", `{"op":"remove","path":"members"}`, []string{}, []string{"james"}},
			{"replace all", `{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"` + babs + `"},{"value":"` + mandy + `"}]}`, []string{babs, mandy}, []string{"babs", "mandy"}},
			{"replace", `{"op":"replace","path":"members","value":[{"value":"` + james + `"},{"value":"` + mandy + `"}]}`, []string{james, mandy}, []string{"babs", "james"}},
			{"remove two by or", `{"op":"remove","path":"members[value eq \"` + james + `\" or value eq \"` + mandy + `\"]"}`, []string{}, []string{"james", "mandy"}},
			{"add without a path", `{"op":"add","value":{"members":[{"value":"` + babs + `"}],"externalId":"x1"}}`, []string{babs}, []string{"babs"}},
			{"rename", `{"op":"replace","path":"displayName","value":"Guides"}`, []string{babs}, []string{"babs"}},
			{"remove nobody", `{"op":"remove","path":"members[value eq \"nobody\"]"}`, []string{babs}, nil},
		}
		version := 1
		for _, step := range steps {
			got := s.want(http.StatusNoContent, "PATCH", "/Groups/"+id, patch(step.operations))
			check(t, step.what, step.members, s.members(id))
			check(t, step.what+": rung", step.rung, s.rung())
			if step.rung != nil {
				version++
			}
			check(t, step.what+": ETag", `W/"`+string(rune('0'+version%10))+`"`, last(got.header.Get("ETag")))
		}
		got = s.want(http.StatusOK, "PATCH", "/Groups/"+id+"?attributes=displayName", patch(`{"op":"remove","path":"externalId"}`))
		check(t, "what was asked for", map[string]any{"schemas": got.body["schemas"], "id": id, "displayName": "Guides"}, got.body)
		got = s.want(http.StatusOK, "PUT", "/Groups/"+id, `{"displayName":"All","externalId":"x2","members":[{"value":"`+james+`"}]}`)
		check(t, "replaced", []any{map[string]any{"value": james, "type": "User"}}, got.body["members"])
		check(t, "Standing", directory.Standing{Known: true, Active: true, Groups: []string{"all"}}, s.standing("james"))
		s.want(http.StatusNoContent, "DELETE", "/Users/"+james, "")
		check(t, "members after a user was deleted", []string{}, s.members(id))
		s.problem(http.StatusBadRequest, "invalidValue", "PATCH", "/Groups/"+id, patch(`{"op":"add","path":"members","value":[{"value":"`+james+`"}]}`))
		s.want(http.StatusNoContent, "DELETE", "/Groups/"+id, "")
		s.problem(http.StatusNotFound, "", "GET", "/Groups/"+id, "")
		if got := s.entries(); got[4] != `scim:okta directory.group.update group/`+id+`: "Tour Guides": added james` {
			t.Errorf("the record says %q", got[4])
		}
	})
}

// last cuts a version down to its last digit, which is enough to tell.
func last(tag string) string { return `W/"` + tag[len(tag)-2:] }

func TestListing(t *testing.T) {
	each(t, func(s *server) {
		var ids []string
		for _, name := range []string{"Anna@x.example", "bert", "carl", "dora", "emil"} {
			ids = append(ids, s.user(name))
			s.pass(time.Second)
		}
		s.want(http.StatusOK, "PATCH", "/Users/"+ids[1], patch(`{"op":"replace","value":{"active":false,"externalId":"B-1","displayName":"Bert \"the\" Best"}}`))
		g := s.group("Sales", ids[0], ids[2])
		empty := s.group("Empty")
		users := func(numbers ...int) []string {
			found := []string{}
			for _, n := range numbers {
				found = append(found, ids[n])
			}
			return found
		}
		tests := []struct {
			path   string
			values url.Values
			want   []string
			total  float64
			start  float64
		}{
			{"/Users", nil, ids, 5, 1},
			{"/Users", url.Values{"startIndex": {"2"}, "count": {"2"}}, users(1, 2), 5, 2},
			{"/Users", url.Values{"startIndex": {"5"}}, users(4), 5, 5},
			{"/Users", url.Values{"startIndex": {"9"}}, users(), 5, 9},
			{"/Users", url.Values{"startIndex": {"-3"}, "count": {"-1"}}, users(), 5, 1},
			{"/Users", url.Values{"count": {"0"}}, users(), 5, 1},
			{"/Users", url.Values{"filter": {`userName eq "anna@X.example"`}}, users(0), 1, 1},
			{"/Users", url.Values{"filter": {`USERNAME EQ "BERT"`}}, users(1), 1, 1},
			{"/Users", url.Values{"filter": {`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "C"`}}, users(2), 1, 1},
			{"/Users", url.Values{"filter": {`userName co "r"`}}, users(1, 2, 3), 3, 1},
			{"/Users", url.Values{"filter": {`userName co "r"`}, "startIndex": {"2"}, "count": {"1"}}, users(2), 3, 2},
			{"/Users", url.Values{"filter": {`active eq false`}}, users(1), 1, 1},
			{"/Users", url.Values{"filter": {`active eq "True" and not (userName sw "a" or userName sw "c")`}}, users(3, 4), 2, 1},
			{"/Users", url.Values{"filter": {`externalId eq "B-1"`}}, users(1), 1, 1},
			{"/Users", url.Values{"filter": {`externalId eq "b-1"`}}, users(), 0, 1},
			{"/Users", url.Values{"filter": {`externalId pr`}}, users(1), 1, 1},
			{"/Users", url.Values{"filter": {`displayName eq "bert \"THE\" best"`}}, users(1), 1, 1},
			{"/Users", url.Values{"filter": {`userName eq "anna@x.example" or userName eq "emil" and active eq false`}}, users(0), 1, 1},
			{"/Users", url.Values{"filter": {`(userName eq "anna@x.example" or userName eq "emil") and active eq true`}}, users(0, 4), 2, 1},
			{"/Users", url.Values{"filter": {`userName ne "bert" and userName ew "l"`}}, users(2, 4), 2, 1},
			{"/Users", url.Values{"filter": {`id eq "` + ids[3] + `"`}}, users(3), 1, 1},
			{"/Groups", nil, []string{g, empty}, 2, 1},
			{"/Groups", url.Values{"filter": {`displayName eq "SALES"`}}, []string{g}, 1, 1},
			{"/Groups", url.Values{"filter": {`members eq "` + ids[2] + `"`}}, []string{g}, 1, 1},
			{"/Groups", url.Values{"filter": {`members[value eq "` + ids[2] + `"] and displayName sw "s"`}}, []string{g}, 1, 1},
			{"/Groups", url.Values{"filter": {`members.value eq "` + ids[1] + `"`}}, []string{}, 0, 1},
			{"/Groups", url.Values{"filter": {`not (members pr)`}}, []string{empty}, 1, 1},
		}
		for _, tt := range tests {
			what := tt.path + "?" + tt.values.Encode()
			got := s.want(http.StatusOK, "GET", what, "").body
			found := []string{}
			for _, r := range got["Resources"].([]any) {
				found = append(found, r.(map[string]any)["id"].(string))
			}
			check(t, what, tt.want, found)
			delete(got, "Resources")
			check(t, what, map[string]any{
				"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:ListResponse"}, "totalResults": tt.total,
				"startIndex": tt.start, "itemsPerPage": float64(len(tt.want)),
			}, got)
		}
		for _, filter := range []string{
			"userName", "userName eq", "userName eq bert", `userName eq "bert`, `userName eq "bert" and`, `userName eq "bert")`,
			`(userName eq "bert"`, `userName gt "bert"`, `userName xx "bert"`, `active co "t"`, `active eq "maybe"`, `userName eq true`,
			`password eq "x"`, `emails[type eq "work"]`, `members eq "x"`, `not userName eq "x"`, "\x00", `userName eq "a\u0000"`, `userName eq 5`,
		} {
			s.problem(http.StatusBadRequest, "invalidFilter", "GET", "/Users?filter="+url.QueryEscape(filter), "")
		}
		s.problem(http.StatusBadRequest, "invalidValue", "GET", "/Users?count=x", "")
	})
}

func TestAttributes(t *testing.T) {
	one(t, func(s *server) {
		id := s.user("anna")
		g := s.group("Sales", id)
		keys := func(path string) []string {
			body := s.want(http.StatusOK, "GET", path, "").body
			if list, ok := body["Resources"].([]any); ok {
				body = list[0].(map[string]any)
			}
			return sortedKeys(body)
		}
		for path, want := range map[string][]string{
			"/Users/" + id + "?attributes=userName":                                            {"id", "schemas", "userName"},
			"/Users/" + id + "?attributes=urn:ietf:params:scim:schemas:core:2.0:User:USERNAME": {"id", "schemas", "userName"},
			"/Users/" + id + "?excludedAttributes=meta,active,id":                              {"id", "schemas", "userName"},
			"/Groups/" + g + "?excludedAttributes=members":                                     {"displayName", "id", "meta", "schemas"},
			"/Groups?excludedAttributes=members&filter=displayName+eq+%22sales%22":             {"displayName", "id", "meta", "schemas"},
			"/Groups?attributes=members.value":                                                 {"id", "members", "schemas"},
			"/Groups/" + g:                                                                     {"displayName", "id", "members", "meta", "schemas"},
		} {
			check(t, path, want, keys(path))
		}
	})
}

// TestVersions follows RFC 7644, 3.14.
func TestVersions(t *testing.T) {
	one(t, func(s *server) {
		for _, kind := range []struct{ path, body, patch string }{
			{"/Users/" + s.user("anna"), `{"userName":"anna"}`, patch(`{"op":"add","path":"displayName","value":"A"}`)},
			{"/Groups/" + s.group("Sales"), `{"displayName":"Sales","externalId":"1"}`, patch(`{"op":"add","path":"displayName","value":"S"}`)},
		} {
			s.want(http.StatusNotModified, "GET", kind.path, "", `If-None-Match: W/"1"`)
			s.want(http.StatusNotModified, "GET", kind.path, "", `If-None-Match: W/"7", "1"`)
			s.want(http.StatusNotModified, "GET", kind.path, "", `If-None-Match: *`)
			s.want(http.StatusOK, "GET", kind.path, "", `If-None-Match: W/"2"`)
			for _, tag := range []string{`W/"2"`, `"2"`, `W/"0"`, `W/"a330bc54f0671c9"`, `W/"2", W/"3"`, `W/"18446744073709551615"`} {
				for method, body := range map[string]string{"PUT": kind.body, "PATCH": kind.patch, "DELETE": ""} {
					s.problem(http.StatusPreconditionFailed, "", method, kind.path, body, "If-Match: "+tag)
				}
			}
			s.do("PATCH", kind.path, kind.patch, `If-Match: W/"1"`)
			check(t, "ETag", `W/"2"`, s.want(http.StatusOK, "GET", kind.path, "").header.Get("ETag"))
			s.problem(http.StatusPreconditionFailed, "", "PUT", kind.path, kind.body, `If-Match: W/"1"`)
			s.want(http.StatusOK, "PUT", kind.path, kind.body, `If-Match: W/"1", W/"2"`)
			s.want(http.StatusOK, "PUT", kind.path, kind.body, `If-Match: *`)
			check(t, "ETag after a PUT of the same", `W/"3"`, s.want(http.StatusOK, "GET", kind.path, "").header.Get("ETag"))
			s.want(http.StatusNoContent, "DELETE", kind.path, "", `If-Match: W/"3"`)
			s.problem(http.StatusNotFound, "", "DELETE", kind.path, "", `If-Match: W/"3"`)
		}
	})
}

// TestDiscovery follows RFC 7644, 4.
func TestDiscovery(t *testing.T) {
	one(t, func(s *server) {
		config := s.want(http.StatusOK, "GET", "/ServiceProviderConfig", "").body
		for feature, want := range map[string]bool{"patch": true, "bulk": false, "filter": true, "changePassword": false, "sort": false, "etag": true} {
			check(t, feature, any(want), config[feature].(map[string]any)["supported"])
		}
		for path, want := range map[string][]string{
			"/ResourceTypes": {"User", "Group"},
			"/Schemas":       {"urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group"},
		} {
			var ids []string
			for _, r := range s.want(http.StatusOK, "GET", path, "").body["Resources"].([]any) {
				id := r.(map[string]any)["id"].(string)
				ids = append(ids, id)
				check(t, path+"/"+id, r, any(s.want(http.StatusOK, "GET", path+"/"+id, "").body))
			}
			check(t, path, want, ids)
			s.problem(http.StatusNotFound, "", "GET", path+"/None", "")
			s.problem(http.StatusMethodNotAllowed, "", "POST", path, "{}")
		}
		for _, path := range []string{"/Me", "/Bulk", "/.search", "/Users/.search"} {
			s.problem(http.StatusNotImplemented, "", "POST", path, "{}")
		}
		for _, path := range []string{"/", "/users", "/Users/a/b", "/Users//", "/../Users/..;"} {
			s.problem(http.StatusNotFound, "", "GET", path, "")
		}
		s.problem(http.StatusMethodNotAllowed, "", "DELETE", "/Users", "")
		s.problem(http.StatusMethodNotAllowed, "", "POST", "/Users/x", "{}")
	})
}
