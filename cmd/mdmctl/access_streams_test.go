package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

const (
	oktaStream = "00000000000000000000000000000001"
	pollStream = "00000000000000000000000000000002"
	firstDead  = "0000000000000000000000000000000a"
	secondDead = "0000000000000000000000000000000b"
)

// sending is a bench with two streams.
func sending(t *testing.T) *bench {
	t.Helper()
	b := serve(t)
	b.sender.streams = []*transmitv1.Stream{
		{
			Id: oktaStream, ClientId: okta, ClientName: "okta", Delivery: transmitv1.Delivery_DELIVERY_PUSH, Endpoint: "https://okta.example/events",
			Audience: []string{okta}, Description: "risk signals", Algorithm: "RS256", Status: transmitv1.StreamStatus_STREAM_STATUS_PAUSED,
			StatusReason: "its receiver took nothing for a day", CreatedAt: ago(2 * day), UpdatedAt: ago(time.Hour), VerifiedAt: ago(time.Hour),
			Events: []transmitv1.EventType{transmitv1.EventType_EVENT_TYPE_SESSION_REVOKED, transmitv1.EventType_EVENT_TYPE_RISK_LEVEL_CHANGE},
			Health: &transmitv1.StreamHealth{
				Pending: 7, OldestPendingAt: ago(26 * time.Hour), Failures: 12, FailingSince: ago(25 * time.Hour), LastError: "answered 503", DeadLetters: 2,
				DeliveredAt: ago(30 * time.Hour),
			},
		},
		{
			Id: pollStream, ClientId: nginx, ClientName: "idp", Delivery: transmitv1.Delivery_DELIVERY_POLL, Algorithm: "ES256",
			Status: transmitv1.StreamStatus_STREAM_STATUS_ENABLED, CreatedAt: ago(time.Hour), UpdatedAt: ago(time.Hour), Health: &transmitv1.StreamHealth{},
		},
	}
	b.sender.letters = []*transmitv1.DeadLetter{
		{
			EventId: firstDead, Type: transmitv1.EventType_EVENT_TYPE_SESSION_REVOKED, DeviceId: "d1", CreatedAt: ago(3 * time.Hour), Tries: 1,
			DeadAt: ago(2 * time.Hour), Reason: "invalid_audience: not\x1b[31m us",
		},
		{EventId: secondDead, Type: transmitv1.EventType_EVENT_TYPE_VERIFICATION, CreatedAt: ago(3 * time.Hour), Tries: 10, DeadAt: ago(time.Hour), Reason: "answered 500"},
	}
	return b
}

func TestStreams(t *testing.T) {
	b := sending(t)
	b.check(b.run("access", "streams", "list"), 0, `
ID                                 CLIENT   DELIVERY   STATUS    HEALTH     PENDING   DEAD   DELIVERED   AGE
00000000000000000000000000000001   okta     push       paused    failing    7         2      30h         2d
00000000000000000000000000000002   idp      poll       enabled   unproven   0         0      -           60m
`, "")
	b.check(b.run("access", "streams", "list", "--delivery", "poll", "-o", "name"), 0, "stream/"+pollStream+"\n", "")
	b.check(b.run("access", "streams", "describe", oktaStream), 0, `
Stream:       00000000000000000000000000000001
Client:       okta
Client id:    c_00000000000000000000000000000001
Delivery:     push
Endpoint:     https://okta.example/events
Description:  risk signals
Tells:        session-revoked, risk-level-change
Signed by:    RS256
Audience:     c_00000000000000000000000000000001
Status:       paused: its receiver took nothing for a day
Created:      2026-11-20 12:00:00Z (2d ago)
Changed:      2026-11-22 11:00:00Z (60m ago)
Verified:     2026-11-22 11:00:00Z (60m ago)
Health:
  State:       failing
  Delivered:   2026-11-21 06:00:00Z (30h ago)
  Pending:     7 events, the oldest 2026-11-21 10:00:00Z (26h ago)
  Failing:     12 failures in a row, since 2026-11-21 11:00:00Z (25h ago)
  Last error:  answered 503
  Put aside:   2 events
`, "")
	if got := b.run("access", "streams", "describe", pollStream, "-o", "json"); got.code != 0 || !strings.Contains(got.out, `"DELIVERY_POLL"`) {
		t.Error(got)
	}
}

func TestStreamDeeds(t *testing.T) {
	b := sending(t)
	b.check(b.run("access", "streams", "resume", oktaStream), 0, "stream/"+oktaStream+" enabled\n", "")
	b.check(b.run("access", "streams", "pause", "stream/"+oktaStream, "--reason", "maintenance"), 0, "stream/"+oktaStream+" paused\n", "")
	want := &transmitv1.SetStreamStatusRequest{Id: oktaStream, Status: transmitv1.StreamStatus_STREAM_STATUS_PAUSED, Reason: "maintenance"}
	if diff := cmp.Diff(want, last[*transmitv1.SetStreamStatusRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	const lost = "What waits for it will be lost, and so will what comes.\n"
	b.check(b.run("access", "streams", "disable", oktaStream), 2, "", lost+"mdmctl: nobody is there to confirm: repeat with --yes\n")
	b.check(b.with(runOptions{asks: true, stdin: "n\n"}, "access", "streams", "disable", oktaStream), 1, "", lost+"Do it? [y/N] mdmctl: not confirmed: nothing was done\n")
	b.check(b.run("access", "streams", "disable", oktaStream, "-y"), 0, "stream/"+oktaStream+" disabled\n", "")
	b.check(b.run("access", "streams", "verify", oktaStream), 0, "stream/"+oktaStream+" verification sent\n", "")
	const going = "push to https://okta.example/events (" + oktaStream + ") will be told nothing more; 7 events will be lost.\n"
	b.check(b.run("access", "streams", "delete", oktaStream), 2, "", going+"mdmctl: nobody is there to confirm: repeat with --yes\n")
	b.check(b.with(runOptions{asks: true, stdin: "y\n"}, "access", "streams", "delete", oktaStream), 0,
		"stream/"+oktaStream+" deleted\n", going+"Delete it? [y/N] ")
	b.check(b.run("access", "streams", "list", "-o", "name"), 0, "stream/"+pollStream+"\n", "")
	b.check(b.run("access", "webhooks", "delete", pollStream, "--yes"), 2, "",
		"mdmctl: "+pollStream+" is no webhook, but a stream of idp: mdmctl access streams delete\n")
	for _, c := range []struct{ method, reason, hint string }{
		{"VerifyStream", "VERIFICATION_TOO_SOON", "hint: wait ten seconds and repeat\n"},
		{"SetStreamStatus", "STREAM_MOVED", "hint: somebody changed the stream since: look at it again (mdmctl access streams describe ID) and repeat\n"},
	} {
		b.failures[c.method] = no(codes.FailedPrecondition, "no", c.reason)
		args := map[string][]string{"VerifyStream": {"access", "streams", "verify", pollStream}, "SetStreamStatus": {"access", "streams", "pause", pollStream}}
		if got := b.run(args[c.method]...); got.code == 0 || !strings.HasSuffix(got.errOut, c.hint) {
			t.Error(got)
		}
	}
}

func TestDeadLetters(t *testing.T) {
	b := sending(t)
	b.check(b.run("access", "dead-letters", "list", "--stream", oktaStream), 0, `
EVENT                              TYPE              DEVICE   TRIES   PUT-ASIDE   REASON
0000000000000000000000000000000a   session-revoked   d1       1       2h          invalid_audience: not\x1b[31m us
0000000000000000000000000000000b   verification      -        10      60m         answered 500
`, "")
	if got := b.run("access", "dead-letters", "list"); got.code != 2 || !strings.Contains(got.errOut, `required flag(s) "stream" not set`) {
		t.Error(got)
	}
	b.check(b.run("access", "dead-letters", "redeliver", "--stream", oktaStream), 2, "", "mdmctl: name the events, or say --all\n")
	b.check(b.run("access", "dead-letters", "redeliver", "--stream", oktaStream, "--all", firstDead), 2, "", "mdmctl: name the events, or say --all\n")
	b.check(b.run("access", "dead-letters", "redeliver", "--stream", oktaStream, firstDead), 0, "stream/"+oktaStream+" 1 event put back in line\n", "")
	b.check(b.run("access", "dead-letters", "redeliver", "--stream", oktaStream, "--all"), 0, "stream/"+oktaStream+" 1 event put back in line\n", "")
	b.check(b.run("access", "dead-letters", "list", "--stream", oktaStream), 0, "", "none found\n")
}

func TestWebhooks(t *testing.T) {
	b := serve(t)
	b.check(b.run("access", "webhooks", "create", "https://hooks.example/x?key=secret", "--event", "session-revoked,risk-level-change"), 0, `
Webhook:   `+oktaStream+`
Endpoint:  https://hooks.example/x
Tells:     session-revoked, risk-level-change
Secret:    `+hookSecret+` (shown only now)
`, "")
	const own = "whsec_b3duLW93bi1vd24tb3duLW93bi1vd24tb3du"
	if got := b.with(runOptions{stdin: own + "\n"}, "access", "webhooks", "create", "https://hooks.example/y", "--secret-file", "-", "-o", "json"); got.code != 0 ||
		!strings.Contains(got.out, own) || last[*transmitv1.CreateWebhookRequest](b).GetSecret() != own {
		t.Error(got)
	}
	b.check(b.run("access", "webhooks", "list"), 0, `
ID                                 CLIENT   DELIVERY   STATUS    HEALTH     PENDING   DEAD   DELIVERED   AGE
00000000000000000000000000000001   -        webhook    enabled   unproven   0         0      -           0s
00000000000000000000000000000002   -        webhook    enabled   unproven   0         0      -           0s
`, "")
	for _, event := range []string{"verification", "unspecified", "purple"} {
		if got := b.run("access", "webhooks", "create", "https://x", "--event", event); got.code != 2 || !strings.Contains(got.errOut, "choose from: device-compliance-change, ") {
			t.Error(got)
		}
	}
	b.failures["CreateWebhook"] = no(codes.Aborted, "there is one already", "STREAM_EXISTS")
	if got := b.run("access", "webhooks", "create", "https://hooks.example/x?key=secret"); got.code != 4 ||
		!strings.Contains(got.errOut, "hint: mdmctl access webhooks list shows it") || strings.Contains(got.errOut, "key=secret") {
		t.Error(got)
	}
	b.check(b.run("access", "webhooks", "delete", oktaStream, "--yes"), 0, "webhook/"+oktaStream+" deleted\n",
		"webhook to https://hooks.example/x ("+oktaStream+") will be told nothing more; 0 events will be lost.\n")
}
