package sqldb

import (
	"context"
	"database/sql"
	"net/url"
	"strconv"
	"time"
)

// SQLite moves what was committed from its log into the database file now and
// then. It would do so within a commit, as soon as the log has 4 MB: under load
// several times a second, and whoever commits then waits for the disk, and all
// behind it. So another connection does it beside the writer. The writer does the
// rest by itself when the log has grown long: only it can begin it anew, and then
// little is left to move.
const (
	checkpointEvery = 250 * time.Millisecond
	// longLog is when the writer joins in, in pages of 4 KiB.
	longLog = 8192
)

// writerPragmas are those of the connection that writes.
var writerPragmas = []string{"cache_size(-32768)", "journal_size_limit(67108864)", "wal_autocheckpoint(" + strconv.Itoa(longLog) + ")"}

// checkpointer moves what was committed into the database file.
type checkpointer struct {
	pool *sql.DB
	// batches counts what was committed.
	batches func() uint64
	seen    uint64 // the goroutine's: batches at the last turn
	stop    context.CancelFunc
	stopped chan struct{}
}

// newCheckpointer starts the goroutine.
func newCheckpointer(path string, batches func() uint64) (*checkpointer, error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, url.Values{"_pragma": {"wal_autocheckpoint(0)"}}))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpointer{pool: pool, batches: batches, stop: stop, stopped: make(chan struct{})}
	go c.run(ctx)
	return c, nil
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.stopped)
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// What fails is done at the next turn, and in the end by the writer,
			// which has somebody to tell.
			_, _ = c.turn(ctx)
		}
	}
}

// turn moves what nobody reads in an older state, and waits for no one. It gives
// how many pages are in the log; none where nothing has been committed since the
// last time.
func (c *checkpointer) turn(ctx context.Context) (logged int, err error) {
	now := c.batches()
	if now == c.seen {
		return 0, nil
	}
	var busy, moved int
	if err := c.pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &logged, &moved); err != nil {
		return 0, Fault(err)
	}
	if busy == 0 && moved == logged {
		c.seen = now
	}
	return logged, nil
}

// close waits for the turn under way.
func (c *checkpointer) close() error {
	c.stop()
	<-c.stopped
	return c.pool.Close()
}
