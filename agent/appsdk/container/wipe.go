package container

import (
	"errors"
	"fmt"
	"io/fs"
)

// Wipe destroys the key of a container that is not open here, and then its
// files. Once the key is destroyed, which is first, nothing in the container or
// in any copy of it can be read again. Account and Create do not matter, and an
// error may be followed by another Wipe: no error where nothing is left.
//
// ErrLocked is a container that another process has open: the key is destroyed,
// the files are there, and that process cannot write any more but reads on until
// it closes the container.
//
// The folder stays, and so does what somebody else put there.
func Wipe(o *Options) error {
	if o == nil || o.Dir == "" || o.KeyName == "" || o.Keys == nil {
		return errors.New("a wipe needs a folder, a key name and a key store")
	}
	if err := o.Keys.Destroy(o.KeyName); err != nil {
		return fmt.Errorf("the key store: %w", err)
	}
	top, err := openFolder(o.Dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return eraseIn(top)
}

// eraseIn removes a container's files from a folder and closes it.
func eraseIn(top folder) error {
	err := top.lock()
	if err == nil {
		err = erase(top)
	}
	return errors.Join(err, top.close())
}

// Wipe is the function Wipe for an open container, which it closes. If the key
// store fails, the container is as it was; after any other error the function
// goes on.
func (c *Container) Wipe() error {
	c.changes.Lock()
	defer c.changes.Unlock()
	if c.ended != nil {
		return c.ended
	}
	if err := c.keys.Destroy(c.keyName); err != nil {
		return fmt.Errorf("the key store: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = ErrWiped
	clear(c.vault.secret)
	return errors.Join(erase(c.top), c.release())
}

// erase removes the files of a container whose key is gone, durably. It removes
// as much as it can.
func erase(top folder) error {
	var failed error
	for _, name := range []string{keyFile, slots[0], slots[1]} {
		failed = errors.Join(failed, top.remove(name))
	}
	contents, err := top.sub(contentsDir, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, ErrDamaged): // no folder; what a link leads to stays
		failed = errors.Join(failed, top.remove(contentsDir))
	case err != nil:
		failed = errors.Join(failed, err)
	default:
		failed = errors.Join(failed, eraseContents(contents), contents.close())
		if failed == nil {
			_ = top.remove(contentsDir) // unless there is something else in it
		}
	}
	return errors.Join(failed, top.sync())
}

// eraseContents goes on as long as there are contents and all can be removed.
func eraseContents(contents folder) error {
	for {
		names, err := contentsIn(contents, nil)
		if err != nil || len(names) == 0 {
			return errors.Join(err, contents.sync())
		}
		var failed error
		for _, name := range names {
			if err := contents.remove(name); err != nil && failed == nil {
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
	}
}
