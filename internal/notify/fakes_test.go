package notify

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"ringfence/internal/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a record in memory.
type book struct {
	mu      sync.Mutex
	entries []audit.Entry
	broken  error
}

func (b *book) write(actions ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, action := range actions {
		b.entries = append(b.entries, entry(uint64(len(b.entries)+1), action))
	}
}

func (b *book) Size(context.Context) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return uint64(len(b.entries)), b.broken
}

func (b *book) Following(_ context.Context, after uint64, actions []string, most int) ([]audit.Entry, uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return nil, 0, b.broken
	}
	var found []audit.Entry
	for _, e := range b.entries[min(after, uint64(len(b.entries))):] {
		if slices.Contains(actions, e.Action) {
			if found = append(found, e); len(found) == most {
				return found, e.Sequence, nil
			}
		}
	}
	return found, uint64(len(b.entries)), nil
}

// desk keeps cursors in memory, by the rule of Move.
type desk struct {
	mu      sync.Mutex
	cursors map[string]Move // From is unused
	moves   int
	// moving, where not nil, is asked before each Move; its error is the
	// answer, and the Move does not take place.
	moving func(Move) error
}

func (d *desk) Cursor(_ context.Context, channel string) (uint64, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.cursors[channel]
	return c.To, ok, nil
}

func (d *desk) Begin(_ context.Context, channel string, at uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.cursors[channel]; !ok {
		d.cursors[channel] = Move{To: at}
	}
	return nil
}

func (d *desk) Move(ctx context.Context, m Move) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if d.moving != nil {
		if err := d.moving(m); err != nil {
			return false, err
		}
	}
	d.moves++
	c, ok := d.cursors[m.Channel]
	free := c.Until.IsZero() || c.Holder == m.Holder || !c.Until.After(m.Now)
	if !ok || c.To != m.From || !free {
		return false, nil
	}
	d.cursors[m.Channel] = m
	return true, nil
}

func (d *desk) at(channel string) uint64 {
	at, _, _ := d.Cursor(context.Background(), channel)
	return at
}

// receiver is a Sender that writes down what it gets.
type receiver struct {
	mu  sync.Mutex
	got []uint64
	// answer, where not nil, gives the error for a notice. What it refuses is
	// not written down.
	answer func(Notice) error
}

func (r *receiver) Send(_ context.Context, n Notice) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.answer != nil {
		err = r.answer(n)
	}
	if err == nil || errors.Is(err, ErrPartly) {
		r.got = append(r.got, n.Sequence)
	}
	return err
}

func (r *receiver) taken() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// wait is a follower's wish to be woken.
type wait struct {
	long time.Duration
	over chan time.Time
}

// server is one Follower with its surroundings.
type server struct {
	t       *testing.T
	f       *Follower
	log     *lines
	waits   chan wait
	metrics *prometheus.Registry
	now     time.Time

	last wait
	stop func()
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const every = 5 * time.Second

// newServer makes a server that is not running.
func newServer(t *testing.T, holder string, record Record, cursors Cursors, channels ...Channel) *server {
	t.Helper()
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, log: new(lines), waits: make(chan wait), metrics: registry, now: noon}
	s.f = NewFollower(Config{
		Record: record, Cursors: cursors, Channels: channels, Holder: holder, Every: every,
		Now: func() time.Time { return s.now },
		After: func(d time.Duration) <-chan time.Time {
			w := wait{d, make(chan time.Time, 1)}
			s.waits <- w
			return w.over
		},
		Jitter: func() float64 { return 0 },
		Log:    slog.New(slog.NewTextHandler(s.log, nil)), Metrics: metrics,
	})
	return s
}

// run runs the follower, of one channel, until the test ends or stop is called.
func (s *server) run() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.f.Run(ctx)
	}()
	s.stop = func() {
		cancel()
		for {
			select {
			case <-s.waits: // let it go on to see that it is over
			case <-done:
				return
			}
		}
	}
	s.t.Cleanup(s.stop)
}

// idle waits until the follower wants to wait, and gives for how long.
func (s *server) idle() time.Duration {
	s.t.Helper()
	select {
	case s.last = <-s.waits:
		return s.last.long
	case <-time.After(30 * time.Second):
		s.t.Fatal("the follower does not come to rest")
		return 0
	}
}

// again wakes the follower and waits until it wants to wait again.
func (s *server) again() time.Duration {
	s.t.Helper()
	s.last.over <- noon
	return s.idle()
}

// counted gives a metric of counters: for each, its labels' values with "/"
// between them, and how far it is.
func (s *server) counted(name string) map[string]int {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	got := map[string]int{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if family.GetName() == name {
				got[strings.Join(labels, "/")] = int(m.GetCounter().GetValue())
			}
		}
	}
	return got
}

// tries gives the tries of a channel by outcome, without those that are zero.
func (s *server) tries(channel string) map[outcome]int {
	got := map[outcome]int{}
	for labels, n := range s.counted("mdm_notices_sent_total") {
		if o, ok := strings.CutPrefix(labels, channel+"/"); ok && n > 0 {
			got[outcome(o)] = n
		}
	}
	return got
}

func newDesk() *desk { return &desk{cursors: map[string]Move{}} }
