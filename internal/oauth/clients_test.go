package oauth_test

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/oauth"
)

func TestCreateClient(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.Evaluate, oauth.ReadStreams, oauth.Evaluate)
	if !regexp.MustCompile(`^rfc_[A-Za-z0-9_-]{43}$`).MatchString(secret) {
		t.Errorf("the secret is %q", secret)
	}
	c.Request = [32]byte{}
	f.check("client", oauth.Client{
		ID: "c_00000000000000000000000000000001", Name: "okta", Scopes: []oauth.Scope{oauth.ReadStreams, oauth.Evaluate},
		CreatedAt: noon, CreatedBy: "admin:alice", Secret: sha256.Sum256([]byte(secret)), RequestKey: "key-of-okta",
	}, c)
	f.check("the record", []audit.Entry{{
		Actor: "admin:alice", Action: "oauth.client.create", Target: "oauth-client/okta",
		Detail: "client c_00000000000000000000000000000001, may ssf.read access.evaluate", RequestID: "r1",
	}}, f.store.entries)
	if _, other := f.create("other", oauth.Evaluate); other == secret {
		t.Error("two clients have one secret")
	}
}

// TestCreateAgain: a repeated request gives the client and no secret; another one
// with the same key is refused.
func TestCreateAgain(t *testing.T) {
	f := newFixture(t)
	first, _ := f.create("okta", oauth.Evaluate)
	again, secret, err := f.CreateClient(f.admin(), oauth.NewClient{
		Name: "okta", Scopes: []oauth.Scope{oauth.Evaluate, oauth.Evaluate}, RequestKey: "key-of-okta",
	})
	f.must(err)
	f.check("again", first, again)
	f.check("secret", "", secret)
	bob := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "bob"})
	for what, deed := range map[string]func() error{
		"another name": func() error {
			_, _, err := f.CreateClient(f.admin(), oauth.NewClient{Name: "okta2", Scopes: []oauth.Scope{oauth.Evaluate}, RequestKey: "key-of-okta"})
			return err
		},
		"other scopes": func() error {
			_, _, err := f.CreateClient(f.admin(), oauth.NewClient{Name: "okta", Scopes: oauth.Scopes(), RequestKey: "key-of-okta"})
			return err
		},
		"another person": func() error {
			_, _, err := f.CreateClient(bob, oauth.NewClient{Name: "okta", Scopes: []oauth.Scope{oauth.Evaluate}, RequestKey: "key-of-okta"})
			return err
		},
	} {
		if err := deed(); !errors.Is(err, oauth.ErrRequestKeyReused) {
			t.Errorf("%s: %v, want %v", what, err, oauth.ErrRequestKeyReused)
		}
	}
}

func TestCreateRefused(t *testing.T) {
	f := newFixture(t)
	good := oauth.NewClient{Name: "okta", Scopes: []oauth.Scope{oauth.Evaluate}, RequestKey: "12345678"}
	for what, edit := range map[string]func(*oauth.NewClient){
		"no name":             func(n *oauth.NewClient) { n.Name = "" },
		"a name like an id":   func(n *oauth.NewClient) { n.Name = "c_0" },
		"a name in capitals":  func(n *oauth.NewClient) { n.Name = "Okta" },
		"two lines":           func(n *oauth.NewClient) { n.Name = "okta\nx" },
		"a long name":         func(n *oauth.NewClient) { n.Name = strings.Repeat("a", 64) },
		"no scope":            func(n *oauth.NewClient) { n.Scopes = nil },
		"a scope there isn't": func(n *oauth.NewClient) { n.Scopes = append(n.Scopes, "ssf.admin") },
		"no request key":      func(n *oauth.NewClient) { n.RequestKey = "" },
	} {
		n := good
		edit(&n)
		if _, _, err := f.CreateClient(f.admin(), n); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v, want invalid", what, err)
		}
	}
	f.config.Random = iotest.ErrReader(errBroken)
	if _, _, err := oauth.New(f.config).CreateClient(f.admin(), good); err == nil {
		t.Error("a client without randomness was made")
	}
	f.check("clients", 0, len(f.store.clients))
}

// TestRevoke: secret and tokens end at once, with memory and without.
func TestRevoke(t *testing.T) {
	for _, cache := range []bool{false, true} {
		f := newFixture(t)
		f.config.Cache = cache
		f.Service = oauth.New(f.config)
		c, secret := f.create("okta", oauth.Evaluate)
		token := f.token(c, secret)
		f.check("before", 200, f.ask(oauth.Evaluate, token).Status)
		reads := f.store.reads
		f.check("before", 200, f.ask(oauth.Evaluate, token).Status)
		f.check("remembered", cache, f.store.reads == reads)
		revoked, err := f.RevokeClient(f.admin(), c.ID)
		f.must(err)
		f.check("revoked at", noon, revoked.RevokedAt)
		f.check("its token", 401, f.ask(oauth.Evaluate, token).Status)
		r := tokenRequest("grant_type=client_credentials")
		r.SetBasicAuth(c.ID, secret)
		f.check("its secret", 401, f.send(f.Token(), r).Status)
		_, err = f.RevokeClient(f.admin(), "c_ffffffffffffffffffffffffffffffff")
		f.check("one there is not", true, errors.Is(err, oauth.ErrNoClient))
		f.check("entry", "oauth.client.revoke oauth-client/okta", f.store.entries[1].Action+" "+f.store.entries[1].Target)
	}
}

func TestScopes(t *testing.T) {
	may := map[string]bool{
		"ssf.manage ssf.manage": true, "ssf.manage ssf.read": true, "ssf.read ssf.read": true, "access.evaluate access.evaluate": true,
	}
	for _, have := range oauth.Scopes() {
		if have.About() == "" {
			t.Errorf("%s says nothing about itself", have)
		}
		for _, wanted := range oauth.Scopes() {
			if got, want := oauth.May([]oauth.Scope{have}, wanted), may[string(have+" "+wanted)]; got != want {
				t.Errorf("May(%s, %s) = %v, want %v", have, wanted, got, want)
			}
		}
	}
	if oauth.Scope("x").About() != "" || oauth.May(nil, oauth.ReadStreams) || oauth.May(oauth.Scopes(), "x") {
		t.Error("a scope there is not does something")
	}
}
