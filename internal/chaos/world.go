package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/agent/session"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/ctlconfig"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// world is everything there is, and what is known of it for certain.
type world struct {
	o       Options
	out     io.Writer
	dice    *dice
	servers []*server
	// device and admin are the two addresses, whichever server is up.
	device, admin *proxy
	roots         []byte
	phones        []*handset
	admins        []*administrator

	began time.Time
	calm  atomic.Bool // nothing goes wrong any more

	mu         sync.Mutex // guards what follows
	violations []error
	heads      []ledger.Head
	cuts       int
}

// violation is an invariant that did not hold.
type violation struct{ text string }

func (v *violation) Error() string { return v.text }

func broken(format string, args ...any) error { return &violation{fmt.Sprintf(format, args...)} }

func newWorld(o Options, out io.Writer) *world {
	return &world{o: o, out: out, dice: newDice(o.Seed, 0), servers: newServers(o)}
}

// uptime is the phones' clock that nobody can set.
func (w *world) uptime() (boot string, up time.Duration) { return "chaos", w.o.Now().Sub(w.began) }

func (w *world) say(format string, args ...any) { _, _ = fmt.Fprintf(w.out, format+"\n", args...) }

func (w *world) violate(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, err)
}

func (w *world) close() {
	for _, s := range w.servers {
		s.kill()
	}
	for _, p := range []*proxy{w.device, w.admin} {
		if p != nil {
			p.close()
		}
	}
	for _, a := range w.admins {
		_ = a.conn.Close()
	}
}

// up gives an address of a server that is up, by the one of its two listeners.
func (w *world) up(of func(*server) string) func() string {
	return func() string {
		var addresses []string
		for _, s := range w.servers {
			if a := of(s); a != "" {
				addresses = append(addresses, a)
			}
		}
		return pick(w.dice, addresses)
	}
}

// begin starts the servers, makes the administrators and the phones, and has the
// limits set so that much can happen: with two persons, as it must be.
func (w *world) begin(ctx context.Context) (err error) {
	w.began = w.o.Now()
	if err := w.servers[0].start(ctx); err != nil { // makes the installation
		return err
	}
	w.servers[0].kill() // on SQLite, administrators are appointed while no server runs
	if w.device, err = newProxy(ctx, w.up(func(s *server) string { d, _ := s.addresses(); return d })); err != nil {
		return err
	}
	if w.admin, err = newProxy(ctx, w.up(func(s *server) string { _, a := s.addresses(); return a })); err != nil {
		return err
	}
	for i, who := range []struct{ name, role string }{{"alice", "owner"}, {"bob", "owner"}, {"carol", "approver"}} {
		a, err := w.appoint(ctx, who.name, who.role, uint64(1000+i))
		if err != nil {
			return err
		}
		w.admins = append(w.admins, a)
	}
	for _, s := range w.servers {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	if err := w.widen(ctx); err != nil {
		return err
	}
	for n := range w.o.Phones {
		h := &handset{world: w, n: n, dir: filepath.Join(w.o.Dir, "phones", fmt.Sprint(n)), dice: newDice(w.o.Seed, uint64(n+1))}
		h.skew = h.dice.between(-10*time.Minute, 10*time.Minute)
		h.user = fmt.Sprintf("user%d@example.com", n%(w.o.Phones/2+1))
		switch throw := h.dice.n(100); {
		case throw < 80:
			h.ownership, h.mode = "personal", workProfileMode
		case throw < 95:
			h.ownership, h.mode = "company", workProfileMode
		default:
			h.ownership, h.mode = "company", "fully-managed"
		}
		if err := h.prepare(); err != nil {
			return err
		}
		w.phones = append(w.phones, h)
	}
	return nil
}

// appoint makes an administrator on the server's host, the only place where that
// can be done, and connects.
func (w *world) appoint(ctx context.Context, name, role string, stream uint64) (*administrator, error) {
	file := filepath.Join(w.o.Dir, name+".yaml")
	args := append([]string{"admin", "create", name, "--role", role, "--out", file}, w.servers[0].args[:4]...)
	if out, err := exec.CommandContext(ctx, w.o.Server, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("admin create %s: %w\n%s", name, err, out)
	}
	config, err := ctlconfig.Load(file)
	if err != nil {
		return nil, err
	}
	credential, err := config.Current()
	if err != nil {
		return nil, err
	}
	w.roots = []byte(credential.CA)
	return w.connect(name, credential, stream)
}

// token makes an enrolment token for a phone.
func (w *world) token(ctx context.Context, h *handset) (string, error) {
	in := &enrollv1.CreateTokenRequest{
		RequestKey: newKey(), Group: "everyone", User: h.user, Lifetime: durationpb.New(time.Hour),
		Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
	}
	if h.ownership == "company" {
		in.Ownership = enrollv1.Ownership_OWNERSHIP_COMPANY
	}
	if h.mode != workProfileMode {
		in.Mode = enrollv1.Mode_MODE_FULLY_MANAGED
	}
	r, err := retried(ctx, func() (*enrollv1.CreateTokenResponse, error) { return w.admins[0].enroll.CreateToken(ctx, in) })
	return r.GetSecret(), err
}

// goWrong lets everything happen at once for the duration.
func (w *world) goWrong(parent context.Context) error {
	ctx, cancel := context.WithTimeout(parent, w.o.Duration)
	defer cancel()
	var wg sync.WaitGroup
	for _, h := range w.phones {
		wg.Go(func() { h.live(ctx, w.calm.Load) })
	}
	for _, a := range w.admins {
		wg.Go(func() { a.live(ctx) })
	}
	for _, s := range w.servers {
		wg.Go(func() { w.torment(ctx, parent, s) })
	}
	wg.Go(func() { w.sever(ctx) })
	wg.Wait()
	w.calm.Store(true)
	for _, s := range w.servers {
		if d, _ := s.addresses(); d == "" {
			if err := s.start(parent); err != nil {
				return err
			}
		}
	}
	return parent.Err()
}

// torment kills a server again and again, and looks at the audit log each time it
// is back.
func (w *world) torment(ctx, life context.Context, s *server) {
	for {
		if session.Wait(ctx, w.dice.between(2*time.Second, 8*time.Second)) != nil {
			return
		}
		s.kill()
		if session.Wait(ctx, w.dice.between(0, 800*time.Millisecond)) != nil {
			return
		}
		if err := s.start(life); err != nil {
			if life.Err() == nil {
				w.violate(err)
			}
			return
		}
		head, err := w.admins[0].head(ctx)
		if err == nil {
			w.mu.Lock()
			w.heads = append(w.heads, head)
			w.mu.Unlock()
		}
	}
}

// sever breaks all connections off now and then.
func (w *world) sever(ctx context.Context) {
	for session.Wait(ctx, w.dice.between(time.Second, 5*time.Second)) == nil {
		pick(w.dice, []*proxy{w.device, w.admin}).cut()
		w.mu.Lock()
		w.cuts++
		w.mu.Unlock()
	}
}

// rest lets what is under way come to its end, with nothing going wrong.
func (w *world) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := w.admins[0].settle(ctx, w.admins[1]); err != nil {
		return err
	}
	for {
		var wg sync.WaitGroup
		errs := make([]error, len(w.phones))
		slots := make(chan struct{}, 16)
		for i, h := range w.phones {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				_, errs[i] = survive(func() error { return h.look(ctx, w.calm.Load) })
			})
		}
		wg.Wait()
		for _, err := range errs {
			if v, ok := errors.AsType[*violation](err); ok {
				w.violate(v)
			}
		}
		waiting, err := w.admins[0].underWay(ctx)
		if err != nil {
			return fmt.Errorf("while coming to rest: %w", err)
		}
		if waiting == 0 {
			return nil
		}
		w.say("coming to rest: %d orders are under way", waiting)
		if err := session.Wait(ctx, time.Second); err != nil {
			return fmt.Errorf("%d orders never came to an end: %w", waiting, errors.Join(errs...))
		}
	}
}
