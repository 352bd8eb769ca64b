package signintest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Password is everybody's.
const Password = "correct horse"

// loopback is where the provider sends people back to whose app listens on their
// own machine, on any port (RFC 8252, 7.3).
const loopback = "http://127.0.0.1/signed-in"

// Login plays the browser, and the person in front of it: it opens an address that
// an app shows, gives name and password, and follows the provider back to the app
// that listens on this machine.
func Login(ctx context.Context, authURL, user, password string) error {
	var f flow
	login, err := f.get(ctx, authURL)
	if err != nil {
		return err
	}
	id := login.Query().Get("id")
	login.RawQuery = ""
	callback, err := f.post(ctx, login.String(), url.Values{"id": {id}, "username": {user}, "password": {password}})
	if err != nil {
		return err
	}
	back, err := f.get(ctx, callback.String())
	if err != nil {
		return err
	}
	res, err := f.do(ctx, http.MethodGet, back.String(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(io.LimitReader(res.Body, 1000)); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("the app says %s: %s", res.Status, text)
	}
	return nil
}
