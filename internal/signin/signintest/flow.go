package signintest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// flow is one person signing in at one client.
type flow struct {
	provider *Provider
	client   string
	verifier string // of PKCE
}

// authorize begins, and gives where the person is to log in.
func (f flow) authorize(ctx context.Context, nonce string) (*url.URL, error) {
	challenge := sha256.Sum256([]byte(f.verifier))
	query := url.Values{
		"client_id": {f.client}, "redirect_uri": {redirect}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"s"}, "nonce": {nonce},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	return f.get(ctx, f.provider.issuer+"/authorize?"+query.Encode())
}

// exchange gives the ID token for a code.
func (f flow) exchange(ctx context.Context, code string) (string, error) {
	res, err := f.do(ctx, http.MethodPost, f.provider.issuer+"/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect},
		"client_id": {f.client}, "code_verifier": {f.verifier},
	})
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if res.StatusCode != http.StatusOK {
		return "", failed(res)
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return "", err
	}
	return answer.IDToken, nil
}

func (f flow) get(ctx context.Context, at string) (*url.URL, error) {
	return f.redirected(f.do(ctx, http.MethodGet, at, nil))
}

func (f flow) post(ctx context.Context, at string, form url.Values) (*url.URL, error) {
	return f.redirected(f.do(ctx, http.MethodPost, at, form))
}

// redirected gives where the answer leads to.
func (flow) redirected(res *http.Response, err error) (*url.URL, error) {
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusFound {
		return nil, failed(res)
	}
	return res.Location()
}

// do asks without following redirects, as the browser that the app opened shows
// them to it.
func (f flow) do(ctx context.Context, method, at string, form url.Values) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client.Do(r)
}

func failed(res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
	return fmt.Errorf("the provider says %s: %s", res.Status, text)
}
