package browser

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"ringfence/agent/answer"
)

// landing is where the browser is sent back to: a listener on the loopback
// interface, for one sign-in.
type landing struct {
	redirect, state, issuer string

	server *http.Server
	served chan struct{}
	came   chan result
}

// result is what the browser brought back.
type result struct {
	code string
	err  error
}

func listen(ctx context.Context, issuer string) (*landing, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the browser: %w", err)
	}
	l := &landing{
		redirect: "http://" + listener.Addr().String() + path, state: rand.Text() + rand.Text(), issuer: issuer,
		served: make(chan struct{}), came: make(chan result, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, l.land)
	l.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() {
		defer close(l.served)
		_ = l.server.Serve(listener)
	}()
	return l, nil
}

// close ends the listener, once the browser has its page.
func (l *landing) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
	<-l.served
}

// land takes the first answer that is to this very question. Whoever sends
// others, and other pages of the same browser may, is told nothing and ends
// nothing.
func (l *landing) land(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Connection", "close")
	query := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(l.state)) != 1 {
		http.Error(w, "this is no answer to a sign-in that is under way", http.StatusBadRequest)
		return
	}
	came := l.read(query)
	select {
	case l.came <- came:
	default: // there was one before
	}
	if came.err != nil {
		http.Error(w, "You are not signed in. Go back to the app.", http.StatusForbidden)
		return
	}
	_, _ = w.Write([]byte("You are signed in. Close this window and go back to the app.\n"))
}

func (l *landing) read(query url.Values) result {
	switch {
	case query.Has("iss") && query.Get("iss") != l.issuer: // RFC 9207
		return result{err: errors.New("another provider has answered")}
	case query.Has("error"):
		return result{err: fmt.Errorf("the provider says %s", answer.Clip(query.Get("error")+": "+query.Get("error_description")))}
	case query.Get("code") == "":
		return result{err: errors.New("the provider sent no code")}
	}
	return result{code: query.Get("code")}
}

// wait waits for the browser.
func (l *landing) wait(ctx context.Context) (string, error) {
	select {
	case came := <-l.came:
		return came.code, came.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", errors.New("nobody has signed in: it took too long")
		}
		return "", ctx.Err()
	}
}
