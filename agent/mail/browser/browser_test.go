package browser

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence/internal/signin/signintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func provider(t *testing.T) *signintest.Provider {
	t.Helper()
	p, err := signintest.Start(signintest.Config{
		Users: []signintest.User{{Name: "ada@example.com"}}, Clients: []string{"mail-app"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// signIn signs in with somebody in front of the browser.
func signIn(t *testing.T, p *signintest.Provider, person func(address string)) (string, error) {
	t.Helper()
	done := make(chan struct{})
	b := New(t.Context(), Options{Now: time.Now, Timeout: 10 * time.Second, Show: func(address string) {
		go func() {
			defer close(done)
			person(address)
		}()
	}})
	token, err := b.SignIn(p.Issuer(), "mail-app", "a nonce")
	<-done
	return token, err
}

func TestSignIn(t *testing.T) {
	p := provider(t)
	var asked url.Values
	token, err := signIn(t, p, func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Error(err)
			return
		}
		asked = u.Query()
		if err := signintest.Login(t.Context(), address, "ada@example.com", signintest.Password); err != nil {
			t.Error(err)
		}
	})
	if err != nil || strings.Count(token, ".") != 2 {
		t.Fatalf("%q, %v", token, err)
	}
	if asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") == "" || asked.Get("nonce") != "a nonce" ||
		!strings.HasPrefix(asked.Get("redirect_uri"), "http://127.0.0.1:") || asked.Has("client_secret") {
		t.Errorf("asked with %v", asked)
	}
}

// TestStrangers: who does not know the state can neither sign in nor end the
// sign-in.
func TestStrangers(t *testing.T) {
	p := provider(t)
	_, err := signIn(t, p, func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Error(err)
			return
		}
		back := u.Query().Get("redirect_uri")
		for _, query := range []string{"", "?code=mine", "?code=mine&state=guessed", "?error=access_denied&state="} {
			if got := visit(t, back+query); got != http.StatusBadRequest {
				t.Errorf("%q was answered %d", query, got)
			}
		}
		if got := visit(t, strings.TrimSuffix(back, path)+"/"); got != http.StatusNotFound {
			t.Errorf("another path was answered %d", got)
		}
		if err := signintest.Login(t.Context(), address, "ada@example.com", signintest.Password); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func visit(t *testing.T, address string) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(address)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestRefusals(t *testing.T) {
	p := provider(t)
	for query, want := range map[string]string{
		"error=access_denied&error_description=no%0a%1b": "access_denied: no",
		"code=stolen":                    "take the code to",
		"code=x&iss=https://example.com": "another provider",
		"":                               "no code",
	} {
		_, err := signIn(t, p, func(address string) {
			u, err := url.Parse(address)
			if err != nil {
				t.Error(err)
				return
			}
			visit(t, u.Query().Get("redirect_uri")+"?state="+u.Query().Get("state")+"&"+query)
		})
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
	b := New(t.Context(), Options{Now: time.Now, Timeout: time.Millisecond, Show: func(string) {}})
	if _, err := b.SignIn(p.Issuer(), "mail-app", "n"); err == nil {
		t.Error("nobody came, and somebody signed in")
	}
	ended, cancel := context.WithCancel(t.Context())
	b = New(ended, Options{Now: time.Now, Show: func(string) { cancel() }})
	if _, err := b.SignIn(p.Issuer(), "mail-app", "n"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	for _, issuer := range []string{"http://issuer.example.com", "ftp://127.0.0.1", "https://", "x", ""} {
		if _, err := New(t.Context(), Options{}).SignIn(issuer, "c", "n"); err == nil || !strings.Contains(err.Error(), "https") {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		asked string
		given []string
		want  string
	}{
		{"", []string{"a"}, "a"}, {"b", []string{"a", "b"}, "b"}, {"", []string{"a", "b"}, ""}, {"c", []string{"a"}, ""}, {"", nil, ""},
	} {
		got, err := choose("issuer", c.asked, c.given)
		_, asks := errors.AsType[*Choice](err)
		if got != c.want || asks != (c.want == "") {
			t.Errorf("%q of %v: %q, %v", c.asked, c.given, got, err)
		}
	}
}
