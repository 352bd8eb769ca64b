package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// onDisk gives options for a container in a real folder.
func onDisk(tb testing.TB) *Options {
	return &Options{
		Dir: filepath.Join(tb.TempDir(), "work"), Account: "lee@company.example",
		KeyName: "container.lee", Keys: newFileKeys(tb), Create: true,
	}
}

func TestRoundTripOnDisk(t *testing.T) {
	o := onDisk(t)
	c, err := Open(o)
	must(t, err)
	want := map[string]string{}
	for i, size := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 7} {
		name := fmt.Sprintf("mail/%d – größe", i)
		data := some(uint64(i), size)
		must(t, c.WriteFile(name, data))
		want[name] = string(data)
	}
	must(t, c.Remove("mail/1 – größe"))
	delete(want, "mail/1 – größe")
	if _, err := Open(o); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	must(t, c.Close())
	c, err = Open(o)
	must(t, err)
	defer func() { _ = c.Close() }()
	if got := contentsOf(t, c); !maps.Equal(got, want) {
		t.Errorf("files are %v, want %v", sizes(got), sizes(want))
	}
	if _, err := Open(&Options{Dir: o.Dir + "-gone", Account: o.Account, KeyName: o.KeyName, Keys: o.Keys}); !errors.Is(err, ErrRolledBack) {
		t.Errorf("open without the folder: %v", err)
	}
	info, err := c.Stat("mail/5 – größe")
	must(t, err)
	if diff := cmp.Diff(&Info{Name: "mail/5 – größe", Size: 3*blockSize + 7, Version: 1}, info); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}
}

// TestReader lets the standard library's own checks loose on readers.
func TestReader(t *testing.T) {
	d := newDisk(1)
	c := mustOpen(t, d, newKeys(d))
	for _, size := range []int{0, 5, blockSize + 9} {
		data := some(3, size)
		must(t, c.WriteFile("f", data))
		r, err := c.Open("f")
		must(t, err)
		if err := iotest.TestReader(r, data); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
		must(t, r.Close())
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	}
}

func TestReaderKeepsWhatItOpened(t *testing.T) {
	c, err := Open(onDisk(t))
	must(t, err)
	must(t, c.WriteFile("f", []byte("one")))
	r, err := c.Open("f")
	must(t, err)
	must(t, c.WriteFile("f", []byte("two")))
	must(t, c.Remove("f"))
	got, err := io.ReadAll(r)
	if err != nil || string(got) != "one" {
		t.Errorf("read %q, %v", got, err)
	}
	must(t, c.Close())
	if _, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("read from a closed container: %v", err)
	}
	must(t, r.Close())
}

func TestWriter(t *testing.T) {
	d := newDisk(1)
	c := mustOpen(t, d, newKeys(d))
	must(t, c.WriteFile("f", []byte("old")))

	w, err := c.Create("f")
	must(t, err)
	_, err = w.Write([]byte("discarded"))
	must(t, err)
	must(t, w.Close())
	must(t, w.Close())
	if _, err := w.Write(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if err := w.Commit(); !errors.Is(err, ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}

	first, err := c.Create("f")
	must(t, err)
	second, err := c.Create("f")
	must(t, err)
	_, err = second.Write([]byte("second"))
	must(t, err)
	must(t, second.Commit())
	must(t, second.Close())
	if err := first.Commit(); !errors.Is(err, ErrChanged) {
		t.Errorf("commit on another version: %v", err)
	}
	must(t, first.Close())
	if diff := cmp.Diff(map[string]string{"f": "second"}, contentsOf(t, c)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if n := len(d.contentFiles()); n != 1 {
		t.Errorf("%d contents, want 1", n)
	}
}

func TestLimits(t *testing.T) {
	d := newDisk(1)
	c := mustOpen(t, d, newKeys(d))
	for _, name := range []string{"", strings.Repeat("n", MaxName+1), "\xff"} {
		if err := c.WriteFile(name, nil); !errors.Is(err, ErrName) {
			t.Errorf("write %q: %v", name, err)
		}
	}
	must(t, c.WriteFile(strings.Repeat("n", MaxName), nil))
	if err := c.Rename(strings.Repeat("n", MaxName), ""); !errors.Is(err, ErrName) {
		t.Errorf("rename: %v", err)
	}
	for what, err := range map[string]error{
		"rename": c.Rename("x", "y"), "remove": c.Remove("x"),
		"stat": func() error { _, err := c.Stat("x"); return err }(),
		"open": func() error { _, err := c.Open("x"); return err }(),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s without a file: %v", what, err)
		}
	}
	w, err := c.Create("big")
	must(t, err)
	w.next.size = MaxSize - 1
	if _, err := w.Write(make([]byte, 2)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("write above the limit: %v", err)
	}
	must(t, w.Close())
	for i := range MaxFiles - 1 {
		c.index.names[fmt.Sprint(i)] = entry{version: 1}
	}
	if err := c.WriteFile("one more", nil); !errors.Is(err, ErrTooMany) {
		t.Errorf("one file too many: %v", err)
	}
}

// TestManyFiles: a full container's manifest is written and read in many records.
func TestManyFiles(t *testing.T) {
	d := newDisk(1)
	keys := newKeys(d)
	c := mustOpen(t, d, keys)
	const n = 3000
	for i := range n {
		must(t, c.index.apply(change{entry: entry{file: newID(), version: 1, name: fmt.Sprintf("%0255d", i)}}))
	}
	must(t, renewed(writes("last", []byte("x"))).do(c))
	must(t, c.Close())
	c = mustOpen(t, d, keys)
	l, err := c.List()
	must(t, err)
	if l.Len() != n+1 || l.At(0).Name != fmt.Sprintf("%0255d", 0) || l.At(n).Name != "last" || l.At(n+1) != nil {
		t.Errorf("%d files", l.Len())
	}
}

// TestNamesDoNotLeak looks for plain names and contents in all that is on disk.
func TestNamesDoNotLeak(t *testing.T) {
	o := onDisk(t)
	c, err := Open(o)
	must(t, err)
	must(t, c.WriteFile("salaries.pdf", []byte("a plain secret")))
	must(t, c.Rename("salaries.pdf", "salaries-2.pdf"))
	must(t, c.Close())
	err = filepath.WalkDir(o.Dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if text := name + string(data); strings.Contains(text, "salaries") || strings.Contains(text, "plain secret") {
			t.Errorf("%s tells", name)
		}
		return err
	})
	must(t, err)
}

func TestConcurrentUse(t *testing.T) {
	c, err := Open(onDisk(t))
	must(t, err)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			own := fmt.Sprint("own", i)
			for round := range 4 {
				data := some(uint64(i), 1000*round+i)
				if err := c.WriteFile(own, data); err != nil {
					t.Errorf("write: %v", err)
				}
				if got, err := c.ReadFile(own); err != nil || !bytes.Equal(got, data) {
					t.Errorf("read: %v", err)
				}
				if err := c.WriteFile("shared", data); err != nil && !errors.Is(err, ErrChanged) {
					t.Errorf("write the shared one: %v", err)
				}
				if _, err := c.ReadFile("shared"); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("read the shared one: %v", err)
				}
				if _, err := c.List(); err != nil {
					t.Errorf("list: %v", err)
				}
			}
		})
	}
	all.Wait()
	must(t, c.Close())
	must(t, c.Close())
}

// TestAgainstModel does random things to a container and to a map, with crashes
// among them.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := newDisk(rapid.Uint64().Draw(t, "seed"))
		keys := newKeys(d)
		acked, maybe := map[string]string{}, map[string]string{}
		c, err := openIn(d.top, memOptions(keys))
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		settle := func() {
			if c, err = openIn(d.top, memOptions(keys)); err != nil {
				t.Fatalf("open: %v", err)
			}
			if got := contentsOf(t, c); !maps.Equal(got, acked) && !maps.Equal(got, maybe) {
				t.Fatalf("files are %v, want %v or %v", sizes(got), sizes(acked), sizes(maybe))
			} else {
				acked = got
			}
		}
		name := rapid.SampledFrom([]string{"a", "b", "c"})
		do := func(a act) {
			maybe = maps.Clone(acked)
			a.then(maybe)
			if rapid.IntRange(0, 3).Draw(t, "crash") == 0 {
				d.crashAt = d.steps + rapid.IntRange(1, 9).Draw(t, "at")
			}
			err := a.do(c)
			if d.dead {
				_ = c.Close()
				d.restart()
				settle()
			} else if err != nil {
				t.Fatalf("act: %v", err)
			} else {
				acked = maybe
			}
			d.crashAt = 0
		}
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				small := rapid.IntRange(0, 300)
				size := rapid.OneOf(small, small, small, rapid.SampledFrom([]int{blockSize, blockSize + 1})).Draw(t, "size")
				do(writes(name.Draw(t, "name"), some(rapid.Uint64().Draw(t, "data"), size)))
			},
			"rename": func(t *rapid.T) {
				from := name.Draw(t, "from")
				if _, ok := acked[from]; !ok {
					t.Skip("no such file")
				}
				do(renamed(from, name.Draw(t, "to"), rapid.Bool().Draw(t, "renew")))
			},
			"remove": func(t *rapid.T) {
				from := name.Draw(t, "name")
				if _, ok := acked[from]; !ok {
					t.Skip("no such file")
				}
				do(removes(from))
			},
			"reopen": func(*rapid.T) {
				if err := c.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				maybe = acked
				settle()
			},
			"": func(t *rapid.T) {
				if got := contentsOf(t, c); !maps.Equal(got, acked) {
					t.Fatalf("files are %v, want %v", sizes(got), sizes(acked))
				}
			},
		})
	})
}

func renamed(from, to string, renew bool) act {
	if renew {
		return renewed(renames(from, to))
	}
	return renames(from, to)
}

// TestSeeksAgainstModel reads at random places of a large file.
func TestSeeksAgainstModel(t *testing.T) {
	d := newDisk(1)
	c := mustOpen(t, d, newKeys(d))
	data := some(1, 3*blockSize+100)
	must(t, c.WriteFile("f", data))
	r, err := c.Open("f")
	must(t, err)
	rapid.Check(t, func(t *rapid.T) {
		want := bytes.NewReader(data)
		at := int64(rapid.IntRange(-3, len(data)+3).Draw(t, "at"))
		whence := rapid.IntRange(0, 2).Draw(t, "whence")
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			t.Fatalf("seek: %v", err)
		}
		wantPos, wantErr := want.Seek(at, whence)
		pos, err := r.Seek(at, whence)
		if (err != nil) != (wantErr != nil) || pos != wantPos {
			t.Fatalf("seek gives %d, %v; want %d, %v", pos, err, wantPos, wantErr)
		}
		size := rapid.IntRange(1, 2*blockSize).Draw(t, "size")
		wantPart, part := make([]byte, size), make([]byte, size)
		wantN, wantErr := want.Read(wantPart)
		n, err := r.Read(part)
		if n != wantN || err != wantErr || !bytes.Equal(part[:n], wantPart[:n]) {
			t.Fatalf("read gives %d, %v; want %d, %v", n, err, wantN, wantErr)
		}
	})
}
