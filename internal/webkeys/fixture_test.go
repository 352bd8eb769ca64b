package webkeys_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeystest"
)

// noon has microseconds, so that losing them would show.
var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

const typ = "at+jwt"

// fixture is a service on a store in memory, with a clock to set.
type fixture struct {
	t     *testing.T
	at    time.Time
	store *webkeystest.Store
	*webkeys.Service
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, at: noon, store: new(webkeystest.Store)}
	f.Service = f.another(webkeystest.Sealer(t))
	return f
}

// another makes a service of another server on the same store.
func (f *fixture) another(sealer *webkeys.Sealer) *webkeys.Service {
	return webkeys.New(webkeys.Config{
		Store: f.store, Sealer: sealer, Now: func() time.Time { return f.at }, Generate: webkeystest.Generator(),
	})
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) sweep() {
	f.t.Helper()
	f.must(f.Sweep(f.t.Context()))
}

type claims struct {
	Text string `json:"text"`
}

func (f *fixture) sign(a webkeys.Algorithm) string {
	f.t.Helper()
	token, err := f.Sign(f.t.Context(), a, typ, claims{"hello"})
	f.must(err)
	return token
}

// believed checks that a token is believed, and what it says.
func (f *fixture) believed(what, token string) {
	f.t.Helper()
	var got claims
	if err := f.Verify(f.t.Context(), token, typ, &got); err != nil {
		f.t.Errorf("%s: %v", what, err)
		return
	}
	f.check(what, claims{"hello"}, got)
}

// refused checks that a token is not believed.
func (f *fixture) refused(what, token string) {
	f.t.Helper()
	var got claims
	if err := f.Verify(f.t.Context(), token, typ, &got); !errors.Is(err, webkeys.ErrTokenInvalid) {
		f.t.Errorf("%s: %v, want %v", what, err, webkeys.ErrTokenInvalid)
	}
	f.check(what+": claims", claims{}, got)
}

func (f *fixture) check(what string, want, got any) {
	f.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// phases gives the keys of an algorithm in words: "1 signing".
func (f *fixture) phases(a webkeys.Algorithm) []string {
	f.t.Helper()
	keys, err := f.Keys(f.t.Context())
	f.must(err)
	var all []string
	for _, k := range keys {
		if k.Algorithm == a {
			all = append(all, string(rune('0'+k.Number))+" "+string(k.State))
		}
	}
	return all
}

func (f *fixture) actions() []string {
	var all []string
	for _, e := range f.store.Entries() {
		all = append(all, e.Actor+" "+e.Action+" "+e.Detail)
	}
	return all
}
