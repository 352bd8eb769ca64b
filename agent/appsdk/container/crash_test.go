package container

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// memOptions are the options of a container on a disk in memory.
func memOptions(keys KeyStore) *Options {
	return &Options{Dir: "memory", Account: "lee@company.example", KeyName: "container.lee", Keys: keys, Create: true}
}

// some gives n octets that look like no others.
func some(seed uint64, n int) []byte {
	b := make([]byte, n)
	c := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 7})
	_, _ = c.Read(b)
	return b
}

// contentsOf reads every file of a container.
func contentsOf(tb fataler, c *Container) map[string]string {
	tb.Helper()
	l, err := c.List()
	if err != nil {
		tb.Fatalf("list: %v", err)
	}
	got := make(map[string]string)
	for i := range l.Len() {
		data, err := c.ReadFile(l.At(i).Name)
		if err != nil {
			tb.Fatalf("read %q: %v", l.At(i).Name, err)
		}
		if int64(len(data)) != l.At(i).Size {
			tb.Fatalf("%q has %d octets, listed are %d", l.At(i).Name, len(data), l.At(i).Size)
		}
		got[l.At(i).Name] = string(data)
	}
	return got
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// act is one thing to do with a container, and what it makes of the files.
type act struct {
	do   func(c *Container) error
	then func(files map[string]string)
}

func writes(name string, data []byte) act {
	return act{
		func(c *Container) error { return c.WriteFile(name, data) },
		func(files map[string]string) { files[name] = string(data) },
	}
}

func renames(from, to string) act {
	return act{
		func(c *Container) error { return c.Rename(from, to) },
		func(files map[string]string) {
			if from != to {
				files[to] = files[from]
				delete(files, from)
			}
		},
	}
}

func removes(name string) act {
	return act{
		func(c *Container) error { return c.Remove(name) },
		func(files map[string]string) { delete(files, name) },
	}
}

// renewed does an act at a time when the manifest is to be written anew.
func renewed(a act) act {
	return act{func(c *Container) error {
		c.changes.Lock()
		c.manifest.renewAt = 0
		c.changes.Unlock()
		return a.do(c)
	}, a.then}
}

// script is made once: the race detector makes random octets dear.
var script = sync.OnceValue(func() []act {
	return []act{
		writes("a", some(1, 100)),
		writes("b", some(2, blockSize+5)),
		writes("a", some(3, 3000)),
		renames("a", "c"),
		renewed(writes("a", nil)),
		renames("b", "c"),
		writes("c", some(4, 300)),
		renewed(removes("a")),
		writes("d", some(5, 1)),
		removes("c"),
		writes("b", some(6, 700)),
	}
})

// life opens the container and does what is left of the script. It gives how far
// it came, and the files as they were acknowledged, and as they would be had the
// last act taken effect.
func life(d *disk, keys KeyStore, acts []act, acked map[string]string) (done int, maybe map[string]string, err error) {
	maybe = acked
	c, err := openIn(d.top, memOptions(keys))
	if err != nil {
		return 0, maybe, err
	}
	for i, a := range acts {
		maybe = maps.Clone(acked)
		a.then(maybe)
		if err := a.do(c); err != nil {
			return i, maybe, errors.Join(err, c.Close())
		}
		clear(acked)
		maps.Copy(acked, maybe)
	}
	return len(acts), maybe, c.Close()
}

// survivors opens the container after a crash or failure and checks that it has
// what was acknowledged, or that and the last act.
func survivors(t *testing.T, d *disk, keys KeyStore, acked, maybe map[string]string) {
	t.Helper()
	c, err := openIn(d.top, memOptions(keys))
	if err != nil {
		t.Fatalf("open after the crash: %v", err)
	}
	got := contentsOf(t, c)
	if !maps.Equal(got, acked) && !maps.Equal(got, maybe) {
		t.Fatalf("files are %v, want %v or %v", sizes(got), sizes(acked), sizes(maybe))
	}
	if n := len(d.contentFiles()); n != len(got) {
		t.Errorf("%d contents for %d files", n, len(got))
	}
	clear(acked)
	maps.Copy(acked, got)
	if err := c.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func sizes(files map[string]string) []string {
	var s []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s = append(s, fmt.Sprintf("%s:%d", name, len(files[name])))
	}
	return s
}

// TestCrashEverywhere kills the process at every operation that changes a disk or
// key store, then once more somewhere in the recovery, and goes on.
func TestCrashEverywhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		for at, crashed := 1, true; crashed; at++ {
			crashed = crashOnce(t, seed, at)
			if t.Failed() {
				t.Fatalf("seed %d, killed at operation %d", seed, at)
			}
		}
	}
}

func crashOnce(t *testing.T, seed uint64, at int) (crashed bool) {
	d := newDisk(seed)
	d.crashAt = at
	keys := newKeys(d)
	acked := map[string]string{}
	done, maybe, err := life(d, keys, script(), acked)
	if !d.dead {
		if err != nil {
			t.Fatalf("without a crash: %v", err)
		}
		return false
	}
	d.restart()
	d.crashAt = d.steps + 1 + d.rng.IntN(12)
	if _, _, err := life(d, keys, nil, maps.Clone(acked)); err != nil && !d.dead {
		t.Errorf("open after the crash: %v", err)
	}
	d.restart()
	d.crashAt = 0
	survivors(t, d, keys, acked, maybe)
	if done < len(script()) {
		if _, _, err := life(d, keys, []act{writes("after", some(9, 10))}, acked); err != nil {
			t.Errorf("write after the crash: %v", err)
		}
	}
	survivors(t, d, keys, acked, acked)
	return true
}

// TestFailEverywhere lets one operation fail, and goes on in the same process:
// what fails is not done, and what was acknowledged stays.
func TestFailEverywhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1) {
		for at, failed := 1, true; failed; at++ {
			failed = failOnce(t, seed, at)
			if t.Failed() {
				t.Fatalf("seed %d, failed at operation %d", seed, at)
			}
		}
	}
}

func failOnce(t *testing.T, seed uint64, at int) (failed bool) {
	d := newDisk(seed)
	d.failAt = at
	keys := newKeys(d)
	acked := map[string]string{}
	c, err := openIn(d.top, memOptions(keys))
	if err != nil {
		if c, err = openIn(d.top, memOptions(keys)); err != nil {
			t.Fatalf("open again: %v", err)
		}
	}
	for _, a := range script() {
		maybe := maps.Clone(acked)
		a.then(maybe)
		err := a.do(c)
		if errors.Is(err, ErrUnsure) {
			if diff := cmp.Diff(acked, contentsOf(t, c)); diff != "" {
				t.Errorf("unsure (-want +got):\n%s", diff)
			}
			if err := c.WriteFile("x", nil); !errors.Is(err, ErrUnsure) {
				t.Errorf("write while unsure: %v", err)
			}
			_ = c.Close()
			survivors(t, d, keys, acked, maybe)
			c = mustOpen(t, d, keys)
		}
		if err != nil && !maps.Equal(acked, maybe) {
			if err := a.do(c); err != nil {
				t.Fatalf("again: %v", err)
			}
		}
		acked = maybe
		if got := contentsOf(t, c); !maps.Equal(got, acked) {
			t.Fatalf("after %d of %d steps, %v: files are %v, want %v", d.steps, at, err, sizes(got), sizes(acked))
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	survivors(t, d, keys, acked, acked)
	return d.steps >= at
}

// TestLostRecordStaysLost: a record that was written and never counted does not
// come back in the place of a later one, whichever generation is greater.
func TestLostRecordStaysLost(t *testing.T) {
	for range 16 {
		d := newDisk(1)
		keys := newKeys(d)
		c := mustOpen(t, d, keys)
		must(t, c.WriteFile("a", []byte("old")))
		keys.failRaise = true
		if err := c.WriteFile("a", []byte("lost")); !errors.Is(err, ErrUnsure) {
			t.Fatalf("write: %v", err)
		}
		keys.failRaise = false
		must(t, c.Close())
		lost := d.copyOf()

		c = mustOpen(t, d, keys)
		if got, err := c.ReadFile("a"); err != nil || !bytes.Equal(got, []byte("old")) {
			t.Fatalf("a is %q, %v", got, err)
		}
		must(t, c.WriteFile("a", []byte("new")))
		must(t, c.WriteFile("b", []byte("after it")))
		must(t, c.Close())
		now := d.copyOf()
		d.put(lost)
		if _, err := openIn(d.top, memOptions(keys)); !errors.Is(err, ErrRolledBack) {
			t.Errorf("open: %v", err)
		}
		d.top.crash()
		const second = 3 * sector // behind the header and two records
		copy(now[slots[0]][second:], lost[slots[0]][second:second+sector])
		d.put(now)
		if _, err := openIn(d.top, memOptions(keys)); !errors.Is(err, ErrDamaged) {
			t.Errorf("open with the lost record under a later one: %v", err)
		}
	}
}

func mustOpen(t *testing.T, d *disk, keys KeyStore) *Container {
	t.Helper()
	c, err := openIn(d.top, memOptions(keys))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
