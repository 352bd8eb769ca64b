package pki

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

func auditAuthority(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := OpenAuthority(dir, func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuditKey(t *testing.T) {
	dir := t.TempDir()
	a := auditAuthority(t, dir)
	// Many servers start at once on one folder: one makes the key.
	keys := make([]AuditKey, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = a.AuditKey(""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k.Verifier != keys[0].Verifier {
			t.Fatalf("two keys were made: %s, %s", k.Verifier, keys[0].Verifier)
		}
	}
	verifier, err := note.NewVerifier(keys[0].Verifier)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: "hello\n"}, keys[1].Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
		t.Errorf("the printed key does not verify: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "audit.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the key: %v, %v", info, err)
	}
	if _, err := a.AuditKey("another"); err == nil || !strings.Contains(err.Error(), "cannot change") {
		t.Errorf("another name: got %v", err)
	}
}

func TestAuditKeyNames(t *testing.T) {
	a := auditAuthority(t, t.TempDir())
	for _, name := range []string{"a b", "a+b", "\xff"} {
		if _, err := a.AuditKey(name); err == nil {
			t.Errorf("name %q was taken", name)
		}
	}
	k, err := a.AuditKey("mdm.example.com/audit")
	if err != nil || !strings.HasPrefix(k.Verifier, "mdm.example.com/audit+") {
		t.Errorf("got %q, %v", k.Verifier, err)
	}
}

func TestAuditKeyRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "rubbish": "PRIVATE+KEY+a+b+c", "a verifier": "a+00000000+AAAA", "one word": "x",
	} {
		dir := t.TempDir()
		a := auditAuthority(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "audit.key"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.AuditKey(""); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	dir := t.TempDir()
	a := auditAuthority(t, dir)
	if _, err := a.AuditKey(""); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "audit.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := a.AuditKey(""); err == nil {
		t.Error("a key that others may read was taken")
	}
}
