package ssf_test

import (
	"context"
	"slices"
	"testing"

	"ringfence/internal/audit"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/ssf"
)

const onPhone = "device/" + string(phone)

// wiped is an entry that means session-revoked.
var wiped = audit.Server("wipe.order", onPhone, "order 7 for epoch 1 (work): stolen")

// history means every event of CAEP that there is.
var history = []audit.Entry{
	audit.Server("compliance.standing", onPhone, "unknown to compliant"),
	audit.Server("compliance.standing", onPhone, "compliant to non-compliant: integrity.boot"),
	wiped,
	audit.Server("compliance.certificate.revoke", "certificate/1f00ba11", "key lost"),
}

// everyEvent is what history comes to, in order, with what every event of CAEP
// says left out.
func everyEvent() []map[transmit.EventType]say {
	return []map[transmit.EventType]say{
		{transmit.ComplianceChange: {"previous_status": "not-compliant", "current_status": "compliant", "initiating_entity": "policy"}},
		{transmit.ComplianceChange: {"previous_status": "compliant", "current_status": "not-compliant", "initiating_entity": "policy"}},
		{transmit.RiskLevelChange: {
			"principal": "DEVICE", "previous_level": "LOW", "current_level": "HIGH", "risk_reason": "PHONE_INTEGRITY_FAILED", "initiating_entity": "policy",
		}},
		{transmit.SessionRevoked: {"initiating_entity": "policy"}},
		{transmit.CredentialChange: {
			"credential_type": "x509", "change_type": "revoke", "x509_serial": "1f00ba11", "x509_issuer": "CN=Test", "initiating_entity": "policy",
		}},
	}
}

// envelope checks everything of an event but its own claims, which it gives.
// SSF 1.0, 4: no sub, no exp, one event, sub_id at the top.
func (w *world) envelope(s set, alg string, subject map[string]any) map[string]any {
	w.t.Helper()
	w.check("header", map[string]any{"alg": alg, "typ": "secevent+jwt"}, s.header)
	jti, _ := s.claims["jti"].(string)
	if len(jti) < 16 {
		w.t.Errorf("jti %q", jti)
	}
	events, _ := s.claims["events"].(map[string]any)
	claims, _ := events[string(s.kind())].(map[string]any)
	if claims == nil {
		w.t.Fatalf("events %v", s.claims["events"])
	}
	txn, _ := s.claims["txn"].(string)
	if txn == "" {
		w.t.Errorf("%s has no txn", s.kind())
	}
	w.check("claims", map[string]any{
		"iss": w.server.URL, "aud": w.client.ID, "jti": jti, "txn": txn, "iat": float64(w.clock.Now().Unix()), "sub_id": subject, "events": events,
	}, s.claims)
	return claims
}

// caep checks an event of CAEP, and gives its own claims.
func (w *world) caep(s set, alg string) map[transmit.EventType]say {
	w.t.Helper()
	claims := w.envelope(s, alg, map[string]any{
		"format": "complex",
		"device": map[string]any{"format": "opaque", "id": string(phone)},
		"user":   map[string]any{"format": "email", "email": "bob@example.com"},
		"tenant": map[string]any{"format": "opaque", "id": "acme"},
	})
	w.check("event_timestamp", any(float64(dbtest.Now().Unix())), claims["event_timestamp"])
	own := say{}
	for name, value := range claims {
		switch name {
		case "event_timestamp":
		case "reason_admin", "reason_user":
			if words, _ := value.(map[string]any); len(words) != 1 || words["en"] == "" || words["en"] == nil {
				w.t.Errorf("%s: %v", name, value)
			}
		default:
			own[name] = value
		}
	}
	if claims["reason_admin"] == nil {
		w.t.Errorf("%s has no reason_admin", s.kind())
	}
	return map[transmit.EventType]say{s.kind(): own}
}

// TestEveryEventPushed: all four events of CAEP, in order, by every algorithm.
func TestEveryEventPushed(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			w := newWorld(t)
			body := w.pushed("")
			body["alg"] = alg
			w.create(body)
			w.record(history...)
			var got []map[transmit.EventType]say
			for _, s := range w.arrived(len(everyEvent())) {
				got = append(got, w.caep(s, alg))
			}
			w.check("events", everyEvent(), got)
		})
	}
}

// TestEveryEventPolled: the same, taken.
func TestEveryEventPolled(t *testing.T) {
	w := newWorld(t)
	id, stream := w.create(say{})
	w.record(history...)
	w.pending(id, len(everyEvent()))
	at := stream["delivery"].(map[string]any)["endpoint_url"].(string)
	var got []map[transmit.EventType]say
	var ack []string
	for range everyEvent() { // one at a time: sets have no order
		p := w.poll(at, say{"maxEvents": 1, "ack": ack})
		for _, s := range p.sets {
			got = append(got, w.caep(s, "RS256"))
		}
		ack = p.jtis()
	}
	w.check("events", everyEvent(), got)
}

// TestRequestedEventsOnly: nothing else is told.
func TestRequestedEventsOnly(t *testing.T) {
	w := newWorld(t)
	body := w.pushed("")
	body["events_requested"] = []string{revoked, "urn:example:unknown"}
	id, _ := w.create(body)
	w.record(history...)
	w.arrived(1)
	w.pending(id, 0)
	_, tokens := w.push.got()
	w.check("one", 1, len(tokens))
	w.check("kind", transmit.SessionRevoked, w.open(tokens[0]).kind())
}

// TestStreamVerification: with and without a state, pushed and polled.
func TestStreamVerification(t *testing.T) {
	w := newWorld(t)
	pushed, _ := w.create(w.pushed("Bearer x"))
	polled, stream := w.create(say{})
	at := stream["delivery"].(map[string]any)["endpoint_url"].(string)
	const state = "VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo="
	for id, events := range map[string]func() []set{
		pushed: func() []set { return w.arrived(1) },
		polled: func() []set {
			var all []set
			for _, s := range w.poll(at, say{"returnImmediately": true}).sets {
				all = append(all, s)
			}
			return all
		},
	} {
		w.call("POST", ssf.VerifyPath, say{"stream_id": id, "state": state}).is(204)
		all := events()
		w.check("one event", 1, len(all))
		claims := w.envelope(all[0], "RS256", map[string]any{"format": "opaque", "id": id})
		w.check("kind", transmit.Verification, all[0].kind())
		w.check("state", map[string]any{"state": state}, claims)
	}
	w.clock.move(transmit.VerifyEvery)
	w.call("POST", ssf.VerifyPath, say{"stream_id": pushed}).is(204)
	w.check("no state", map[string]any{}, w.envelope(w.arrived(2)[1], "RS256", map[string]any{"format": "opaque", "id": pushed}))
}

// TestStreamUpdated: an administrator's word reaches the receiver, before and
// after the pause; the receiver's own does not come back to it.
func TestStreamUpdated(t *testing.T) {
	w := newWorld(t)
	id, _ := w.create(w.pushed(""))
	admin := identity.With(context.Background(), identity.Caller{Kind: identity.Admin, Name: "alice", RequestID: "r2"})
	for i, c := range []struct {
		status transmit.Status
		reason string
	}{{transmit.Paused, "maintenance"}, {transmit.Enabled, ""}} {
		_, err := w.service.SetAnyStatus(admin, id, c.status, c.reason)
		w.must(err)
		s := w.arrived(i + 1)[i]
		w.check("kind", transmit.StreamUpdated, s.kind())
		want := map[string]any{"status": string(c.status)}
		if c.reason != "" {
			want["reason"] = c.reason
		}
		w.check("event", want, w.envelope(s, "RS256", map[string]any{"format": "opaque", "id": id}))
		got := w.call("GET", ssf.StatusPath+"?stream_id="+id, nil).is(200).object()
		w.check("status", any(string(c.status)), got["status"])
	}
	w.call("POST", ssf.StatusPath, say{"stream_id": id, "status": "paused"}).is(200)
	w.call("POST", ssf.StatusPath, say{"stream_id": id, "status": "enabled"}).is(200)
	w.record(wiped)
	all := w.arrived(3)
	w.check("kinds", []transmit.EventType{transmit.StreamUpdated, transmit.StreamUpdated, transmit.SessionRevoked},
		slices.Collect(func(yield func(transmit.EventType) bool) {
			for _, s := range all {
				if !yield(s.kind()) {
					return
				}
			}
		}))
}
