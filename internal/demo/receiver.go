package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// signedWithin is how old a message may be: one that is older was recorded and
// sent again.
const signedWithin = 5 * time.Minute

// event is what the body of a webhook says of a phone.
type event struct {
	Type string
	Data struct {
		Current  string `json:"current_status"`
		Previous string `json:"previous_status"`
		Subject  struct {
			Device struct{ ID string }
			User   struct{ Email string }
		}
	}
	at time.Time // when it came
}

// receiver takes webhooks as Standard Webhooks 1.0 has them.
type receiver struct {
	secret atomic.Pointer[string]
	now    func() time.Time
	events chan event
	forged atomic.Int64
}

func newReceiver(now func() time.Time) *receiver {
	return &receiver{now: now, events: make(chan event, 64)}
}

// ServeHTTP takes a message with a signature that is right, and no other.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, maxPage))
	secret := r.secret.Load()
	if err != nil || secret == nil || verify(*secret, q.Header, body, r.now()) != nil {
		r.forged.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	e := event{at: r.now()}
	if err := json.Unmarshal(body, &e); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	select {
	case r.events <- e:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// errForged says no more: who sent it would learn from it.
var errForged = errors.New("the signature is not right")

// verify checks the signature of a message. It is written here, apart from the
// server's own, so that the server is not its own witness.
func verify(secret string, h http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return errForged
	}
	id, stamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || now.Sub(time.Unix(seconds, 0)).Abs() > signedWithin {
		return errForged
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for _, each := range strings.Fields(h.Get("Webhook-Signature")) {
		text, ok := strings.CutPrefix(each, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errForged
}

// standing waits for the event that says how a phone stands now.
func (r *receiver) standing(ctx context.Context, device, current string) (event, error) {
	for {
		select {
		case e := <-r.events:
			if e.Type == "device.compliance.changed" && e.Data.Subject.Device.ID == device && e.Data.Current == current {
				return e, nil
			}
		case <-ctx.Done():
			return event{}, errors.New("no such event reached the receiver")
		}
	}
}
