package ssf_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"ringfence/internal/oauth"
	"ringfence/internal/transmit"
)

// set is an event as the receiver reads it: by the key set alone.
type set struct {
	header map[string]any
	claims map[string]any
}

// kind gives the type of the one event.
func (s set) kind() transmit.EventType {
	events, _ := s.claims["events"].(map[string]any)
	for kind := range events {
		if len(events) == 1 {
			return transmit.EventType(kind)
		}
	}
	return ""
}

// open verifies an event by what is published at jwks_uri, and nothing else.
func (w *world) open(token string) set {
	w.t.Helper()
	var keys jose.JSONWebKeySet
	w.must(json.Unmarshal(w.callAs("", "GET", oauth.JWKSPath, nil).body, &keys))
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	w.must(err)
	head := parsed.Signatures[0].Protected
	found := keys.Key(head.KeyID)
	if len(found) != 1 || found[0].Algorithm != head.Algorithm || !found[0].IsPublic() {
		w.t.Fatalf("%d keys for %q %s", len(found), head.KeyID, head.Algorithm)
	}
	payload, err := parsed.Verify(found[0])
	w.must(err)
	s := set{header: map[string]any{"alg": head.Algorithm, "typ": head.ExtraHeaders["typ"]}}
	w.must(json.Unmarshal(payload, &s.claims))
	return s
}

// receiver is an HTTPS server that takes what is pushed.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	tokens   []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests, r.tokens = append(r.requests, req), append(r.tokens, string(body))
		w.WriteHeader(http.StatusAccepted)
	}))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() ([]*http.Request, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*http.Request{}, r.requests...), append([]string{}, r.tokens...)
}

// arrived waits for so many events and opens them.
func (w *world) arrived(n int) []set {
	w.t.Helper()
	w.eventually("the events arrive", func() bool { _, tokens := w.push.got(); return len(tokens) >= n })
	_, tokens := w.push.got()
	all := make([]set, len(tokens))
	for i, token := range tokens {
		all[i] = w.open(token)
	}
	return all
}
