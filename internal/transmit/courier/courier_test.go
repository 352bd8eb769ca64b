package courier

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/transmit"
)

// wire answers as a receiver would.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

var noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

func TestAnswers(t *testing.T) {
	const refusal = `{"err":"invalid_audience","description":"not us"}`
	down, failed := transmit.Down, transmit.Failed
	for _, c := range []struct {
		name     string
		delivery transmit.Delivery
		code     int
		after    string
		body     string
		want     transmit.Outcome
	}{
		{"accepted", transmit.Push, 202, "", "", transmit.Outcome{Verdict: transmit.Taken}},
		{"ok", transmit.Push, 200, "", "", transmit.Outcome{Verdict: transmit.Taken}},
		{"no content", transmit.Webhook, 204, "", "", transmit.Outcome{Verdict: transmit.Taken}},
		{"refused", transmit.Push, 400, "", refusal, transmit.Outcome{Verdict: transmit.Refused, Reason: "invalid_audience: not us"}},
		{"refused, with an end of line", transmit.Push, 400, "", `{"err":"invalid_request","description":"a\nb"}`, transmit.Outcome{Verdict: transmit.Refused, Reason: "invalid_request: a b"}},
		{"not let in yet", transmit.Push, 400, "", `{"err":"authentication_failed"}`, transmit.Outcome{Verdict: down, Reason: "authentication_failed: "}},
		{"does not know the key yet", transmit.Push, 400, "", `{"err":"invalid_key","description":"x"}`, transmit.Outcome{Verdict: down, Reason: "invalid_key: x"}},
		{"bad request of something in between", transmit.Push, 400, "", `<html>`, transmit.Outcome{Verdict: failed, Reason: "answered 400"}},
		{"a webhook refuses in no known words", transmit.Webhook, 400, "", refusal, transmit.Outcome{Verdict: failed, Reason: "answered 400"}},
		{"sent on", transmit.Push, 301, "", "", transmit.Outcome{Verdict: down, Reason: "answered 301"}},
		{"who are you", transmit.Push, 401, "", "", transmit.Outcome{Verdict: down, Reason: "answered 401"}},
		{"not here", transmit.Push, 404, "", "", transmit.Outcome{Verdict: down, Reason: "answered 404"}},
		{"gone", transmit.Webhook, 410, "", "", transmit.Outcome{Verdict: down, Reason: "answered 410"}},
		{"busy", transmit.Push, 429, "120", "", transmit.Outcome{Verdict: down, Reason: "answered 429", RetryAfter: 2 * time.Minute}},
		{"busy till then", transmit.Push, 503, "Wed, 04 Mar 2026 12:00:30 GMT", "", transmit.Outcome{Verdict: down, Reason: "answered 503", RetryAfter: 30 * time.Second}},
		{"busy for ever", transmit.Push, 503, "99999999999", "", transmit.Outcome{Verdict: down, Reason: "answered 503", RetryAfter: time.Hour}},
		{"busy until yesterday", transmit.Push, 503, "-5", "", transmit.Outcome{Verdict: down, Reason: "answered 503"}},
		{"broke on it", transmit.Push, 500, "9", "", transmit.Outcome{Verdict: failed, Reason: "answered 500"}},
		{"too large", transmit.Push, 413, "", "", transmit.Outcome{Verdict: failed, Reason: "answered 413"}},
		{"an answer without end", transmit.Push, 202, "", strings.Repeat("x", 10<<20), transmit.Outcome{Verdict: transmit.Taken}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &http.Client{
				Transport: wire(func(*http.Request) (*http.Response, error) {
					return &http.Response{
						StatusCode: c.code, Header: http.Header{"Retry-After": {c.after}}, Body: io.NopCloser(strings.NewReader(c.body)),
					}, nil
				}),
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			got := New(client, func() time.Time { return noon }).Deliver(t.Context(), transmit.Parcel{
				Delivery: c.delivery, Endpoint: "https://example.com/", ID: "1", Secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// slow is an error of a time that ran out.
type slow struct{}

func (slow) Error() string { return "slow" }
func (slow) Timeout() bool { return true }

// TestNoAnswer: reasons name neither the URL nor what is in it.
func TestNoAnswer(t *testing.T) {
	for want, err := range map[string]error{
		"no answer: connection refused": errors.New("connection\nrefused"),
		"no answer in time":             slow{},
	} {
		client := &http.Client{Transport: wire(func(*http.Request) (*http.Response, error) { return nil, err })}
		got := New(client, time.Now).Deliver(context.Background(), transmit.Parcel{
			Delivery: transmit.Push, Endpoint: "https://example.com/?key=secret", Secret: "Bearer secret",
		})
		if strings.Contains(got.Reason, "secret") || got.Verdict != transmit.Down {
			t.Errorf("%v: %+v", err, got)
		}
		if got.Reason != want {
			t.Errorf("reason %q, want %q", got.Reason, want)
		}
	}
}

func TestNothingToSignWith(t *testing.T) {
	got := New(http.DefaultClient, time.Now).Deliver(t.Context(), transmit.Parcel{Delivery: transmit.Webhook, Endpoint: "https://example.com"})
	if got.Verdict != transmit.Down {
		t.Errorf("%+v", got)
	}
}
