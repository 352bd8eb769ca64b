package phone

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// errNotPlain is a path with something else than a folder in it: a symbolic
// link above all.
var errNotPlain = errors.New("is not a plain folder")

const tempSuffix = ".tmp"

// openPlain opens the folder at a slash-separated path below root, step by
// step. A step that is not a folder of its own, a symbolic link for example, is
// errNotPlain, wherever it leads. The caller closes the result.
func openPlain(root *os.Root, dir string) (*os.Root, error) {
	current, err := root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	for _, step := range strings.Split(dir, "/") {
		next, err := openStep(current, step)
		_ = current.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		current = next
	}
	return current, nil
}

func openStep(dir *os.Root, name string) (*os.Root, error) {
	seen, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.IsDir() {
		return nil, errNotPlain
	}
	next, err := dir.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	// It may have been replaced by a link after the look: what was opened must
	// be what was seen.
	if opened, err := next.Stat("."); err != nil || !os.SameFile(seen, opened) {
		_ = next.Close()
		return nil, errNotPlain
	}
	return next, nil
}

// makePlain makes the folder at a path, durably, with what is missing above it.
func makePlain(root *os.Root, dir string) error {
	for i, c := range dir + "/" {
		if c != '/' {
			continue
		}
		parent, err := openPlain(root, path.Dir(dir[:i]))
		if err != nil {
			return err
		}
		err = parent.Mkdir(path.Base(dir[:i]), 0o700)
		if err == nil {
			err = syncFolder(parent)
		} else if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		_ = parent.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// in runs fn on the folder at a path and closes it.
func (p *Phone) in(dir string, fn func(*os.Root) error) error {
	folder, err := openPlain(p.root, dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return fn(folder)
}

// write replaces a file: it has the old content or the new one, whatever
// happens meanwhile, and the new one once write has returned.
func (p *Phone) write(dir, name string, data []byte) error {
	return p.in(dir, func(folder *os.Root) error {
		temp := "." + name + tempSuffix
		if err := writeSynced(folder, temp, data); err != nil {
			return err
		}
		if err := folder.Rename(temp, name); err != nil {
			return err
		}
		return syncFolder(folder)
	})
}

func writeSynced(folder *os.Root, name string, data []byte) error {
	if err := folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(folder *os.Root) error {
	f, err := folder.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// read gives a file; fs.ErrNotExist where there is none.
func (p *Phone) read(dir, name string) (data []byte, err error) {
	err = p.in(dir, func(folder *os.Root) error {
		data, err = folder.ReadFile(name)
		return err
	})
	return data, err
}

// remove takes a file away, durably; no error where there is none.
func (p *Phone) remove(dir, name string) error {
	return p.in(dir, func(folder *os.Root) error {
		if err := folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return syncFolder(folder)
	})
}

// names lists the files of a folder with a suffix, without it. Temporary files
// are none.
func (p *Phone) names(dir, suffix string) (names []string, err error) {
	err = p.in(dir, func(folder *os.Root) error {
		entries, err := fs.ReadDir(folder.FS(), ".")
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
				names = append(names, name)
			}
		}
		return err
	})
	return names, err
}

// writeJSON writes a value as indented JSON.
func (p *Phone) writeJSON(dir, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return p.write(dir, name, append(data, '\n'))
}

// readJSON reads what writeJSON wrote; v stays as it is where there is none.
func (p *Phone) readJSON(dir, name string, v any) error {
	data, err := p.read(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s/%s is damaged: %w", dir, name, err)
	}
	return nil
}
