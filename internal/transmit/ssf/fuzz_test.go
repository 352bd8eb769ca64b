package ssf

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ringfence/internal/transmit"
)

// still is a service with one stream, in which nothing ever happens.
type still struct{ st transmit.Stream }

func (s still) find(id string) (transmit.Stream, error) {
	if id != s.st.ID {
		return transmit.Stream{}, transmit.ErrNoStream
	}
	return s.st, nil
}

func (s still) Create(context.Context, transmit.Owner, transmit.Spec) (transmit.Stream, error) {
	return s.st, nil
}

func (s still) Stream(_ context.Context, _ transmit.Owner, id string) (transmit.Stream, error) {
	return s.find(id)
}

func (s still) Streams(context.Context, transmit.Owner) ([]transmit.Stream, error) {
	return []transmit.Stream{s.st}, nil
}

func (s still) Update(_ context.Context, _ transmit.Owner, id string, _ transmit.Patch) (transmit.Stream, error) {
	return s.find(id)
}

func (s still) Replace(_ context.Context, _ transmit.Owner, id string, _ transmit.Spec) (transmit.Stream, error) {
	return s.find(id)
}

func (s still) Delete(_ context.Context, _ transmit.Owner, id string) error {
	_, err := s.find(id)
	return err
}

func (s still) SetStatus(_ context.Context, _ transmit.Owner, id string, _ transmit.Status, _ string) (transmit.Stream, error) {
	return s.find(id)
}

func (s still) AddSubject(_ context.Context, _ transmit.Owner, id string, _ transmit.Subject) error {
	_, err := s.find(id)
	return err
}

func (s still) RemoveSubject(_ context.Context, _ transmit.Owner, id string, _ transmit.Subject) error {
	_, err := s.find(id)
	return err
}

func (s still) Verify(_ context.Context, _ transmit.Owner, id, _ string) error {
	_, err := s.find(id)
	return err
}

func (s still) Poll(_ context.Context, _ transmit.Owner, id string, _ transmit.PollRequest) (transmit.PollAnswer, error) {
	_, err := s.find(id)
	return transmit.PollAnswer{}, err
}

// FuzzBodies: whatever a body is, every endpoint answers it, and a no is the
// client's to mend.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{ broken", `{"stream_id":"s"}`, `{"stream_id":"s","stream_id":"s"}`, `{"stream_id":"s","status":"paused","reason":"x"}`,
		`{"stream_id":"s","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://x.example/","authorization_header":"x"}}`,
		`{"stream_id":"s","delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://mdm.example/ssf/poll/s"},"aud":["c"],"events_delivered":[]}`,
		`{"stream_id":"s","subject":{"format":"complex","user":{"format":"email","email":"a@b"},"device":{"format":"opaque","id":"x"}}}`,
		`{"maxEvents":1,"returnImmediately":true,"ack":["x"],"setErrs":{"y":{"err":"z","description":"d"}}}`,
		`{"iss":1,"aud":{},"events_supported":[[]],"inactivity_timeout":null,"min_verification_interval":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	d := &Door{c: Config{
		Service: still{transmit.Stream{ID: "s", Delivery: transmit.Push, Endpoint: "https://x.example/", Audience: []string{"c"}, Alg: "RS256"}},
		Issuer:  "https://mdm.example", Log: slog.New(slog.DiscardHandler),
	}}
	deeds := []deed{d.create, d.update, d.replace, d.setStatus, d.addSubject, d.removeSubject, d.verify, d.poll}
	f.Fuzz(func(t *testing.T, body []byte) {
		for i, do := range deeds {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
			r.SetPathValue("id", "s")
			a, err := d.guarded(&call{Request: r, owner: transmit.Owner{ID: "c"}}, do)
			if err == nil {
				write(httptest.NewRecorder(), a)
				continue
			}
			p := problemOf(err)
			if p.status < 400 || p.status >= 500 || p.code == "" || p.detail == "" || len(p.detail) > 1000 {
				t.Fatalf("deed %d: %+v for %q", i, p, body)
			}
		}
	})
}
