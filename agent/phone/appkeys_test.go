package phone

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func keysOf(t *testing.T, p *Phone, pkg string) *AppKeys {
	t.Helper()
	k, err := p.AppKeys(pkg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func counter(t *testing.T, k *AppKeys, name string) int64 {
	t.Helper()
	n, err := k.Counter(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAppKeys: the contract of a container's key store, and that what it has
// answered is there for the next process.
func TestAppKeys(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	k := keysOf(t, p, "com.example.mail")
	secret := bytes.Repeat([]byte{7}, 32)

	if n := counter(t, k, "work.files"); n >= 0 {
		t.Errorf("a key that is not there counts %d", n)
	}
	if err := k.Raise("work.files", 1); err == nil {
		t.Error("a key that is not there was raised")
	}
	if _, err := k.Unwrap("work.files", secret); err == nil {
		t.Error("a key that is not there unwrapped")
	}
	wrapped, err := k.Wrap("work.files", secret)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, secret) || counter(t, k, "work.files") != 0 {
		t.Error("a new key wraps nothing, or has counted")
	}
	if err := k.Raise("work.files", 5); err != nil {
		t.Fatal(err)
	}
	for _, to := range []int64{5, 4, -1} {
		if err := k.Raise("work.files", to); err == nil {
			t.Errorf("raised from 5 to %d", to)
		}
	}
	k = keysOf(t, open(t, dir), "com.example.mail")
	if got, err := k.Unwrap("work.files", wrapped); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("the next process unwraps %x, %v", got, err)
	}
	if n := counter(t, k, "work.files"); n != 5 {
		t.Errorf("the next process counts %d, want 5", n)
	}
	info, err := os.Stat(filepath.Join(dir, "misc/keystore/apps/com.example.mail/work.files.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	for range 2 {
		if err := k.Destroy("work.files"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Wrap("work.files", secret); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap("work.files", wrapped); err == nil {
		t.Error("a new key of the name opens what the destroyed one wrapped")
	}
}

// TestAppKeysAreApart: other names, other apps and the phone's own keys.
func TestAppKeysAreApart(t *testing.T) {
	p := open(t, t.TempDir())
	mine, theirs := keysOf(t, p, "com.example.mail"), keysOf(t, p, "com.example.notes")
	wrapped, err := mine.Wrap("work.files", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Wrap("work.files", make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Unwrap("work.files", wrapped); err == nil {
		t.Error("another app's key of the same name opens it")
	}
	if _, err := mine.Unwrap("work.state", wrapped); err == nil {
		t.Error("another name opens it")
	}
	if err := mine.MakeKey("identity.1"); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.PublicKey("identity.1"); err == nil {
		t.Error("another app has the signing key")
	}
	if names, err := p.keysWith(identityPrefix); err != nil || names != nil {
		t.Errorf("the phone takes apps' keys for its own: %v, %v", names, err)
	}
	for _, bad := range []string{"../x", "", ".hidden", "a/b", "A"} {
		if _, err := mine.Wrap(bad, nil); err == nil {
			t.Errorf("%q named a key", bad)
		}
		if err := mine.Destroy(bad); err == nil {
			t.Errorf("%q named a key to destroy", bad)
		}
	}
	if _, err := p.AppKeys("../com.example"); err == nil {
		t.Error("a path named an app")
	}
}

func TestAppKeysSign(t *testing.T) {
	p := open(t, t.TempDir())
	k := keysOf(t, p, "com.example.mail")
	if _, err := k.Sign("identity.1", make([]byte, 32)); err == nil {
		t.Error("a key that is not there signed")
	}
	if err := k.MakeKey("identity.1"); err != nil {
		t.Fatal(err)
	}
	before, err := k.PublicKey("identity.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.MakeKey("identity.1"); err != nil {
		t.Fatal(err)
	}
	if again, err := k.PublicKey("identity.1"); err != nil || !bytes.Equal(before, again) {
		t.Errorf("made twice, the key is another one: %v", err)
	}
	digest := sha256.Sum256([]byte("hello"))
	signature, err := k.Sign("identity.1", digest[:])
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(before)
	if err != nil || !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], signature) {
		t.Errorf("the signature does not hold: %v", err)
	}
	for range 2 {
		if err := k.DeleteKey("identity.1"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.PublicKey("identity.1"); err == nil {
		t.Error("the key is still there")
	}
}

// TestAppKeysOutliveBackups: a container that was restored from a backup of the
// app's folder is seen to be old.
func TestAppKeysOutliveBackups(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	a := installed(t, p)
	k := a.Keys
	if _, err := k.Wrap("work.files", make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(a.WorkAccount, "x"), "old")
	backup := os.DirFS(a.Folder)
	kept := t.TempDir()
	if err := os.CopyFS(kept, backup); err != nil {
		t.Fatal(err)
	}
	if err := k.Raise("work.files", 9); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(a.Folder); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(a.Folder, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	if n := counter(t, k, "work.files"); n != 9 {
		t.Errorf("after the restore the counter is %d, want 9", n)
	}
}
