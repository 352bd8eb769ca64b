package container

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
)

// MaxWhole is how many octets ReadFile gives at most.
const MaxWhole = 64 << 20

// Info is what a container tells of a file.
type Info struct {
	Name string
	// Size is how many octets the content has.
	Size int64
	// Version is 1 for the first content, and one more for each after it.
	Version int64
}

func (e entry) info() *Info { return &Info{Name: e.name, Size: e.size, Version: e.version} }

// Listing is the files of a container at one moment, by name.
type Listing struct{ infos []*Info }

// Len gives how many there are.
func (l *Listing) Len() int { return len(l.infos) }

// At gives one of them, from 0 to Len-1; nil for any other.
func (l *Listing) At(i int) *Info {
	if i < 0 || i >= len(l.infos) {
		return nil
	}
	return l.infos[i]
}

// List lists the files.
func (c *Container) List() (*Listing, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.ended != nil {
		return nil, c.ended
	}
	l := &Listing{infos: make([]*Info, 0, len(c.index.names))}
	for _, e := range c.index.names {
		l.infos = append(l.infos, e.info())
	}
	slices.SortFunc(l.infos, func(a, b *Info) int { return cmp.Compare(a.Name, b.Name) })
	return l, nil
}

// Stat tells of a file; fs.ErrNotExist where there is none.
func (c *Container) Stat(name string) (*Info, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.ended != nil {
		return nil, c.ended
	}
	e, ok := c.index.names[name]
	if !ok {
		return nil, errMissing
	}
	return e.info(), nil
}

// Reader reads the content that a file had when it was opened, also after that
// was replaced or removed. Its methods may be called by several goroutines at
// once.
type Reader struct {
	c    *Container
	file file
	size int64

	mu     sync.Mutex
	blocks *blocks
	pos    int64
	plain  []byte // the block that was opened last
	number int64  // its number; -1 if there is none
	sealed []byte
	closed bool
}

// Open opens a file for reading; fs.ErrNotExist where there is none, ErrDamaged
// where its content is gone or is not as long as it must be. The reader must be
// closed.
func (c *Container) Open(name string) (*Reader, error) {
	c.mu.RLock() // also keeps the content from being removed before it is open
	defer c.mu.RUnlock()
	if c.ended != nil {
		return nil, c.ended
	}
	e, ok := c.index.names[name]
	if !ok {
		return nil, errMissing
	}
	f, err := c.contents.open(e.content.String())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the content is gone: %w", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil && size != sealedSize(e.size) {
		err = fmt.Errorf("the content has another length: %w", ErrDamaged)
	}
	r := &Reader{c: c, file: f, size: e.size, number: -1}
	if err == nil {
		r.blocks, err = c.vault.blocks(e)
	}
	if err == nil && e.size == 0 {
		err = r.load(nil, 0, 0) // no Read will come to it
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// Size gives how many octets the content has.
func (r *Reader) Size() int64 { return r.size }

// Read reads on from where the last Read or Seek ended; io.EOF at the end.
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.readAt(p, r.pos)
	r.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt reads from an offset, as io.ReaderAt says.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("the offset is negative")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readAt(p, off)
}

// Seek sets where the next Read begins, as io.Seeker says.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, ErrClosed
	}
	var from int64
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		from = r.pos
	case io.SeekEnd:
		from = r.size
	default:
		return 0, errors.New("seek: unknown whence")
	}
	to := from + offset
	if to < 0 || offset > 0 && to < from {
		return 0, errors.New("seek: out of range")
	}
	r.pos = to
	return to, nil
}

// Close closes the reader.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	clear(r.plain)
	return r.file.Close()
}

func (r *Reader) usable() error {
	if r.closed {
		return ErrClosed
	}
	r.c.mu.RLock()
	defer r.c.mu.RUnlock()
	return r.c.ended
}

// readAt gives nothing that it has not authenticated, and what comes before it.
func (r *Reader) readAt(p []byte, off int64) (n int, err error) {
	if err := r.usable(); err != nil {
		return 0, err
	}
	for n < len(p) && off < r.size {
		number := off / blockSize
		begin := number * blockSize
		length := int(min(blockSize, r.size-begin))
		if off == begin && len(p)-n >= length && number != r.number {
			if err := r.load(p[n:n:n+length], number, length); err != nil {
				return n, err
			}
			n += length
			off += int64(length)
			continue
		}
		if number != r.number {
			r.number = -1
			if r.plain == nil {
				r.plain = make([]byte, 0, min(blockSize, r.size))
			}
			if err := r.load(r.plain[:0], number, length); err != nil {
				return n, err
			}
			r.plain, r.number = r.plain[:length], number
		}
		copied := copy(p[n:], r.plain[off-begin:])
		n += copied
		off += int64(copied)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// load opens a block into dst, which has no length and the block's capacity.
func (r *Reader) load(dst []byte, number int64, length int) error {
	if r.sealed == nil {
		r.sealed = make([]byte, min(blockSize, r.size)+tagSize)
	}
	sealed := r.sealed[:length+tagSize]
	if _, err := r.file.ReadAt(sealed, number*(blockSize+tagSize)); err != nil {
		return cutOff(err)
	}
	_, err := r.blocks.open(dst, sealed, uint64(max(number, 0)), number == lastBlock(r.size))
	return err
}

// ReadFile gives the content of a file; ErrTooLarge above MaxWhole.
func (c *Container) ReadFile(name string) ([]byte, error) {
	r, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	if r.size > MaxWhole {
		return nil, ErrTooLarge
	}
	data := make([]byte, r.size)
	if _, err := r.ReadAt(data, 0); err != nil {
		return nil, err
	}
	return data, nil
}
