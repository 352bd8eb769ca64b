package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"ringfence/internal/transmit"
	"ringfence/internal/webhook"
)

// maxBody is what is read of an answer, in bytes.
const maxBody = 64 << 10

// Courier posts to receivers, through a client that says whom it may call.
type Courier struct {
	client *http.Client
	now    func() time.Time
}

// New makes a Courier. The client must not follow redirects.
func New(client *http.Client, now func() time.Time) *Courier {
	return &Courier{client: client, now: now}
}

// Deliver posts a parcel and says what came of it.
func (c *Courier) Deliver(ctx context.Context, p transmit.Parcel) transmit.Outcome {
	req, err := c.request(ctx, p)
	if err != nil {
		return transmit.Outcome{Verdict: transmit.Down, Reason: err.Error()}
	}
	res, err := c.client.Do(req)
	if err != nil {
		return transmit.Outcome{Verdict: transmit.Down, Reason: reason(err)}
	}
	defer func() { _ = res.Body.Close() }() // it was read, as far as it is
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		body = nil // the status says enough
	}
	return c.judge(p.Delivery, res, body)
}

func (c *Courier) request(ctx context.Context, p transmit.Parcel) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Endpoint, bytes.NewReader(p.Body))
	if err != nil {
		return nil, errors.New("the endpoint is no URL")
	}
	req.Header.Set("User-Agent", "ringfence")
	req.Header.Set("Accept", "application/json")
	if p.Delivery == transmit.Webhook {
		secrets, err := webhook.ParseSecrets(p.Secret)
		if err != nil {
			return nil, errors.New("the webhook has no secret to sign with")
		}
		s := webhook.SignAll(secrets, p.ID, c.now(), p.Body)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Webhook-Id", s.ID)
		req.Header.Set("Webhook-Timestamp", s.Timestamp)
		req.Header.Set("Webhook-Signature", s.Signature)
		return req, nil
	}
	req.Header.Set("Content-Type", "application/secevent+jwt")
	if p.Secret != "" {
		req.Header.Set("Authorization", p.Secret)
	}
	return req, nil
}

// reason says why there was no answer, without the URL, whose query may be a
// secret.
func reason(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		if wrapped.Timeout() {
			return "no answer in time"
		}
		err = wrapped.Err
	}
	return "no answer: " + line(err.Error())
}

// judge says what an answer means.
func (c *Courier) judge(d transmit.Delivery, res *http.Response, body []byte) transmit.Outcome {
	o := transmit.Outcome{Verdict: transmit.Failed, Reason: fmt.Sprintf("answered %d", res.StatusCode)}
	switch code := res.StatusCode; {
	case code/100 == 2:
		return transmit.Outcome{Verdict: transmit.Taken}
	case code == http.StatusBadRequest && d == transmit.Push:
		return refusal(o, body)
	case code/100 == 3, code > http.StatusInternalServerError, down[code]:
		o.Verdict, o.RetryAfter = transmit.Down, c.retryAfter(res.Header.Get("Retry-After"))
	}
	return o
}

// down are answers that are not about the event: who sends is not let in, the
// place is not there, or it is busy.
var down = map[int]bool{
	http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true, http.StatusMethodNotAllowed: true,
	http.StatusProxyAuthRequired: true, http.StatusRequestTimeout: true, http.StatusGone: true, http.StatusMisdirectedRequest: true,
	http.StatusTooEarly: true, http.StatusTooManyRequests: true,
}

// refusal reads why a receiver does not take a token (RFC 8935, section 2.3). One
// that does not let the server in, or does not know its key yet, may do so later.
func refusal(o transmit.Outcome, body []byte) transmit.Outcome {
	var said struct {
		Err         string `json:"err"`
		Description string `json:"description"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Err == "" {
		return o
	}
	o.Reason = line(said.Err + ": " + said.Description)
	o.Verdict = transmit.Refused
	switch said.Err {
	case "authentication_failed", "access_denied", "invalid_key":
		o.Verdict = transmit.Down
	}
	return o
}

// retryAfter reads how long to wait: seconds, or a date.
func (c *Courier) retryAfter(text string) time.Duration {
	const most = time.Hour
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(max(0, time.Duration(min(seconds, 3600))*time.Second), most)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(c.now())), most)
	}
	return 0
}

// line makes words of any origin one line.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
