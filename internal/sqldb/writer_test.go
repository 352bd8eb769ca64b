package sqldb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
)

func fixed() time.Time { return time.Date(2026, time.January, 2, 3, 4, 5, 6789, time.UTC) }

// migrated is an empty database, made once: to migrate takes longer than a test.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "mdm-writer-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "mdm.db")
	db, err := Open(context.Background(), Config{DSN: "sqlite:" + path, Now: fixed})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openFile opens a SQLite file with a table of names.
func openFile(t *testing.T) *DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mdm.db")
	empty, err := migrated()
	if err == nil {
		err = os.WriteFile(path, empty, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{DSN: "sqlite:" + path, Now: fixed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`CREATE TABLE names (name TEXT NOT NULL PRIMARY KEY) STRICT`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return db
}

func names(t *testing.T, db *DB) []string {
	t.Helper()
	var got []string
	if err := db.Read(t.Context()).Table("names").Order("name").Pluck("name", &got).Error; err != nil {
		t.Fatal(err)
	}
	return got
}

func add(name string) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO names (name) VALUES (?)`, name)
		return err
	}
}

// batch runs the functions in one batch, in their order, and gives their ends:
// it keeps the writer busy until all of them wait.
func batch(t *testing.T, db *DB, fns ...func(*Tx) error) []error {
	t.Helper()
	return batchIn(t.Context(), t, db, fns)
}

func batchIn(ctx context.Context, t *testing.T, db *DB, fns []func(*Tx) error) []error {
	t.Helper()
	w := db.writes.(*writer)
	errs := make([]error, len(fns))
	var all sync.WaitGroup
	started, release := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		err := db.Write(t.Context(), func(*Tx) error {
			close(started)
			<-release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-started
	for i, fn := range fns {
		all.Go(func() { errs[i] = db.Write(ctx, fn) })
		for len(w.queue) <= i {
			runtime.Gosched()
		}
	}
	close(release)
	all.Wait()
	return errs
}

func TestBatchFailuresStayApart(t *testing.T) {
	refused := fault.New(fault.Refused, "NO", "no")
	undone := func(end func()) func(*Tx) error {
		return func(tx *Tx) error {
			if err := add("undone")(tx); err != nil {
				return err
			}
			end()
			return refused
		}
	}
	tests := []struct {
		name  string
		fails func(*Tx) error
		check func(error) bool
	}{
		{"before writing", func(*Tx) error { return refused }, func(err error) bool { return errors.Is(err, refused) }},
		{"after writing", undone(func() {}), func(err error) bool { return errors.Is(err, refused) }},
		{"unique", add("a"), func(err error) bool { return fault.KindOf(err) == fault.Conflict }},
		{"panic", undone(func() { panic("oh no") }), func(err error) bool {
			return fault.KindOf(err) == fault.Internal && strings.Contains(err.Error(), "oh no")
		}},
		{"broken SQL", func(tx *Tx) error { _, err := tx.Exec(`INSERT INTO nowhere VALUES (1)`); return err },
			func(err error) bool { return fault.KindOf(err) == fault.Internal }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := openFile(t)
			errs := batch(t, db, add("a"), tt.fails, add("b"), tt.fails, add("c"))
			for i, err := range errs {
				if failed := i%2 == 1; failed != (err != nil) || failed && !tt.check(err) {
					t.Errorf("request %d: got error %v", i, err)
				}
			}
			if diff := cmp.Diff([]string{"a", "b", "c"}, names(t, db)); diff != "" {
				t.Errorf("stored names (-want +got):\n%s", diff)
			}
			if err := db.Write(t.Context(), tt.fails); !tt.check(err) {
				t.Errorf("alone: got error %v", err)
			}
			if err := db.Write(t.Context(), add("d")); err != nil {
				t.Errorf("the next write: %v", err)
			}
		})
	}
}

func TestBatchSeesItself(t *testing.T) {
	db := openFile(t)
	var found string
	errs := batch(t, db, add("a"), func(tx *Tx) error {
		return tx.QueryRow(`SELECT name FROM names`, nil, &found)
	})
	if err := errors.Join(errs...); err != nil || found != "a" {
		t.Errorf("got %q, %v: a request should see the one before it", found, err)
	}
}

func TestGoexitFailsItsBatchOnly(t *testing.T) {
	db := openFile(t)
	errs := batch(t, db, add("a"), func(*Tx) error { runtime.Goexit(); return nil }, add("b"))
	for i, err := range errs {
		if !errors.Is(err, errLeft) {
			t.Errorf("request %d: got %v, want %v", i, err, errLeft)
		}
	}
	if err := db.Write(t.Context(), add("c")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c"}, names(t, db)); diff != "" {
		t.Errorf("stored names (-want +got):\n%s", diff)
	}
}

// TestLethalErrorEndsBatch: when SQLite rolls back by itself, what follows
// must not be stored outside the transaction.
func TestLethalErrorEndsBatch(t *testing.T) {
	lethal := errors.New("disk full")
	for _, size := range []int{1, 3} {
		db := openFile(t)
		swallow := func(tx *Tx) error {
			tx.link.lethal = func(err error) bool { return true }
			_ = tx.link.judge(lethal)
			if _, err := tx.Exec(`INSERT INTO names (name) VALUES ('after')`); err == nil {
				t.Error("a statement ran after the transaction had ended")
			}
			return nil
		}
		fns := slices.Repeat([]func(*Tx) error{swallow}, size)
		if size > 1 {
			fns[0] = add("before")
		}
		for i, err := range batch(t, db, fns...) {
			if !errors.Is(err, lethal) {
				t.Errorf("%d of %d: got %v, want %v", i+1, size, err, lethal)
			}
		}
		if got := names(t, db); len(got) != 0 {
			t.Errorf("stored %q, want nothing", got)
		}
	}
}

// TestCancelledInBatch: who has not begun does not run; who has, is kept.
func TestCancelledInBatch(t *testing.T) {
	db := openFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	leaves := func(tx *Tx) error { cancel(); return add("b")(tx) }
	errs := batchIn(ctx, t, db, []func(*Tx) error{add("a"), leaves, add("c")})
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], context.Canceled) {
		t.Errorf("got %v, want nil, nil, context.Canceled", errs)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names(t, db)); diff != "" {
		t.Errorf("stored names (-want +got):\n%s", diff)
	}
}

func TestCallerLeavesQueue(t *testing.T) {
	db := openFile(t)
	w := db.writes.(*writer)
	started, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Write(t.Context(), func(*Tx) error { close(started); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- db.Write(ctx, add("gone")) }()
	for len(w.queue) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled at once", err)
	}
	close(release)
	wg.Wait()
	if got := names(t, db); len(got) != 0 {
		t.Errorf("stored %q of a caller that had gone", got)
	}
}

// TestCommittedIsKept: a context that ends while fn runs changes nothing.
func TestCommittedIsKept(t *testing.T) {
	db := openFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(ctx, func(tx *Tx) error {
		cancel()
		return add("a")(tx)
	})
	if got := names(t, db); err != nil || !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q, %v: want the write to be kept and told so", got, err)
	}
}

func TestCloseWaitsForRunning(t *testing.T) {
	db := openFile(t)
	w := db.writes.(*writer)
	started, release := make(chan struct{}), make(chan struct{})
	running, queued, closed := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { running <- db.Write(t.Context(), func(*Tx) error { close(started); <-release; return nil }) }()
	<-started
	go func() { queued <- db.Write(t.Context(), add("late")) }()
	for len(w.queue) == 0 {
		runtime.Gosched()
	}
	go func() { closed <- db.Close() }()
	<-w.stop
	close(release)
	if err := errors.Join(<-running, <-closed); err != nil {
		t.Error(err)
	}
	// The queued one was either run or refused, and told which.
	if err := <-queued; err != nil && !errors.Is(err, error(errClosed)) {
		t.Error(err)
	}
	if err := db.Write(t.Context(), add("later")); err == nil {
		t.Error("a closed database took a write")
	}
}

func TestPreparedIsBounded(t *testing.T) {
	db := openFile(t)
	w := db.writes.(*writer)
	err := db.Write(t.Context(), func(tx *Tx) error {
		for i := range maxPrepared * 2 {
			if _, err := tx.Exec("INSERT INTO names (name) VALUES (?) -- "+strings.Repeat("x", i), strings.Repeat("n", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if n := len(w.prepared.byText); err != nil || n > maxPrepared {
		t.Errorf("%d statements are kept, %v: want at most %d", n, err, maxPrepared)
	}
	if got := len(names(t, db)); got != maxPrepared*2 {
		t.Errorf("stored %d rows, want %d", got, maxPrepared*2)
	}
}
