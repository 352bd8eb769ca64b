package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/enumname"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// recent is how many certificates and wipes a description shows.
const recent = 20

// dossier is all that the server knows of one device.
type dossier struct {
	device       *enrollv1.Device
	compliance   *compliancev1.GetDeviceComplianceResponse
	certificates []*compliancev1.Certificate
	lease        *wipev1.GetLeaseStatusResponse
	wipes        []*wipev1.Order
}

func (a *app) describeDevice() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "device ID",
		Aliases: []string{"devices", "dev"},
		Short:   "Tell all about a device: verdict and why, manifest, certificates, lease, wipes",
		Long: "Tell all about a device. As JSON or YAML: the wire messages under device,\n" +
			"compliance, certificates, lease and wipes.",
		Args:        oneName,
		Annotations: map[string]string{formatsKey: describeFormats},
	}
	a.completeArgs(cmd, deviceNames)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, args []string) error {
		d, err := collect(ctx, c, args[0])
		if err != nil {
			return fmt.Errorf("device %q: %w", args[0], err)
		}
		if a.forPrograms() {
			return a.writeDossier(d)
		}
		return d.write(&sheet{w: a.out}, a.now())
	})
	return cmd
}

func collect(ctx context.Context, c *client, id string) (d dossier, err error) {
	if d.device, err = getDevice(ctx, c, id); err != nil {
		return d, err
	}
	// A device that nothing was ever asked of may be unknown to the judge.
	d.compliance, err = getDeviceCompliance(ctx, c, id)
	if err != nil && status.Code(err) != codes.NotFound {
		return d, err
	}
	if d.certificates, err = certificateListing(&id).all(ctx, c, recent); err != nil {
		return d, err
	}
	d.lease, err = getLeaseStatus(ctx, c, id)
	if err != nil && status.Code(err) != codes.NotFound {
		return d, err
	}
	d.wipes, err = wipeListing(&wipev1.ListWipesRequest{DeviceId: id}).all(ctx, c, recent)
	return d, err
}

func (a *app) writeDossier(d dossier) error {
	device, err := wireJSON(d.device)
	if err != nil {
		return err
	}
	compliance, err := wireJSON(d.compliance)
	if err != nil {
		return err
	}
	certificates, err := wireList(d.certificates)
	if err != nil {
		return err
	}
	lease, err := wireJSON(d.lease)
	if err != nil {
		return err
	}
	wipes, err := wireList(d.wipes)
	if err != nil {
		return err
	}
	return a.writeData(struct {
		Device       json.RawMessage   `json:"device"`
		Compliance   json.RawMessage   `json:"compliance"`
		Certificates []json.RawMessage `json:"certificates"`
		Lease        json.RawMessage   `json:"lease"`
		Wipes        []json.RawMessage `json:"wipes"`
	}{device, compliance, certificates, lease, wipes})
}

func wireList[M proto.Message](items []M) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	for _, m := range items {
		raw, err := wireJSON(m)
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}

func (d dossier) write(s *sheet, now time.Time) error {
	d.writeRecord(s, now)
	sections := []struct {
		title string
		below func(*sheet) error
	}{
		{"Verdict", func(s *sheet) error { return writeVerdict(s, d.compliance.GetVerdict(), now) }},
		{"Manifest", d.writeManifest},
		{"Certificates", func(s *sheet) error {
			return sheetTable(s, without(certificatesView(now).columns, "DEVICE"), d.certificates)
		}},
		{"Lease", func(s *sheet) error { return leaseSheet(s, d.lease, now) }},
		{"Wipes", func(s *sheet) error {
			return sheetTable(s, without(wipesView(now).columns, "DEVICE"), d.wipes)
		}},
	}
	for _, section := range sections {
		if err := s.section(section.title, section.below); err != nil {
			return err
		}
	}
	return nil
}

func without[M any](columns []column[M], title string) []column[M] {
	var out []column[M]
	for _, c := range shown(columns, false) {
		if c.title != title {
			out = append(out, c)
		}
	}
	return out
}

func (d dossier) writeRecord(s *sheet, now time.Time) {
	m := d.device
	s.field("Device", m.GetId())
	s.field("State", fmt.Sprintf("%s (epoch %d)", deviceState(m), m.GetEpoch()))
	s.field("Managed as", fmt.Sprintf("%s, %s", enumname.Of(m.GetOwnership()), enumname.Of(m.GetMode())))
	if m.GetPurgedAt() == nil {
		s.field("Model", fmt.Sprintf("%s, %s %s", m.GetModel(), enumname.Of(m.GetPlatform()), m.GetOsVersion()))
	}
	s.field("Group", m.GetGroup())
	s.field("User", m.GetUser())
	s.field("Enrolled", moment(m.GetEnrolledAt(), now))
	s.field("Ended", moment(m.GetEndedAt(), now))
	if m.GetDeletedAt() != nil {
		s.field("Deleted", deletion(m, now))
	}
	s.field("Last seen", moment(m.GetLastSeenAt(), now))
	s.field("Identity", m.GetCertificateSerial())
	s.field("  expires", moment(m.GetCertificateExpiresAt(), now))
	s.field("Token", m.GetTokenId())
}

// deletion says who deleted a record, and what is left of it.
func deletion(m *enrollv1.Device, now time.Time) string {
	left := "kept until its orders are settled"
	if m.GetPurgedAt() != nil {
		left = "erased " + moment(m.GetPurgedAt(), now)
	}
	return fmt.Sprintf("%s by %s; %s", moment(m.GetDeletedAt(), now), m.GetDeletedBy(), left)
}

func writeVerdict(s *sheet, v *compliancev1.Verdict, now time.Time) error {
	if v == nil {
		s.field("Standing", "none: nothing was ever asked of this device")
		return nil
	}
	s.field("Standing", strings.ToUpper(enumname.Of(v.GetStanding())))
	s.field("Since", moment(v.GetSince(), now))
	evidence := moment(v.GetEvidenceAt(), now)
	if evidence == "" {
		evidence = "none: the device has not reported"
	}
	s.field("Evidence", evidence)
	if v.GetChangesAt() != nil {
		s.field("Changes", moment(v.GetChangesAt(), now)+", if nothing else does")
	}
	for _, f := range v.GetFindings() {
		if err := s.section(findingTitle(f, now), func(s *sheet) error {
			s.field("Expected", f.GetExpected())
			s.field("Actual", f.GetActual())
			// Bounded, since a server's number may be any: a duration is not.
			age := time.Duration(min(f.GetEvidenceAgeSeconds(), uint64(100*year/time.Second))) * time.Second
			s.field("Evidence", span(age)+" old when judged")
			s.field("Since", moment(f.GetSince(), now))
			s.field("Remedy", f.GetRemedy())
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// findingTitle names the rule, and says when it does not count yet.
func findingTitle(f *compliancev1.Finding, now time.Time) string {
	if g := f.GetGraceUntil(); g != nil && g.AsTime().After(now) {
		return fmt.Sprintf("Finding %s, counts %s", f.GetRule(), moment(g, now))
	}
	return "Finding " + f.GetRule()
}

func (d dossier) writeManifest(s *sheet) error {
	c := d.compliance
	s.field("State", manifestState(c))
	s.field("Desired", c.GetManifestRevision())
	s.field("Applied", orDash(c.GetAppliedRevision()))
	s.field("Policies", orDash(strings.Join(c.GetPolicies(), ", ")))
	for _, x := range c.GetManifest().GetConflicts() {
		s.field("Conflict", fmt.Sprintf("%s: %s (%s)", x.GetSetting(), x.GetDetail(), strings.Join(x.GetPolicies(), ", ")))
	}
	if len(c.GetResults()) == 0 {
		return nil
	}
	type r = *compliancev1.SettingResult
	return sheetTable(s, []column[r]{
		{"SETTING", false, r.GetSetting},
		{"STATUS", false, func(m r) string { return enumname.Of(m.GetStatus()) }},
		{"DETAIL", false, r.GetDetail},
	}, c.GetResults())
}
