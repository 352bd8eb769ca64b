package accessrpc

import (
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	accessv1 "ringfence/proto/mdm/access/v1"
)

func usualDecide() *accessv1.DecideRequest {
	return &accessv1.DecideRequest{SignIn: &accessv1.SignIn{
		User: "ada@example.com", Groups: []string{"staff"}, Roles: []string{"auditor"}, App: "mail", DeviceId: phoneID, RegistrationId: appID,
		Platform: 2, Client: 1, Address: "2001:db8::1", Country: "CH", SignInRisk: 1, UserRisk: 4, Flow: 2, Action: 2, Mfa: true,
	}}
}

// odd strings lie on and beyond the edges of the rules.
var odd = rapid.OneOf(
	rapid.SampledFrom([]string{
		"", "C", "CH", "ch", "C1", "CHE", "\u00e9", "a\n", strings.Repeat("f", 64), strings.Repeat("f", 65),
		strings.Repeat("a", 256), strings.Repeat("a", 257), strings.Repeat("\u00e9", 128), strings.Repeat("\u00e9", 256), "\xff",
	}),
	rapid.String(),
)

func spoil(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	f := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field"))
	switch {
	case f.IsList():
		for range rapid.SampledFrom([]int{1, 2, 1024}).Draw(t, "by") {
			m.Mutable(f).List().Append(protoreflect.ValueOfString(odd.Draw(t, "name")))
		}
	case f.Kind() == protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString(odd.Draw(t, "string")))
	case f.Kind() == protoreflect.EnumKind:
		m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(-1, 7).Draw(t, "enum"))))
	case f.Kind() == protoreflect.BoolKind:
		m.Set(f, protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool")))
	default:
		m.Mutable(f)
	}
}

// TestQuickAgrees: what the quick check takes, the full check takes.
func TestQuickAgrees(t *testing.T) {
	full, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	if m := usualDecide(); !QuickDecide(m) || full.Validate(m) != nil {
		t.Fatalf("the usual question: quick %v, full %v", QuickDecide(m), full.Validate(m))
	}
	if QuickDecide(&accessv1.WhatIfRequest{}) || QuickDecide(nil) || QuickDecide(&accessv1.DecideRequest{}) {
		t.Error("took another message")
	}
	rapid.Check(t, func(t *rapid.T) {
		m := usualDecide()
		for range rapid.IntRange(1, 3).Draw(t, "spoilt") {
			spoil(t, m.GetSignIn().ProtoReflect())
		}
		if QuickDecide(m) {
			if err := full.Validate(m); err != nil {
				t.Fatalf("the full check refuses what the quick one takes: %v", err)
			}
		}
	})
}

// TestQuickKnowsEveryField: a field or value that is added must be added to the
// quick check, and then here.
func TestQuickKnowsEveryField(t *testing.T) {
	fields := (&accessv1.SignIn{}).ProtoReflect().Descriptor().Fields()
	if n := fields.Len(); n != 17 {
		t.Errorf("a sign-in has %d fields", n)
	}
	last := map[string]protoreflect.EnumNumber{
		"action": lastAction.Number(), "platform": lastPlatform.Number(), "client": lastClient.Number(),
		"sign_in_risk": lastRisk.Number(), "user_risk": lastRisk.Number(), "flow": lastFlow.Number(),
	}
	for i := range fields.Len() {
		if f := fields.Get(i); f.Enum() != nil && int(last[string(f.Name())]) != f.Enum().Values().Len()-1 {
			t.Errorf("the last %s is %d", f.Name(), f.Enum().Values().Len()-1)
		}
	}
}

// TestStreamIsBounded: the wire and the handler agree on how much one stream may
// watch.
func TestStreamIsBounded(t *testing.T) {
	for n, fits := range map[int]bool{0: false, 1: true, maxWatched: true, maxWatched + 1: false} {
		if err := protovalidate.Validate(watching(n)); (err == nil) != fits {
			t.Errorf("%d sign-ins: %v", n, err)
		}
	}
}
