//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package phone

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"ringfence/agent/wipe"
)

// TestDepthKeepsNothing: folders in folders, more of them than a process may
// have files open, do not end a wipe.
func TestDepthKeepsNothing(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	put(t, dir+"/data/user/10/com.work.mail/shallow", "1")
	nest(t, dir+"/data/user/10/com.work.mail", 2000)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	fewer := before
	fewer.Cur = min(before.Cur, 512)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &fewer); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	if got := takeAll(t, p, wipe.Scope{Kind: wipe.WorkProfile}); got.Files != 1 {
		t.Errorf("counted %d files, want 1", got.Files)
	}
	assertGone(t, dir+"/data/user/10")
}

// nest makes folders in folders, deeper than a path can say.
func nest(t *testing.T, dir string, depth int) {
	t.Helper()
	at, err := os.OpenRoot(dir)
	for range depth {
		if err != nil {
			t.Fatal(err)
		}
		err = at.Mkdir("d", 0o700)
		next, opened := at.OpenRoot("d")
		err = errors.Join(err, opened, at.Close())
		at = next
	}
	if err := errors.Join(err, at.Close()); err != nil {
		t.Fatal(err)
	}
}
