package webkeys_test

import (
	"sync"
	"testing"
	"time"

	"ringfence/internal/identity"
	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeystest"
)

// TestLife follows a key from its making to its end, and the one after it.
func TestLife(t *testing.T) {
	f := newFixture(t)
	f.sweep()
	f.check("at first", []string{"1 signing"}, f.phases(webkeys.RS256))
	first := f.sign(webkeys.RS256)
	f.believed("at first", first)

	f.at = noon.Add(webkeys.SignsFor - webkeys.PublishedBefore - time.Second)
	f.sweep()
	f.check("a while", []string{"1 signing"}, f.phases(webkeys.RS256))
	f.at = f.at.Add(time.Second)
	f.sweep()
	f.sweep()
	f.check("an hour before", []string{"1 signing", "2 next"}, f.phases(webkeys.RS256))
	old := f.sign(webkeys.RS256)

	f.at = noon.Add(webkeys.SignsFor)
	f.check("then", []string{"1 signed", "2 signing"}, f.phases(webkeys.RS256))
	f.believed("signed by the old one", old)
	f.believed("signed by the new one", f.sign(webkeys.RS256))

	f.at = f.at.Add(webkeys.PublishedAfter - time.Second)
	f.believed("signed by the old one, at its end", old)
	f.at = f.at.Add(time.Second)
	f.refused("signed by one that has gone", old)
	f.check("a week after", []string{"2 signing"}, f.phases(webkeys.RS256))
	f.sweep()
	f.refused("signed by one that was removed", old)
	stored, err := f.store.Keys(t.Context())
	f.must(err)
	f.check("stored", 1, len(stored))
	f.check("the record", []string{
		"server webkeys.rotate key 1 for RS256, signs from 2026-01-02T12:00:00Z",
		"server webkeys.rotate key 2 for RS256, signs from 2026-04-02T12:00:00Z",
		"server webkeys.remove key 1 for RS256 is not published any more",
	}, f.actions())
}

// TestRotate: whoever asks twice gets the key that waits.
func TestRotate(t *testing.T) {
	f := newFixture(t)
	ctx := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice"})
	for _, a := range webkeys.Algorithms() {
		first, err := f.Rotate(ctx, a)
		f.must(err)
		f.check("the first", []any{uint64(1), webkeys.Signing, f.at}, []any{first.Number, first.State, first.SignsFrom})
		next, err := f.Rotate(ctx, a)
		f.must(err)
		f.check("the next", []any{uint64(2), webkeys.Next, f.at.Add(time.Hour)}, []any{next.Number, next.State, next.SignsFrom})
		again, err := f.Rotate(ctx, a)
		f.must(err)
		f.check("again", next.ID, again.ID)
		f.believed(string(a), f.sign(a))
	}
	f.check("entries", 6, len(f.actions()))
	f.check("by whom", "admin:alice", f.store.Entries()[0].Actor)
	if _, err := f.Rotate(ctx, "HS256"); err == nil {
		t.Error("a key for HS256 was made")
	}
	if _, err := f.Sign(ctx, "none", typ, claims{}); err == nil {
		t.Error("signed with none")
	}
}

// TestOneKey: of servers that start at once, one makes the key.
func TestOneKey(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	tokens := make([]string, 8)
	for i := range tokens {
		s := f.another(webkeystest.Sealer(t))
		wg.Go(func() {
			var err error
			if tokens[i], err = s.Sign(t.Context(), webkeys.ES256, typ, claims{"hello"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	f.check("keys", []string{"1 signing"}, f.phases(webkeys.ES256))
	for _, token := range tokens {
		f.believed("a token", token)
	}
}

// TestClockBehind: a server whose clock is behind signs with the first key all
// the same.
func TestClockBehind(t *testing.T) {
	f := newFixture(t)
	f.sweep()
	f.at = noon.Add(-time.Minute)
	f.believed("before its time", f.sign(webkeys.RS256))
	f.check("keys", []string{"1 signing"}, f.phases(webkeys.RS256))
}

// TestForeignKeys: what was not sealed here is neither published nor trusted, and
// does not stop anybody.
func TestForeignKeys(t *testing.T) {
	f := newFixture(t)
	secret := make([]byte, webkeys.SecretLen)
	secret[0] = 1
	sealer, err := webkeys.NewSealer(secret)
	f.must(err)
	stranger := f.another(sealer)
	token, err := stranger.Sign(t.Context(), webkeys.ES256, typ, claims{"hello"})
	f.must(err)
	f.refused("signed elsewhere", token)
	f.check("published", []string(nil), f.phases(webkeys.ES256))
	f.believed("signed here", f.sign(webkeys.ES256))
	f.check("published then", []string{"2 signing"}, f.phases(webkeys.ES256))
	f.at = f.at.Add(webkeys.PublishedAfter)
	f.sweep()
	stored, err := f.store.Keys(t.Context())
	f.must(err)
	f.check("stored", []uint64{2, 1}, []uint64{stored[0].Number, stored[1].Number})
}

// TestMovedRows: a sealed key in another row does not open.
func TestMovedRows(t *testing.T) {
	for name, move := range map[string]func(*webkeys.Stored){
		"sooner":             func(k *webkeys.Stored) { k.SignsFrom = k.SignsFrom.Add(-time.Second) },
		"of another number":  func(k *webkeys.Stored) { k.Number++ },
		"for another":        func(k *webkeys.Stored) { k.Algorithm = webkeys.EdDSA },
		"under another name": func(k *webkeys.Stored) { k.ID = "x" + k.ID[1:] },
		"changed":            func(k *webkeys.Stored) { k.Sealed[40] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			token := f.sign(webkeys.ES256)
			stored, err := f.store.Keys(t.Context())
			f.must(err)
			f.must(f.store.RemoveKey(t.Context(), stored[0].ID, f.store.Entries()[0]))
			move(&stored[0])
			f.must(f.store.AddKey(t.Context(), stored[0], f.store.Entries()[0]))
			f.at = f.at.Add(time.Hour)
			f.refused("its token", token)
			f.check("published", 0, len(f.phases(webkeys.ES256))+len(f.phases(webkeys.EdDSA)))
		})
	}
}
