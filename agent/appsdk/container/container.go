package container

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// The names in a container's folder, besides the manifest's.
const (
	keyFile     = "key"
	contentsDir = "contents"
)

const (
	keyMagic   = "RFCKEY1\n"
	maxWrapped = 4096
)

// Options say which container to open.
type Options struct {
	// Dir is the container's own folder, with nothing else in it. The folder
	// around it must be there.
	Dir string
	// Account names the work account. A container opens for the account that it
	// was made for, and for no other.
	Account string
	// KeyName names the container's key in the key store. No two containers share
	// one.
	KeyName string
	// Keys is the phone's key store.
	Keys KeyStore
	// Create makes the container where there is none.
	Create bool
}

func (o *Options) check() error {
	if o == nil || o.Dir == "" || o.Account == "" || o.KeyName == "" || o.Keys == nil {
		return errors.New("a container needs a folder, an account, a key name and a key store")
	}
	return nil
}

// Container holds the files of one work account, encrypted. Its methods may be
// called by several goroutines at once.
type Container struct {
	top, contents folder
	keys          KeyStore
	keyName       string

	// changes is held by who changes the manifest, from the decision to the end.
	changes  sync.Mutex
	manifest *manifest
	unsure   bool // whether the last change counts

	// mu guards what follows. Only a holder of changes writes it, so that such a
	// one may read it without mu.
	mu    sync.RWMutex
	index *index
	vault vault
	ended error // why the container cannot be used; nil while it can
}

// Open opens a container, which must be closed. Errors are fs.ErrNotExist,
// ErrLocked, ErrWiped, ErrDamaged, ErrRolledBack, and those of the system and the
// key store. It removes nothing but what was never acknowledged.
func Open(o *Options) (*Container, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	top, err := openFolder(o.Dir, o.Create)
	if errors.Is(err, fs.ErrNotExist) {
		if counter, asked := o.Keys.Counter(o.KeyName); asked == nil && counter > 0 {
			err = fmt.Errorf("the folder is gone: %w", ErrRolledBack)
		}
	}
	if err != nil {
		return nil, err
	}
	return openIn(top, o)
}

// openIn opens the container in a folder, which is its own from now on.
func openIn(top folder, o *Options) (*Container, error) {
	c := &Container{top: top, keys: o.Keys, keyName: o.KeyName}
	if err := c.load(o); err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

// load finds out from the key store's counter what there must be.
func (c *Container) load(o *Options) error {
	if err := c.top.lock(); err != nil {
		return err
	}
	counter, err := c.keys.Counter(c.keyName)
	if err != nil {
		return fmt.Errorf("the key store: %w", err)
	}
	if counter > 0 {
		return c.loadOld(o.Account, counter)
	}
	found, err := c.leftover()
	switch {
	case err != nil:
		return err
	case found != "" && counter < 0:
		return fmt.Errorf("%s is left: %w", found, ErrWiped)
	case found == contentsDir:
		// Nobody had a file in it before it counted once.
		return fmt.Errorf("there are files, and the key store knows of none: %w", ErrRolledBack)
	case !o.Create:
		return fmt.Errorf("there is no container: %w", fs.ErrNotExist)
	}
	return c.make(o.Account)
}

// leftover names something of a container's that is in the folder: contentsDir
// if there are contents, "" if there is nothing.
func (c *Container) leftover() (found string, err error) {
	err = c.top.each(func(name string) error {
		if name == keyFile || name == slots[0] || name == slots[1] {
			found = name
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	contents, err := c.top.sub(contentsDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return "", err
	}
	names, err := contentsIn(contents, nil)
	if len(names) > 0 {
		found = contentsDir
	}
	return found, errors.Join(err, contents.close())
}

// make makes a container. Until it counts, at its very end, it is none: a
// making that was interrupted is begun anew.
func (c *Container) make(account string) (err error) {
	for _, name := range []string{keyFile, slots[0], slots[1]} {
		if err := c.top.remove(name); err != nil {
			return err
		}
	}
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // never fails: it ends the program first
	wrapped, err := c.keys.Wrap(c.keyName, secret)
	if err != nil {
		return fmt.Errorf("the key store: %w", err)
	}
	if len(wrapped) == 0 || len(wrapped) > maxWrapped {
		return fmt.Errorf("the key store wraps a key in %d octets", len(wrapped))
	}
	f, err := c.top.create(keyFile)
	if err != nil {
		return err
	}
	err = writeAll(f, append([]byte(keyMagic), wrapped...), 0)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if c.contents, err = c.top.sub(contentsDir, true); err != nil {
		return err
	}
	c.vault, c.index = newVault(secret, account), newIndex()
	c.manifest, err = newManifest(c.top, c.vault, c.index, 0, 0, c.count)
	return err
}

// loadOld opens a container that has counted.
func (c *Container) loadOld(account string, counter int64) error {
	secret, err := c.unwrap()
	if err != nil {
		return err
	}
	c.vault = newVault(secret, account)
	if c.manifest, c.index, err = loadManifest(c.top, c.vault, counter); err != nil {
		return err
	}
	c.contents, err = c.top.sub(contentsDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there are no contents: %w", ErrRolledBack)
	}
	if err != nil {
		return err
	}
	c.sweep()
	return nil
}

// unwrap gives the account's key.
func (c *Container) unwrap() ([]byte, error) {
	f, err := c.top.open(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the wrapped key is gone: %w", ErrRolledBack)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size <= int64(len(keyMagic)) || size > int64(len(keyMagic)+maxWrapped) {
		return nil, fmt.Errorf("the wrapped key: %w", ErrDamaged)
	}
	raw := make([]byte, size)
	if _, err := f.ReadAt(raw, 0); err != nil {
		return nil, cutOff(err)
	}
	if string(raw[:len(keyMagic)]) != keyMagic {
		return nil, fmt.Errorf("the wrapped key: %w", ErrDamaged)
	}
	secret, err := c.keys.Unwrap(c.keyName, raw[len(keyMagic):])
	if err != nil {
		return nil, fmt.Errorf("the key store: %w", err)
	}
	if len(secret) != keySize {
		return nil, fmt.Errorf("the key store gives a key of %d octets", len(secret))
	}
	return secret, nil
}

// sweep removes what writers left that never came to their end. What it cannot
// remove is unreadable anyway, and no reason not to open.
func (c *Container) sweep() {
	_ = c.top.remove(slots[1-c.manifest.slot])
	names, _ := contentsIn(c.contents, c.index.contents())
	for _, name := range names {
		_ = c.contents.remove(name)
	}
}

// maxListed is how many contents are listed at once.
const maxListed = 2 * MaxFiles

var errEnough = errors.New("enough")

// contentsIn names contents that are not used, up to maxListed. Nothing else is
// touched that somebody may have put there.
func contentsIn(contents folder, used map[id]bool) (names []string, err error) {
	err = contents.each(func(name string) error {
		if content, ok := parseID(name); ok && !used[content] {
			names = append(names, name)
		}
		if len(names) == maxListed {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return names, err
}

// count makes a generation count.
func (c *Container) count(generation int64) error {
	if err := c.keys.Raise(c.keyName, generation); err != nil {
		c.unsure = true
		return fmt.Errorf("%w: %w", ErrUnsure, err)
	}
	return nil
}

// change decides on changes by the index and carries them out, one at a time.
// Once it has returned nil they are durable. It removes the contents that no
// file has any more.
func (c *Container) change(decide func(x *index) (changes []change, unused []id, err error)) error {
	c.changes.Lock()
	defer c.changes.Unlock()
	switch {
	case c.ended != nil:
		return c.ended
	case c.unsure:
		return ErrUnsure
	}
	changes, unused, err := decide(c.index)
	if err != nil || len(changes) == 0 {
		return err
	}
	if err := c.renew(); err != nil {
		return err
	}
	if err := c.manifest.append(changes, c.count); err != nil {
		return err
	}
	c.mu.Lock()
	for _, step := range changes {
		err = errors.Join(err, c.index.apply(step))
	}
	c.mu.Unlock()
	for _, content := range unused {
		_ = c.contents.remove(content.String()) // or the next opening does
	}
	return err
}

// renew writes the manifest anew when it is time. Where that fails and there is
// room in the old one, that goes on: on a full disk files can still be removed.
func (c *Container) renew() error {
	old := c.manifest
	if old.end < old.renewAt {
		return nil
	}
	fresh, err := newManifest(c.top, c.vault, c.index, 1-old.slot, old.generation, c.count)
	switch {
	case err == nil:
		c.manifest = fresh
		_ = errors.Join(old.file.Close(), c.top.remove(slots[old.slot])) // or the next opening does
	case !c.unsure && old.end < maxManifest-maxRecord:
		old.renewAt = old.end + slack
		return nil
	}
	return err
}

// Close closes the container, its readers and its writers. What was not
// committed is discarded.
func (c *Container) Close() error { return c.end(ErrClosed) }

// end waits for the change under way and forgets the keys.
func (c *Container) end(why error) error {
	c.changes.Lock()
	defer c.changes.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return nil
	}
	c.ended = why
	clear(c.vault.secret)
	return c.release()
}

// release closes what the container holds open.
func (c *Container) release() error {
	var err error
	if c.manifest != nil {
		err = c.manifest.file.Close()
	}
	if c.contents != nil {
		err = errors.Join(err, c.contents.close())
	}
	return errors.Join(err, c.top.close())
}
