package appprotectrpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// desk is a slice with lists, which otherwise answers what a test wants.
type desk struct {
	service
	policies []appprotect.Policy
	apps     []appprotect.KnownApp
	standing []appprotect.Standing
	change   appprotect.Change
}

func (d *desk) ApplyPolicy(_ context.Context, name string, spec appprotect.Spec, expected uint64, dryRun bool) (appprotect.Policy, appprotect.Change, error) {
	p, err := ask[appprotect.Policy](&d.service, name, expected, dryRun)
	p.Spec = spec
	return p, d.change, err
}

func (d *desk) GetPolicy(_ context.Context, name string, revision uint64) (appprotect.Policy, error) {
	return ask[appprotect.Policy](&d.service, name, revision)
}

func (d *desk) ListPolicies(_ context.Context, after string, limit int) ([]appprotect.Policy, error) {
	return following(d.policies, limit, func(p appprotect.Policy) bool { return p.Name > after }), d.err
}

func (d *desk) DeletePolicy(_ context.Context, name string, expected uint64) error {
	_, err := ask[any](&d.service, name, expected)
	return err
}

func (d *desk) ApplyApp(_ context.Context, a appprotect.KnownApp, dryRun bool) (appprotect.KnownApp, appprotect.Change, error) {
	_, err := ask[any](&d.service, a.Package, dryRun)
	a.Version, a.ChangedAt, a.ChangedBy = 4, t0, "admin:ann"
	return a, d.change, err
}

func (d *desk) GetApp(_ context.Context, pkg string) (appprotect.KnownApp, error) {
	return ask[appprotect.KnownApp](&d.service, pkg)
}

func (d *desk) ListApps(_ context.Context, after string, limit int) ([]appprotect.KnownApp, error) {
	return following(d.apps, limit, func(a appprotect.KnownApp) bool { return a.Package > after }), d.err
}

func (d *desk) DeleteApp(_ context.Context, pkg string) error {
	_, err := ask[any](&d.service, pkg)
	return err
}

func (d *desk) GetRegistration(_ context.Context, id device.ID) (appprotect.Details, error) {
	return ask[appprotect.Details](&d.service, id)
}

func (d *desk) ListRegistrations(_ context.Context, q appprotect.Query) ([]appprotect.Standing, error) {
	d.asked = []any{q}
	return following(d.standing, q.Limit, func(s appprotect.Standing) bool {
		r := s.Registration
		return r.CreatedAt.After(q.AfterAt) || r.CreatedAt.Equal(q.AfterAt) && r.ID > q.After
	}), d.err
}

func (d *desk) Retire(_ context.Context, id device.ID, epoch device.Epoch, reason string) (appprotect.Registration, error) {
	return ask[appprotect.Registration](&d.service, id, epoch, reason)
}

func (d *desk) Explain(_ context.Context, r appprotect.ExplainRequest) (appprotect.Explanation, error) {
	return ask[appprotect.Explanation](&d.service, r)
}

// following gives the first of a sorted list that come after a place.
func following[T any](list []T, limit int, after func(T) bool) []T {
	i := slices.IndexFunc(list, after)
	if i < 0 {
		return nil
	}
	return list[i:min(i+limit, len(list))]
}

func TestApplyAppPolicy(t *testing.T) {
	d := &desk{change: appprotect.Revised, service: service{answer: appprotect.Policy{
		Name: "mail", Revision: 3, CreatedAt: t0, RevisedAt: t0, RevisedBy: "admin:ann",
	}}}
	got, err := NewAdminServer(d).ApplyAppPolicy(t.Context(), &appprotectv1.ApplyAppPolicyRequest{
		Name: "mail", Spec: fullSpec(t), ExpectedRevision: 2, DryRun: true,
	})
	wantAsked(t, &d.service, []any{"mail", uint64(2), true}, &appprotectv1.ApplyAppPolicyResponse{
		Policy: &appprotectv1.AppPolicy{
			Name: "mail", Revision: 3, Spec: fullSpec(t), CreatedAt: timestamppb.New(t0), RevisedAt: timestamppb.New(t0), RevisedBy: "admin:ann",
		},
		Change: appprotectv1.Change_CHANGE_REVISED,
	}, got, err)
	bad := fullSpec(t)
	bad.Settings["data.send_to"] = value(t, 1)
	_, err = NewAdminServer(d).ApplyAppPolicy(t.Context(), &appprotectv1.ApplyAppPolicyRequest{Name: "mail", Spec: bad})
	wantInvalid(t, err, "spec.settings.data.send_to")
}

func TestApplyApp(t *testing.T) {
	d := &desk{change: appprotect.Created}
	got, err := NewAdminServer(d).ApplyApp(t.Context(), &appprotectv1.ApplyAppRequest{Package: pkg, Spec: fullApp().GetSpec()})
	wantAsked(t, &d.service, []any{pkg, false},
		&appprotectv1.ApplyAppResponse{App: fullApp(), Change: appprotectv1.Change_CHANGE_CREATED}, got, err)
	_, err = NewAdminServer(d).ApplyApp(t.Context(), &appprotectv1.ApplyAppRequest{Package: pkg, Spec: &appprotectv1.AppSpec{
		Schema: []*appprotectv1.ConfigItem{{Key: "a"}},
	}})
	wantInvalid(t, err, "spec.schema[0].type")
}

// TestPages: each listing gives everything once, and takes no other's token.
func TestPages(t *testing.T) {
	d := &desk{}
	for i := range 5 {
		name := fmt.Sprintf("a%d", i)
		d.policies = append(d.policies, appprotect.Policy{Name: name})
		d.apps = append(d.apps, appprotect.KnownApp{Package: name})
		d.standing = append(d.standing, appprotect.Standing{Registration: appprotect.Registration{
			ID: device.ID("registration-" + name), CreatedAt: t0.Add(time.Duration(i/2) * time.Microsecond),
		}})
	}
	server := NewAdminServer(d)
	type page struct {
		names []string
		next  string
	}
	listings := map[string]func(token string) (page, error){
		"policies": func(token string) (page, error) {
			r, err := server.ListAppPolicies(t.Context(), &appprotectv1.ListAppPoliciesRequest{PageSize: 2, PageToken: token})
			return page{wire.Each(r.GetPolicies(), (*appprotectv1.AppPolicy).GetName), r.GetNextPageToken()}, err
		},
		"apps": func(token string) (page, error) {
			r, err := server.ListApps(t.Context(), &appprotectv1.ListAppsRequest{PageSize: 2, PageToken: token})
			return page{wire.Each(r.GetApps(), (*appprotectv1.App).GetPackage), r.GetNextPageToken()}, err
		},
		"registrations": func(token string) (page, error) {
			r, err := server.ListRegistrations(t.Context(), &appprotectv1.ListRegistrationsRequest{PageSize: 2, PageToken: token})
			return page{wire.Each(r.GetRegistrations(), func(r *appprotectv1.Registration) string {
				return strings.TrimPrefix(r.GetId(), "registration-")
			}), r.GetNextPageToken()}, err
		},
		"registrations of maria": func(token string) (page, error) {
			r, err := server.ListRegistrations(t.Context(), &appprotectv1.ListRegistrationsRequest{PageSize: 2, PageToken: token, User: "maria"})
			return page{wire.Each(r.GetRegistrations(), func(r *appprotectv1.Registration) string {
				return strings.TrimPrefix(r.GetId(), "registration-")
			}), r.GetNextPageToken()}, err
		},
	}
	tokens := map[string]string{}
	for name, list := range listings {
		var got []string
		for token, pages := "", 0; pages == 0 || token != ""; pages++ {
			p, err := list(token)
			if err != nil || len(p.names) > 2 {
				t.Fatalf("%s: %v, %v", name, p, err)
			}
			got, token = append(got, p.names...), p.next
			if token != "" {
				tokens[name] = token
			}
		}
		if diff := cmp.Diff([]string{"a0", "a1", "a2", "a3", "a4"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, list := range listings {
		for of, token := range tokens {
			if of != name {
				_, err := list(token)
				wantInvalid(t, err, "page_token")
			}
		}
		_, err := list("%")
		wantInvalid(t, err, "page_token")
	}
}

func TestListRegistrationsFilters(t *testing.T) {
	d := &desk{}
	_, err := NewAdminServer(d).ListRegistrations(t.Context(), &appprotectv1.ListRegistrationsRequest{
		User: "Maria@Example.com", DeviceTag: "tag", Package: pkg,
		State: appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED, Standing: appprotectv1.Standing_STANDING_BLOCK,
	})
	want := []any{appprotect.Query{
		User: "maria@example.com", Tag: "tag", Package: pkg, Lasts: new(false), Standing: apprules.StandingBlock, Limit: 101,
	}}
	if diff := cmp.Diff(want, d.asked); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func standing() appprotect.Standing {
	return appprotect.Standing{
		Registration: appprotect.Registration{
			ID: "registration-1", Epoch: 3, Person: appprotect.Person{Issuer: "https://id.example.com", Subject: "42", Name: "maria"},
			Tag: "tag", Package: pkg, SignerSHA256: signer, Level: apprules.Unenrolled, AppVersion: "4.2", SDKVersion: "1.0", RegisteredAt: t0,
		},
		State: appprotect.State{
			HeardAt: t0, Intended: revision, Verdict: apprules.Verdict{Standing: apprules.StandingWarn, EvaluatedAt: t0},
			Report: &apprules.Report{AppliedRevision: signer, OSVersion: apprules.Version{16}, Manufacturer: "Google", Model: "Pixel 9"},
		},
	}
}

func standingOnWire() *appprotectv1.Registration {
	return &appprotectv1.Registration{
		Id: "registration-1", Epoch: 3, State: appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE, User: "maria", Package: pkg,
		SignerSha256: signer, DeviceTag: "tag", Level: appprotectv1.Level_LEVEL_UNENROLLED, AppVersion: "4.2", SdkVersion: "1.0",
		OsVersion: "16", Manufacturer: "Google", Model: "Pixel 9", RegisteredAt: timestamppb.New(t0), LastCheckIn: timestamppb.New(t0),
		IntendedRevision: revision, AppliedRevision: signer, Standing: appprotectv1.Standing_STANDING_WARN,
	}
}

func TestGetRegistration(t *testing.T) {
	e := appprotect.Explanation{
		Effective: apprules.Seal(apprules.Say(apprules.PINLength.Is(6)), apprules.Config{}, true), Policies: []string{"base", "mail"},
		Sources:   []appprotect.Source{{Key: "access.pin_length", Policies: []string{"mail"}}},
		Conflicts: []appprotect.Conflict{{Key: "custom.server", Policies: []string{"base", "mail"}, Detail: "policies say different things"}},
	}
	d := &desk{service: service{answer: appprotect.Details{Standing: standing(), Explanation: e}}}
	got, err := NewAdminServer(d).GetRegistration(t.Context(), &appprotectv1.GetRegistrationRequest{RegistrationId: "registration-1"})
	explained := &appprotectv1.Explanation{
		Policy: &appprotectv1.EffectivePolicy{
			Revision: e.Effective.Revision(), Governed: true, Config: &appprotectv1.AppConfiguration{},
			Settings: []*appprotectv1.Setting{{Key: "access.pin_length", Values: []string{"6"}}},
		},
		Policies: []string{"base", "mail"},
		Sources:  []*appprotectv1.SettingSource{{Key: "access.pin_length", Policies: []string{"mail"}}},
		Conflicts: []*appprotectv1.ConfigConflict{
			{Key: "custom.server", Policies: []string{"base", "mail"}, Detail: "policies say different things"},
		},
	}
	wantAsked(t, &d.service, []any{device.ID("registration-1")}, &appprotectv1.GetRegistrationResponse{
		Registration: standingOnWire(), Explanation: explained,
		Verdict: &appprotectv1.Verdict{Standing: appprotectv1.Standing_STANDING_WARN, EvaluatedAt: timestamppb.New(t0)},
	}, got, err)

	d.answer = e
	answer, err := NewAdminServer(d).ExplainAppPolicy(t.Context(), &appprotectv1.ExplainAppPolicyRequest{
		User: "maria", Groups: []string{"staff"}, Package: pkg, SignerSha256: signer, Level: appprotectv1.Level_LEVEL_FULLY_MANAGED,
	})
	wantAsked(t, &d.service, []any{appprotect.ExplainRequest{
		User: "maria", Groups: []string{"staff"}, Package: pkg, SignerSHA256: signer, Level: apprules.FullyManaged,
	}}, &appprotectv1.ExplainAppPolicyResponse{Explanation: explained}, answer, err)
}

func TestRetireRegistration(t *testing.T) {
	ended := standing().Registration
	ended.End = &appprotect.End{At: t0, Why: appprotect.EndRetired, Detail: "phone was sold"}
	d := &desk{service: service{answer: ended}}
	got, err := NewAdminServer(d).RetireRegistration(t.Context(), &appprotectv1.RetireRegistrationRequest{
		RegistrationId: "registration-1", Epoch: 3, Reason: "phone was sold",
	})
	want := &appprotectv1.Registration{
		Id: "registration-1", Epoch: 3, State: appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED, User: "maria", Package: pkg,
		SignerSha256: signer, DeviceTag: "tag", Level: appprotectv1.Level_LEVEL_UNENROLLED, AppVersion: "4.2", SdkVersion: "1.0",
		RegisteredAt: timestamppb.New(t0), EndedAt: timestamppb.New(t0), EndedWhy: "retired: phone was sold",
	}
	wantAsked(t, &d.service, []any{device.ID("registration-1"), device.Epoch(3), "phone was sold"},
		&appprotectv1.RetireRegistrationResponse{Registration: want}, got, err)
}

func TestEndedWhy(t *testing.T) {
	s := standing()
	s.Registration.End = &appprotect.End{
		At: t0, Why: appprotect.EndSelfWiped, SelfWipe: &appprotect.SelfWipe{Content: []byte("content"), Signature: []byte("signature")},
	}
	got := standingToWire(s)
	want := &appprotectv1.SignedSelfWipe{Content: []byte("content"), Signature: []byte("signature")}
	if diff := cmp.Diff(want, got.GetSelfWipe(), protocmp.Transform()); diff != "" || got.GetEndedWhy() != "self wiped" {
		t.Errorf("%q (-want +got):\n%s", got.GetEndedWhy(), diff)
	}
}

func TestAdminRefusals(t *testing.T) {
	d := &desk{service: service{err: appprotect.ErrNoPolicy}}
	s, ctx := NewAdminServer(d), t.Context()
	for name, call := range map[string]func() (proto.Message, error){
		"apply policy":  func() (proto.Message, error) { return s.ApplyAppPolicy(ctx, &appprotectv1.ApplyAppPolicyRequest{}) },
		"get policy":    func() (proto.Message, error) { return s.GetAppPolicy(ctx, &appprotectv1.GetAppPolicyRequest{}) },
		"list policies": func() (proto.Message, error) { return s.ListAppPolicies(ctx, &appprotectv1.ListAppPoliciesRequest{}) },
		"delete policy": func() (proto.Message, error) { return s.DeleteAppPolicy(ctx, &appprotectv1.DeleteAppPolicyRequest{}) },
		"apply app":     func() (proto.Message, error) { return s.ApplyApp(ctx, &appprotectv1.ApplyAppRequest{}) },
		"get app":       func() (proto.Message, error) { return s.GetApp(ctx, &appprotectv1.GetAppRequest{}) },
		"list apps":     func() (proto.Message, error) { return s.ListApps(ctx, &appprotectv1.ListAppsRequest{}) },
		"delete app":    func() (proto.Message, error) { return s.DeleteApp(ctx, &appprotectv1.DeleteAppRequest{}) },
		"get": func() (proto.Message, error) {
			return s.GetRegistration(ctx, &appprotectv1.GetRegistrationRequest{RegistrationId: "registration-1"})
		},
		"list": func() (proto.Message, error) {
			return s.ListRegistrations(ctx, &appprotectv1.ListRegistrationsRequest{})
		},
		"retire": func() (proto.Message, error) {
			return s.RetireRegistration(ctx, &appprotectv1.RetireRegistrationRequest{RegistrationId: "registration-1"})
		},
		"explain": func() (proto.Message, error) { return s.ExplainAppPolicy(ctx, &appprotectv1.ExplainAppPolicyRequest{}) },
	} {
		if _, err := call(); !errors.Is(err, appprotect.ErrNoPolicy) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	_, err := s.GetRegistration(ctx, &appprotectv1.GetRegistrationRequest{RegistrationId: "../../0"})
	wantInvalid(t, err, "registration_id")
	_, err = s.RetireRegistration(ctx, &appprotectv1.RetireRegistrationRequest{RegistrationId: "../../0"})
	wantInvalid(t, err, "registration_id")
}
