package accessrpc

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	phoneID = "0123456789abcdef0123456789abcdef"
	appID   = "fedcba9876543210fedcba9876543210"
)

// wantInvalid wants a fault on one field of the request.
func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != field {
		t.Errorf("got error %v, want one about %s", err, field)
	}
}

// TestWords: each word of the slice has the number on the wire that has its name,
// and there are no others.
func TestWords(t *testing.T) {
	for _, e := range []struct {
		enum protoreflect.Enum
		word func(uint8) string
		// other names, where the wire's are longer or zero has one.
		names map[string]string
	}{
		{accessv1.PolicyState(0), func(n uint8) string { return access.State(n).String() }, map[string]string{"unspecified": ""}},
		{accessv1.Platform(0), func(n uint8) string { return access.Platform(n).String() }, nil},
		{accessv1.ClientApp(0), func(n uint8) string { return access.ClientApp(n).String() }, nil},
		{accessv1.Risk(0), func(n uint8) string { return access.Risk(n).String() }, nil},
		{accessv1.Flow(0), func(n uint8) string { return access.Flow(n).String() }, nil},
		{accessv1.UserAction(0), func(n uint8) string { return access.Action(n).String() }, map[string]string{"unspecified": ""}},
		{accessv1.Control(0), func(n uint8) string { return access.Control(n).String() }, map[string]string{"unspecified": ""}},
		{accessv1.Operator(0), func(n uint8) string { return access.Operator(n).String() }, map[string]string{"unspecified": ""}},
		{accessv1.Outcome(0), func(n uint8) string { return access.Outcome(n).String() }, nil},
		{accessv1.Change(0), func(n uint8) string { return access.Change(n).String() }, map[string]string{"unspecified": ""}},
	} {
		d := e.enum.Descriptor()
		prefix := strings.TrimSuffix(string(d.Values().Get(0).Name()), "UNSPECIFIED")
		first := "unspecified"
		// The zero value of some has a name before its suffix.
		for _, known := range []string{"UNKNOWN", "ORDINARY", "DENY"} {
			if rest, ok := strings.CutSuffix(prefix, known+"_"); ok {
				prefix, first = rest, strings.ToLower(known)
			}
		}
		for i := range d.Values().Len() {
			v := d.Values().Get(i)
			name := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix)), "_", "-")
			if i == 0 {
				name = first
			}
			if other, ok := e.names[name]; ok {
				name = other
			}
			if int(v.Number()) != i || e.word(uint8(i)) != name {
				t.Errorf("%s is %d, and %q in the slice", v.FullName(), v.Number(), e.word(uint8(i)))
			}
		}
		last := uint8(d.Values().Len())
		if got := e.word(last); got != e.word(0) {
			t.Errorf("%s lacks %q", d.FullName(), got)
		}
	}
	for r := access.NotApplied; r <= access.Blocking; r++ {
		want := "RESULT_" + strings.ToUpper(strings.ReplaceAll(r.String(), "-", "_"))
		if got := resultToWire(r).String(); got != want {
			t.Errorf("%v is %s", r, got)
		}
	}
	for _, w := range []accessv1.Outcome{256, 511, -1, math.MinInt32} {
		if got := word[access.Outcome](w); got != 255 {
			t.Errorf("%d became %v", w, got)
		}
	}
}

// drawWords draws a list of distinct words of a range.
func drawWords[D ~uint8](t *rapid.T, name string, first, last D) []D {
	all := make([]D, 0, last-first+1)
	for d := first; d <= last; d++ {
		all = append(all, d)
	}
	return drawSome(t, name, all)
}

func drawSome[T any](t *rapid.T, name string, all []T) []T {
	chosen := rapid.Permutation(all).Draw(t, name)[:rapid.IntRange(0, len(all)).Draw(t, name+" many")]
	if len(chosen) == 0 {
		return nil
	}
	return chosen
}

func drawNames(t *rapid.T, name string) []string {
	names := rapid.SliceOfN(rapid.StringMatching(`[a-zäA-Z@. -]{1,20}`), 0, 3).Draw(t, name)
	if len(names) == 0 {
		return nil
	}
	return names
}

func drawPeople(t *rapid.T, name string) access.People {
	return access.People{
		Everyone: rapid.Bool().Draw(t, name+" everyone"),
		Users:    drawNames(t, name+" users"), Groups: drawNames(t, name+" groups"), Roles: drawNames(t, name+" roles"),
	}
}

func drawSpec(t *rapid.T) access.Spec {
	spans := rapid.SampledFrom([]time.Duration{0, time.Minute, 90 * 24 * time.Hour, time.Nanosecond})
	s := access.Spec{
		Description:   rapid.String().Draw(t, "description"),
		State:         rapid.SampledFrom([]access.State{access.On, access.ReportOnly, access.Off}).Draw(t, "state"),
		IncludePeople: drawPeople(t, "include"), ExcludePeople: drawPeople(t, "exclude"),
		Apps:    access.Apps{All: rapid.Bool().Draw(t, "all"), Include: drawNames(t, "apps"), Exclude: drawNames(t, "not apps")},
		Actions: drawWords(t, "actions", access.RegisterSecurityInfo, access.RegisterDevice),
		Conditions: access.Conditions{
			IncludePlatforms: drawWords(t, "platforms", access.UnknownPlatform, access.Linux),
			ExcludePlatforms: drawWords(t, "not platforms", access.UnknownPlatform, access.Linux),
			Clients:          drawWords(t, "clients", access.UnknownClient, access.OtherClient),
			IncludeLocations: access.Places{Trusted: rapid.Bool().Draw(t, "trusted"), Names: drawNames(t, "places")},
			ExcludeLocations: access.Places{Trusted: rapid.Bool().Draw(t, "not trusted"), Names: drawNames(t, "not places")},
			DeviceFilter:     access.DeviceFilter{Rule: rapid.String().Draw(t, "rule"), Exclude: rapid.Bool().Draw(t, "not rule")},
			Custom:           rapid.String().Draw(t, "custom"),
			SignInRisks:      drawWords(t, "risks", access.UnknownRisk, access.RiskHigh),
			UserRisks:        drawWords(t, "user risks", access.UnknownRisk, access.RiskHigh),
			Ownerships:       drawSome(t, "ownerships", []device.Ownership{"", device.Personal, device.Company}),
			Modes:            drawSome(t, "modes", []device.Mode{"", device.WorkProfile, device.FullyManaged, device.Dedicated, device.AppAccount}),
			Flows:            drawWords(t, "flows", access.OrdinaryFlow, access.Transfer),
		},
		Grant: access.Grant{
			Operator: rapid.SampledFrom([]access.Operator{0, access.AllOf, access.AnyOf}).Draw(t, "operator"),
			Controls: drawWords(t, "controls", access.Block, access.CertificateBound),
		},
		Session: access.Session{
			EverySignIn: rapid.Bool().Draw(t, "every"), SignInFrequency: spans.Draw(t, "frequency"), Labels: drawNames(t, "labels"),
		},
		MaxAge: access.MaxAge{Compliance: spans.Draw(t, "compliance"), Registration: spans.Draw(t, "registration")},
	}
	if len(s.Grant.Controls) > 1 && s.Grant.Operator == 0 {
		s.Grant.Operator = access.AllOf
	}
	return s
}

// TestSpecRoundTrip: every spec that there can be is shown, sent and read as the
// same.
func TestSpecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSpec(t)
		raw, err := proto.Marshal(specToWire(want))
		if err != nil {
			t.Fatal(err)
		}
		sent := &accessv1.AccessPolicySpec{}
		if err := proto.Unmarshal(raw, sent); err != nil {
			t.Fatal(err)
		}
		got, err := specFromWire(sent)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// TestEverySpecFieldIsSent: a field of the slice that the wire lacks would be lost
// without a word.
func TestEverySpecFieldIsSent(t *testing.T) {
	var full access.Spec
	fill(t, reflect.ValueOf(&full).Elem())
	got, err := specFromWire(specToWire(full))
	if diff := cmp.Diff(full, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var l access.Location
	fill(t, reflect.ValueOf(&l).Elem())
	wire := locationToWire(access.StoredLocation{Location: l})
	again, err := locationFromWire(wire.GetName(), wire.GetSpec(), "spec")
	if diff := cmp.Diff(l, again, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// fill sets every field to something that is not zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Type() {
	case reflect.TypeFor[netip.Prefix]():
		v.Set(reflect.ValueOf(netip.MustParsePrefix("192.0.2.0/24")))
		return
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(t0))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.String:
		v.SetString("something")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Int64:
		v.SetInt(int64(time.Hour))
	case reflect.Uint64:
		v.SetUint(7)
	default:
		t.Fatalf("a %s", v.Type())
	}
}

func TestSpecSharesNothing(t *testing.T) {
	wire := specToWire(access.Spec{
		IncludePeople: access.People{Users: []string{"ada"}}, Apps: access.Apps{Include: []string{"mail"}},
		Conditions: access.Conditions{IncludeLocations: access.Places{Names: []string{"office"}}}, Session: access.Session{Labels: []string{"limited"}},
	})
	spec, err := specFromWire(wire)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{wire.IncludePeople.Users, wire.Apps.Include, wire.Conditions.IncludeLocations.Names, wire.Session.Labels} {
		list[0] = "changed"
	}
	if s := fmt.Sprint(spec); strings.Contains(s, "changed") {
		t.Error("the spec is a part of the request: ", s)
	}
}

func TestSpecThatIsNone(t *testing.T) {
	for field, w := range map[string]*accessv1.AccessPolicySpec{
		"spec.session.sign_in_frequency": {Session: &accessv1.Session{SignInFrequency: durationpb.New(0)}},
		"spec.max_age.compliance":        {MaxAge: &accessv1.MaxAge{Compliance: durationpb.New(-time.Hour)}},
		"spec.max_age.registration":      {MaxAge: &accessv1.MaxAge{Registration: &durationpb.Duration{Seconds: 1, Nanos: -1}}},
	} {
		_, err := specFromWire(w)
		wantInvalid(t, err, field)
	}
	// What the wire lets through and is no word is refused by the slice.
	for field, c := range map[string]*accessv1.Conditions{
		"spec.conditions.ownerships[0]": {Ownerships: []string{""}},
		"spec.conditions.modes[1]":      {Modes: []string{unknown, "factory"}},
		"spec.conditions.flows[0]":      {Flows: []accessv1.Flow{256}},
	} {
		s, err := specFromWire(&accessv1.AccessPolicySpec{
			State: accessv1.PolicyState_POLICY_STATE_ON, IncludePeople: &accessv1.People{Everyone: true}, Apps: &accessv1.Apps{All: true},
			Conditions: c, Grant: &accessv1.Grant{Controls: []accessv1.Control{accessv1.Control_CONTROL_MFA}},
		})
		if err != nil {
			t.Fatal(err)
		}
		wantInvalid(t, s.Validate(nil), field)
	}
}

func TestLocationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := access.Location{
			Name: "office", Countries: drawSome(t, "countries", []string{"CH", "DE"}),
			UnknownCountry: rapid.Bool().Draw(t, "unknown"), Trusted: rapid.Bool().Draw(t, "trusted"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "networks") {
			var octets [16]byte
			copy(octets[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "octets"))
			want.Networks = append(want.Networks, netip.PrefixFrom(netip.AddrFrom16(octets), rapid.IntRange(0, 128).Draw(t, "bits")).Masked())
			want.Networks = append(want.Networks, netip.PrefixFrom(netip.AddrFrom4([4]byte(octets[:4])), rapid.IntRange(0, 32).Draw(t, "bits")).Masked())
		}
		w := locationToWire(access.StoredLocation{Location: want, Version: 3, ChangedAt: t0, ChangedBy: "admin:ann"})
		got, err := locationFromWire(w.GetName(), w.GetSpec(), "spec")
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
	_, err := locationFromWire("office", &accessv1.LocationSpec{Networks: []string{"192.0.2.0/24", "192.0.2.1"}}, "locations[2].spec")
	wantInvalid(t, err, "locations[2].spec.networks[1]")
}

func fullSignIn(t *testing.T) *accessv1.SignIn {
	t.Helper()
	return &accessv1.SignIn{
		User: "ada@example.com", Groups: []string{"staff"}, Roles: []string{"auditor"}, App: "mail",
		Action: accessv1.UserAction_USER_ACTION_REGISTER_DEVICE, DeviceId: phoneID, RegistrationId: appID,
		Platform: accessv1.Platform_PLATFORM_IOS, Client: accessv1.ClientApp_CLIENT_APP_NATIVE, Address: "2001:db8::1", Country: "ch",
		SignInRisk: accessv1.Risk_RISK_MEDIUM, UserRisk: accessv1.Risk_RISK_LOW, Flow: accessv1.Flow_FLOW_TRANSFER, Mfa: true, CertificateBound: true,
		Operation: &accessv1.Operation{
			Action: "delete", ResourceType: "record", ResourceId: "record-1", Subject: object(t, map[string]any{"role": "admin"}),
			ActionProperties: object(t, map[string]any{"soft": true}), Resource: object(t, map[string]any{"size": 1.5}),
			Context: object(t, map[string]any{"count": 2}),
		},
	}
}

func object(t *testing.T, values map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestQuestion(t *testing.T) {
	got, err := questionFromWire(fullSignIn(t), "sign_in")
	want := access.Question{
		SignIn: access.SignIn{
			Person: access.Person{Name: "ada@example.com", Groups: []string{"staff"}, Roles: []string{"auditor"}},
			App:    "mail", Action: access.RegisterDevice, Platform: access.IOS, Client: access.NativeClient,
			Address: netip.MustParseAddr("2001:db8::1"), Country: "CH", SignInRisk: access.RiskMedium, UserRisk: access.RiskLow,
			Flow: access.Transfer, MFA: true, CertificateBound: true,
			Request: &access.Request{
				Action: "delete", ResourceType: "record", ResourceID: "record-1", Subject: map[string]any{"role": "admin"},
				ActionAttributes: map[string]any{"soft": true}, Resource: map[string]any{"size": 1.5}, Context: map[string]any{"count": 2.0},
			},
		},
		Device: phoneID, Registration: appID,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = questionFromWire(&accessv1.SignIn{}, "sign_in")
	if diff := cmp.Diff(access.Question{}, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || err != nil {
		t.Errorf("nothing known: %v (-want +got):\n%s", err, diff)
	}
}

func TestQuestionThatIsNone(t *testing.T) {
	many := map[string]any{}
	for i := range maxAttributes + 1 {
		many[fmt.Sprint(i)] = true
	}
	for field, spoil := range map[string]func(*accessv1.SignIn){
		"address":                          func(s *accessv1.SignIn) { s.Address = "192.0.2.1:443" },
		"device_id":                        func(s *accessv1.SignIn) { s.DeviceId = "../../etc" },
		"registration_id":                  func(s *accessv1.SignIn) { s.RegistrationId = "UPPER-CASE" },
		"operation.subject.role":           func(s *accessv1.SignIn) { s.Operation.Subject = object(t, map[string]any{"role": nil}) },
		"operation.action_properties.x":    func(s *accessv1.SignIn) { s.Operation.ActionProperties = object(t, map[string]any{"x": []any{}}) },
		"operation.resource.x":             func(s *accessv1.SignIn) { s.Operation.Resource = object(t, map[string]any{"x": map[string]any{}}) },
		"operation.context":                func(s *accessv1.SignIn) { s.Operation.Context = object(t, many) },
		"operation.context.not-a-number":   func(s *accessv1.SignIn) { s.Operation.Context = object(t, map[string]any{"not-a-number": math.NaN()}) },
		"operation.context.without-a-kind": func(s *accessv1.SignIn) { s.Operation.Context.Fields["without-a-kind"] = &structpb.Value{} },
	} {
		s := fullSignIn(t)
		spoil(s)
		_, err := questionFromWire(s, "sign_ins[3]")
		wantInvalid(t, err, "sign_ins[3]."+field)
	}
}

func TestFacts(t *testing.T) {
	got, err := factsFromWire(&accessv1.AssumedFacts{
		Device: &accessv1.AssumedDevice{
			Id: phoneID, User: "ada", Ownership: "company", Mode: "fully-managed", Platform: accessv1.Platform_PLATFORM_ANDROID,
			Group: "sales", Model: "Pixel 9", OsVersion: "16", SecurityPatch: "2026-11-05", WorkApps: []string{"com.example.loan"},
			Compliance: &accessv1.AssumedVerdict{Fitness: "unfit", Age: durationpb.New(time.Hour), Findings: []*accessv1.AccessFinding{
				{Rule: "pin", Expected: "6", Actual: "4", Remedy: "choose a longer PIN", Link: "https://example.com"},
			}},
		},
		Registration: &accessv1.AssumedRegistration{Id: appID, Package: "com.example.mail", Approved: true, Protection: &accessv1.AssumedVerdict{
			Fitness: "not-judged", Age: durationpb.New(time.Hour),
		}},
	}, "bob", t0)
	want := &access.Facts{
		Device: &access.Device{
			ID: phoneID, Epoch: 1, User: "ada", Ownership: device.Company, Mode: device.FullyManaged, Platform: access.Android, Group: "sales",
			Model: "Pixel 9", OSVersion: "16", SecurityPatch: "2026-11-05", WorkApps: []string{"com.example.loan"},
			Compliance: access.Verdict{Fitness: access.Unfit, EvidenceAt: t0.Add(-time.Hour), Findings: []access.Finding{
				{Rule: "pin", Expected: "6", Actual: "4", Remedy: "choose a longer PIN", Link: "https://example.com"},
			}},
		},
		Registration: &access.Registration{ID: appID, Epoch: 1, User: "bob", Package: "com.example.mail", Approved: true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := factsFromWire(nil, "", t0); got != nil || err != nil {
		t.Errorf("none: %v, %v", got, err)
	}
	if got, err := factsFromWire(&accessv1.AssumedFacts{}, "", t0); got == nil || got.Device != nil || got.Registration != nil || err != nil {
		t.Errorf("nothing known: %v, %v", got, err)
	}
	for field, f := range map[string]*accessv1.AssumedFacts{
		"facts.device.id":                       {Device: &accessv1.AssumedDevice{Id: "x"}},
		"facts.device.ownership":                {Device: &accessv1.AssumedDevice{Ownership: "mine"}},
		"facts.device.mode":                     {Device: &accessv1.AssumedDevice{Mode: "app-account"}},
		"facts.device.compliance.fitness":       {Device: &accessv1.AssumedDevice{Compliance: &accessv1.AssumedVerdict{Fitness: "fine"}}},
		"facts.registration.id":                 {Registration: &accessv1.AssumedRegistration{Id: "x"}},
		"facts.registration.protection.fitness": {Registration: &accessv1.AssumedRegistration{Protection: &accessv1.AssumedVerdict{Fitness: "FIT"}}},
		"facts.registration.protection.age": {Registration: &accessv1.AssumedRegistration{Protection: &accessv1.AssumedVerdict{
			Fitness: "fit", Age: durationpb.New(-1),
		}}},
	} {
		_, err := factsFromWire(f, "", t0)
		wantInvalid(t, err, field)
	}
}

// TestDecision: an answer as people and programs see it.
func TestDecision(t *testing.T) {
	a := answer(t, pinTooShort(time.Hour), access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
		Grant:   access.Grant{Operator: access.AnyOf, Controls: []access.Control{access.MFA, access.CompliantDevice}},
		Session: access.Session{SignInFrequency: time.Hour, Labels: []string{"limited"}},
	}, access.Spec{
		State: access.ReportOnly, IncludePeople: access.People{Users: []string{"ADA"}}, Apps: access.Apps{Include: []string{"mail"}},
		Grant: access.Grant{Controls: []access.Control{access.Block}},
	})
	got := decisionToWire(&a, true)
	mfa, compliant := accessv1.Control_CONTROL_MFA, accessv1.Control_CONTROL_COMPLIANT_DEVICE
	want := &accessv1.Decision{
		Outcome: accessv1.Outcome_OUTCOME_ALLOW_WITH, WithReportOnly: accessv1.Outcome_OUTCOME_DENY_UNSPECIFIED,
		Owed:      []*accessv1.Choice{{AnyOf: []accessv1.Control{mfa, compliant}}},
		Session:   &accessv1.Session{SignInFrequency: durationpb.New(time.Hour), Labels: []string{"limited"}},
		DecidedAt: timestamppb.New(t0), CachedUntil: timestamppb.New(t0.Add(time.Minute)), User: "ada",
		Versions: &accessv1.Versions{Policies: 7, Person: 5, DeviceId: phoneID, DeviceEpoch: 2, Device: 8, Compliance: 9},
		Explanation: &accessv1.Explanation{
			Policies: []*accessv1.PolicyResult{
				{
					Name: "p0", Revision: 1, State: accessv1.PolicyState_POLICY_STATE_ON, Result: accessv1.PolicyResult_RESULT_OWING,
					Matched:  []*accessv1.Match{{Condition: "people", Value: "everyone"}, {Condition: "app", Value: "all"}},
					Operator: accessv1.Operator_OPERATOR_OR, Controls: []*accessv1.ControlResult{
						{Control: mfa, Reason: "not-shown"},
						{
							Control: compliant, Reason: "unfit", Age: durationpb.New(time.Hour), MaxAge: durationpb.New(24 * time.Hour),
							Findings: []*accessv1.AccessFinding{{Rule: "pin", Remedy: "choose a longer PIN"}},
						},
					},
				},
				{
					Name: "p1", Revision: 1, State: accessv1.PolicyState_POLICY_STATE_REPORT_ONLY, Result: accessv1.PolicyResult_RESULT_BLOCKING,
					Matched: []*accessv1.Match{{Condition: "people", Value: "user:ada"}, {Condition: "app", Value: "mail"}},
				},
			},
			Evidence: []*accessv1.Evidence{{
				About: "compliance", Subject: phoneID, Fitness: "unfit", Version: 9, ObservedAt: timestamppb.New(t0.Add(-time.Hour)), Age: durationpb.New(time.Hour),
			}},
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
	if decisionToWire(&a, false).GetExplanation() != nil {
		t.Error("explained where nobody asked")
	}
	empty := decisionToWire(new(access.Answer), true)
	if empty.GetOutcome() != accessv1.Outcome_OUTCOME_DENY_UNSPECIFIED || empty.GetSession() != nil || len(empty.GetOwed()) > 0 {
		t.Errorf("the zero answer: %v", empty)
	}
}

// TestEveryReasonIsTold: no field of an explanation stays empty where the slice has
// something to say.
func TestEveryReasonIsTold(t *testing.T) {
	var e access.Explanation
	fill(t, reflect.ValueOf(&e).Elem())
	told := explanationToWire(e)
	// A control that is not met, and one that is.
	told.Policies[0].Controls[0].Met = true
	wantFull(t, told.ProtoReflect())
}

// wantFull wants something in every field.
func wantFull(t *testing.T, m protoreflect.Message) {
	t.Helper()
	if m.Descriptor().ParentFile().Package() != "mdm.access.v1" {
		return
	}
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch {
		case !m.Has(f):
			t.Errorf("%s is empty", f.FullName())
		case f.Message() != nil && f.IsList():
			wantFull(t, m.Get(f).List().Get(0).Message())
		case f.Message() != nil:
			wantFull(t, m.Get(f).Message())
		}
	}
}

// TestSample: what a sample shows is all of it, but the address.
func TestSample(t *testing.T) {
	got := sampleToWire(access.Sample{
		SignIn: access.SignIn{
			Person: access.Person{Name: "ada", Groups: []string{"staff"}}, App: "mail", Client: access.Browser, Country: "CH", MFA: true,
			Address: netip.MustParseAddr("192.0.2.77"),
		},
		Network: netip.MustParsePrefix("192.0.2.0/24"), Facts: access.Facts{Device: &access.Device{ID: phoneID}, Registration: &access.Registration{ID: appID}},
	})
	want := &accessv1.SignIn{
		User: "ada", Groups: []string{"staff"}, App: "mail", Client: accessv1.ClientApp_CLIENT_APP_BROWSER, Country: "CH", Mfa: true,
		Address: "192.0.2.0/24", DeviceId: phoneID, RegistrationId: appID,
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
}

func TestNamed(t *testing.T) {
	err := named(fault.InvalidField("location.networks[0]", "is none"), "location.name", "name", "location.", "spec.")
	wantInvalid(t, err, "spec.networks[0]")
	if !strings.HasPrefix(err.Error(), "spec.networks[0]: ") {
		t.Errorf("message %q", err)
	}
	wantInvalid(t, named(fmt.Errorf("location %q: %w", "x", fault.InvalidField("location.name", "is none")), "location.name", "name"), "name")
	for _, err := range []error{nil, access.ErrLocationUsed, errors.New("broken")} {
		if got := named(err, "location.", "spec."); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
}
