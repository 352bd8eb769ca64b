package vault_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ringfence/agent/appsdk/appsdktest"
	"ringfence/agent/appsdk/vault"
)

func options(dir string, keys *appsdktest.Keys) vault.Options {
	return vault.Options{Dir: filepath.Join(dir, "state"), KeyName: "work.state", Keys: keys}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o vault.Options, want string) *vault.Vault {
	t.Helper()
	v, data, err := vault.Open(o)
	must(t, err)
	if string(data) != want {
		t.Fatalf("the record is %q, want %q", data, want)
	}
	return v
}

// TestVault: what was saved last is there; nothing else opens.
func TestVault(t *testing.T) {
	o := options(t.TempDir(), appsdktest.NewKeys())
	v := open(t, o, "")
	must(t, v.Close())
	v = open(t, o, "") // a key that has counted nothing
	for i := range 5 {
		must(t, v.Save(fmt.Appendf(nil, "record %d", i)))
	}
	must(t, v.Close())
	if err := v.Save(nil); !errors.Is(err, vault.ErrUnsure) {
		t.Errorf("Save after Close: %v", err)
	}
	v = open(t, o, "record 4")
	if err := v.Save(make([]byte, vault.MaxData+1)); err == nil {
		t.Error("a record without bound was saved")
	}
	must(t, v.Close())
	must(t, vault.Destroy(o))
	must(t, vault.Destroy(o))
	open(t, o, "")
}

// TestTampered: a slot with any octet changed, cut off, exchanged or gone is not
// the newest.
func TestTampered(t *testing.T) {
	keys := appsdktest.NewKeys()
	o := options(t.TempDir(), keys)
	v := open(t, o, "")
	must(t, v.Save([]byte("first")))
	must(t, v.Save([]byte("second")))
	must(t, v.Close())
	inUse := filepath.Join(o.Dir, "slot.1") // the second save
	other := filepath.Join(o.Dir, "slot.0")
	good, err := os.ReadFile(inUse)
	must(t, err)
	old, err := os.ReadFile(other)
	must(t, err)
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x40
		must(t, os.WriteFile(inUse, bad, 0o600))
		if _, data, err := vault.Open(o); !errors.Is(err, vault.ErrNotNewest) {
			t.Fatalf("octet %d changed: %q, %v", i, data, err)
		}
	}
	for name, bad := range map[string][]byte{"cut off": good[:len(good)-1], "empty": nil, "the one before": old} {
		must(t, os.WriteFile(inUse, bad, 0o600))
		if _, data, err := vault.Open(o); !errors.Is(err, vault.ErrNotNewest) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	must(t, os.RemoveAll(o.Dir))
	if _, data, err := vault.Open(o); !errors.Is(err, vault.ErrNotNewest) {
		t.Errorf("taken away: %q, %v", data, err)
	}
	// Under another key, or another name of it, it is nothing.
	must(t, os.MkdirAll(o.Dir, 0o700))
	must(t, os.WriteFile(inUse, good, 0o600))
	another := o
	another.KeyName = "home.state"
	v = open(t, another, "")
	must(t, v.Save([]byte("mine")))
	must(t, v.Close())
	if _, data, err := vault.Open(o); !errors.Is(err, vault.ErrNotNewest) && err != nil || string(data) == "mine" {
		t.Errorf("another's: %q, %v", data, err)
	}
}

// TestTwoHands: who did not save last cannot save any more.
func TestTwoHands(t *testing.T) {
	o := options(t.TempDir(), appsdktest.NewKeys())
	a, b := open(t, o, ""), open(t, o, "")
	must(t, a.Save([]byte("a")))
	if err := b.Save([]byte("b")); !errors.Is(err, vault.ErrUnsure) {
		t.Errorf("Save: %v", err)
	}
	must(t, errors.Join(a.Close(), b.Close()))
	open(t, o, "a")
}

// TestNothingIsLost: however the app dies and the key store fails, what was saved
// is there, or what was being saved; and a copy from before it is refused.
func TestNothingIsLost(t *testing.T) {
	round := 0
	top := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		round++
		keys := appsdktest.NewKeys()
		o := options(filepath.Join(top, fmt.Sprint(round)), keys)
		if err := os.MkdirAll(filepath.Dir(o.Dir), 0o700); err != nil {
			t.Fatal(err)
		}
		steps, dieAt := 0, 0
		o.Progress = func(string) {
			if steps++; steps == dieAt {
				panic("killed")
			}
		}
		saved, copied, n := "", "", 0
		backup := filepath.Join(top, fmt.Sprint(round), "backup")
		for range rapid.IntRange(1, 12).Draw(t, "lives") {
			v, data, err := vault.Open(o)
			if err != nil || string(data) != saved {
				t.Fatalf("opened %q, %v, want %q", data, err, saved)
			}
			n++
			next := fmt.Sprintf("record %d", n)
			steps, dieAt = 0, rapid.IntRange(0, 3).Draw(t, "dies at")
			if rapid.Bool().Draw(t, "the key store fails") {
				keys.Fail = func(string, string) error { return errors.New("busy") }
			}
			done := attempt(func() error { return v.Save([]byte(next)) })
			if keys.Fail = nil; done || dieAt == 3 && steps == 3 {
				saved = next
			}
			steps, dieAt = 0, 0
			_ = v.Close()
			switch {
			case rapid.Bool().Draw(t, "copy"):
				_ = os.RemoveAll(backup)
				if err := os.CopyFS(backup, os.DirFS(o.Dir)); err != nil {
					t.Fatal(err)
				}
				copied = saved
			case copied != saved && copied != "" && rapid.Bool().Draw(t, "restore"):
				kept := o.Dir + ".kept"
				if err := errors.Join(os.Rename(o.Dir, kept), os.CopyFS(o.Dir, os.DirFS(backup))); err != nil {
					t.Fatal(err)
				}
				if _, data, err := vault.Open(o); !errors.Is(err, vault.ErrNotNewest) {
					t.Fatalf("a copy of %q opened as %q, %v; the newest is %q", copied, data, err, saved)
				}
				if err := errors.Join(os.RemoveAll(o.Dir), os.Rename(kept, o.Dir)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// attempt reports whether fn went through; it may be killed.
func attempt(fn func() error) (done bool) {
	defer func() {
		if r := recover(); r != nil && r != "killed" {
			panic(r)
		}
	}()
	return fn() == nil
}
