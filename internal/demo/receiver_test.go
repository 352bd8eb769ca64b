package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The example of Standard Webhooks' own libraries.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var exampleTime = time.Unix(1614265330, 0)

func exampleHeader() http.Header {
	return http.Header{
		"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {exampleSignature},
	}
}

func TestVerify(t *testing.T) {
	set := func(name, value string) http.Header {
		h := exampleHeader()
		h.Set(name, value)
		return h
	}
	other := "v1,AAAA"
	for name, test := range map[string]struct {
		secret string
		header http.Header
		body   string
		after  time.Duration
		ok     bool
	}{
		"as it is":              {header: exampleHeader(), ok: true},
		"a little late":         {header: exampleHeader(), after: signedWithin, ok: true},
		"one of two signatures": {header: set("Webhook-Signature", other+" "+exampleSignature), ok: true},
		"recorded":              {header: exampleHeader(), after: signedWithin + time.Second},
		"from the future":       {header: exampleHeader(), after: -signedWithin - time.Second},
		"another body":          {header: exampleHeader(), body: exampleBody + " "},
		"another id":            {header: set("Webhook-Id", "msg_2")},
		"no id":                 {header: set("Webhook-Id", "")},
		"another time":          {header: set("Webhook-Timestamp", "1614265331")},
		"no time":               {header: set("Webhook-Timestamp", "")},
		"another signature":     {header: set("Webhook-Signature", other)},
		"another version":       {header: set("Webhook-Signature", "v2"+strings.TrimPrefix(exampleSignature, "v1"))},
		"no signature":          {header: set("Webhook-Signature", "")},
		"another secret":        {header: exampleHeader(), secret: "whsec_AAAA"},
		"no secret":             {header: exampleHeader(), secret: "whsec_"},
	} {
		if test.secret == "" {
			test.secret = exampleSecret
		}
		if test.body == "" {
			test.body = exampleBody
		}
		err := verify(test.secret, test.header, []byte(test.body), exampleTime.Add(test.after))
		if ok := err == nil; ok != test.ok {
			t.Errorf("%s: verify = %v, want ok: %v", name, err, test.ok)
		}
	}
}

func TestReceiverTakesNothingUnsigned(t *testing.T) {
	r := newReceiver(func() time.Time { return exampleTime })
	post := func(body string) int {
		q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		q.Header = exampleHeader()
		w := httptest.NewRecorder()
		r.ServeHTTP(w, q)
		return w.Code
	}
	if got := post(exampleBody); got != http.StatusUnauthorized {
		t.Errorf("before there is a secret: %d", got)
	}
	secret := exampleSecret
	r.secret.Store(&secret)
	if got := post(exampleBody); got != http.StatusNoContent {
		t.Errorf("signed: %d", got)
	}
	if got := post(`{"type":"device.compliance.changed"}`); got != http.StatusUnauthorized {
		t.Errorf("signed for another body: %d", got)
	}
	if got := post(strings.Repeat(" ", maxPage+1)); got != http.StatusUnauthorized {
		t.Errorf("too long: %d", got)
	}
	if got := r.forged.Load(); got != 3 {
		t.Errorf("%d forged, want 3", got)
	}
}

func TestStandingSkipsOtherEvents(t *testing.T) {
	r := newReceiver(time.Now)
	about := func(kind, device, current string) event {
		e := event{Type: kind}
		e.Data.Subject.Device.ID, e.Data.Current = device, current
		return e
	}
	const changed = "device.compliance.changed"
	for _, e := range []event{
		about("credential.changed", "d1", ""), about(changed, "d2", "compliant"), about(changed, "d1", "not-compliant"), about(changed, "d1", "compliant"),
	} {
		r.events <- e
	}
	got, err := r.standing(t.Context(), "d1", "compliant")
	if err != nil || got != about(changed, "d1", "compliant") {
		t.Errorf("standing = %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.standing(ctx, "d1", "compliant"); err == nil {
		t.Error("an event that never came was found")
	}
}
