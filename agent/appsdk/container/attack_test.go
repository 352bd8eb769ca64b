package container

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// attempt opens a container that somebody had his hands on. Whatever it gives is
// in want; it tells whether anything was refused.
func attempt(t *testing.T, d *disk, o *Options, want map[string]string) (refused error) {
	t.Helper()
	d.top.crash() // as after a restart: nothing is locked
	c, err := openIn(d.top, o)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	l, err := c.List()
	must(t, err)
	for i := range l.Len() {
		name := l.At(i).Name
		data, err := c.ReadFile(name)
		if err != nil {
			refused = errors.Join(refused, err)
		} else if plain, ok := want[name]; !ok || plain != string(data) {
			t.Errorf("%q has %d octets that nobody wrote", name, len(data))
		}
	}
	return refused
}

// built gives a disk with a small container, closed.
func built(t *testing.T, files map[string]string) (*disk, *memKeys) {
	t.Helper()
	d := newDisk(1)
	keys := newKeys(nil)
	c := mustOpen(t, d, keys)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		must(t, c.WriteFile(name, []byte(files[name])))
	}
	must(t, c.Close())
	return d, keys
}

func TestEveryBitCounts(t *testing.T) {
	files := map[string]string{"a": "the plain content of a", "b": ""}
	d, keys := built(t, files)
	saved := d.copyOf()
	if err := attempt(t, d, memOptions(keys), files); err != nil {
		t.Fatalf("untouched: %v", err)
	}
	for name, data := range saved {
		for i := range data {
			d.put(saved)
			d.files()[name].kept[i] ^= 1 << (i % 8)
			if err := attempt(t, d, memOptions(keys), files); err == nil {
				t.Errorf("a bit of octet %d of %s does not matter", i, name)
			}
		}
	}
	d.put(saved)
	if err := attempt(t, d, memOptions(keys), files); err != nil {
		t.Errorf("put right again: %v", err)
	}
}

func TestTruncation(t *testing.T) {
	files := map[string]string{"a": "the plain content of a", "b": "", "c": string(some(1, blockSize+1))}
	d, keys := built(t, files)
	saved := d.copyOf()
	for name, data := range saved {
		for n := 0; n < len(data); n += 1 + len(data)/80 {
			d.put(saved)
			f := d.files()[name]
			f.kept = f.kept[:n]
			if err := attempt(t, d, memOptions(keys), files); err == nil {
				t.Errorf("%s may be cut to %d octets", name, n)
			}
		}
		d.put(saved)
		f := d.files()[name]
		f.kept = append(f.kept, 0, 0, 0)
		err := attempt(t, d, memOptions(keys), files)
		if lost := strings.HasPrefix(name, "manifest"); lost != (err == nil) {
			t.Errorf("%s with something behind it: %v", name, err)
		}
		d.put(saved)
		delete(d.top.kept, name)
		if folder, base, ok := strings.Cut(name, "/"); ok {
			delete(d.top.kept[folder].(*memFolder).kept, base)
		}
		if err := attempt(t, d, memOptions(keys), files); err == nil {
			t.Errorf("%s may be missing", name)
		}
	}
}

// TestMovedBlocks puts sealed blocks where they do not belong.
func TestMovedBlocks(t *testing.T) {
	const sealed = blockSize + tagSize
	same := string(some(1, 3*blockSize))
	files := map[string]string{"a": same, "b": same}
	d, keys := built(t, files)
	before := d.copyOf()
	c := mustOpen(t, d, keys)
	oldA := c.index.names["a"].content.String()
	must(t, c.WriteFile("a", []byte(same)))
	newA, inB := c.index.names["a"].content.String(), c.index.names["b"].content.String()
	must(t, c.Close())
	after := d.copyOf()
	a, b, old := contentsDir+"/"+newA, contentsDir+"/"+inB, before[contentsDir+"/"+oldA]

	for what, edit := range map[string]func(disk map[string][]byte){
		"two blocks swapped": func(m map[string][]byte) {
			m[a] = slices.Concat(after[a][sealed:2*sealed], after[a][:sealed], after[a][2*sealed:])
		},
		"one block twice": func(m map[string][]byte) {
			m[a] = slices.Concat(after[a][:sealed], after[a][:sealed], after[a][2*sealed:])
		},
		"last block in the middle": func(m map[string][]byte) {
			m[a] = slices.Concat(after[a][2*sealed:], after[a][sealed:])
		},
		"block of another file": func(m map[string][]byte) {
			m[a] = slices.Concat(after[b][:sealed], after[a][sealed:])
		},
		"block of the version before": func(m map[string][]byte) {
			m[a] = slices.Concat(old[:sealed], after[a][sealed:])
		},
		"two files swapped":           func(m map[string][]byte) { m[a], m[b] = after[b], after[a] },
		"the version before":          func(m map[string][]byte) { m[a] = old },
		"the version before by name":  func(m map[string][]byte) { delete(m, a); m[contentsDir+"/"+oldA] = old },
		"the manifest of before":      func(m map[string][]byte) { m[slots[0]] = before[slots[0]] },
		"the manifest in both places": func(m map[string][]byte) { m[slots[0]], m[slots[1]] = nil, before[slots[0]] },
	} {
		changed := maps.Clone(after)
		edit(changed)
		d.put(changed)
		if err := attempt(t, d, memOptions(keys), files); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrRolledBack) {
			t.Errorf("%s: %v", what, err)
		}
	}
	both := maps.Clone(after)
	both[slots[1]], both[slots[0]] = after[slots[0]], before[slots[0]]
	d.put(both)
	if err := attempt(t, d, memOptions(keys), files); err != nil {
		t.Errorf("the newest manifest beside an old one: %v", err)
	}
}

// TestBlockIsBound changes one thing at a time that a block is bound to.
func TestBlockIsBound(t *testing.T) {
	type place struct {
		account string
		secret  byte
		entry   entry
		number  uint64
		last    bool
	}
	open := func(p place) *blocks {
		b, err := newVault(slices.Repeat([]byte{p.secret}, keySize), p.account).blocks(p.entry)
		must(t, err)
		return b
	}
	right := place{account: "lee", entry: entry{file: newID(), version: 2, content: newID()}, number: 1}
	sealed := open(right).seal(nil, []byte("plain"), right.number, right.last)
	for what, change := range map[string]func(p *place){
		"nothing": func(*place) {},
		"account": func(p *place) { p.account = "kim" },
		"key":     func(p *place) { p.secret++ },
		"file":    func(p *place) { p.entry.file[0]++ },
		"version": func(p *place) { p.entry.version-- },
		"content": func(p *place) { p.entry.content[0]++ },
		"number":  func(p *place) { p.number++ },
		"last":    func(p *place) { p.last = true },
	} {
		p := right
		change(&p)
		plain, err := open(p).open(nil, sealed, p.number, p.last)
		if ok := err == nil && string(plain) == "plain"; ok != (what == "nothing") {
			t.Errorf("with another %s: %q, %v", what, plain, err)
		}
	}
}

// TestBlocksOfOneRead: what comes before a damaged block is given, and nothing
// of it or behind it.
func TestBlocksOfOneRead(t *testing.T) {
	data := some(1, 3*blockSize)
	d, keys := built(t, map[string]string{"a": string(data)})
	d.files()[d.contentFiles()[0]].now[blockSize+tagSize+100] ^= 1
	c := mustOpen(t, d, keys)
	r, err := c.Open("a")
	must(t, err)
	got := make([]byte, len(data))
	n, err := r.ReadAt(got, 0)
	if n != blockSize || !errors.Is(err, ErrDamaged) || string(got[:n]) != string(data[:n]) {
		t.Errorf("read %d octets, %v", n, err)
	}
	if rest := got[n:]; !slices.Equal(rest, make([]byte, len(rest))) {
		t.Error("something of the damaged block came out")
	}
	n, err = r.ReadAt(got[:10], 2*blockSize-5)
	if n != 0 || !errors.Is(err, ErrDamaged) {
		t.Errorf("read %d octets over the end of the damaged block, %v", n, err)
	}
	if _, err := r.ReadAt(got[:10], 2*blockSize); err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("read behind it: %v", err)
	}
}

func TestWrongAccount(t *testing.T) {
	files := map[string]string{"a": "mine"}
	d, keys := built(t, files)
	o := memOptions(keys)
	o.Account = "kim@company.example"
	if err := attempt(t, d, o, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("another account: %v", err)
	}
	o = memOptions(keys)
	o.KeyName = "container.kim"
	if err := attempt(t, d, o, nil); !errors.Is(err, ErrWiped) {
		t.Errorf("another key: %v", err)
	}
	if err := attempt(t, d, memOptions(keys), files); err != nil {
		t.Errorf("the right ones: %v", err)
	}
}

func TestRollback(t *testing.T) {
	d, keys := built(t, map[string]string{"a": "old", "gone": "x"})
	backup := d.copyOf()
	c := mustOpen(t, d, keys)
	must(t, c.WriteFile("a", []byte("new")))
	must(t, c.Remove("gone"))
	must(t, c.Close())
	now := d.copyOf()

	d.put(backup)
	if err := attempt(t, d, memOptions(keys), nil); !errors.Is(err, ErrRolledBack) {
		t.Errorf("an older container: %v", err)
	}
	d.put(nil)
	if err := attempt(t, d, memOptions(keys), nil); !errors.Is(err, ErrRolledBack) {
		t.Errorf("an empty folder: %v", err)
	}
	both := maps.Clone(backup)
	maps.Copy(both, now)
	d.put(both)
	if err := attempt(t, d, memOptions(keys), map[string]string{"a": "new"}); err != nil {
		t.Errorf("older contents beside the newest: %v", err)
	}
	if n := len(d.contentFiles()); n != 1 {
		t.Errorf("%d contents, want 1", n)
	}
}

// TestLinks puts symbolic links to a person's files where the container's own
// files were.
func TestLinks(t *testing.T) {
	o := onDisk(t)
	c, err := Open(o)
	must(t, err)
	must(t, c.WriteFile("a", []byte("work")))
	content := contentsDir + "/" + c.index.names["a"].content.String()
	must(t, c.Close())

	personal := filepath.Join(filepath.Dir(o.Dir), "personal")
	must(t, os.MkdirAll(personal, 0o700))
	for _, name := range []string{keyFile, slots[0], slots[1], content} {
		own, aside := filepath.Join(o.Dir, name), filepath.Join(personal, "letter")
		moved := os.Rename(own, aside) == nil
		must(t, os.Symlink(aside, own))
		c, err := Open(o)
		if err == nil {
			_, err = c.ReadFile("a")
			_ = c.Close()
		}
		if moved && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrRolledBack) {
			t.Errorf("a link for %s: %v", name, err)
		}
		if !moved { // the unused manifest: swept away, and what it led to stays
			must(t, err)
			continue
		}
		// The file itself is right: it is the link that must not be followed, out
		// of the folder or inside it.
		must(t, os.Remove(own))
		must(t, os.Rename(aside, own+".aside"))
		must(t, os.Symlink(filepath.Base(own)+".aside", own))
		if c, err = Open(o); err == nil {
			_, err = c.ReadFile("a")
			_ = c.Close()
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("a link inside the folder for %s: %v", name, err)
		}
		must(t, os.Remove(own))
		must(t, os.Rename(own+".aside", own))
	}
	linkFolders(t, o, personal)
}

// linkFolders does the same with the folders, and then wipes.
func linkFolders(t *testing.T, o *Options, personal string) {
	for _, own := range []string{filepath.Join(o.Dir, contentsDir), o.Dir} {
		aside := filepath.Join(personal, "folder")
		must(t, os.Rename(own, aside))
		must(t, os.Symlink(aside, own))
		if _, err := Open(o); !errors.Is(err, ErrDamaged) {
			t.Errorf("a link for %s: %v", own, err)
		}
		must(t, os.Remove(own))
		must(t, os.Rename(aside, own))
	}
	letter := filepath.Join(personal, strings.Repeat("ab", 16))
	must(t, os.WriteFile(letter, []byte("dear"), 0o600))
	contents := filepath.Join(o.Dir, contentsDir)
	must(t, os.RemoveAll(contents))
	must(t, os.Symlink(personal, contents))
	must(t, os.Remove(filepath.Join(o.Dir, keyFile)))
	must(t, os.Symlink(letter, filepath.Join(o.Dir, keyFile)))
	must(t, Wipe(o))
	left, err := os.ReadDir(o.Dir)
	must(t, err)
	if diff := cmp.Diff([]os.DirEntry(nil), left, cmp.Transformer("name", os.DirEntry.Name)); len(left) > 0 {
		t.Errorf("left after the wipe:\n%s", diff)
	}
	if data, err := os.ReadFile(letter); err != nil || string(data) != "dear" {
		t.Errorf("the person's letter is %q, %v", data, err)
	}
}
