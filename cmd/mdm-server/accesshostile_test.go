package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// huge is more than any request may have.
const huge = 10 << 20

// bombs are rules that would take for ever, or a lot of room.
func bombs() map[string]string {
	loops := "person.groups.all(a, person.groups.all(b, person.groups.all(c, person.groups.all(d, person.groups.all(e, a + b + c + d + e != '')))))"
	return map[string]string{
		"more than there may be":       strings.Repeat("signin.mfa || ", 1000) + "signin.mfa",
		"nested":                       strings.Repeat("(", 1500) + "signin.mfa" + strings.Repeat(")", 1500),
		"loops in loops":               loops,
		"lists of lists":               strings.Repeat("[", 1500) + strings.Repeat("]", 1500) + " == []",
		"ever longer text":             "device.model" + strings.Repeat(" + device.model", 150) + " == ''",
		"a regular expression":         `device.model.matches("(a|a|a)*(b{1000}){1000}$")`,
		"a number, no condition":       "1 + 1",
		"what does not compile":        "device.model ==",
		"an attribute there is not":    "device.imei == ''",
		"a function there is not":      "getenv('HOME') == ''",
		"a null byte":                  "device.model == '\x00'\x00",
		"an integer out of range":      "device.os_major == 99999999999999999999",
		"a text without its end":       `device.model == "`,
		"a macro over what is no list": "device.model.all(c, c == '')",
	}
}

// TestBombs: rules that would hold up every decision are refused where they are
// given, by name, and whatever was tried decides nothing.
func TestBombs(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), opened()).start(t)
	a := s.admin(t)
	g := s.doorkeeper(t, "edge")
	for name, rule := range bombs() {
		custom := accessPolicy("bomb", shutDoor)
		custom.Spec.Conditions = &accessv1.Conditions{Custom: rule}
		_, err := a.doors.ApplyAccessPolicy(t.Context(), custom)
		wantField(t, name+" as a condition", err, "spec.conditions.custom")

		filter := accessPolicy("bomb", shutDoor)
		filter.Spec.Conditions = &accessv1.Conditions{DeviceFilter: &accessv1.DeviceFilter{Rule: rule}}
		_, err = a.doors.ApplyAccessPolicy(t.Context(), filter)
		wantField(t, name+" as a filter", err, "spec.conditions.device_filter.rule")

		_, err = a.ask.WhatIf(t.Context(), &accessv1.WhatIfRequest{SignIn: &accessv1.SignIn{App: "mail"}, Policies: []*accessv1.AccessPolicyDocument{{
			ApiVersion: "ringfence/v1", Kind: "AccessPolicy", Metadata: &accessv1.Metadata{Name: "bomb"}, Spec: custom.Spec,
		}}})
		wantStatus(t, name+" as a candidate", err, codes.InvalidArgument, "")
		// Either the field says which one it is, or the words do.
		if fields := fieldsOf(err); len(fields) != 1 || !strings.HasSuffix(fields[0], "spec.conditions.custom") ||
			!strings.HasPrefix(fields[0], "policies[0].") && !strings.Contains(err.Error(), `policy "bomb"`) {
			t.Errorf("%s as a candidate: fields %q (%v)", name, fields, err)
		}
	}
	if d := g.decides(t, &accessv1.SignIn{User: "erin@example.com", App: "mail"}); d.GetOutcome() != allow || d.GetVersions().GetPolicies() != 0 {
		t.Errorf("after what was refused: %v", d)
	}
}

// TestTooMuch: requests that are too long are not read, and a gateway has so many
// streams and no more; whatever it does with them, its questions are answered on
// the same connection.
func TestTooMuch(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), opened(unhurried)).start(t)
	a := s.admin(t)
	phone := s.join(t, a.token(t))
	g := s.doorkeeper(t, "edge")
	for what, in := range map[string]*accessv1.SignIn{
		"a long name": {User: strings.Repeat("x", huge)}, "many groups": {Groups: slices.Repeat([]string{"sales"}, huge/len("sales"))},
	} {
		_, err := g.ask.Decide(t.Context(), &accessv1.DecideRequest{SignIn: in})
		wantStatus(t, what, err, codes.ResourceExhausted, "")
	}
	_, err := a.doors.ApplyLocation(t.Context(), &accessv1.ApplyLocationRequest{Name: "x", Spec: &accessv1.LocationSpec{Networks: slices.Repeat([]string{"192.0.2.0/24"}, huge/12)}})
	wantStatus(t, "a huge location", err, codes.ResourceExhausted, "")

	const tries = 1000
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	open, refused := 0, 0
	for range tries {
		stream := must[accessv1.AccessService_WatchDecisionsClient](t)(g.ask.WatchDecisions(ctx, &accessv1.WatchDecisionsRequest{
			SignIns: []*accessv1.SignIn{phone.with("mail")},
		}))
		if _, err := stream.Recv(); err != nil {
			wantStatus(t, "one stream too many", err, codes.ResourceExhausted, "")
			refused++
			continue
		}
		open++
	}
	if most := s.parts.config.Limits.StreamsPerGateway; open != most || refused != tries-most {
		t.Errorf("%d streams are open and %d refused, want %d open", open, refused, most)
	}
	if d := g.decides(t, phone.with("mail")); d.GetOutcome() != allow {
		t.Errorf("beside its streams: %v", d)
	}
	second := s.doorkeeper(t, "other")
	second.listens(t, phone.with("mail"))
	hangUp()
	eventually(t, "the end of the streams", func() (bool, error) { return s.parts.access.bell.Listening() == 1, errNotYet })
}
