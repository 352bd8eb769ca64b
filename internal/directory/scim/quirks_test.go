package scim_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"ringfence/internal/directory"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// TestEntraID sends what Entra ID's provisioning service sends.
func TestEntraID(t *testing.T) {
	one(t, func(s *server) {
		// The test of the connection.
		got := s.want(http.StatusOK, "GET", "/Users?filter="+url.QueryEscape(`userName eq "dbf1b6a5-8a2b-4b0a-9a5d-2f0ad9e3d4a1"`), "")
		check(t, "nobody", any([]any{}), got.body["Resources"])

		got = s.want(http.StatusCreated, "POST", "/Users", `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
			"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef","userName":"Test_User_ab6490ee@contoso.com","active":true,
			"emails":[{"primary":true,"type":"work","value":"Test_User_fd0ea19b@contoso.com"}],
			"meta":{"resourceType":"User"},"name":{"formatted":"givenName familyName","familyName":"familyName","givenName":"givenName"},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","manager":{"value":"1"}},
			"roles":[]}`)
		id := got.id()
		for _, attribute := range []string{"emails", "name", "roles", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"} {
			if got.body[attribute] != nil {
				t.Errorf("%s was kept", attribute)
			}
		}
		for _, step := range []struct {
			operations string
			name       string
			active     bool
			display    any
		}{
			{`{"op":"Replace","path":"active","value":"False"}`, "Test_User_ab6490ee@contoso.com", false, nil},
			{`{"op":"Add","path":"active","value":"True"}`, "Test_User_ab6490ee@contoso.com", true, nil},
			{`{"op":"Replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","name.familyName":"Unua",
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"Aklq","active":"False"}}`, "Test_User_ab6490ee@contoso.com", false, "Bjfe"},
			{`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"updatedEmail@microsoft.com"},
				{"op":"Replace","path":"name.familyName","value":"updatedFamilyName"},
				{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"7"},
				{"op":"Replace","path":"userName","value":"other@contoso.com"}`, "other@contoso.com", false, "Bjfe"},
			{`{"op":"Replace","path":"displayName","value":[{"$ref":null,"value":"User X"}]}`, "other@contoso.com", false, "User X"},
			{`{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:active","value":true}`, "other@contoso.com", true, "User X"},
			{`{"op":"Remove","path":"displayName"},{"op":"Remove","path":"phoneNumbers[type eq \"mo]bile\"].value"}`, "other@contoso.com", true, nil},
		} {
			got := s.want(http.StatusOK, "PATCH", "/Users/"+id, patch(step.operations)).body
			check(t, step.operations, []any{step.name, step.active, step.display}, []any{got["userName"], got["active"], got["displayName"]})
			check(t, step.operations, directory.Standing{Known: true, Active: step.active}, s.standing("test_user_ab6490ee@contoso.com"))
		}

		group := s.want(http.StatusCreated, "POST", "/Groups", `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
			"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","displayName":"displayName","meta":{"resourceType":"Group"}}`).id()
		s.want(http.StatusNoContent, "PATCH", "/Groups/"+group, patch(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"`+id+`"}]}`))
		filter := url.QueryEscape(fmt.Sprintf(`id eq %q and members eq %q`, group, id))
		got = s.want(http.StatusOK, "GET", "/Groups?excludedAttributes=members&filter="+filter, "")
		check(t, "is it a member", any(1.0), got.body["totalResults"])
		s.want(http.StatusNoContent, "PATCH", "/Groups/"+group, patch(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+id+`"}]}`))
		check(t, "members", []string{}, s.members(group))
		s.want(http.StatusNoContent, "PATCH", "/Groups/"+group, patch(`{"op":"Replace","path":"displayName","value":"1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName"}`))
		s.want(http.StatusNoContent, "DELETE", "/Groups/"+group, "")
		s.want(http.StatusNoContent, "DELETE", "/Users/"+id, "")
		check(t, "Standing in the end", directory.Standing{Known: true}, s.standing("other@contoso.com"))
	})
}

// TestOkta sends what Okta sends.
func TestOkta(t *testing.T) {
	one(t, func(s *server) {
		got := s.want(http.StatusOK, "GET", "/Users?filter="+url.QueryEscape(`userName eq "test.user@okta.local"`)+"&startIndex=1&count=100", "")
		check(t, "nobody", any(0.0), got.body["totalResults"])
		id := s.want(http.StatusCreated, "POST", "/Users", `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"test.user@okta.local",
			"name":{"givenName":"Test","familyName":"User"},"emails":[{"primary":true,"value":"test.user@okta.local","type":"work"}],
			"displayName":"Test User","locale":"en-US","externalId":"00ujl29u0le5T6Aj10h7","groups":[],"password":"1mz050nq","active":true}`,
			"Content-Type: application/scim+json; charset=utf-8").id()
		if log := s.log.String(); strings.Contains(log, "1mz050nq") || strings.Contains(log, "test.user") {
			t.Errorf("the log has what it must not have:\n%s", log)
		}
		s.want(http.StatusOK, "PUT", "/Users/"+id, `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"`+id+`","userName":"test.user@okta.local",
			"name":{"givenName":"Another","middleName":"","familyName":"User"},"emails":[{"primary":true,"value":"test.user@okta.local","type":"work","display":"test.user@okta.local"}],
			"active":false,"groups":[],"meta":{"resourceType":"User"}}`)
		check(t, "Standing", directory.Standing{Known: true}, s.standing("test.user@okta.local"))
		s.want(http.StatusOK, "PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"active":true}}`))
		s.want(http.StatusOK, "PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"active":false}}`))
		check(t, "Standing", directory.Standing{Known: true}, s.standing("test.user@okta.local"))

		group := s.want(http.StatusCreated, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Test SCIMv2","members":[]}`).id()
		s.want(http.StatusNoContent, "PATCH", "/Groups/"+group, patch(`{"op":"replace","value":{"id":"`+group+`","displayName":"Test SCIMv2 renamed"}}`))
		s.want(http.StatusNoContent, "PATCH", "/Groups/"+group, patch(`{"op":"remove","path":"members[value eq \"`+id+`\"]"},{"op":"add","path":"members","value":[{"value":"`+id+`","display":"test.user@okta.local"}]}`))
		check(t, "members", []string{id}, s.members(group))
		s.want(http.StatusOK, "PUT", "/Groups/"+group, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"`+group+`","displayName":"Test SCIMv2","members":[{"value":"`+id+`","display":"test.user@okta.local"}]}`)
		check(t, "members", []string{id}, s.members(group))
	})
}

// TestRefusals: what is wrong is said in the standard's words, and leaves no
// trace.
func TestRefusals(t *testing.T) {
	one(t, func(s *server) {
		user, group := "/Users/"+s.user("anna"), "/Groups/"+s.group("Sales")
		record := s.entries()
		many := func(n int) string {
			return strings.Repeat(`{"op":"replace","path":"active","value":true},`, n-1) + `{"op":"replace","path":"active","value":false}`
		}
		tests := []struct {
			status             int
			kind               string
			method, path, body string
		}{
			{400, "invalidSyntax", "POST", "/Users", `{`},
			{400, "invalidSyntax", "POST", "/Users", `[]`},
			{400, "invalidSyntax", "POST", "/Users", `{"userName":"x"} {}`},
			{400, "invalidSyntax", "POST", "/Users", "{\"userName\":\"\xff\"}"},
			{400, "invalidSyntax", "POST", "/Users", `{"userName":"x","username":"y"}`},
			{400, "invalidSyntax", "POST", "/Users", `{"userName":"x","emails":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`},
			{400, "invalidSyntax", "POST", "/Users", strings.Repeat("[", 500_000)},
			{400, "invalidValue", "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"userName":"x"}`},
			{400, "invalidValue", "POST", "/Users", `{}`},
			{400, "invalidValue", "POST", "/Users", `{"userName":7}`},
			{400, "invalidValue", "POST", "/Users", `{"userName":"a b"}`},
			{400, "invalidValue", "POST", "/Users", `{"userName":"аlice"}`},
			{400, "invalidValue", "POST", "/Users", `{"userName":"` + strings.Repeat("x", 129) + `"}`},
			{400, "invalidValue", "POST", "/Users", `{"userName":"x","active":"perhaps"}`},
			{400, "invalidValue", "POST", "/Users", `{"userName":"x","displayName":"a\u0000b"}`},
			{400, "invalidValue", "POST", "/Users", `{"userName":"x","displayName":"` + strings.Repeat("x", 257) + `"}`},
			{400, "invalidValue", "POST", "/Users?attributes=" + strings.Repeat("a,", 101), `{"userName":"x"}`},
			{413, "", "POST", "/Users", `{"userName":"` + strings.Repeat("x", 1<<20) + `"}`},
			{400, "invalidValue", "POST", "/Groups", `{"displayName":""}`},
			{400, "invalidValue", "POST", "/Groups", `{"displayName":"x","members":[{"value":"` + strings.Repeat("f", 32) + `"}]}`},
			{400, "invalidValue", "POST", "/Groups", `{"displayName":"x","members":[{"display":"Anna"}]}`},
			{400, "invalidValue", "POST", "/Groups", `{"displayName":"x","members":[7]}`},
			{400, "invalidValue", "PUT", user, `{"displayName":"x"}`},
			{400, "invalidSyntax", "PATCH", user, `{}`},
			{400, "invalidSyntax", "PATCH", user, patch("")},
			{400, "invalidSyntax", "PATCH", user, patch(many(1001))},
			{400, "invalidSyntax", "PATCH", user, patch(`7`)},
			{400, "invalidSyntax", "PATCH", user, patch(`{"op":"move","path":"active"}`)},
			{400, "invalidValue", "PATCH", user, `{"schemas":["urn:x"],"Operations":[{"op":"replace","path":"active","value":false}]}`},
			{400, "noTarget", "PATCH", user, patch(`{"op":"remove"}`)},
			{400, "mutability", "PATCH", user, patch(`{"op":"remove","path":"userName"}`)},
			{400, "mutability", "PATCH", user, patch(`{"op":"remove","path":"active"}`)},
			{400, "mutability", "PATCH", user, patch(`{"op":"replace","path":"active","value":null}`)},
			{400, "mutability", "PATCH", user, patch(`{"op":"replace","path":"id","value":"x"}`)},
			{400, "mutability", "PATCH", user, patch(`{"op":"replace","path":"meta.version","value":"x"}`)},
			{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":"actve","value":false}`)},
			{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","value":{"actve":false}}`)},
			{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"active":false}}}`)},
			{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":"active[","value":false}`)},
			{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":"active[value eq true]","value":false}`)},
			{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":"emails[type eq \"work\"]x","value":"y"}`)},
			{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":7,"value":false}`)},
			{400, "invalidValue", "PATCH", user, patch(`{"op":"replace","value":false}`)},
			{400, "invalidValue", "PATCH", user, patch(`{"op":"replace","path":"active","value":[false]}`)},
			{400, "invalidValue", "PATCH", user, patch(`{"op":"replace","path":"userName","value":""}`)},
			{400, "invalidValue", "PATCH", user, patch(`{"op":"replace","path":"displayName","value":"good"},{"op":"replace","path":"active","value":"bad"}`)},
			{400, "mutability", "PATCH", group, patch(`{"op":"remove","path":"displayName"}`)},
			{400, "invalidFilter", "PATCH", group, patch(`{"op":"remove","path":"members[display eq \"x\"]"}`)},
			{400, "invalidFilter", "PATCH", group, patch(`{"op":"remove","path":"members[value sw \"x\"]"}`)},
			{400, "invalidFilter", "PATCH", group, patch(`{"op":"remove","path":"members[value eq \"x\" and value eq \"y\"]"}`)},
			{400, "invalidPath", "PATCH", group, patch(`{"op":"add","path":"members[value eq \"x\"]","value":"y"}`)},
			{400, "invalidPath", "PATCH", group, patch(`{"op":"add","path":"members.value","value":"y"}`)},
			{400, "invalidPath", "PATCH", group, patch(`{"op":"add","path":"active","value":true}`)},
			{400, "invalidValue", "PATCH", group, patch(`{"op":"add","path":"members","value":[{"value":"a\u0000"}]}`)},
		}
		for _, tt := range tests {
			s.problem(tt.status, tt.kind, tt.method, tt.path, tt.body)
		}
		s.problem(http.StatusUnsupportedMediaType, "", "POST", "/Users", `userName=x`, "Content-Type: application/x-www-form-urlencoded")
		check(t, "record", record, s.entries())
		check(t, "users", any(1.0), s.want(http.StatusOK, "GET", "/Users", "").body["totalResults"])
	})
}
