package signintest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// User is somebody who can sign in.
type User struct {
	Name   string
	Groups []string
}

// Config is what a Provider knows. Both lists may be empty.
type Config struct {
	Users []User
	// Clients are the ids of applications; they are public, and use PKCE.
	Clients []string
}

// redirect is where the provider sends people back to: to the app, by the app's
// own scheme.
const redirect = "com.example.mail://signed-in"

// Provider is a running provider.
type Provider struct {
	issuer string
	server *http.Server
	ended  chan error
	store  *store
	down   atomic.Bool
	asked  atomic.Int64
}

// Start starts one. Close ends it.
func Start(c Config) (*Provider, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Provider{issuer: "http://" + listener.Addr().String(), ended: make(chan error, 1)}
	handler, err := p.handler(c)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { p.ended <- p.server.Serve(listener) }()
	return p, nil
}

// Issuer is its issuer identifier, an http URL on 127.0.0.1.
func (p *Provider) Issuer() string { return p.issuer }

// Close ends the provider.
func (p *Provider) Close() error {
	err := p.server.Close()
	if served := <-p.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Down makes the provider break every connection, or stop doing so.
func (p *Provider) Down(down bool) { p.down.Store(down) }

// Asked counts the requests so far.
func (p *Provider) Asked() int { return int(p.asked.Load()) }

// Rotate makes a new signing key. The old one is forgotten, so that no token
// made before verifies any more once its keys are read again.
func (p *Provider) Rotate() error { return p.store.rotate() }

// Lifetime sets how long the ID tokens last that are made from now on; it may be
// negative.
func (p *Provider) Lifetime(d time.Duration) { p.store.lifetime.Store(int64(d)) }

func (p *Provider) handler(c Config) (http.Handler, error) {
	var err error
	if p.store, err = newStore(c); err != nil {
		return nil, err
	}
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	provider, err := op.NewProvider(&op.Config{CryptoKey: key, CodeMethodS256: true}, p.store, op.StaticIssuer(p.issuer),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("make the provider: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /login", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(p.login(provider)))
	mux.Handle("/", provider)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		if p.down.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// login is the page where a person gives name and password.
func (p *Provider) login(provider op.OpenIDProvider) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("id")
		if err := p.store.CheckUsernamePassword(r.FormValue("username"), r.FormValue("password"), id); err != nil {
			http.Error(w, "name or password is wrong", http.StatusForbidden)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(r.Context(), id), http.StatusFound)
	}
}

// SignIn plays an app and a person in front of it: the authorization code flow
// with PKCE, by which the named user signs in at the client with a nonce. It
// gives the ID token.
func (p *Provider) SignIn(ctx context.Context, client, user, nonce string) (string, error) {
	f := flow{provider: p, client: client, verifier: rand.Text() + rand.Text()}
	login, err := f.authorize(ctx, nonce)
	if err != nil {
		return "", err
	}
	callback, err := f.post(ctx, p.issuer+"/login", url.Values{
		"id": {login.Query().Get("id")}, "username": {user}, "password": {Password},
	})
	if err != nil {
		return "", err
	}
	back, err := f.get(ctx, callback.String())
	if err != nil {
		return "", err
	}
	return f.exchange(ctx, back.Query().Get("code"))
}

var _ op.Storage = (*store)(nil)

// directory is the users as the storage asks for them.
type directory map[string]*storage.User

func (d directory) GetUserByID(id string) *storage.User         { return d[id] }
func (d directory) GetUserByUsername(name string) *storage.User { return d["id-"+name] }
func (directory) ExampleClientID() string                       { return "" }
