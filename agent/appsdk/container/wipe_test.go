package container

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// TestWipeCrashEverywhere kills a wipe at each of its operations: from the first
// on the container is whole or it is unreadable, and a second wipe ends it.
func TestWipeCrashEverywhere(t *testing.T) {
	files := map[string]string{"a": "one", "b": "two", "c": string(some(1, 100))}
	for at, crashed := 1, true; crashed; at++ {
		d, keys := built(t, files)
		keys.d, d.steps, d.crashAt = d, 0, at
		c := mustOpen(t, d, keys)
		err := c.Wipe()
		if crashed = d.dead; !crashed {
			must(t, err)
		}
		d.restart()
		d.crashAt = 0
		o := memOptions(keys)
		o.Create = false
		n, _ := keys.Counter(o.KeyName)
		c, err = openIn(d.top, o)
		switch {
		case n > 0:
			must(t, err)
			if got := contentsOf(t, c); !maps.Equal(got, files) {
				t.Errorf("killed at %d: files are %v", at, sizes(got))
			}
			must(t, c.Close())
		case !errors.Is(err, ErrWiped) && !(errors.Is(err, fs.ErrNotExist) && len(d.files()) == 0):
			t.Errorf("killed at %d: open gives %v with %d files", at, err, len(d.files()))
		}
		must(t, wipeAgain(d, keys))
		must(t, wipeAgain(d, keys))
		if n := len(d.files()); n != 0 {
			t.Errorf("killed at %d: %d files are left", at, n)
		}
		c = mustOpen(t, d, keys)
		must(t, c.WriteFile("a", []byte("anew")))
		must(t, c.Close())
	}
}

// wipeAgain is Wipe on a disk in memory.
func wipeAgain(d *disk, keys KeyStore) error {
	if err := keys.Destroy(memOptions(keys).KeyName); err != nil {
		return err
	}
	return eraseIn(d.top)
}

// TestBackupFromBeforeWipe restores every mixture of an old container's files
// with what is there after a wipe, and after a new container was made.
func TestBackupFromBeforeWipe(t *testing.T) {
	d, keys := built(t, map[string]string{"a": "secret"})
	backup := d.copyOf()
	must(t, wipeAgain(d, keys))
	d.put(backup)
	if err := attempt(t, d, memOptions(keys), nil); !errors.Is(err, ErrWiped) {
		t.Errorf("a backup after the wipe: %v", err)
	}
	must(t, wipeAgain(d, keys))

	files := map[string]string{"a": "of the new one"}
	c := mustOpen(t, d, keys)
	must(t, c.WriteFile("a", []byte(files["a"])))
	must(t, c.Close())
	fresh := d.copyOf()
	for mixture := range 8 {
		mixed := maps.Clone(fresh)
		for name, data := range backup {
			switch {
			case name == keyFile && mixture&1 != 0, name == slots[0] && mixture&2 != 0:
				mixed[name] = data
			case name != keyFile && name != slots[0] && mixture&4 != 0:
				mixed[name] = data
			}
		}
		d.put(mixed)
		if err := attempt(t, d, memOptions(keys), files); (err == nil) != (mixture&3 == 0) {
			t.Errorf("mixture %d: %v", mixture, err)
		}
	}
}

func TestWipeOnDisk(t *testing.T) {
	o := onDisk(t)
	must(t, Wipe(o)) // nothing there
	c, err := Open(o)
	must(t, err)
	must(t, c.WriteFile("a", []byte("x")))
	foreign := filepath.Join(o.Dir, contentsDir, "somebody's notes")
	must(t, os.WriteFile(foreign, nil, 0o600))
	r, err := c.Open("a")
	must(t, err)
	w, err := c.Create("b")
	must(t, err)

	if err := Wipe(o); !errors.Is(err, ErrLocked) {
		t.Errorf("wipe of an open container: %v", err)
	}
	if err := c.WriteFile("a", []byte("y")); !errors.Is(err, ErrUnsure) {
		t.Errorf("write after the key was destroyed: %v", err)
	}
	must(t, c.Wipe())
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, ErrWiped) {
		t.Errorf("read: %v", err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, ErrWiped) {
		t.Errorf("write: %v", err)
	}
	if err := w.Commit(); !errors.Is(err, ErrWiped) {
		t.Errorf("commit: %v", err)
	}
	must(t, w.Close())
	must(t, r.Close())
	for what, err := range map[string]error{
		"wipe": c.Wipe(), "rename": c.Rename("a", "b"), "remove": c.Remove("a"), "write": c.WriteFile("a", nil),
		"list": func() error { _, err := c.List(); return err }(),
		"stat": func() error { _, err := c.Stat("a"); return err }(),
		"open": func() error { _, err := c.Open("a"); return err }(),
	} {
		if !errors.Is(err, ErrWiped) {
			t.Errorf("%s after a wipe: %v", what, err)
		}
	}
	must(t, c.Close())
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("what is not the container's: %v", err)
	}
	o.Create = false
	if _, err := Open(o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open after a wipe: %v", err)
	}
}
