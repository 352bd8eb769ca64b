package main

import (
	"context"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	accessv1 "ringfence/proto/mdm/access/v1"
)

func (a *app) getAccessPolicies() *cobra.Command {
	var revision uint64
	cmd := &cobra.Command{
		Use:     "access-policies [NAME...]",
		Aliases: []string{"access-policy"},
		Short:   "The policies of conditional access, at their latest revision",
		Long: "The policies of conditional access, at their latest revision. With -o document: as\n" +
			"files for mdmctl apply.",
		Annotations: map[string]string{formatsKey: documentFormats},
	}
	cmd.Flags().Uint64Var(&revision, "revision", 0, "with a NAME: this revision of it (default the latest)")
	a.completeArgs(cmd, accessPolicyNames)
	return getListing(a, listing[*accessv1.AccessPolicy]{
		cmd: cmd,
		view: func(a *app) view[*accessv1.AccessPolicy] {
			v := accessPoliciesView(a.now())
			v.document = func(policies []*accessv1.AccessPolicy) error {
				return writeDocuments(a, policies, accessPolicyDocument)
			}
			return v
		},
		one: func(ctx context.Context, c *client, name string) (*accessv1.AccessPolicy, error) {
			return getAccessPolicy(ctx, c, name, revision)
		},
		list: func(ctx context.Context, c *client, p page) ([]*accessv1.AccessPolicy, string, error) {
			if revision != 0 {
				return nil, "", usagef("--revision is of one policy: name it")
			}
			r, err := c.access.ListAccessPolicies(ctx, &accessv1.ListAccessPoliciesRequest{PageSize: int32(min(p.size, policyPage)), PageToken: p.token})
			return r.GetPolicies(), r.GetNextPageToken(), err
		},
		pageSize: policyPage,
	})
}

func getAccessPolicy(ctx context.Context, c *client, name string, revision uint64) (*accessv1.AccessPolicy, error) {
	r, err := c.access.GetAccessPolicy(ctx, &accessv1.GetAccessPolicyRequest{Name: name, Revision: revision})
	return r.GetPolicy(), err
}

func accessPolicyDocument(p *accessv1.AccessPolicy) proto.Message {
	return &accessv1.AccessPolicyDocument{
		ApiVersion: "ringfence/v1", Kind: "AccessPolicy",
		Metadata: &accessv1.Metadata{Name: p.GetName()}, Spec: p.GetSpec(),
	}
}

func (a *app) getLocations() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "locations [NAME...]",
		Aliases:     []string{"location"},
		Short:       "The places that policies of conditional access may name",
		Long:        "The places that policies of conditional access may name. With -o document: as files\nfor mdmctl apply.",
		Annotations: map[string]string{formatsKey: documentFormats},
	}
	a.completeArgs(cmd, locationNames)
	return getListing(a, listing[*accessv1.Location]{
		cmd: cmd,
		view: func(a *app) view[*accessv1.Location] {
			v := locationsView(a.now())
			v.document = func(places []*accessv1.Location) error { return writeDocuments(a, places, locationDocument) }
			return v
		},
		one: func(ctx context.Context, c *client, name string) (*accessv1.Location, error) {
			r, err := c.access.GetLocation(ctx, &accessv1.GetLocationRequest{Name: name})
			return r.GetLocation(), err
		},
		list: func(ctx context.Context, c *client, p page) ([]*accessv1.Location, string, error) {
			r, err := c.access.ListLocations(ctx, &accessv1.ListLocationsRequest{PageSize: int32(min(p.size, policyPage)), PageToken: p.token})
			return r.GetLocations(), r.GetNextPageToken(), err
		},
		pageSize: policyPage,
	})
}

func locationDocument(l *accessv1.Location) proto.Message {
	return &accessv1.LocationDocument{
		ApiVersion: "ringfence/v1", Kind: "Location",
		Metadata: &accessv1.Metadata{Name: l.GetName()}, Spec: l.GetSpec(),
	}
}
