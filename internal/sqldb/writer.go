package sqldb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// maxBatch bounds how many Writes share one transaction, and how many wait in
// the queue before callers wait to enter it.
const maxBatch = 512

var (
	errClosed = fault.New(fault.Internal, "", "the database is closed")
	errLeft   = errors.New("the transaction's function ended its goroutine, as t.Fatal does")
)

// The states of a request. Only a waiting one may be taken: by the writer, who
// runs it, or by its caller, who gives it up.
const (
	waiting int32 = iota
	taken
)

// request is one Write on its way through the writer.
type request struct {
	ctx   context.Context
	fn    func(*Tx) error
	state atomic.Int32
	err   error         // the writer's until answer is closed
	done  chan struct{} // closed when err is final
}

// take claims the request for whoever asks first.
func (r *request) take() bool { return r.state.CompareAndSwap(waiting, taken) }

func (r *request) answer(err error) {
	r.err = err
	close(r.done)
}

// writer owns the one SQLite connection that writes, and commits what waits
// together.
type writer struct {
	prepared *prepared
	begin    func(*link) *Tx
	queue    chan *request
	stop     chan struct{} // closed by close: take nothing more
	stopOnce sync.Once
	stopped  chan struct{} // closed when the goroutine has gone
	batch    []*request    // the goroutine's
	entries  []audit.Entry // the goroutine's: what the batch recorded so far
	recorded func()        // told of each commit that has added to the record
	batches  atomic.Uint64 // counts commits
}

// newWriter starts the goroutine. p is its own from now on.
func newWriter(p *prepared, begin func(*link) *Tx, recorded func()) *writer {
	w := &writer{
		prepared: p,
		begin:    begin,
		recorded: recorded,
		queue:    make(chan *request, maxBatch),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	go w.loop()
	return w
}

// close waits for the running batch; what has not begun fails.
func (w *writer) close() {
	w.stopOnce.Do(func() { close(w.stop) })
	<-w.stopped
}

// write queues fn and waits for its end.
func (w *writer) write(ctx context.Context, fn func(*Tx) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case w.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stop:
		return errClosed
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		if r.take() {
			return ctx.Err()
		}
	case <-w.stopped:
		if r.take() {
			return errClosed
		}
	}
	// The writer has it: fn may be running on what the caller will reuse.
	<-r.done
	return r.err
}

// loop runs batches until it is stopped. A function that ends the goroutine
// costs its own batch, not the database: another goroutine goes on.
func (w *writer) loop() {
	finished := false
	defer func() {
		if finished {
			close(w.stopped)
			return
		}
		go w.loop()
	}()
	for {
		select {
		case <-w.stop:
			finished = true
			return
		case r := <-w.queue:
			w.settle()
			w.gather(r)
			w.run()
		}
	}
}

// settle lets callers that are about to write come to the queue. The last
// batch has just woken its own: without this, the first of them would get a
// transaction to itself and keep all the others waiting for its fsync. It
// yields, but sleeps for nobody, until as many have come as last time or a few
// yields in a row have brought no one.
func (w *writer) settle() {
	const enough = 10
	for n, quiet := 0, 0; quiet < enough && len(w.queue)+1 < len(w.batch); n = len(w.queue) {
		runtime.Gosched()
		if quiet++; len(w.queue) > n {
			quiet = 0
		}
	}
}

// gather takes the first request and all that wait behind it, leaving out
// those whose caller has gone.
func (w *writer) gather(first *request) {
	clear(w.batch)
	w.batch = w.batch[:0]
	for r := first; ; {
		if r.ctx.Err() == nil && r.take() {
			w.batch = append(w.batch, r)
		} else if r.take() {
			r.answer(r.ctx.Err())
		}
		if len(w.batch) == maxBatch {
			return
		}
		select {
		case r = <-w.queue:
		default:
			return
		}
	}
}

// run commits the batch and answers each request with its own end, or with
// that of the whole.
func (w *writer) run() {
	if len(w.batch) == 0 {
		return
	}
	errs := make([]error, len(w.batch))
	whole := errLeft
	defer func() {
		if whole != nil {
			_ = w.prepared.exec("ROLLBACK") // fails if SQLite has rolled back already
		}
		for i, r := range w.batch {
			if errs[i] == nil {
				errs[i] = whole
			}
			r.answer(errs[i])
		}
	}()
	if whole = w.transact(errs, false); errors.Is(whole, errEntangled) {
		_ = w.prepared.exec("ROLLBACK")
		clear(errs)
		whole = w.transact(errs, true)
	}
}

// errEntangled says that one request failed after it had written, so that the
// batch must be run again with savepoints.
var errEntangled = errors.New("a failed request has written")

// transact runs every request in one transaction. errs gets what undid a
// single one; the result is what undid them all.
//
// Savepoints cost a quarter of a small Write, and requests seldom fail after
// writing. So the first try goes without.
func (w *writer) transact(errs []error, savepoints bool) error {
	w.entries = w.entries[:0]
	if err := w.prepared.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for i, r := range w.batch {
		var err error
		if savepoints {
			err = w.saved(r, &errs[i])
		} else {
			err = w.bare(r, &errs[i])
		}
		if err != nil {
			return err
		}
	}
	if err := w.record(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := w.prepared.exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.batches.Add(1)
	if len(w.entries) > 0 {
		w.recorded()
	}
	return nil
}

// record appends what the batch recorded, all at once: the log's right edge is
// read and written once.
func (w *writer) record() error {
	l := w.link()
	defer l.end()
	return w.begin(l).appendEntries(w.entries)
}

// bare runs one request with nothing to go back to but the transaction's
// beginning. own and the result are as in saved.
func (w *writer) bare(r *request, own *error) error {
	l := w.link()
	*own = w.call(r, l)
	switch {
	case l.dead != nil:
		return l.dead
	case *own == nil || !l.wrote:
		return nil
	case len(w.batch) == 1:
		return *own // the transaction was its own
	default:
		return errEntangled
	}
}

// saved runs one request in a savepoint. own gets what undid the request; the
// result is not nil if the transaction itself is lost.
func (w *writer) saved(r *request, own *error) error {
	if err := w.prepared.exec("SAVEPOINT one"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if *own = w.call(r, w.link()); *own != nil {
		if err := w.prepared.exec("ROLLBACK TO one"); err != nil {
			return fmt.Errorf("roll back to savepoint: %w", errors.Join(err, *own))
		}
	}
	if err := w.prepared.exec("RELEASE one"); err != nil {
		return fmt.Errorf("release savepoint: %w", err)
	}
	return nil
}

// link makes the link of one request. It has no deadline and is not the
// caller's context: when SQLite interrupts a statement, it rolls the whole
// transaction back.
func (w *writer) link() *link {
	return &link{conn: w.prepared.conn, ctx: context.Background(), prepared: w.prepared, lethal: endsSQLite}
}

// call runs one function on its link. An error that ended the transaction
// counts even if the function made nothing of it.
func (w *writer) call(r *request, l *link) error {
	defer l.end()
	if err := r.ctx.Err(); err != nil {
		return err // the caller left while others of the batch ran
	}
	tx := w.begin(l)
	if err := guard(r.fn, tx); err != nil {
		return err
	}
	if l.dead == nil {
		w.entries = append(w.entries, tx.entries...)
	}
	return l.dead
}

// guard turns a panic into an error.
func guard(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}
