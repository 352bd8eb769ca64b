package scim_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-github/v84/github"

	"ringfence/internal/directory"
	"ringfence/internal/directory/scim"
)

// TestAgainstClient speaks to the server with a SCIM client that others wrote:
// the one in google/go-github, which is for GitHub Enterprise's SCIM 2.0 service.
// Only its paths are made ours.
func TestAgainstClient(t *testing.T) {
	one(t, func(s *server) {
		const theirs = "/scim/v2/enterprises/acme"
		inner := s.http.Config.Handler
		front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, theirs, scim.Prefix, 1)
			inner.ServeHTTP(w, r)
		}))
		defer front.Close()
		client, err := github.NewClient(front.Client()).WithAuthToken(s.secret).WithEnterpriseURLs(front.URL, front.URL)
		if err != nil {
			t.Fatal(err)
		}
		base := *client.BaseURL
		base.Path = "/"
		client.BaseURL = &base
		api, ctx := client.Enterprise, t.Context()
		no := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}

		user, _, err := api.ProvisionSCIMUser(ctx, "acme", github.SCIMEnterpriseUserAttributes{
			Schemas: []string{github.SCIMSchemasURINamespacesUser}, UserName: "mona.lisa", DisplayName: "Mona", ExternalID: "a7d0f98382", Active: true,
			Name:   &github.SCIMEnterpriseUserName{GivenName: "Mona", FamilyName: "Octocat"},
			Emails: []*github.SCIMEnterpriseUserEmail{{Value: "mona@example.com", Primary: true, Type: "work"}},
		})
		no(err)
		found, _, err := api.ListProvisionedSCIMUsers(ctx, "acme", &github.ListProvisionedSCIMUsersEnterpriseOptions{
			Filter: github.Ptr(`userName eq "Mona.Lisa"`), StartIndex: github.Ptr(1), Count: github.Ptr(10),
		})
		no(err)
		if found.GetTotalResults() != 1 || len(found.Resources) != 1 || found.Resources[0].GetID() != user.GetID() {
			t.Fatalf("found %+v", found)
		}
		updated, _, err := api.UpdateSCIMUserAttribute(ctx, "acme", user.GetID(), github.SCIMEnterpriseAttribute{
			Schemas: []string{github.SCIMSchemasURINamespacesPatchOp},
			Operations: []*github.SCIMEnterpriseAttributeOperation{
				{Op: "replace", Path: github.Ptr("displayName"), Value: github.Ptr("Lisa")},
				{Op: "replace", Path: github.Ptr("active"), Value: github.Ptr("False")},
			},
		})
		no(err)
		if updated.Active || updated.DisplayName != "Lisa" || updated.ExternalID != "a7d0f98382" {
			t.Errorf("updated %+v", updated)
		}
		check(t, "Standing", directory.Standing{Known: true}, s.standing("mona.lisa"))
		updated.Active = true
		updated, _, err = api.SetProvisionedSCIMUser(ctx, "acme", user.GetID(), *updated)
		no(err)
		got, _, err := api.GetProvisionedSCIMUser(ctx, "acme", user.GetID())
		no(err)
		check(t, "user", updated, got)

		group, _, err := api.ProvisionSCIMGroup(ctx, "acme", github.SCIMEnterpriseGroupAttributes{
			Schemas: []string{github.SCIMSchemasURINamespacesGroups}, DisplayName: github.Ptr("Engineering"), ExternalID: github.Ptr("8aa1"),
			Members: []*github.SCIMEnterpriseDisplayReference{{Value: user.GetID()}},
		})
		no(err)
		check(t, "Standing", directory.Standing{Known: true, Active: true, Groups: []string{"engineering"}}, s.standing("mona.lisa"))
		_, _, err = api.UpdateSCIMGroupAttribute(ctx, "acme", group.GetID(), github.SCIMEnterpriseAttribute{
			Schemas:    []string{github.SCIMSchemasURINamespacesPatchOp},
			Operations: []*github.SCIMEnterpriseAttributeOperation{{Op: "replace", Path: github.Ptr("displayName"), Value: github.Ptr("Employees")}},
		})
		no(err)
		kept, _, err := api.GetProvisionedSCIMGroup(ctx, "acme", group.GetID(), nil)
		no(err)
		if kept.GetDisplayName() != "Employees" || len(kept.Members) != 1 || kept.Members[0].Value != user.GetID() {
			t.Errorf("group %+v", kept)
		}
		kept.Members = nil
		if _, _, err = api.SetProvisionedSCIMGroup(ctx, "acme", group.GetID(), *kept); err != nil {
			t.Fatal(err)
		}
		groups, _, err := api.ListProvisionedSCIMGroups(ctx, "acme", &github.ListProvisionedSCIMGroupsEnterpriseOptions{Filter: github.Ptr(`externalId eq "8aa1"`)})
		no(err)
		if groups.GetTotalResults() != 1 || len(groups.Resources[0].Members) != 0 {
			t.Errorf("groups %+v", groups)
		}
		_, err = api.DeleteSCIMGroup(ctx, "acme", group.GetID())
		no(err)
		_, err = api.DeleteSCIMUser(ctx, "acme", user.GetID())
		no(err)
		if _, res, err := api.GetProvisionedSCIMUser(ctx, "acme", user.GetID()); err == nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("who was deleted: %v", err)
		}
	})
}
