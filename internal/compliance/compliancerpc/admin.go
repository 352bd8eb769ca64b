package compliancerpc

import (
	"context"
	"fmt"
	"strconv"

	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/page"
	"ringfence/internal/wire"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// AdminServer is the administrators' side.
type AdminServer struct {
	compliancev1.UnimplementedComplianceAdminServiceServer
	service *compliance.Service
}

// NewAdminServer makes the administrators' side.
func NewAdminServer(s *compliance.Service) *AdminServer { return &AdminServer{service: s} }

// ApplyPolicy makes a policy be as given.
func (s *AdminServer) ApplyPolicy(ctx context.Context, r *compliancev1.ApplyPolicyRequest) (*compliancev1.ApplyPolicyResponse, error) {
	p, change, err := s.service.ApplyPolicy(ctx, compliance.Application{
		Name: r.GetName(), Spec: specFromWire(r.GetSpec()), Expected: r.GetExpectedRevision(), DryRun: r.GetDryRun(),
	})
	if err != nil {
		return nil, err
	}
	return &compliancev1.ApplyPolicyResponse{Policy: policyToWire(p), Change: compliancev1.Change(change)}, nil
}

// GetPolicy gives a policy at a revision.
func (s *AdminServer) GetPolicy(ctx context.Context, r *compliancev1.GetPolicyRequest) (*compliancev1.GetPolicyResponse, error) {
	p, err := s.service.Policy(ctx, r.GetName(), r.GetRevision())
	if err != nil {
		return nil, err
	}
	return &compliancev1.GetPolicyResponse{Policy: policyToWire(p)}, nil
}

// ListPolicies lists policies by name.
func (s *AdminServer) ListPolicies(ctx context.Context, r *compliancev1.ListPoliciesRequest) (*compliancev1.ListPoliciesResponse, error) {
	after, err := page.Decode(r.GetPageToken(), "policies")
	if err != nil {
		return nil, err
	}
	size := page.Size(r.GetPageSize())
	policies, err := s.service.ListPolicies(ctx, after, size+1)
	if err != nil {
		return nil, err
	}
	answer := new(compliancev1.ListPoliciesResponse)
	if len(policies) > size {
		policies = policies[:size]
		answer.NextPageToken = page.Encode(policies[size-1].Name, "policies")
	}
	answer.Policies = wire.Each(policies, policyToWire)
	return answer, nil
}

// DeletePolicy takes a policy off every device.
func (s *AdminServer) DeletePolicy(ctx context.Context, r *compliancev1.DeletePolicyRequest) (*compliancev1.DeletePolicyResponse, error) {
	if err := s.service.DeletePolicy(ctx, r.GetName(), r.GetExpectedRevision()); err != nil {
		return nil, err
	}
	return new(compliancev1.DeletePolicyResponse), nil
}

// GetDeviceCompliance judges a device now and shows on what.
func (s *AdminServer) GetDeviceCompliance(ctx context.Context, r *compliancev1.GetDeviceComplianceRequest) (*compliancev1.GetDeviceComplianceResponse, error) {
	id, err := deviceFromWire(r.GetDeviceId())
	if err != nil {
		return nil, err
	}
	i, err := s.service.Inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	answer := &compliancev1.GetDeviceComplianceResponse{
		Verdict:          verdictToWire(i.Verdict),
		ManifestRevision: i.Manifest.Revision(),
		Manifest:         manifestToWire(i.Manifest),
		Policies:         i.Policies,
	}
	if i.Report != nil {
		answer.AppliedRevision = i.Report.AppliedRevision
		answer.Results = wire.Each(i.Report.Results, resultToWire)
		answer.Posture = postureToWire(i.Report.Posture)
	}
	return answer, nil
}

// ListDeviceStandings gives the standings of devices.
func (s *AdminServer) ListDeviceStandings(ctx context.Context, r *compliancev1.ListDeviceStandingsRequest) (*compliancev1.ListDeviceStandingsResponse, error) {
	ids := make([]device.ID, len(r.GetDeviceIds()))
	for i, text := range r.GetDeviceIds() {
		id, err := device.ParseID(text)
		if err != nil {
			return nil, fault.InvalidField(fmt.Sprintf("device_ids[%d]", i), "is not a device id")
		}
		ids[i] = id
	}
	standings, err := s.service.Standings(ctx, ids)
	if err != nil {
		return nil, err
	}
	return &compliancev1.ListDeviceStandingsResponse{
		Standings: wire.Each(standings, func(d compliance.DeviceStanding) *compliancev1.DeviceStanding {
			return &compliancev1.DeviceStanding{
				DeviceId: string(d.Device), Standing: compliancev1.Standing(d.Standing), Since: wire.Time(d.Since),
			}
		}),
	}, nil
}

// ListCertificates lists client certificates, newest first.
func (s *AdminServer) ListCertificates(ctx context.Context, r *compliancev1.ListCertificatesRequest) (*compliancev1.ListCertificatesResponse, error) {
	var id device.ID
	if r.GetDeviceId() != "" {
		var err error
		if id, err = deviceFromWire(r.GetDeviceId()); err != nil {
			return nil, err
		}
	}
	before, err := sequenceFromToken(r.GetPageToken(), "certificates", string(id))
	if err != nil {
		return nil, err
	}
	size := page.Size(r.GetPageSize())
	list, err := s.service.ListCertificates(ctx, id, before, size+1)
	if err != nil {
		return nil, err
	}
	answer := new(compliancev1.ListCertificatesResponse)
	if len(list) > size {
		list = list[:size]
		answer.NextPageToken = page.Encode(strconv.FormatUint(list[size-1].Sequence, 10), "certificates", string(id))
	}
	answer.Certificates = wire.Each(list, certificateToWire)
	return answer, nil
}

// sequenceFromToken gives the sequence number in a page token, 0 for none.
func sequenceFromToken(token string, listing ...string) (uint64, error) {
	cursor, err := page.Decode(token, listing...)
	if err != nil || cursor == "" {
		return 0, err
	}
	sequence, err := strconv.ParseUint(cursor, 10, 63)
	if err != nil {
		return 0, fault.InvalidField("page_token", "is not a page token of this server")
	}
	return sequence, nil
}

// RevokeCertificate puts a client certificate on the revocation list.
func (s *AdminServer) RevokeCertificate(ctx context.Context, r *compliancev1.RevokeCertificateRequest) (*compliancev1.RevokeCertificateResponse, error) {
	c, err := s.service.RevokeCertificate(ctx, r.GetSerial(), r.GetReason())
	if err != nil {
		return nil, err
	}
	return &compliancev1.RevokeCertificateResponse{Certificate: certificateToWire(c)}, nil
}

// GetRevocationList gives the certificate revocation list.
func (s *AdminServer) GetRevocationList(ctx context.Context, _ *compliancev1.GetRevocationListRequest) (*compliancev1.GetRevocationListResponse, error) {
	der, err := s.service.RevocationList(ctx)
	if err != nil {
		return nil, err
	}
	return &compliancev1.GetRevocationListResponse{Crl: der}, nil
}
