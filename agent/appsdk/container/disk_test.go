package container

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
)

var (
	errDead = errors.New("the process is dead")
	errDisk = errors.New("the disk fails")
)

// disk is a file system in memory that forgets what was not synced: on a crash
// each unsynced change of names is there or not, and each unsynced write is
// there, or not, or in some of its sectors. It counts the operations that change
// something, those of the key store too, and dies or fails at one of them.
type disk struct {
	mu      sync.Mutex
	rng     *rand.Rand
	steps   int
	crashAt int
	failAt  int
	dead    bool
	top     *memFolder
}

func newDisk(seed uint64) *disk {
	d := &disk{rng: rand.New(rand.NewPCG(seed, 1))}
	d.top = &memFolder{d: d}
	return d
}

// step is called with mu held. It tells whether the operation takes effect, and
// what the caller is told.
func (d *disk) step() (done bool, err error) {
	if d.dead {
		return false, errDead
	}
	d.steps++
	switch d.steps {
	case d.crashAt:
		d.dead = true
		return d.rng.IntN(2) == 0, errDead
	case d.failAt:
		return d.rng.IntN(2) == 0, errDisk
	}
	return true, nil
}

func (d *disk) alive() error {
	if d.dead {
		return errDead
	}
	return nil
}

// restart loses what a crash loses, and starts the next life of the process.
func (d *disk) restart() {
	d.dead = false
	d.top.crash()
}

// files gives every file by its path.
func (d *disk) files() map[string]*memFile {
	found := make(map[string]*memFile)
	d.top.collect("", found)
	return found
}

// copyOf gives a backup of the disk; put restores it.
func (d *disk) copyOf() map[string][]byte {
	saved := make(map[string][]byte)
	for name, f := range d.files() {
		saved[name] = slices.Clone(f.now)
	}
	return saved
}

func (d *disk) put(saved map[string][]byte) {
	contents := &memFolder{d: d, now: map[string]any{}}
	d.top.now = map[string]any{contentsDir: contents}
	for name, data := range saved {
		folder := d.top
		if dir, _ := path.Split(name); dir != "" {
			folder = contents
		}
		folder.now[path.Base(name)] = &memFile{d: d, now: slices.Clone(data), kept: slices.Clone(data)}
	}
	d.top.settle()
}

type nameChange struct {
	name string
	node any // nil: removed
}

type memFolder struct {
	d         *disk
	now, kept map[string]any
	pending   []nameChange
	locked    bool
}

func (m *memFolder) settle() {
	m.kept, m.pending = maps.Clone(m.now), nil
	for _, node := range m.now {
		if f, ok := node.(*memFolder); ok {
			f.settle()
		}
	}
}

func (m *memFolder) collect(prefix string, into map[string]*memFile) {
	for name, node := range m.now {
		switch n := node.(type) {
		case *memFile:
			into[prefix+name] = n
		case *memFolder:
			n.collect(prefix+name+"/", into)
		}
	}
}

func (m *memFolder) crash() {
	for _, c := range m.pending {
		if m.d.rng.IntN(2) == 0 {
			set(&m.kept, c)
		}
	}
	m.now, m.pending, m.locked = maps.Clone(m.kept), nil, false
	for _, name := range slices.Sorted(maps.Keys(m.now)) {
		switch n := m.now[name].(type) {
		case *memFile:
			n.crash()
		case *memFolder:
			n.crash()
		}
	}
}

func set(names *map[string]any, c nameChange) {
	if *names == nil {
		*names = make(map[string]any)
	}
	if c.node == nil {
		delete(*names, c.name)
		return
	}
	(*names)[c.name] = c.node
}

// change is one operation on names.
func (m *memFolder) change(c nameChange) error {
	done, err := m.d.step()
	if done {
		set(&m.now, c)
		m.pending = append(m.pending, c)
	}
	return err
}

func (m *memFolder) open(name string) (file, error) {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	f, ok := m.now[name].(*memFile)
	if !ok {
		return nil, errors.Join(m.d.alive(), fs.ErrNotExist)
	}
	return f, m.d.alive()
}

func (m *memFolder) edit(name string) (file, error) { return m.open(name) }

func (m *memFolder) create(name string) (file, error) {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	if _, ok := m.now[name]; ok {
		return nil, fs.ErrExist
	}
	f := &memFile{d: m.d}
	return f, m.change(nameChange{name, f})
}

func (m *memFolder) remove(name string) error {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	node, ok := m.now[name]
	if !ok {
		return m.d.alive()
	}
	if below, ok := node.(*memFolder); ok && len(below.now) > 0 {
		return errors.New("the folder is not empty")
	}
	return m.change(nameChange{name, nil})
}

func (m *memFolder) each(visit func(string) error) error {
	m.d.mu.Lock()
	names := slices.Sorted(maps.Keys(m.now))
	err := m.d.alive()
	m.d.mu.Unlock()
	for _, name := range names {
		if err == nil {
			err = visit(name)
		}
	}
	return err
}

func (m *memFolder) sync() error {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	done, err := m.d.step()
	if done {
		m.kept, m.pending = maps.Clone(m.now), nil
	}
	return err
}

func (m *memFolder) sub(name string, create bool) (folder, error) {
	m.d.mu.Lock()
	below, ok := m.now[name].(*memFolder)
	if !ok && !create {
		defer m.d.mu.Unlock()
		return nil, errors.Join(m.d.alive(), fs.ErrNotExist)
	}
	var err error
	if !ok {
		below = &memFolder{d: m.d}
		err = m.change(nameChange{name, below})
	}
	m.d.mu.Unlock()
	if create && err == nil {
		err = m.sync()
	}
	return below, err
}

func (m *memFolder) lock() error {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	if m.locked {
		return ErrLocked
	}
	m.locked = true
	return m.d.alive()
}

func (m *memFolder) close() error {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	m.locked = false
	return nil
}

type write struct {
	at   int64
	data []byte
}

type memFile struct {
	d         *disk
	now, kept []byte
	pending   []write
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.alive(); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.now).ReadAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	done, err := f.d.step()
	w := write{off, slices.Clone(p)}
	if !done {
		w.data = w.data[:len(p)/2]
	}
	if err == nil || f.d.rng.IntN(2) == 0 {
		f.now = overwrite(f.now, w)
		f.pending = append(f.pending, w)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func overwrite(b []byte, w write) []byte {
	if missing := int(w.at) + len(w.data) - len(b); missing > 0 {
		b = append(b, make([]byte, missing)...)
	}
	copy(b[w.at:], w.data)
	return b
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	done, err := f.d.step()
	if done {
		f.kept, f.pending = slices.Clone(f.now), nil
	}
	return err
}

func (f *memFile) crash() {
	for _, w := range f.pending {
		how := f.d.rng.IntN(3)
		for begin := 0; begin < len(w.data) && how > 0; {
			end := min(len(w.data), begin+sector-int(w.at+int64(begin))%sector)
			if how == 1 || f.d.rng.IntN(2) == 0 {
				f.kept = overwrite(f.kept, write{w.at + int64(begin), w.data[begin:end]})
			}
			begin = end
		}
	}
	f.now, f.pending = slices.Clone(f.kept), nil
}

func (f *memFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.now)), f.d.alive()
}

func (f *memFile) Close() error { return nil }

var _ io.ReaderAt = (*memFile)(nil)

// contentFiles gives the names of all contents on the disk.
func (d *disk) contentFiles() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(d.files())) {
		if strings.HasPrefix(name, contentsDir+"/") {
			names = append(names, name)
		}
	}
	return names
}
