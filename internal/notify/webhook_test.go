package notify

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testSecret is a secret as a file has it.
const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func secrets(t *testing.T, text string) []Secret {
	t.Helper()
	all, err := ParseSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// post is a request that a hook got.
type post struct {
	path   string
	header http.Header
	body   []byte
}

// hook starts a receiver that gives these answers, one after the other, and 200
// from then on.
func hook(t *testing.T, answers ...http.HandlerFunc) (*httptest.Server, chan post) {
	t.Helper()
	posts := make(chan post, 100)
	h := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		posts <- post{r.Method + " " + r.URL.Path, r.Header, body}
		if len(answers) > 0 {
			answer := answers[0]
			answers = answers[1:]
			answer(w, r)
		}
	}))
	t.Cleanup(h.Close)
	return h, posts
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func posting(t *testing.T, h *httptest.Server, text string) *Webhook {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	w, err := NewWebhook(WebhookConfig{
		URL: h.URL + "/in/T0P", Secrets: secrets(t, text), Installation: "ringfence-1a2b3c4d",
		Now: func() time.Time { return noon }, Roots: roots,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhookSends(t *testing.T) {
	h, posts := hook(t)
	n := noticeOf(t, entry(17, ActionRequest))
	if err := posting(t, h, testSecret).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	got := <-posts
	body, err := n.JSON()
	if err != nil {
		t.Fatal(err)
	}
	check(t, "path", "POST /in/T0P", got.path)
	check(t, "body", string(body), string(got.body))
	want := map[string]string{
		"Content-Type":      "application/json",
		"User-Agent":        "ringfence",
		"Webhook-Id":        "17-e544fb27214fe160",
		"Webhook-Timestamp": strconv.FormatInt(noon.Unix(), 10),
		"Webhook-Signature": secrets(t, testSecret)[0].Sign("17-e544fb27214fe160", strconv.FormatInt(noon.Unix(), 10), body),
	}
	headers := map[string]string{}
	for name := range want {
		headers[name] = strings.Join(got.header.Values(name), " and ")
	}
	check(t, "headers", want, headers)
}

// signatures gives the signatures by every secret, with a space between them.
func signatures(all []Secret, id, timestamp string, body []byte) string {
	var each []string
	for _, s := range all {
		each = append(each, s.Sign(id, timestamp, body))
	}
	return strings.Join(each, " ")
}

func TestWebhookAnswers(t *testing.T) {
	tests := []struct {
		name     string
		answer   http.HandlerFunc
		want     string
		wantKind error
	}{
		{"ok", status(200), "", nil},
		{"accepted", status(202), "", nil},
		{"no content", status(204), "", nil},
		{"bad request", status(400), "answered 400", ErrRefused},
		{"filtered", status(403), "answered 403", ErrRefused},
		{"gone", status(410), "answered 410", ErrRefused},
		{"cannot digest it", status(500), "answered 500", ErrRefused},
		{"slow", status(408), "answered 408", nil},
		{"too many", status(429), "answered 429", nil},
		{"gateway", status(502), "answered 502", nil},
		{"unavailable", status(503), "answered 503", nil},
		{"not modified", status(304), "answered 304", nil},
		{"endless body", func(w http.ResponseWriter, _ *http.Request) {
			for range 1 << 10 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, "", nil},
		{"endless header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", mostHeader+8<<10))
		}, "header", nil},
		{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "post: ", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, posts := hook(t, tt.answer)
			err := posting(t, h, testSecret).Send(t.Context(), noticeOf(t, entry(17, ActionRequest)))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Send = %v, want %q", err, tt.want)
			}
			if errors.Is(err, ErrRefused) != (tt.wantKind == ErrRefused) {
				t.Errorf("Send = %v, want ErrRefused: %v", err, tt.wantKind == ErrRefused)
			}
			if err != nil && strings.Contains(err.Error(), "T0P") {
				t.Errorf("the error holds the URL's path: %v", err)
			}
			check(t, "requests", 1, len(posts))
		})
	}
}

// TestWebhookFollowsNoRedirect: neither notice nor signature go elsewhere.
func TestWebhookFollowsNoRedirect(t *testing.T) {
	other, elsewhere := hook(t)
	for _, code := range []int{301, 302, 303, 307, 308} {
		h, _ := hook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, code) })
		err := posting(t, h, testSecret).Send(t.Context(), noticeOf(t, entry(17, ActionRequest)))
		if err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("a redirect with %d gives %v, want an error", code, err)
		}
	}
	check(t, "requests elsewhere", 0, len(elsewhere))
}

func TestWebhookTimesOut(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h, _ := hook(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	err := posting(t, h, testSecret).Send(ctx, noticeOf(t, entry(17, ActionRequest)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Send = %v, want context.Canceled", err)
	}
}

func TestWebhookTrustsNoStranger(t *testing.T) {
	h, posts := hook(t)
	w, err := NewWebhook(WebhookConfig{
		URL: h.URL, Secrets: secrets(t, testSecret), Now: func() time.Time { return noon }, Roots: x509.NewCertPool(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), noticeOf(t, entry(17, ActionRequest))); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Send = %v, want an error about the certificate", err)
	}
	check(t, "requests", 0, len(posts))
}

func TestParseWebhookURL(t *testing.T) {
	tests := map[string]bool{
		"https://hooks.example.com/in":       true,
		"https://hooks.example.com:8443/?a=": true,
		"https://[2001:db8::1]/":             true,
		"http://localhost:8080/in":           true,
		"http://127.0.0.1/":                  true,
		"http://127.8.9.1:1/":                true,
		"http://[::1]:1/":                    true,
		"http://[::ffff:127.0.0.1]:1/":       true,
		"http://hooks.example.com/in":        false,
		"http://localhost.example.com/":      false,
		"http://10.0.0.1/":                   false,
		"http://0.0.0.0/":                    false,
		"ftp://127.0.0.1/":                   false,
		"hooks.example.com/in":               false,
		"https:hooks.example.com":            false,
		"https://":                           false,
		"https://:443/":                      false,
		"https://user:s3cret@example.com/":   false,
		"https://example.com/#in":            false,
		"https://example.com/\x7f":           false,
		"":                                   false,
	}
	for text, want := range tests {
		_, err := ParseWebhookURL(text)
		if ok := err == nil; ok != want {
			t.Errorf("ParseWebhookURL(%q) = %v, want ok: %v", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
	if _, err := NewWebhook(WebhookConfig{URL: "https://example.com"}); !errors.Is(err, ErrSecret) {
		t.Errorf("a webhook without a secret gives %v, want ErrSecret", err)
	}
}

// TestWebhookFollowed: retries come with the same id and a new timestamp, in
// order.
func TestWebhookFollowed(t *testing.T) {
	h, posts := hook(t, status(503), status(503))
	record, cursors := new(book), newDesk()
	w := posting(t, h, testSecret)
	s := newServer(t, "one", record, cursors, Channel{"webhook", w})
	w.c.Now = func() time.Time { return s.now }
	s.run()
	s.idle()
	record.write(ActionRequest, ActionBreaker)
	s.again()
	s.now = noon.Add(time.Minute)
	s.again()
	s.again()
	check(t, "requests", 4, len(posts))
	first, ids, stamps := noticeOf(t, entry(1, ActionRequest)).ID("ringfence-1a2b3c4d"), []string{}, []string{}
	second := noticeOf(t, entry(2, ActionBreaker)).ID("ringfence-1a2b3c4d")
	for range 4 {
		p := <-posts
		id, stamp := p.header.Get("Webhook-Id"), p.header.Get("Webhook-Timestamp")
		ids, stamps = append(ids, id), append(stamps, stamp)
		check(t, "signature", signatures(w.c.Secrets, id, stamp, p.body), p.header.Get("Webhook-Signature"))
	}
	check(t, "ids", []string{first, first, first, second}, ids)
	then, later := strconv.FormatInt(noon.Unix(), 10), strconv.FormatInt(noon.Unix()+60, 10)
	check(t, "timestamps", []string{then, later, later, later}, stamps)
}
