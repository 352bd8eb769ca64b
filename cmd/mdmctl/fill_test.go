package main

import (
	"time"

	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	phone    = "device-00000001"
	order1   = "order-00000009"
	revision = "3f2a9c0d11aa"
)

// fill puts one of everything into the fake: a personal phone that is not fit.
func (b *bench) fill() *bench {
	b.devices = []*enrollv1.Device{
		{
			Id: phone, Epoch: 2, State: enrollv1.DeviceState_DEVICE_STATE_ENROLLED,
			Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
			Platform: enrollv1.Platform_PLATFORM_ANDROID, Model: "Pixel 9", OsVersion: "15",
			Group: "sales", User: "maria@example.com", EnrolledAt: ago(72 * time.Hour), LastSeenAt: ago(30 * time.Second),
			CertificateSerial: "0a1b", CertificateExpiresAt: in(30 * day), TokenId: "token-00000007",
		},
		{
			Id: "device-00000002", Epoch: 1, State: enrollv1.DeviceState_DEVICE_STATE_RETIRED,
			Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY, Mode: enrollv1.Mode_MODE_DEDICATED,
			Model: "Tab", OsVersion: "14.0.1", Group: "kiosks", EnrolledAt: ago(800 * day), EndedAt: ago(time.Hour),
		},
	}
	b.tokens = []*enrollv1.Token{
		{
			Id: "token-00000007", Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
			Group: "sales", User: "maria@example.com", MaxUses: 1, Uses: 1, CreatedAt: ago(73 * time.Hour), ExpiresAt: ago(49 * time.Hour),
			CreatedBy: "admin:alice",
		},
		{
			Id: "token-00000008", Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY, Mode: enrollv1.Mode_MODE_DEDICATED,
			Group: "kiosks", MaxUses: 50, Uses: 3, CreatedAt: ago(time.Hour), ExpiresAt: in(23 * time.Hour),
			CreatedBy: "admin:alice", Description: "lobby screens",
		},
	}
	b.policies = []*compliancev1.Policy{{
		Name: "sales", Revision: 3, RevisedAt: ago(5 * time.Hour), CreatedAt: ago(9 * day), RevisedBy: "admin:alice",
		Spec: &compliancev1.PolicySpec{
			Description: "for sales",
			Pins: []*compliancev1.PinRule{{
				Scope: compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE, Quality: compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX, MinimumLength: 6,
			}},
			Vpns: []*compliancev1.VpnRule{{
				Name: "office", ProviderPackage: "com.example.vpn", Servers: []*compliancev1.VpnServer{{Address: "vpn.example.com:443"}},
				AlwaysOn: true, DeniedPackages: []string{"a.b", "c.d"}, ProviderSettings: map[string]string{"mtu": "1400", "a": "b"},
			}},
			Assignments: []*compliancev1.Assignment{
				{Target: &compliancev1.Assignment_Group{Group: "sales"}},
				{Target: &compliancev1.Assignment_User{User: "ceo@example.com"}, Exclude: true},
			},
		},
	}}
	b.certificates = []*compliancev1.Certificate{
		{Serial: "beef", DeviceId: phone, Epoch: 2, Alias: "work", Subject: "CN=device-00000001", NotBefore: ago(time.Hour), NotAfter: in(90 * day)},
		{Serial: "dead", DeviceId: "device-00000002", Epoch: 1, Alias: "work", NotBefore: ago(90 * day), NotAfter: in(time.Hour), RevokedAt: ago(time.Hour), RevocationReason: "retired"},
	}
	b.standing[phone] = nonCompliant()
	b.orders = []*wipev1.Order{{
		Id: order1, DeviceId: phone, Epoch: 2, State: wipev1.State_STATE_DONE, Reason: "left the project", CreatedBy: "admin:alice",
		Source:    wipev1.Source_SOURCE_ADMINISTRATOR,
		Scope:     &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: []string{"com.example.mail"}}}},
		CreatedAt: ago(3 * time.Hour), ChangedAt: ago(2 * time.Hour), ExpiresAt: in(29 * day), NotNowCount: 1,
		Receipt: &wipev1.Receipt{FinishedAt: ago(2 * time.Hour), Packages: []string{"com.example.mail"}, FilesRemoved: 12, BytesRemoved: 3456, KeysRemoved: 1},
	}}
	b.entries = []*auditv1.Entry{
		{Sequence: 2, Time: ago(time.Minute), Actor: "admin:alice", Action: "wipe.order", Target: "device/" + phone, Detail: "left the project", RequestId: "abcd"},
		{Sequence: 1, Time: ago(3 * day), Actor: "device:" + phone, Action: "enroll.join", Target: "device/" + phone},
	}
	return b
}

func nonCompliant() *compliancev1.GetDeviceComplianceResponse {
	return &compliancev1.GetDeviceComplianceResponse{
		Verdict: &compliancev1.Verdict{
			Standing: compliancev1.Standing_STANDING_NON_COMPLIANT, EvaluatedAt: ago(0), EvidenceAt: ago(5 * time.Minute),
			Since: ago(2 * time.Hour), ChangesAt: in(3 * day),
			Findings: []*compliancev1.Finding{
				{
					Rule: "pin.work_profile.minimum_length", Expected: "at least 6", Actual: "4", EvidenceAgeSeconds: 300,
					Since: ago(2 * time.Hour), Remedy: "choose a longer work PIN",
				},
				{
					Rule: "vpn.office", Expected: "always on", Actual: "off", EvidenceAgeSeconds: 300,
					Since: ago(time.Minute), Remedy: "open the VPN app", GraceUntil: in(time.Hour),
				},
			},
		},
		ManifestRevision: revision, AppliedRevision: "00ff00ff00ff", Policies: []string{"base", "sales"},
		Manifest: &compliancev1.Manifest{Conflicts: []*compliancev1.Conflict{
			{Setting: "vpn.office", Policies: []string{"base", "sales"}, Detail: "different servers"},
		}},
		Results: []*compliancev1.SettingResult{
			{Setting: "pin.work_profile", Status: compliancev1.ApplyStatus_APPLY_STATUS_PENDING, Detail: "waits for the person"},
			{Setting: "trusted_root.corporate", Status: compliancev1.ApplyStatus_APPLY_STATUS_APPLIED},
		},
	}
}

func compliant() *compliancev1.GetDeviceComplianceResponse {
	return &compliancev1.GetDeviceComplianceResponse{
		Verdict:          &compliancev1.Verdict{Standing: compliancev1.Standing_STANDING_COMPLIANT, EvidenceAt: ago(0), Since: ago(0)},
		ManifestRevision: revision, AppliedRevision: revision,
		Results: []*compliancev1.SettingResult{{Setting: "pin.work_profile", Status: compliancev1.ApplyStatus_APPLY_STATUS_APPLIED}},
	}
}
