package container

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// folder is the little that a container needs of a file system. It is an
// interface so that tests can lose, tear and refuse what was not synced.
type folder interface {
	// open, edit and create open a plain file: to read, to read and write, and one
	// that must not be there yet, to read and write.
	open(name string) (file, error)
	edit(name string) (file, error)
	create(name string) (file, error)
	// remove removes a file, a link and not what it leads to, or an empty folder;
	// no error where there is none.
	remove(name string) error
	// each visits what is in the folder, in no order, until visit fails.
	each(visit func(name string) error) error
	// sync makes durable which names are in the folder.
	sync() error
	// sub opens a folder in the folder, which it makes if it may.
	sub(name string, create bool) (folder, error)
	// lock holds the folder for this container until close; ErrLocked where
	// another one does.
	lock() error
	close() error
}

// file is an open file.
type file interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Size() (int64, error)
	Close() error
}

// rootFolder is a folder on disk. It holds the folder itself, not its path:
// whatever becomes of the path, nothing outside is reached.
type rootFolder struct {
	root *os.Root
	held *os.File // locked until it is closed; nil if not locked
}

type rootFile struct{ *os.File }

func (f rootFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// openFolder opens the folder at a path, which it makes if it may; the folder
// around it must be there. A symbolic link in the last step is ErrDamaged.
func openFolder(dir string, create bool) (folder, error) {
	dir = filepath.Clean(dir)
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	around := &rootFolder{root: parent}
	found, err := around.sub(filepath.Base(dir), create)
	return found, errors.Join(err, around.close())
}

func (d *rootFolder) sub(name string, create bool) (folder, error) {
	if create {
		if err := d.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if err := d.sync(); err != nil {
			return nil, err
		}
	}
	seen, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.IsDir() {
		return nil, fmt.Errorf("%s is no plain folder: %w", name, ErrDamaged)
	}
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	// A link may have taken its place since the look.
	if opened, err := root.Stat("."); err != nil || !os.SameFile(seen, opened) {
		return nil, errors.Join(fmt.Errorf("%s is no plain folder: %w", name, ErrDamaged), root.Close())
	}
	return &rootFolder{root: root}, nil
}

func (d *rootFolder) open(name string) (file, error) { return d.plain(name, os.O_RDONLY) }

func (d *rootFolder) edit(name string) (file, error) { return d.plain(name, os.O_RDWR) }

func (d *rootFolder) create(name string) (file, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return rootFile{f}, nil
}

// plain opens a file that is no link. A Root follows links that stay inside it,
// so it is not enough to ask the Root.
func (d *rootFolder) plain(name string, flag int) (file, error) {
	seen, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file: %w", name, ErrDamaged)
	}
	f, err := d.root.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(seen, opened) {
		return nil, errors.Join(fmt.Errorf("%s is no plain file: %w", name, ErrDamaged), f.Close())
	}
	return rootFile{f}, nil
}

func (d *rootFolder) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *rootFolder) each(visit func(name string) error) error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if err := visit(e.Name()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d *rootFolder) sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lock locks the folder itself: a lock file could be removed under its holder.
func (d *rootFolder) lock() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	if err := flock(f); err != nil {
		return errors.Join(err, f.Close())
	}
	d.held = f
	return nil
}

func (d *rootFolder) close() error {
	var err error
	if d.held != nil {
		err = d.held.Close()
	}
	return errors.Join(err, d.root.Close())
}
