package main

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/enumname"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

const (
	mail      = "com.example.mail"
	mailPhone = "1111aaaa1111aaaa1111aaaa1111aaaa" // maria's mail on her phone
	mailTab   = "2222bbbb2222bbbb2222bbbb2222bbbb" // and on her tablet
	notes     = "3333cccc3333cccc3333cccc3333cccc"
	goneOne   = "4444dddd4444dddd4444dddd4444dddd"
	phoneTag  = "0123456789abcdef0123456789abcdef"
	tabTag    = "fedcba9876543210fedcba9876543210"
	appSigner = "3b1f6f0e0f6a4d0f8c7d5a2b9e4c1d7f60a1b2c3d4e5f60718293a4b5c6d7e8f"
	wanted    = "aaaa000000000000000000000000000000000000000000000000000000000000"
	held      = "bbbb000000000000000000000000000000000000000000000000000000000000"
)

// shelf is the part of the fake that knows of apps.
type shelf struct {
	appprotectv1.UnimplementedAppAdminServiceServer

	appPolicies   []*appprotectv1.AppPolicy
	apps          []*appprotectv1.App
	registrations []*appprotectv1.Registration
	verdict       *appprotectv1.Verdict
	explanation   *appprotectv1.Explanation
}

func (f *fake) ApplyAppPolicy(_ context.Context, r *appprotectv1.ApplyAppPolicyRequest) (*appprotectv1.ApplyAppPolicyResponse, error) {
	p := &appprotectv1.AppPolicy{Name: r.GetName(), Revision: 1, Spec: r.GetSpec()}
	if !r.GetDryRun() {
		f.appPolicies = append(f.appPolicies, p)
	}
	return &appprotectv1.ApplyAppPolicyResponse{Policy: p, Change: appprotectv1.Change_CHANGE_CREATED}, nil
}

func (f *fake) appPolicy(name string) (*appprotectv1.AppPolicy, error) {
	return find(f.appPolicies, func(p *appprotectv1.AppPolicy) bool { return p.GetName() == name })
}

func (f *fake) GetAppPolicy(_ context.Context, r *appprotectv1.GetAppPolicyRequest) (*appprotectv1.GetAppPolicyResponse, error) {
	p, err := f.appPolicy(r.GetName())
	return &appprotectv1.GetAppPolicyResponse{Policy: p}, err
}

func (f *fake) ListAppPolicies(_ context.Context, r *appprotectv1.ListAppPoliciesRequest) (*appprotectv1.ListAppPoliciesResponse, error) {
	items, next := paged(f.appPolicies, r.GetPageSize(), r.GetPageToken())
	return &appprotectv1.ListAppPoliciesResponse{Policies: items, NextPageToken: next}, nil
}

func (f *fake) DeleteAppPolicy(_ context.Context, r *appprotectv1.DeleteAppPolicyRequest) (*appprotectv1.DeleteAppPolicyResponse, error) {
	_, err := f.appPolicy(r.GetName())
	return &appprotectv1.DeleteAppPolicyResponse{}, err
}

func (f *fake) ApplyApp(_ context.Context, r *appprotectv1.ApplyAppRequest) (*appprotectv1.ApplyAppResponse, error) {
	m := &appprotectv1.App{Package: r.GetPackage(), Version: 1, Spec: r.GetSpec()}
	if !r.GetDryRun() {
		f.apps = append(f.apps, m)
	}
	return &appprotectv1.ApplyAppResponse{App: m, Change: appprotectv1.Change_CHANGE_CREATED}, nil
}

func (f *fake) app(name string) (*appprotectv1.App, error) {
	return find(f.apps, func(m *appprotectv1.App) bool { return m.GetPackage() == name })
}

func (f *fake) GetApp(_ context.Context, r *appprotectv1.GetAppRequest) (*appprotectv1.GetAppResponse, error) {
	m, err := f.app(r.GetPackage())
	return &appprotectv1.GetAppResponse{App: m}, err
}

func (f *fake) ListApps(_ context.Context, r *appprotectv1.ListAppsRequest) (*appprotectv1.ListAppsResponse, error) {
	items, next := paged(f.apps, r.GetPageSize(), r.GetPageToken())
	return &appprotectv1.ListAppsResponse{Apps: items, NextPageToken: next}, nil
}

func (f *fake) DeleteApp(_ context.Context, r *appprotectv1.DeleteAppRequest) (*appprotectv1.DeleteAppResponse, error) {
	_, err := f.app(r.GetPackage())
	return &appprotectv1.DeleteAppResponse{}, err
}

func (f *fake) registration(id string) (*appprotectv1.Registration, error) {
	return find(f.registrations, func(m *appprotectv1.Registration) bool { return m.GetId() == id })
}

func (f *fake) GetRegistration(_ context.Context, r *appprotectv1.GetRegistrationRequest) (*appprotectv1.GetRegistrationResponse, error) {
	m, err := f.registration(r.GetRegistrationId())
	if err != nil {
		return nil, no(codes.NotFound, "no such registration", "NO_REGISTRATION")
	}
	return &appprotectv1.GetRegistrationResponse{Registration: m, Verdict: f.verdict, Explanation: f.explanation}, nil
}

func (f *fake) ListRegistrations(_ context.Context, r *appprotectv1.ListRegistrationsRequest) (*appprotectv1.ListRegistrationsResponse, error) {
	var match []*appprotectv1.Registration
	for _, m := range f.registrations {
		if (r.GetUser() == "" || strings.EqualFold(r.GetUser(), m.GetUser())) && (r.GetDeviceTag() == "" || r.GetDeviceTag() == m.GetDeviceTag()) &&
			(r.GetPackage() == "" || r.GetPackage() == m.GetPackage()) && (r.GetState() == 0 || r.GetState() == m.GetState()) &&
			(r.GetStanding() == 0 || r.GetStanding() == m.GetStanding()) {
			match = append(match, m)
		}
	}
	items, next := paged(match, r.GetPageSize(), r.GetPageToken())
	return &appprotectv1.ListRegistrationsResponse{Registrations: items, NextPageToken: next}, nil
}

func (f *fake) RetireRegistration(_ context.Context, r *appprotectv1.RetireRegistrationRequest) (*appprotectv1.RetireRegistrationResponse, error) {
	m, err := f.registration(r.GetRegistrationId())
	if err != nil {
		return nil, err
	}
	m.State, m.EndedAt, m.EndedWhy = appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED, timestamppb.New(now), "retired: "+r.GetReason()
	return &appprotectv1.RetireRegistrationResponse{Registration: m}, nil
}

func (f *fake) ExplainAppPolicy(context.Context, *appprotectv1.ExplainAppPolicyRequest) (*appprotectv1.ExplainAppPolicyResponse, error) {
	return &appprotectv1.ExplainAppPolicyResponse{Explanation: f.explanation}, nil
}

// fillApps puts one of everything about apps into the fake: Maria has mail on two
// phones and notes on one.
func (b *bench) fillApps() *bench {
	b.appPolicies = []*appprotectv1.AppPolicy{{
		Name: "mail", Revision: 2, CreatedAt: ago(9 * day), RevisedAt: ago(5 * time.Hour), RevisedBy: "admin:alice",
		Spec: &appprotectv1.AppPolicySpec{
			Description: "for mail",
			Target: &appprotectv1.AppTarget{
				Apps:    []*appprotectv1.TargetApp{{Package: mail, SignerSha256: []string{appSigner}}},
				Include: &appprotectv1.Audience{Groups: []string{"staff"}, Users: []string{"maria@example.com"}},
				Exclude: &appprotectv1.Audience{Users: []string{"ceo@example.com"}},
				Levels:  []appprotectv1.Level{appprotectv1.Level_LEVEL_UNENROLLED, appprotectv1.Level_LEVEL_WORK_PROFILE},
			},
			Settings: map[string]*structpb.Value{
				"access.pin_length": structpb.NewNumberValue(6), "data.print_blocked": structpb.NewBoolValue(true),
				"launch.os_version.block": structpb.NewStringValue("14.10"), "launch.patch.warn": structpb.NewStringValue("2026-03-05"),
				"data.exempt_apps": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{
					structpb.NewStringValue("a.b"), structpb.NewStringValue("c.d=D"),
				}}),
			},
			Config: &appprotectv1.AppConfigSpec{
				Values: map[string]*structpb.Value{"server_name": structpb.NewStringValue("mail.example.com")},
				Custom: map[string]string{"update_source": "https://apps.example.com"}, ConnectedApps: new(false),
				Permissions: map[string]string{"android.permission.CAMERA": "deny"},
			},
			Fallback: true,
		},
	}}
	b.apps = []*appprotectv1.App{{
		Package: mail, Version: 3, ChangedAt: ago(time.Hour), ChangedBy: "admin:alice",
		Spec: &appprotectv1.AppSpec{
			Title: "Mail", SignerSha256: []string{appSigner}, Groups: []string{"mail"},
			Schema: []*appprotectv1.ConfigItem{{Key: "server_name", Type: "string"}, {Key: "days", Type: "integer", Minimum: 1, Maximum: 90}},
		},
	}}
	account := func(id, pkg, tag string, standing appprotectv1.Standing) *appprotectv1.Registration {
		return &appprotectv1.Registration{
			Id: id, Epoch: 2, State: appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE, User: "maria@example.com", Package: pkg,
			SignerSha256: appSigner, DeviceTag: tag, Level: appprotectv1.Level_LEVEL_UNENROLLED, AppVersion: "4.2", SdkVersion: "1.0",
			OsVersion: "13", Manufacturer: "Google", Model: "Pixel 6", RegisteredAt: ago(3 * day), LastCheckIn: ago(5 * time.Minute),
			IntendedRevision: wanted, AppliedRevision: held, Standing: standing,
		}
	}
	b.registrations = []*appprotectv1.Registration{
		account(mailPhone, mail, phoneTag, appprotectv1.Standing_STANDING_BLOCK),
		account(mailTab, mail, tabTag, appprotectv1.Standing_STANDING_OK),
		account(notes, "com.example.notes", phoneTag, appprotectv1.Standing_STANDING_OK),
		account(goneOne, mail, phoneTag, 0),
	}
	b.registrations[1].AppliedRevision = wanted
	b.registrations[2].LastCheckIn = nil
	gone := b.registrations[3]
	gone.State, gone.EndedAt, gone.EndedWhy = appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED, ago(day), "signed out"
	b.verdict = &appprotectv1.Verdict{
		Standing: appprotectv1.Standing_STANDING_BLOCK, EvaluatedAt: ago(0), EvidenceAt: ago(5 * time.Minute), Since: ago(2 * time.Hour), ChangesAt: in(day),
		Findings: []*appprotectv1.Finding{{
			Check: "launch.os_version", Threshold: "14.10", Actual: "13", Action: appprotectv1.Standing_STANDING_BLOCK, EvidenceAgeSeconds: 300,
			Since: ago(2 * time.Hour), RemedyKey: "update_os", Remedy: "update the phone's system",
		}},
	}
	b.explanation = &appprotectv1.Explanation{
		Policy: &appprotectv1.EffectivePolicy{
			Revision: wanted, Governed: true,
			Settings: []*appprotectv1.Setting{
				{Key: "access.pin_length", Values: []string{"6"}}, {Key: "data.exempt_apps", Values: []string{"a.b", "c.d=D"}},
			},
			Config: &appprotectv1.AppConfiguration{
				Values: []*appprotectv1.Setting{{Key: "server_name", Values: []string{"mail.example.com"}}}, ConnectedApps: new(false),
			},
		},
		Policies:  []string{"base", "mail"},
		Sources:   []*appprotectv1.SettingSource{{Key: "access.pin_length", Policies: []string{"mail"}}, {Key: "data.exempt_apps", Policies: []string{"base", "mail"}}},
		Conflicts: []*appprotectv1.ConfigConflict{{Key: "custom.theme", Policies: []string{"base", "mail"}, Detail: "policies say different things"}},
	}
	// To whoever orders wipes a registration is a device.
	for _, m := range b.registrations {
		d := &enrollv1.Device{
			Id: m.GetId(), Epoch: m.GetEpoch(), State: enrollv1.DeviceState_DEVICE_STATE_ENROLLED, User: m.GetUser(),
			Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, LastSeenAt: m.GetLastCheckIn(),
		}
		if enumname.Of(m.GetState()) == "ended" {
			d.State = enrollv1.DeviceState_DEVICE_STATE_LEFT
		}
		b.devices = append(b.devices, d)
	}
	return b
}
