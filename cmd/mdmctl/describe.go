package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/enumname"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// describeFormats: a description is text, or the same facts as data.
const describeFormats = "text|json|yaml"

func (a *app) describeCommand() *cobra.Command {
	cmd := groupCommand("describe", "Tell all about one thing",
		a.describeDevice(),
		describeOne(a, "token ID", []string{"tokens", "tok"}, tokenNames, getToken, a.tokenSheet),
		describeOne(a, "policy NAME", []string{"policies", "pol"}, policyNames,
			func(ctx context.Context, c *client, name string) (*compliancev1.Policy, error) {
				return getPolicy(ctx, c, name, 0)
			}, a.policySheet),
		describeOne(a, "app-policy NAME", []string{"app-policies"}, appPolicyNames,
			func(ctx context.Context, c *client, name string) (*appprotectv1.AppPolicy, error) {
				return getAppPolicy(ctx, c, name, 0)
			}, a.appPolicySheet),
		describeOne(a, "access-policy NAME", []string{"access-policies"}, accessPolicyNames,
			func(ctx context.Context, c *client, name string) (*accessv1.AccessPolicy, error) {
				return getAccessPolicy(ctx, c, name, 0)
			}, a.accessPolicySheet),
		describeOne(a, "registration ID", []string{"registrations", "reg"}, registrationNames,
			getRegistration, a.registrationSheet),
		describeOne(a, "wipe ID", []string{"wipes", "order", "orders"}, wipeNames, getWipe, a.wipeSheet),
		a.describeRequest(),
		describeOne(a, "certificate SERIAL", []string{"certificates", "cert", "certs"}, certificateNames,
			getCertificate, a.certificateSheet))
	cmd.Example = "  mdmctl describe device ID\n  mdmctl describe policy sales\n  mdmctl describe request ID"
	return cmd
}

// describeOne makes a describe command for a thing that is one wire message.
func describeOne[M proto.Message](a *app, use string, aliases []string, n names,
	one func(context.Context, *client, string) (M, error), write func(*sheet, M) error,
) *cobra.Command {
	cmd := &cobra.Command{
		Use:         use,
		Aliases:     aliases,
		Short:       "Tell all about a " + firstWord(use),
		Args:        oneName,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	a.completeArgs(cmd, n)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		m, err := one(ctx, c, args[0])
		if err != nil {
			return fmt.Errorf("%s %q: %w", cmd.Name(), args[0], err)
		}
		if a.forPrograms() {
			return a.writeMessage(m)
		}
		s := &sheet{w: a.out}
		if err := write(s, m); err != nil {
			return err
		}
		return s.flush()
	})
	return cmd
}

func (a *app) tokenSheet(s *sheet, m *enrollv1.Token) error {
	now := a.now()
	s.field("Token", m.GetId())
	s.field("Description", m.GetDescription())
	s.field("Status", tokenStatus(m, now))
	s.field("Admits", fmt.Sprintf("%s, %s, group %s", enumname.Of(m.GetOwnership()), enumname.Of(m.GetMode()), m.GetGroup()))
	s.field("User", m.GetUser())
	s.field("Uses", fmt.Sprintf("%d of %d", m.GetUses(), m.GetMaxUses()))
	s.field("Created", moment(m.GetCreatedAt(), now)+" by "+m.GetCreatedBy())
	s.field("Expires", moment(m.GetExpiresAt(), now))
	s.field("Revoked", moment(m.GetRevokedAt(), now))
	return nil
}

func (a *app) policySheet(s *sheet, m *compliancev1.Policy) error {
	now := a.now()
	s.field("Policy", m.GetName())
	s.field("Revision", strconv.FormatUint(m.GetRevision(), 10))
	s.field("Revised", moment(m.GetRevisedAt(), now)+" by "+m.GetRevisedBy())
	s.field("Created", moment(m.GetCreatedAt(), now))
	spec := proto.CloneOf(m.GetSpec())
	assignments := spec.GetAssignments()
	s.field("Description", spec.GetDescription())
	if len(assignments) == 0 {
		s.field("Assigned", "to nobody")
	}
	if spec == nil {
		return nil
	}
	spec.Description, spec.Assignments = "", nil
	for _, x := range assignments {
		s.field("Assigned", target(x))
	}
	return s.message(spec.ProtoReflect())
}

func (a *app) wipeSheet(s *sheet, m *wipev1.Order) error {
	now := a.now()
	s.field("Wipe", m.GetId())
	s.field("Device", fmt.Sprintf("%s (epoch %d)", m.GetDeviceId(), m.GetEpoch()))
	s.field("Group", m.GetGroup())
	s.field("Scope", orderScope(m))
	s.field("State", wipeState(m))
	if held := heldBy(m, now); held == "paused" {
		s.field("Paused", "the breaker is open: see mdmctl get limits")
	} else if held != "" {
		s.field("Held", "until "+moment(m.GetHeldUntil(), now)+": the device is not given it before")
	}
	s.field("Source", enumname.Of(m.GetSource()))
	s.field("Request", m.GetRequestId())
	s.field("Outcome", m.GetOutcome())
	s.field("Reason", m.GetReason())
	s.field("Ordered", moment(m.GetCreatedAt(), now)+" by "+m.GetCreatedBy())
	s.field("Changed", moment(m.GetChangedAt(), now))
	s.field("Expires", moment(m.GetExpiresAt(), now))
	if m.GetNotNowCount() > 0 {
		s.field("Put off", count(m.GetNotNowCount(), "time"))
	}
	if m.GetRefusedCount() > 0 {
		s.field("Refused", count(m.GetRefusedCount(), "time")+": "+m.GetLastRefusal())
	}
	if packages := m.GetScope().GetAppData().GetPackages(); len(packages) > 3 {
		for _, p := range packages {
			s.field("Package", p)
		}
	}
	if c := m.GetCommitment(); c != nil {
		s.field("Committed", moment(c.GetCommittedAt(), now)+" to remove "+amounts(c.GetFiles(), c.GetKeys(), c.GetCertificates()))
	}
	r := m.GetReceipt()
	if r == nil {
		return nil
	}
	return s.section("Receipt, in the device's words and signed by it", func(s *sheet) error {
		s.field("Finished", moment(r.GetFinishedAt(), now))
		s.field("Files", strconv.FormatUint(r.GetFilesRemoved(), 10))
		s.field("Bytes", strconv.FormatUint(r.GetBytesRemoved(), 10))
		s.field("Keys", strconv.FormatUint(r.GetKeysRemoved(), 10))
		s.field("Certificates", strconv.FormatUint(r.GetCertificatesRemoved(), 10))
		for _, p := range r.GetPackages() {
			s.field("Package", p)
		}
		return nil
	})
}

func (a *app) certificateSheet(s *sheet, m *compliancev1.Certificate) error {
	now := a.now()
	s.field("Certificate", m.GetSerial())
	s.field("Status", certificateStatus(m, now))
	s.field("Subject", m.GetSubject())
	s.field("Alias", m.GetAlias())
	s.field("Device", fmt.Sprintf("%s (epoch %d)", m.GetDeviceId(), m.GetEpoch()))
	s.field("Valid from", moment(m.GetNotBefore(), now))
	s.field("Valid until", moment(m.GetNotAfter(), now))
	s.field("Revoked", moment(m.GetRevokedAt(), now))
	s.field("Reason", m.GetRevocationReason())
	return nil
}

// getCertificate looks a certificate up in the list: the server gives none by
// serial number.
func getCertificate(ctx context.Context, c *client, serial string) (*compliancev1.Certificate, error) {
	list, err := certificateListing(new(string)).all(ctx, c, 0)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(m *compliancev1.Certificate) bool { return m.GetSerial() == serial })
	if i < 0 {
		return nil, notFoundError{fmt.Errorf("not found")}
	}
	return list[i], nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
