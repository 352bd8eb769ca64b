package ssf_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringfence/internal/oauth"
	"ringfence/internal/transmit"
	"ringfence/internal/transmit/ssf"
)

// The modules of the plans about what a transmitter refuses, and how.

// endpoint is one request that would be right for a stream.
type endpoint struct {
	method, path string
	body         say
	reads        bool // ssf.read is enough
}

func endpoints(id string) []endpoint {
	query, named := "?stream_id="+url.QueryEscape(id), func(more say) say {
		more["stream_id"] = id
		return more
	}
	subject := say{"format": "complex", "device": say{"format": "opaque", "id": string(phone)}}
	return []endpoint{
		{"GET", ssf.StreamsPath + query, nil, true},
		{"PATCH", ssf.StreamsPath, named(say{"description": "x"}), false},
		{"PUT", ssf.StreamsPath, named(say{}), false},
		{"GET", ssf.StatusPath + query, nil, true},
		{"POST", ssf.StatusPath, named(say{"status": "paused"}), false},
		{"POST", ssf.AddPath, named(say{"subject": subject}), false},
		{"POST", ssf.RemovePath, named(say{"subject": subject}), false},
		{"POST", ssf.VerifyPath, named(say{}), false},
		{"POST", ssf.PollPath + url.PathEscape(id), say{"returnImmediately": true}, true},
		{"DELETE", ssf.StreamsPath + query, nil, false},
	}
}

func (e endpoint) send() any {
	if e.body == nil {
		return nil
	}
	return e.body
}

// TestBadTokens: none, a wrong one, one in the query, one that may not.
func TestBadTokens(t *testing.T) {
	w := newWorld(t)
	id, before := w.create(say{})
	_, reader := w.newClient("reader", oauth.ReadStreams)
	_, asker := w.newClient("asker", oauth.Evaluate)
	wants := func(r reply, status int, challenge string) {
		t.Helper()
		if got := r.header.Get("WWW-Authenticate"); r.status != status || !strings.HasPrefix(got, "Bearer ") || !strings.Contains(got, challenge) {
			t.Errorf("%d %q, want %d %q", r.status, got, status, challenge)
		}
	}
	for _, e := range append(endpoints(id), endpoint{"POST", ssf.StreamsPath, say{}, false}, endpoint{"GET", ssf.StreamsPath, nil, true}) {
		wants(w.callAs("", e.method, e.path, e.send()), 401, "")
		w.clock.move(time.Minute) // who guesses is slowed down
		wants(w.callAs("nonsense", e.method, e.path, e.send()), 401, `error="invalid_token"`)
		join := "?"
		if strings.Contains(e.path, "?") {
			join = "&"
		}
		wants(w.callAs("", e.method, e.path+join+"access_token="+w.token, e.send()), 401, "")
		wants(w.callAs(asker, e.method, e.path, e.send()), 403, `error="insufficient_scope"`)
		if !e.reads {
			wants(w.callAs(reader, e.method, e.path, e.send()), 403, `error="insufficient_scope"`)
		}
	}
	w.check("nothing happened", before, w.call("GET", ssf.StreamsPath+"?stream_id="+id, nil).is(200).object())
}

// TestUnknownStream: one that is not there, and one that is another's, are the
// same.
func TestUnknownStream(t *testing.T) {
	w := newWorld(t)
	_, token := w.newClient("other", oauth.ManageStreams)
	others, ok := w.callAs(token, "POST", ssf.StreamsPath, say{}).is(201).object()["stream_id"].(string)
	hook, _, err := w.service.CreateWebhook(t.Context(), transmit.WebhookSpec{Endpoint: w.push.URL})
	if w.must(err); !ok {
		t.Fatal("no id")
	}
	for _, id := range []string{"unknown_stream_id", "../streams", " ", "ä%00", strings.Repeat("x", 4000), others, hook.ID} {
		for _, e := range endpoints(id) {
			r := w.call(e.method, e.path, e.send()).is(404)
			w.check("answer", map[string]any{"error": "not_found", "error_description": "there is no such stream"}, r.object())
		}
	}
	w.check("none of another's is listed", "[]", string(w.call("GET", ssf.StreamsPath, nil).is(200).body))
	w.callAs(token, "GET", ssf.StreamsPath+"?stream_id="+others, nil).is(200)
}

// TestBrokenBodies: whatever cannot be read is 400, and changes nothing.
func TestBrokenBodies(t *testing.T) {
	w := newWorld(t)
	id, before := w.create(w.pushed("Bearer x"))
	named := `{"stream_id":"` + id + `",`
	broken := []string{
		"", "{ broken", `{"stream_id": `, "null", "[]", `"x"`, "{}{}", `{"a":1,"a":2}`, named + `"stream_id":"` + id + `"}`, "{\"\xff\":1}",
		strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20), strings.Repeat("[", 100_000),
	}
	for _, e := range append(endpoints(id), endpoint{"POST", ssf.StreamsPath, say{}, false}) {
		if e.body == nil {
			continue
		}
		for _, body := range broken {
			w.call(e.method, e.path, body).is(400)
		}
		w.call(e.method, e.path, `{"x":"`+strings.Repeat("x", 1<<20)+`"}`).is(413)
		if !strings.HasPrefix(e.path, ssf.PollPath) && len(e.body) > 0 {
			w.call(e.method, e.path, say{"status": "paused", "subject": e.body["subject"]}).is(400) // no stream_id
		}
	}
	for _, body := range []string{
		`"delivery":"urn:ietf:rfc:8935"}`, `"delivery":{}}`, `"delivery":{"method":"urn:ietf:rfc:9999"}}`, `"delivery":{"method":1}}`,
		`"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":7}}`, `"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://x.example/"}}`,
		`"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://10.0.0.1/"}}`, `"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://a:b@x.example/"}}`,
		`"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://x.example/","authorization_header":"a\r\nb: c"}}`,
		`"delivery":{"method":"urn:ietf:rfc:8936","authorization_header":"x"}}`,
		`"events_requested":"x"}`, `"events_requested":[1]}`, `"events_requested":["a\nb"]}`, `"description":["x"]}`, `"description":"a\u0000b"}`, `"alg":"none"}`,
	} {
		w.call("POST", ssf.StreamsPath, "{"+body).is(400)
		w.call("PUT", ssf.StreamsPath, named+body).is(400)
		w.call("PATCH", ssf.StreamsPath, named+body).is(400)
	}
	w.call("POST", ssf.StreamsPath, `{"delivery":{"method":"urn:ietf:rfc:8935"}}`).is(400)
	for _, status := range []any{"purple", "", 1, nil} {
		w.call("POST", ssf.StatusPath, say{"stream_id": id, "status": status}).is(400)
	}
	w.call("POST", ssf.VerifyPath, say{"stream_id": id, "state": 7}).is(400)
	w.call("DELETE", ssf.StreamsPath, nil).is(400)
	w.call("GET", ssf.StatusPath, nil).is(400)
	w.call("GET", ssf.StreamsPath+"?stream_id="+id+"&stream_id=x", nil).is(400)
	w.call("GET", ssf.StreamsPath+"?stream_id=%zz", nil).is(400)
	w.check("nothing happened", before, w.call("GET", ssf.StreamsPath+"?stream_id="+id, nil).is(200).object())
}

func TestOtherMediaAndMethods(t *testing.T) {
	w := newWorld(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+ssf.StreamsPath, strings.NewReader("{}"))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.do(req).is(415)
	r := w.call("TRACE", ssf.StatusPath, nil)
	w.check("another method", []any{405, "GET, HEAD, POST"}, []any{r.status, r.header.Get("Allow")})
	w.check("another path", 404, w.call("GET", ssf.Prefix+"nothing", nil).status)
}

// TestTransmitterSupplied: what is the transmitter's to say must be as it says.
func TestTransmitterSupplied(t *testing.T) {
	w := newWorld(t)
	id, stream := w.create(say{"events_requested": []string{revoked}})
	for name, value := range map[string]any{
		"iss": "https://other.example", "aud": []string{w.client.ID, "x"}, "events_supported": []string{revoked},
		"events_delivered": []string{changed}, "min_verification_interval": 11, "inactivity_timeout": 0,
		"delivery": say{"method": "urn:ietf:rfc:8936", "endpoint_url": "https://other.example/ssf/poll/" + id},
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			got := w.call(method, ssf.StreamsPath, say{"stream_id": id, name: value, "description": "x", "events_requested": []string{changed}}).is(400).object()
			if text, _ := got["error_description"].(string); !strings.Contains(text, "is not as the transmitter has it") {
				t.Errorf("%s %s: %s", method, name, text)
			}
		}
	}
	w.check("nothing happened", stream, w.call("GET", ssf.StreamsPath+"?stream_id="+id, nil).is(200).object())
}
