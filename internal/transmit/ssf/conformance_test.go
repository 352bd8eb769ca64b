package ssf_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ringfence/internal/oauth"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/ssf"
)

// The tests of this file go after the modules of the OpenID conformance suite's
// plan openid-ssf-transmitter-caep-test-plan, and of its plan for SSF without the
// profile.

const (
	changed = string(transmit.ComplianceChange)
	revoked = string(transmit.SessionRevoked)
)

// anys gives a list as JSON has it.
func anys[T ~string](all ...T) []any {
	out := make([]any, len(all))
	for i, v := range all {
		out[i] = string(v)
	}
	return out
}

func TestTransmitterMetadata(t *testing.T) {
	w := newWorld(t)
	at := w.server.URL
	r := w.callAs("", "GET", ssf.MetadataPath, nil)
	w.check("metadata", map[string]any{
		"spec_version": "1_0", "issuer": at, "jwks_uri": at + "/.well-known/jwks.json",
		"delivery_methods_supported": []any{"urn:ietf:rfc:8935", "urn:ietf:rfc:8936"},
		"configuration_endpoint":     at + "/ssf/streams", "status_endpoint": at + "/ssf/status",
		"add_subject_endpoint": at + "/ssf/subjects/add", "remove_subject_endpoint": at + "/ssf/subjects/remove",
		"verification_endpoint": at + "/ssf/verify", "critical_subject_members": []any{"device"},
		"authorization_schemes": []any{map[string]any{"spec_urn": "urn:ietf:rfc:6749"}}, "default_subjects": "ALL",
	}, r.object())
	w.check("status and type", []any{200, "application/json"}, []any{r.status, r.header.Get("Content-Type")})
	w.check("how to be let in", map[string]any{
		"resource": at, "authorization_servers": []any{at}, "scopes_supported": []any{"ssf.manage", "ssf.read"},
		"bearer_methods_supported": []any{"header"},
	}, w.callAs("", "GET", ssf.ResourcePath, nil).object())
	w.check("another method", http.StatusMethodNotAllowed, w.callAs("", "POST", ssf.MetadataPath, nil).status)
}

func TestNew(t *testing.T) {
	for _, c := range []ssf.Config{
		{Issuer: "http://mdm.example", JWKSURI: "https://mdm.example/jwks"},
		{Issuer: "https://mdm.example/x", JWKSURI: "https://mdm.example/jwks"},
		{Issuer: "https://mdm.example", JWKSURI: "http://mdm.example/jwks"},
		{Issuer: "https://mdm.example"},
	} {
		if _, err := ssf.New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestStreamControlHappyPath: create, read, update, replace, status, delete.
func TestStreamControlHappyPath(t *testing.T) {
	w := newWorld(t)
	id, stream := w.create(say{
		"delivery":         say{"method": "urn:ietf:rfc:8935", "endpoint_url": w.push.URL + "/a?b=c&d", "authorization_header": "Bearer let-me-in"},
		"events_requested": []string{changed, revoked, "urn:example:unknown"}, "description": "für Okta",
		"aud": "somebody", "unknown": []any{say{"x": nil}},
	})
	want := map[string]any{
		"stream_id": id, "iss": w.server.URL, "aud": w.client.ID,
		"delivery":         map[string]any{"method": "urn:ietf:rfc:8935", "endpoint_url": w.push.URL + "/a?b=c&d"},
		"events_supported": anys(transmit.Supported()...), "events_requested": anys(changed, revoked, "urn:example:unknown"),
		"events_delivered": anys(changed, revoked), "min_verification_interval": 10.0, "description": "für Okta",
	}
	w.check("created", want, stream)
	read := func(what string) {
		t.Helper()
		w.check(what, want, w.call("GET", ssf.StreamsPath+"?stream_id="+id, nil).is(200).object())
		if all := w.call("GET", ssf.StreamsPath, nil).is(200).body; !strings.HasPrefix(string(all), "[{") {
			t.Errorf("all: %s", all)
		}
	}
	read("read")
	want["description"], want["events_requested"], want["events_delivered"] = "other", anys(revoked), anys(revoked)
	w.check("updated", want, w.call("PATCH", ssf.StreamsPath, say{
		"stream_id": id, "description": "other", "events_requested": []string{revoked}, "iss": w.server.URL, "aud": []string{w.client.ID},
		"events_delivered": []string{revoked, changed}, "min_verification_interval": 10, "events_supported": transmit.Supported(),
	}).is(200).object())
	read("after the update")
	w.check("updated to nothing new", want, w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "description": nil}).is(200).object())
	want["delivery"] = map[string]any{"method": "urn:ietf:rfc:8935", "endpoint_url": w.push.URL + "/b"}
	delete(want, "description")
	w.check("replaced", want, w.call("PUT", ssf.StreamsPath, say{
		"stream_id": id, "events_requested": []string{revoked}, "delivery": want["delivery"],
	}).is(200).object())
	read("after the replacement")
	want["delivery"] = map[string]any{"method": "urn:ietf:rfc:8936", "endpoint_url": w.server.URL + "/ssf/poll/" + id}
	want["events_delivered"] = anys(transmit.Supported()...)
	delete(want, "events_requested")
	w.check("replaced by nothing", want, w.call("PUT", ssf.StreamsPath, say{"stream_id": id}).is(200).object())
	read("after that")
	w.check("replaced by itself", want, w.call("PUT", ssf.StreamsPath, want).is(200).object())
	for _, status := range []string{"paused", "disabled", "enabled"} {
		now := map[string]any{"stream_id": id, "status": status, "reason": "we said " + status}
		w.check("set "+status, now, w.call("POST", ssf.StatusPath, now).is(200).object())
		w.check("is "+status, now, w.call("GET", ssf.StatusPath+"?stream_id="+id, nil).is(200).object())
	}
	w.check("no body", "", string(w.call("DELETE", ssf.StreamsPath+"?stream_id="+id, nil).is(204).body))
	w.call("GET", ssf.StreamsPath+"?stream_id="+id, nil).is(404)
	w.check("none left", "[]", string(w.call("GET", ssf.StreamsPath, nil).is(200).body))
}

// TestCreateStreamWithoutDelivery: it is polled, at a place of its own.
func TestCreateStreamWithoutDelivery(t *testing.T) {
	w := newWorld(t)
	id, stream := w.create(say{"description": "x"})
	w.check("delivery", any(map[string]any{"method": "urn:ietf:rfc:8936", "endpoint_url": w.server.URL + "/ssf/poll/" + id}), stream["delivery"])
	w.check("status", map[string]any{"stream_id": id, "status": "enabled"},
		w.call("GET", ssf.StatusPath+"?stream_id="+id, nil).is(200).object())
}

func TestCreateStreamWithDuplicateConfig(t *testing.T) {
	w := newWorld(t)
	w.create(w.pushed(""))
	w.call("POST", ssf.StreamsPath, w.pushed("")).is(409)
	w.create(say{})
	w.call("POST", ssf.StreamsPath, say{}).is(409)
	other, token := w.newClient("other", oauth.ManageStreams)
	got := w.callAs(token, "POST", ssf.StreamsPath, w.pushed("")).is(201).object()
	w.check("another client has its own", any(other.ID), got["aud"])
}

// TestSubjectControl: who is left out is not told of, until added again.
func TestSubjectControl(t *testing.T) {
	w := newWorld(t)
	id, _ := w.create(say{"events_requested": []string{revoked}})
	opaque := func(id string) say { return say{"format": "opaque", "id": id} }
	email := say{"format": "email", "email": "Bob@Example.com"}
	// The witness leaves nobody out: what it has was told, or left out elsewhere.
	_, token := w.newClient("witness", oauth.ManageStreams)
	witness, _ := w.callAs(token, "POST", ssf.StreamsPath, say{"events_requested": []string{revoked}}).is(201).object()["stream_id"].(string)
	told := 0
	for _, subject := range []say{
		email, {"format": "complex", "user": email}, {"format": "complex", "device": opaque(string(phone))},
		{"format": "complex", "tenant": opaque("acme")},
		{"format": "complex", "tenant": opaque("acme"), "user": email, "device": opaque(string(phone))},
		{"format": "complex", "user": opaque("BOB@example.com")},
	} {
		body := say{"stream_id": id, "subject": subject, "verified": true}
		w.check("no body", "", string(w.call("POST", ssf.RemovePath, body).is(204).body))
		w.record(wiped)
		w.pending(witness, 2*told+1)
		w.check("no body", "", string(w.call("POST", ssf.AddPath, body).is(200).body))
		w.record(wiped)
		told++
		w.pending(id, told)
	}
	for _, subject := range []any{
		nil, "x", say{}, say{"format": "complex"}, opaque("x"), say{"format": "iss_sub", "iss": "x", "sub": "y"}, say{"format": "email"},
		say{"format": "phone_number", "phone_number": "+12065550123"},
		say{"format": "complex", "user": "bob"}, say{"format": "complex", "user": say{"format": "iss_sub"}}, say{"format": "complex", "device": opaque("x")},
		say{"format": "complex", "device": say{"format": "email", "id": string(phone)}}, say{"format": "complex", "user": email, "session": opaque("x")},
		say{"format": "complex", "tenant": opaque("")},
	} {
		for _, path := range []string{ssf.AddPath, ssf.RemovePath} {
			w.call("POST", path, say{"stream_id": id, "subject": subject}).is(400)
		}
	}
	w.call("POST", ssf.AddPath, say{"stream_id": id, "subject": email, "verified": "yes"}).is(400)
}

// TestAuthorizationHeader: it goes with every push, is never shown, stays while
// the endpoint does, and goes with it.
func TestAuthorizationHeader(t *testing.T) {
	w := newWorld(t)
	const secret = "Bearer let-me-in"
	body := w.pushed(secret)
	r := w.call("POST", ssf.StreamsPath, body).is(201)
	id, _ := r.object()["stream_id"].(string)
	n := 0
	arrives := func(what, want string) {
		t.Helper()
		w.clock.move(transmit.VerifyEvery)
		w.call("POST", ssf.VerifyPath, say{"stream_id": id}).is(204)
		n++
		w.arrived(n)
		requests, _ := w.push.got()
		got := requests[n-1]
		w.check(what, []any{"POST", want, "application/secevent+jwt", "application/json"},
			[]any{got.Method, got.Header.Get("Authorization"), got.Header.Get("Content-Type"), got.Header.Get("Accept")})
	}
	arrives("as created", secret)
	for _, r := range []reply{
		r, w.call("GET", ssf.StreamsPath+"?stream_id="+id, nil), w.call("GET", ssf.StreamsPath, nil),
		w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "description": "y", "delivery": say{"method": "urn:ietf:rfc:8935", "endpoint_url": w.push.URL + "/events"}}),
	} {
		if strings.Contains(string(r.body), "let-me-in") || strings.Contains(string(r.body), "authorization") || r.status >= 300 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	arrives("the same endpoint", secret)
	w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "delivery": say{"method": "urn:ietf:rfc:8935", "authorization_header": "Bearer other"}}).is(200)
	arrives("another header", "Bearer other")
	w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "delivery": say{"method": "urn:ietf:rfc:8935", "endpoint_url": w.push.URL + "/moved"}}).is(200)
	arrives("moved: the header was for the other place", "")
	body["stream_id"] = id
	w.call("PUT", ssf.StreamsPath, body).is(200)
	arrives("replaced", secret)
	delivery := maps.Clone(body["delivery"].(say))
	delete(delivery, "authorization_header")
	w.call("PUT", ssf.StreamsPath, say{"stream_id": id, "delivery": delivery}).is(200)
	arrives("replaced without", "")
	w.call("PUT", ssf.StreamsPath, body).is(200)
	w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "delivery": say{"method": "urn:ietf:rfc:8935", "authorization_header": ""}}).is(200)
	arrives("taken away", "")
}

// TestChangeOfDelivery: what waits goes the other way.
func TestChangeOfDelivery(t *testing.T) {
	w := newWorld(t)
	id, stream := w.create(say{"events_requested": []string{revoked}})
	w.record(wiped)
	w.pending(id, 1)
	poll := stream["delivery"].(map[string]any)["endpoint_url"].(string)
	w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "delivery": say{"method": "urn:ietf:rfc:8935"}}).is(400)
	w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "delivery": w.pushed("")["delivery"]}).is(200)
	w.check("what waited", transmit.SessionRevoked, w.arrived(1)[0].kind())
	w.call("POST", poll, say{"returnImmediately": true}).is(404)
	got := w.call("PATCH", ssf.StreamsPath, say{"stream_id": id, "delivery": say{"method": "urn:ietf:rfc:8936", "endpoint_url": poll}}).is(200).object()
	w.check("as it was", stream, got)
	w.call("POST", poll, say{"returnImmediately": true}).is(200)
}

// TestVerificationTooSoon: the transmitter keeps to its interval.
func TestVerificationTooSoon(t *testing.T) {
	w := newWorld(t)
	id, _ := w.create(say{})
	w.check("no body", "", string(w.call("POST", ssf.VerifyPath, say{"stream_id": id}).is(204).body))
	w.check("wait", "10", w.call("POST", ssf.VerifyPath, say{"stream_id": id}).is(429).header.Get("Retry-After"))
	w.clock.move(transmit.VerifyEvery)
	w.call("POST", ssf.VerifyPath, say{"stream_id": id, "state": "x"}).is(204)
}

// TestPausedAndDisabled: one keeps events for later, the other does not.
func TestPausedAndDisabled(t *testing.T) {
	w := newWorld(t)
	id, stream := w.create(say{})
	poll := stream["delivery"].(map[string]any)["endpoint_url"].(string)
	for _, c := range []struct {
		status string
		want   []string
	}{{"paused", []string{"one", "two"}}, {"disabled", []string{"two"}}} {
		w.call("POST", ssf.StatusPath, say{"stream_id": id, "status": c.status}).is(200)
		w.clock.move(transmit.VerifyEvery)
		w.call("POST", ssf.VerifyPath, say{"stream_id": id, "state": "one"}).is(204)
		w.check(c.status, `{"sets":{}}`, string(w.call("POST", poll, say{"returnImmediately": true}).is(200).body))
		w.call("POST", ssf.StatusPath, say{"stream_id": id, "status": "enabled"}).is(200)
		w.clock.move(transmit.VerifyEvery)
		w.call("POST", ssf.VerifyPath, say{"stream_id": id, "state": "two"}).is(204)
		var states []string
		for _, s := range w.poll(poll, say{"returnImmediately": true}).sets {
			state, _ := s.claims["events"].(map[string]any)[string(transmit.Verification)].(map[string]any)["state"].(string)
			states = append(states, state)
		}
		slices.Sort(states)
		w.check(c.status+", then enabled", c.want, states)
		w.poll(poll, say{"maxEvents": 0, "ack": w.poll(poll, say{"returnImmediately": true}).jtis()})
	}
}
