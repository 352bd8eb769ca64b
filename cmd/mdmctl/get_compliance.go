package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/enumname"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// policyPage keeps an answer within bounds: a policy may hold a megabyte of
// certificates.
const policyPage = 50

func (a *app) getPolicies() *cobra.Command {
	var revision uint64
	cmd := &cobra.Command{
		Use:     "policies [NAME...]",
		Aliases: []string{"policy", "pol"},
		Short:   "The policies, at their latest revision",
		Long: "The policies, at their latest revision. With -o document: as files for\n" +
			"mdmctl apply.",
		Annotations: map[string]string{formatsKey: strings.Join(usualFormats, "|") + "|document"},
	}
	cmd.Flags().Uint64Var(&revision, "revision", 0, "with a NAME: this revision of it (default the latest)")
	a.completeArgs(cmd, policyNames)
	return getListing(a, listing[*compliancev1.Policy]{
		cmd: cmd,
		view: func(a *app) view[*compliancev1.Policy] {
			v := policiesView(a.now())
			v.document = func(policies []*compliancev1.Policy) error {
				return writeDocuments(a, policies, policyDocument)
			}
			return v
		},
		one: func(ctx context.Context, c *client, name string) (*compliancev1.Policy, error) {
			return getPolicy(ctx, c, name, revision)
		},
		list: func(ctx context.Context, c *client, p page) ([]*compliancev1.Policy, string, error) {
			if revision != 0 {
				return nil, "", usagef("--revision is of one policy: name it")
			}
			r, err := c.compliance.ListPolicies(ctx, &compliancev1.ListPoliciesRequest{PageSize: p.size, PageToken: p.token})
			return r.GetPolicies(), r.GetNextPageToken(), err
		},
		pageSize: policyPage,
	})
}

func policyDocument(p *compliancev1.Policy) proto.Message {
	return &compliancev1.PolicyDocument{
		ApiVersion: "ringfence/v1", Kind: "Policy",
		Metadata: &compliancev1.PolicyDocument_Metadata{Name: p.GetName()}, Spec: p.GetSpec(),
	}
}

// writeDocuments writes things as apply reads them, so that one can be fetched,
// edited and applied.
func writeDocuments[M any](a *app, things []M, as func(M) proto.Message) error {
	for i, thing := range things {
		if i > 0 {
			fmt.Fprintln(a.out, "---")
		}
		document := as(thing)
		raw, err := wireJSON(document)
		if err != nil {
			return err
		}
		shorten := func(root *yaml.Node) { shortNames(root, document.ProtoReflect().Descriptor()) }
		if err := a.writeYAML(raw, shorten); err != nil {
			return err
		}
	}
	return nil
}

// shortNames gives the enum values of a message the names that people type:
// numeric-complex for PIN_QUALITY_NUMERIC_COMPLEX.
func shortNames(n *yaml.Node, m protoreflect.MessageDescriptor) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		field := m.Fields().ByJSONName(n.Content[i].Value)
		if field == nil || field.IsMap() {
			continue
		}
		values := []*yaml.Node{n.Content[i+1]}
		if field.IsList() {
			values = n.Content[i+1].Content
		}
		for _, value := range values {
			switch field.Kind() {
			case protoreflect.MessageKind:
				if field.Message().FullName() == "google.protobuf.Duration" {
					value.Value = shortDuration(value.Value)
					continue
				}
				shortNames(value, field.Message())
			case protoreflect.EnumKind:
				if v := field.Enum().Values().ByName(protoreflect.Name(value.Value)); v != nil {
					value.Value = enumname.Short(v)
				}
			}
		}
	}
}

// shortDuration gives a duration as people write it: 24h for 86400s.
func shortDuration(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil || d%time.Second != 0 {
		return text
	}
	return exact(durationpb.New(d))
}

func getPolicy(ctx context.Context, c *client, name string, revision uint64) (*compliancev1.Policy, error) {
	r, err := c.compliance.GetPolicy(ctx, &compliancev1.GetPolicyRequest{Name: name, Revision: revision})
	return r.GetPolicy(), err
}

// certificateListing lists the certificates of one device, or of all for "".
func certificateListing(device *string) listing[*compliancev1.Certificate] {
	return listing[*compliancev1.Certificate]{
		view: func(a *app) view[*compliancev1.Certificate] { return certificatesView(a.now()) },
		list: func(ctx context.Context, c *client, p page) ([]*compliancev1.Certificate, string, error) {
			r, err := c.compliance.ListCertificates(ctx, &compliancev1.ListCertificatesRequest{
				PageSize: p.size, PageToken: p.token, DeviceId: *device,
			})
			return r.GetCertificates(), r.GetNextPageToken(), err
		},
	}
}

func (a *app) getCertificates() *cobra.Command {
	var device string
	l := certificateListing(&device)
	l.cmd = &cobra.Command{
		Use:     "certificates [SERIAL...]",
		Aliases: []string{"certificate", "certs", "cert"},
		Short:   "The client certificates issued to phones",
	}
	l.cmd.Flags().StringVar(&device, "device", "", "of this device")
	a.completeArgs(l.cmd, certificateNames)
	a.completeDevice(l.cmd)
	return getListing(a, l)
}

// standing is what the server thinks of one device. The answer does not say of
// which.
type standing struct {
	*compliancev1.GetDeviceComplianceResponse
	device string
}

func (a *app) getCompliance() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "compliance DEVICE...",
		Aliases: []string{"verdict", "verdicts"},
		Short:   "The verdict on devices, and what is asked of them",
		Long: "The verdict on devices, and what is asked of them. JSON and YAML do not name the\n" +
			"device: they keep the order of the arguments.",
		Args: someNames,
	}
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, names []string) error {
		var items []standing
		for _, name := range names {
			r, err := getDeviceCompliance(ctx, c, name)
			if err != nil {
				return fmt.Errorf("device %q: %w", name, err)
			}
			items = append(items, standing{r, name})
		}
		if len(items) == 1 {
			return showOne(a, a.complianceView(), items[0])
		}
		return showList(a, a.complianceView(), items)
	})
	return cmd
}

func getDeviceCompliance(ctx context.Context, c *client, id string) (*compliancev1.GetDeviceComplianceResponse, error) {
	return c.compliance.GetDeviceCompliance(ctx, &compliancev1.GetDeviceComplianceRequest{DeviceId: id})
}

func (a *app) complianceView() view[standing] {
	now := a.now()
	device := func(s standing) string { return s.device }
	return view[standing]{kind: "compliance", name: device, columns: []column[standing]{
		{"DEVICE", false, device},
		{"STANDING", false, func(s standing) string { return enumname.Of(s.GetVerdict().GetStanding()) }},
		{"SINCE", false, func(s standing) string { return age(s.GetVerdict().GetSince(), now) }},
		{"FINDINGS", false, func(s standing) string { return strconv.Itoa(len(s.GetVerdict().GetFindings())) }},
		{"EVIDENCE", false, func(s standing) string { return age(s.GetVerdict().GetEvidenceAt(), now) }},
		{"MANIFEST", false, func(s standing) string { return manifestState(s.GetDeviceComplianceResponse) }},
		{"REVISION", true, func(s standing) string { return s.GetManifestRevision() }},
	}}
}

// manifestState compares what is asked with what the device says it applied.
func manifestState(r *compliancev1.GetDeviceComplianceResponse) string {
	switch {
	case r.GetManifestRevision() == "":
		return "nothing-asked"
	case r.GetManifestRevision() != r.GetAppliedRevision():
		return "outdated"
	}
	for _, result := range r.GetResults() {
		if result.GetStatus() != compliancev1.ApplyStatus_APPLY_STATUS_APPLIED {
			return "incomplete"
		}
	}
	return "applied"
}
