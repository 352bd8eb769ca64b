package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

const (
	enabledStream  = transmitv1.StreamStatus_STREAM_STATUS_ENABLED
	pausedStream   = transmitv1.StreamStatus_STREAM_STATUS_PAUSED
	disabledStream = transmitv1.StreamStatus_STREAM_STATUS_DISABLED
)

// wantSigned verifies a request as Standard Webhooks 1.0 has it, and reads it.
func wantSigned(tb testing.TB, s *server, a arrival, secret string) (kind string, data map[string]any) {
	tb.Helper()
	key := must[[]byte](tb)(base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")))
	id, at := a.header.Get("Webhook-Id"), a.header.Get("Webhook-Timestamp")
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, a.body)
	if got, want := a.header.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
		tb.Errorf("signed %q, want %q", got, want)
	}
	sent := time.Unix(must[int64](tb)(strconv.ParseInt(at, 10, 64)), 0)
	if age := s.clock.now().Sub(sent); age < 0 || age > patience || len(id) < 16 || a.header.Get("Content-Type") != "application/json" {
		tb.Errorf("sent at %v: %v", sent, a.header)
	}
	var message struct {
		Type      string         `json:"type"`
		Timestamp time.Time      `json:"timestamp"`
		Data      map[string]any `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &message); err != nil || message.Timestamp.IsZero() {
		tb.Fatalf("the body %s: %v", a.body, err)
	}
	return message.Type, message.Data
}

// TestWebhooks: the same events as JSON, signed by a secret, tried again until they
// are taken.
func TestWebhooks(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		r := receives(t)
		s := install(t, dsn, calling(r)).start(t)
		a, ctx := s.admin(t), t.Context()
		streams := transmitv1.NewTransmitAdminServiceClient(a.conn)
		made := must[*transmitv1.CreateWebhookResponse](t)(streams.CreateWebhook(ctx, &transmitv1.CreateWebhookRequest{
			Endpoint: r.URL + "/hook?key=secret", Events: []transmitv1.EventType{transmitv1.EventType_EVENT_TYPE_DEVICE_COMPLIANCE_CHANGE},
		}))
		h := s.join(t, a.token(t))
		r.becomes(answers(http.StatusInternalServerError, "once more"))
		h.reports(t, 8)
		eventually(t, "a try", func() (bool, error) { return len(r.requests(http.StatusInternalServerError)) > 0, errNotYet })
		r.becomes(answers(http.StatusNoContent, ""))
		eventually(t, "the event", func() (bool, error) { return len(r.requests(http.StatusNoContent)) > 0, errNotYet })
		all := r.requests(0)
		for _, one := range all {
			kind, data := wantSigned(t, s, one, made.GetSecret())
			subject, _ := json.Marshal(data["subject"])
			if kind != "device.compliance.changed" || data["current_status"] != "compliant" || !strings.Contains(string(subject), h.id) {
				t.Errorf("the event: %s %v", kind, data)
			}
			if one.body != all[0].body || one.header.Get("Webhook-Id") != all[0].header.Get("Webhook-Id") {
				t.Errorf("first %v, then %v", all[0], one)
			}
		}
		must[*transmitv1.VerifyStreamResponse](t)(streams.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{Id: made.GetWebhook().GetId()}))
		eventually(t, "the verification", func() (bool, error) { return len(r.requests(http.StatusNoContent)) > 1, errNotYet })
		if kind, _ := wantSigned(t, s, r.requests(http.StatusNoContent)[1], made.GetSecret()); kind != "stream.verification" {
			t.Errorf("asked to verify, it sends %s", kind)
		}
		if secret := strings.TrimPrefix(made.GetSecret(), "whsec_"); strings.Contains(s.log.String(), secret) || strings.Contains(s.log.String(), "key=secret") {
			t.Error("the log holds a secret")
		}
	})
}

// TestStreamsByAdministrators: what an administrator does to a stream, its receiver
// hears.
func TestStreamsByAdministrators(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		r := receives(t)
		s := install(t, dsn, calling(r)).start(t)
		a, ctx := s.admin(t), t.Context()
		streams := transmitv1.NewTransmitAdminServiceClient(a.conn)
		p := s.partner(t, a, "idp", "ssf.manage")
		id := p.streams(t, r)
		set := func(to transmitv1.StreamStatus, reason string) {
			t.Helper()
			got := must[*transmitv1.SetStreamStatusResponse](t)(streams.SetStreamStatus(ctx, &transmitv1.SetStreamStatusRequest{Id: id, Status: to, Reason: reason}))
			if got.GetStream().GetStatus() != to || got.GetStream().GetStatusReason() != reason {
				t.Errorf("the stream: %v", got)
			}
		}
		set(pausedStream, "maintenance")
		set(pausedStream, "maintenance") // as it is: nobody hears of it
		p.arrives(t, r, id, "stream-updated")
		h := s.join(t, a.token(t))
		eventually(t, "an event that waits", func() (bool, error) {
			st := must[*transmitv1.GetStreamResponse](t)(streams.GetStream(ctx, &transmitv1.GetStreamRequest{Id: id})).GetStream()
			return st.GetHealth().GetPending() == 1 && st.GetHealth().GetOldestPendingAt() != nil, errNotYet
		})
		set(enabledStream, "")
		p.arrives(t, r, h.id, created)
		must[*transmitv1.VerifyStreamResponse](t)(streams.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{Id: id}))
		p.arrives(t, r, id, "stream-updated", "stream-updated", "verification")

		r.becomes(answers(http.StatusBadRequest, `{"err":"invalid_request","description":"no"}`))
		h.reports(t, 8)
		var dead []*transmitv1.DeadLetter
		eventually(t, "a dead letter", func() (bool, error) {
			dead = must[*transmitv1.ListDeadLettersResponse](t)(streams.ListDeadLetters(ctx, &transmitv1.ListDeadLettersRequest{StreamId: id})).GetDeadLetters()
			return len(dead) == 1, errNotYet
		})
		if d := dead[0]; d.GetDeviceId() != h.id || d.GetReason() != "invalid_request: no" || d.GetType() != transmitv1.EventType_EVENT_TYPE_DEVICE_COMPLIANCE_CHANGE {
			t.Errorf("put aside: %v", d)
		}
		r.becomes(answers(http.StatusAccepted, ""))
		must[*transmitv1.RedeliverDeadLettersResponse](t)(streams.RedeliverDeadLetters(ctx, &transmitv1.RedeliverDeadLettersRequest{StreamId: id, All: true}))
		if e := p.arrives(t, r, h.id, created, turnedFit); e.JTI != dead[0].GetEventId() {
			t.Errorf("%s came as %s", dead[0].GetEventId(), e.JTI)
		}
		set(disabledStream, "no longer")
		_, err := streams.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{Id: id})
		wantStatus(t, "verifying a disabled stream", err, codes.FailedPrecondition, "STREAM_DISABLED")
		must[*transmitv1.DeleteStreamResponse](t)(streams.DeleteStream(ctx, &transmitv1.DeleteStreamRequest{Id: id}))
		_, err = streams.DeleteStream(ctx, &transmitv1.DeleteStreamRequest{Id: id})
		wantStatus(t, "deleting what is deleted", err, codes.NotFound, "STREAM_NOT_FOUND")
		p.gets(t, http.StatusNotFound, p.asks(t, http.MethodGet, "/ssf/streams?stream_id="+id, nil))
	})
}

// TestStreamErrors: each error that the wire promises.
func TestStreamErrors(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), openDoors).start(t)
	a, ctx := s.admin(t), t.Context()
	streams := transmitv1.NewTransmitAdminServiceClient(a.conn)
	hook := func(n int) *transmitv1.CreateWebhookRequest {
		return &transmitv1.CreateWebhookRequest{Endpoint: fmt.Sprintf("https://hooks.invalid/%d", n)}
	}
	first := must[*transmitv1.CreateWebhookResponse](t)(streams.CreateWebhook(ctx, hook(0))).GetWebhook().GetId()
	_, err := streams.CreateWebhook(ctx, hook(0))
	wantStatus(t, "a second webhook of an endpoint", err, codes.Aborted, "STREAM_EXISTS")
	must[*transmitv1.CreateWebhookResponse](t)(streams.CreateWebhook(ctx, hook(1)))
	_, err = streams.CreateWebhook(ctx, &transmitv1.CreateWebhookRequest{Endpoint: "https://hooks.invalid/", Secret: "whsec_c2hvcnQ="})
	wantField(t, "a short secret", err, "secret")
	_, err = streams.CreateWebhook(ctx, &transmitv1.CreateWebhookRequest{Endpoint: "https://hooks.invalid/", Description: "two\nlines"})
	wantField(t, "a description of two lines", err, "description")

	page := must[*transmitv1.ListStreamsResponse](t)(streams.ListStreams(ctx, &transmitv1.ListStreamsRequest{PageSize: 1}))
	if l := page.GetStreams(); len(l) != 1 || l[0].GetId() != first || page.GetNextPageToken() == "" {
		t.Errorf("the first page: %v", page)
	}
	_, err = streams.ListStreams(ctx, &transmitv1.ListStreamsRequest{Delivery: transmitv1.Delivery_DELIVERY_PUSH, PageToken: page.GetNextPageToken()})
	wantField(t, "a page token of another listing", err, "page_token")
	_, err = streams.ListDeadLetters(ctx, &transmitv1.ListDeadLettersRequest{StreamId: first, PageToken: page.GetNextPageToken()})
	wantField(t, "a page token of streams", err, "page_token")
	if none := must[*transmitv1.ListStreamsResponse](t)(streams.ListStreams(ctx, &transmitv1.ListStreamsRequest{Delivery: transmitv1.Delivery_DELIVERY_POLL})); len(none.GetStreams()) != 0 {
		t.Errorf("polled streams: %v", none)
	}
	_, err = streams.SetStreamStatus(ctx, &transmitv1.SetStreamStatusRequest{Id: first})
	wantField(t, "no status", err, "status")
	_, err = streams.SetStreamStatus(ctx, &transmitv1.SetStreamStatusRequest{Id: first, Status: pausedStream, Reason: "two\nlines"})
	wantField(t, "a reason of two lines", err, "reason")
	_, err = streams.RedeliverDeadLetters(ctx, &transmitv1.RedeliverDeadLettersRequest{StreamId: first})
	wantField(t, "neither some nor all", err, "event_ids")

	missing := newID()
	for name, call := range map[string]func() error{
		"GetStream": func() error { _, err := streams.GetStream(ctx, &transmitv1.GetStreamRequest{Id: missing}); return err },
		"SetStreamStatus": func() error {
			_, err := streams.SetStreamStatus(ctx, &transmitv1.SetStreamStatusRequest{Id: missing, Status: pausedStream})
			return err
		},
		"VerifyStream": func() error {
			_, err := streams.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{Id: missing})
			return err
		},
		"DeleteStream": func() error {
			_, err := streams.DeleteStream(ctx, &transmitv1.DeleteStreamRequest{Id: missing})
			return err
		},
		"ListDeadLetters": func() error {
			_, err := streams.ListDeadLetters(ctx, &transmitv1.ListDeadLettersRequest{StreamId: missing})
			return err
		},
		"RedeliverDeadLetters": func() error {
			_, err := streams.RedeliverDeadLetters(ctx, &transmitv1.RedeliverDeadLettersRequest{StreamId: missing, All: true})
			return err
		},
	} {
		wantStatus(t, name, call(), codes.NotFound, "STREAM_NOT_FOUND")
	}
}

// TestStreamMoved: of two who change a stream at once, one is told to look again.
func TestStreamMoved(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := []*admin{one.admin(t), two.admin(t)}
		id := must[*transmitv1.CreateWebhookResponse](t)(transmitv1.NewTransmitAdminServiceClient(a[0].conn).CreateWebhook(t.Context(),
			&transmitv1.CreateWebhookRequest{Endpoint: "https://hooks.invalid/"})).GetWebhook().GetId()
		var wg sync.WaitGroup
		var mu sync.Mutex
		said := map[string]int{}
		for n := range 40 {
			wg.Go(func() {
				_, err := transmitv1.NewTransmitAdminServiceClient(a[n%2].conn).SetStreamStatus(t.Context(), &transmitv1.SetStreamStatusRequest{
					Id: id, Status: pausedStream, Reason: fmt.Sprintf("reason %d", n),
				})
				mu.Lock()
				defer mu.Unlock()
				said[status.Code(err).String()+" "+reasonOf(err)]++
			})
		}
		wg.Wait()
		st := must[*transmitv1.GetStreamResponse](t)(transmitv1.NewTransmitAdminServiceClient(a[0].conn).GetStream(t.Context(), &transmitv1.GetStreamRequest{Id: id})).GetStream()
		if done := said["OK "]; done == 0 || done+said["Aborted STREAM_MOVED"] != 40 || st.GetVersion() != uint64(done)+1 {
			t.Errorf("said %v, and the stream is %v", said, st)
		}
	})
}

// TestRowsOfStreams: who is told what is of the whole installation, and looking is
// for those who may look.
func TestRowsOfStreams(t *testing.T) {
	rules := adminRules()
	for _, m := range transmitv1.TransmitAdminService_ServiceDesc.Methods {
		name := "/" + transmitv1.TransmitAdminService_ServiceDesc.ServiceName + "/" + m.MethodName
		if rule, ok := rules[name]; !ok || !rule.Everywhere || len(rule.Verbs) != 1 {
			t.Errorf("%s: %+v", name, rule)
		}
	}
}
