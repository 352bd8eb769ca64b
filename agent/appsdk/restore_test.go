package appsdk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringfence/agent/appsdk/appsdktest"
	"ringfence/agent/appsdk/container"
)

// TestRestoredState: a copy of the state from before opens nothing, whatever was
// done since; and so does none.
func TestRestoredState(t *testing.T) {
	for name, restore := range map[string]func(b *bench, saved string) error{
		"all of it": func(b *bench, saved string) error { return os.CopyFS(b.dir, os.DirFS(saved)) },
		"the state": func(b *bench, saved string) error {
			return os.CopyFS(filepath.Join(b.dir, "state"), os.DirFS(filepath.Join(saved, "state")))
		},
		"nothing": func(b *bench, _ string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := readyBench(t)
			saved := filepath.Join(t.TempDir(), "saved")
			if err := os.CopyFS(saved, os.DirFS(b.dir)); err != nil {
				t.Fatal(err)
			}
			b.clocks.pass(time.Hour)
			b.expect(EventLaunch, "need-pin pin")
			b.unlock("0000", "need-pin pin")
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.RemoveAll(b.dir), os.MkdirAll(b.dir, 0o700), restore(b, saved)); err != nil {
				t.Fatal(err)
			}
			b.reopen()
			b.expect(EventLaunch, "block state_restored")
			if d, err := b.Unlock("7305"); err != nil || say(d) != "block state_restored" {
				t.Errorf("Unlock: %v, %v", d, err)
			}
			if b.May(&Transfer{Gate: GatePrint}).Allowed || b.Configuration() != nil || b.Registered() {
				t.Error("something is open")
			}
			b.register()
			b.expect(EventLaunch, "need-pin set-pin")
			b.setPIN("7305")
			b.expect(EventActive, "proceed")
			if c, err := b.Files(); err != nil {
				t.Error(err)
			} else if l, err := c.List(); err != nil || l.Len() != 0 {
				t.Errorf("files came back: %v, %v", l, err)
			}
		})
	}
}

// TestRestoredFiles: files from before, or from before a wipe, are not opened.
func TestRestoredFiles(t *testing.T) {
	restore := func(b *bench, saved string) {
		dir := filepath.Join(b.dir, "files")
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(saved))); err != nil {
			b.t.Fatal(err)
		}
	}
	save := func(b *bench) string {
		saved := filepath.Join(b.t.TempDir(), "saved")
		if err := os.CopyFS(saved, os.DirFS(filepath.Join(b.dir, "files"))); err != nil {
			b.t.Fatal(err)
		}
		return saved
	}
	t.Run("before a change", func(t *testing.T) {
		b := readyBench(t)
		saved := save(b)
		b.write("letter", "another")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		restore(b, saved)
		b.reopen()
		b.expect(EventLaunch, "block files_restored")
	})
	t.Run("before a wipe", func(t *testing.T) {
		b := readyBench(t)
		saved := save(b)
		b.server.Order(appsdktest.Apps(pkg))
		b.sync()
		restore(b, saved)
		if _, err := container.Open(&container.Options{Dir: filepath.Join(b.dir, "files"), KeyName: "work.files", Account: "x", Keys: b.keys}); !errors.Is(err, container.ErrWiped) {
			t.Errorf("Open: %v", err)
		}
		b.reopen()
		b.expect(EventLaunch, "wiped wiped_by_order")
		b.register() // and what lay about is gone
		b.assertErased("registered anew")
	})
}
