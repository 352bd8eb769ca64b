package container

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// Writer writes the content of a file, from its beginning to its end. Until
// Commit the file has its old content, or is not there, whatever happens.
type Writer struct {
	c      *Container
	base   entry // the file that was there; of version 0 if there was none
	mu     sync.Mutex
	next   entry
	file   file
	blocks *blocks
	plain  []byte // not sealed yet: at most a block, which may be the last one
	sealed []byte
	number uint64 // of the next block
	at     int64  // where it goes
	ended  error  // why nothing can be written
}

// Create gives a writer for a new file, or for a new content of a file. It must
// be closed.
func (c *Container) Create(name string) (*Writer, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	w, err := c.writer(name)
	if err != nil {
		return nil, err
	}
	if w.file, err = c.contents.create(w.next.content.String()); err != nil {
		return nil, err
	}
	return w, nil
}

func (c *Container) writer(name string) (*Writer, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.ended != nil {
		return nil, c.ended
	}
	w := &Writer{c: c, base: c.index.names[name]}
	w.next = entry{file: w.base.file, version: w.base.version + 1, content: newID(), name: name}
	if w.base.version == 0 {
		if len(c.index.names) >= MaxFiles {
			return nil, ErrTooMany
		}
		w.next.file = newID()
	}
	var err error
	w.blocks, err = c.vault.blocks(w.next)
	return w, err
}

// Write appends to the content.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return 0, err
	}
	if int64(len(p)) > MaxSize-w.next.size {
		return 0, ErrTooLarge
	}
	for rest := p; len(rest) > 0; {
		if len(w.plain) == blockSize {
			if err := w.flush(w.plain, false); err != nil {
				return len(p) - len(rest), err
			}
			w.plain = w.plain[:0]
		}
		n := blockSize
		if len(w.plain) == 0 && len(rest) > blockSize {
			if err := w.flush(rest[:n], false); err != nil {
				return len(p) - len(rest), err
			}
		} else {
			n = min(len(rest), blockSize-len(w.plain))
			w.plain = append(w.plain, rest[:n]...)
		}
		w.next.size += int64(n)
		rest = rest[n:]
	}
	return len(p), nil
}

func (w *Writer) usable() error {
	if w.ended != nil {
		return w.ended
	}
	w.c.mu.RLock()
	defer w.c.mu.RUnlock()
	return w.c.ended
}

// flush seals the next block. After an error the writer is of no more use: no
// block is sealed twice.
func (w *Writer) flush(plain []byte, last bool) error {
	w.sealed = w.blocks.seal(w.sealed[:0], plain, w.number, last)
	if err := writeAll(w.file, w.sealed, w.at); err != nil {
		w.ended = err
		return err
	}
	w.number++
	w.at += int64(len(w.sealed))
	return nil
}

// Commit ends the content and puts it in the place of the old one. Once it has
// returned nil, that is durable. After an error the file has its old content,
// save for ErrUnsure, and the writer is closed. ErrChanged if the file is no
// longer the one that it was when the writer was made.
func (w *Writer) Commit() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	err := w.flush(w.plain, true)
	if err == nil {
		err = w.file.Sync()
	}
	if err == nil {
		err = w.c.contents.sync()
	}
	if err == nil {
		err = w.c.change(w.decide)
	}
	if err != nil {
		return errors.Join(err, w.discard(!errors.Is(err, ErrUnsure)))
	}
	w.ended = ErrClosed
	return w.file.Close()
}

// decide puts the new content where the old one was.
func (w *Writer) decide(x *index) ([]change, []id, error) {
	now, exists := x.names[w.next.name]
	switch {
	case now != w.base:
		return nil, nil, ErrChanged
	case exists:
		return []change{{entry: w.next}}, []id{w.base.content}, nil
	case len(x.names) >= MaxFiles:
		return nil, nil, ErrTooMany
	}
	return []change{{entry: w.next}}, nil, nil
}

// Close discards what was not committed. No error after a Commit.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.ended, ErrClosed) {
		return nil
	}
	return w.discard(true)
}

// discard closes the writer. A content that it cannot remove is removed when the
// container is opened again.
func (w *Writer) discard(remove bool) error {
	w.ended = ErrClosed
	err := w.file.Close()
	if remove {
		_ = w.c.contents.remove(w.next.content.String())
	}
	return err
}

// WriteFile makes data the content of a file, as Create and Commit do.
func (c *Container) WriteFile(name string, data []byte) error {
	w, err := c.Create(name)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Close())
	}
	return w.Commit()
}

// Rename gives a file another name, durably, and takes the place of one that
// has it.
func (c *Container) Rename(from, to string) error {
	if err := checkName(to); err != nil {
		return err
	}
	return c.change(func(x *index) (changes []change, unused []id, err error) {
		e, ok := x.names[from]
		if !ok {
			return nil, nil, errMissing
		}
		if from == to {
			return nil, nil, nil
		}
		if replaced, ok := x.names[to]; ok {
			changes = append(changes, change{gone: true, entry: entry{file: replaced.file}})
			unused = append(unused, replaced.content)
		}
		e.name = to
		return append(changes, change{entry: e}), unused, nil
	})
}

// Remove removes a file, durably. Readers that have it open go on.
func (c *Container) Remove(name string) error {
	return c.change(func(x *index) ([]change, []id, error) {
		e, ok := x.names[name]
		if !ok {
			return nil, nil, errMissing
		}
		return []change{{gone: true, entry: entry{file: e.file}}}, []id{e.content}, nil
	})
}

// errMissing does not quote the name: names stay inside, and errors are logged.
var errMissing = fmt.Errorf("the file: %w", fs.ErrNotExist)
