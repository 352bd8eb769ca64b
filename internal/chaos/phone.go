package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"ringfence/agent"
	"ringfence/agent/phone"
	"ringfence/agent/session"
	agentwipe "ringfence/agent/wipe"
)

const workProfileMode = "work-profile"

// enrolled gives the enrolment as it is known.
func (h *handset) enrolled() (id string, epoch uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.id, h.epoch
}

// The work apps of every phone.
var workApps = []string{"com.example.crm", "com.example.docs", "com.example.mail"}

// handset is a virtual phone with the real agent, and what is known of it for
// certain. Its agent lives and dies in one goroutine.
type handset struct {
	world *world
	n     int
	dir   string
	dice  *dice
	// skew is how wrong its clock is.
	skew time.Duration
	// ownership and mode are what it enrols as.
	ownership, mode string
	user            string

	personal map[string]string // name of a personal file: digest of its bytes

	mu sync.Mutex // guards what follows
	// id is the device, epoch its present enrolment; empty before the first.
	id    string
	epoch uint64
	// work is what was written on the work side in this epoch.
	work map[string]string
	// acted counts, for each order, how often the phone began to act.
	acted map[string]int
	// phases is the last phase of each order in its journal.
	phases map[string]agentwipe.Phase
	deaths int
	looks  int
}

func (h *handset) now() time.Time { return h.world.o.Now().Add(h.skew) }

// prepare makes the phone's personal side.
func (h *handset) prepare() error {
	h.acted, h.phases = make(map[string]int), make(map[string]agentwipe.Phase)
	for i := range 3 {
		name := fmt.Sprintf("data/user/0/com.example.private%d/files/%d.bin", i, h.n)
		if err := h.write(name, fmt.Sprintf("nobody's business %d %d", h.n, h.dice.n(1<<30))); err != nil {
			return err
		}
	}
	for _, app := range workApps { // the same app on the personal side is another matter
		if err := h.write("data/user/0/"+app+"/files/own.txt", "mine"); err != nil {
			return err
		}
	}
	var err error
	h.personal, err = digests(filepath.Join(h.dir, "data", "user", "0"))
	return err
}

func (h *handset) write(name, content string) error {
	path := filepath.Join(h.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

// digests gives the digest of every file below a folder, by name; none of no
// folder.
func digests(dir string) (map[string]string, error) {
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
		return err
	})
	return found, err
}

// witnessed is the phone as the agent has it, with somebody who looks at its
// journal.
type witnessed struct {
	*phone.Phone
	handset *handset
}

// SaveJournal notes which order the phone has begun to act on.
func (w witnessed) SaveJournal(j agentwipe.Journal) error {
	if err := w.Phone.SaveJournal(j); err != nil {
		return err
	}
	w.handset.saw(j)
	return nil
}

func (h *handset) saw(j agentwipe.Journal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range j.Past {
		// One that was put back and came again is in the past, too.
		if j.Current == nil || e.OrderID != j.Current.OrderID {
			h.phases[e.OrderID] = e.Phase
		}
	}
	if c := j.Current; c != nil {
		if c.Phase == agentwipe.Acknowledged && h.phases[c.OrderID] != agentwipe.Acknowledged {
			h.acted[c.OrderID]++
		}
		h.phases[c.OrderID] = c.Phase
	}
}

// live is the phone's life: its agent looks, dies, is started again, leaves, and
// enrols again.
func (h *handset) live(ctx context.Context, calm func() bool) {
	for ctx.Err() == nil {
		died, err := survive(func() error { return h.look(ctx, calm) })
		h.mu.Lock()
		h.looks++
		if died {
			h.deaths++
		}
		h.mu.Unlock()
		var broken *violation
		if errors.As(err, &broken) {
			h.world.violate(broken)
			return
		}
		_ = session.Wait(ctx, h.dice.between(100*time.Millisecond, 2*time.Second))
	}
}

// look is one life of the agent: it is opened, looks once, and is closed.
func (h *handset) look(ctx context.Context, calm func() bool) error {
	p, err := phone.Open(h.dir, phone.Options{Create: true, Now: h.now, Uptime: h.world.uptime})
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	release, err := p.Claim()
	if err != nil {
		return err
	}
	defer release()
	f := &faults{dice: h.dice, mortal: true, calm: calm}
	a := agent.New(witnessed{p, h}, agent.Options{
		Now: h.now, DialOptions: []grpc.DialOption{grpc.WithUnaryInterceptor(f.intercept)},
		Progress: func(step string) {
			if !calm() && h.dice.percent(4) {
				panic(killed{step})
			}
		},
	})
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	state, err := p.LoadState()
	if err != nil {
		return err
	}
	if state.Enrollment == nil || state.Enrollment.Ended != nil {
		return h.enrol(ctx, p, a)
	}
	if id, epoch := h.enrolled(); id != state.Enrollment.DeviceID || epoch != state.Enrollment.Epoch {
		// The agent died between joining and telling.
		if err := h.settleIn(state.Enrollment.DeviceID, state.Enrollment.Epoch); err != nil {
			return err
		}
	}
	if err := a.Once(ctx); err != nil || calm() || !h.dice.percent(1) {
		return err
	}
	if err := h.check(p); err != nil {
		return err
	}
	return a.Leave(ctx)
}

// enrol joins, again or for the first time, after what the last enrolment did has
// been looked at; then people work on the phone.
func (h *handset) enrol(ctx context.Context, p *phone.Phone, a *agent.Agent) error {
	if err := h.check(p); err != nil {
		return err
	}
	token, err := h.world.token(ctx, h)
	if err != nil {
		return err
	}
	e, err := a.Enroll(ctx, session.EnrollOptions{
		Server: h.world.device.address(), Token: token, Roots: h.world.roots,
		Model: "Pixel 9", OSVersion: "16", Mode: h.mode,
	})
	if err != nil {
		return err
	}
	return h.settleIn(e.DeviceID, e.Epoch)
}

// settleIn notes the enrolment and lets people work on the phone.
func (h *handset) settleIn(id string, epoch uint64) error {
	for _, app := range workApps {
		if h.mode != workProfileMode {
			break
		}
		for i := range 2 {
			if err := h.write(fmt.Sprintf("data/user/10/%s/files/%d.dat", app, i), fmt.Sprint("company ", epoch, app, i)); err != nil {
				return err
			}
		}
	}
	written, err := digests(filepath.Join(h.dir, "data", "user", "10"))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.id, h.epoch, h.work = id, epoch, written
	return err
}

// check compares the phone's disk with what its journal says it has acted on: a
// work byte that is gone must be in the scope of an order of this epoch that the
// server has let the phone begin.
func (h *handset) check(p *phone.Phone) error {
	personal, err := digests(filepath.Join(h.dir, "data", "user", "0"))
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wholeDevice(p) {
		h.personal = personal
	}
	if !same(personal, h.personal) {
		return broken("phone %d: a personal byte differs", h.n)
	}
	work, err := digests(filepath.Join(h.dir, "data", "user", "10"))
	if err != nil {
		return err
	}
	journal, err := p.LoadJournal()
	if err != nil {
		return err
	}
	for name, digest := range h.work {
		if work[name] != digest && !covered(journal, h.epoch, name) {
			return broken("phone %d, epoch %d: %s is gone, and no order of this epoch that it began to act on covers it", h.n, h.epoch, name)
		}
	}
	return nil
}

// wholeDevice reports whether the phone was told to go back to how it left the
// factory, which only a phone of the company can be.
func (h *handset) wholeDevice(p *phone.Phone) bool {
	j, err := p.LoadJournal()
	return err == nil && h.ownership == "company" && slices.ContainsFunc(began(j), func(e agentwipe.Entry) bool {
		return e.Scope.Kind == agentwipe.WholeDevice
	})
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, digest := range a {
		if b[name] != digest {
			return false
		}
	}
	return true
}

// began gives the orders that the phone has begun to act on.
func began(j agentwipe.Journal) []agentwipe.Entry {
	entries := slices.Clone(j.Past)
	if j.Current != nil {
		entries = append(entries, *j.Current)
	}
	return slices.DeleteFunc(entries, func(e agentwipe.Entry) bool { return e.Steps == nil && e.Receipt == nil })
}

// covered reports whether an order that the phone began to act on takes the file.
func covered(j agentwipe.Journal, epoch uint64, name string) bool {
	return slices.ContainsFunc(began(j), func(e agentwipe.Entry) bool {
		if e.Epoch != epoch {
			return false
		}
		for _, app := range e.Scope.Packages {
			if len(name) > len(app) && name[:len(app)+1] == app+"/" {
				return true
			}
		}
		return e.Scope.Ends()
	})
}
