package container

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

var errNoKey = errors.New("there is no such key")

// storedKey is a key in a key store, with its counter.
type storedKey struct {
	Key     []byte
	Counter int64
}

func newStoredKey() *storedKey {
	k := &storedKey{Key: make([]byte, keySize)}
	_, _ = rand.Read(k.Key)
	return k
}

func (k *storedKey) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.Key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// memKeys is a key store in memory. With a disk its operations are counted
// there, and die and fail with it.
type memKeys struct {
	mu        sync.Mutex
	d         *disk
	keys      map[string]*storedKey
	failRaise bool
}

func newKeys(d *disk) *memKeys { return &memKeys{d: d, keys: map[string]*storedKey{}} }

func (m *memKeys) step() (bool, error) {
	if m.d == nil {
		return true, nil
	}
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	return m.d.step()
}

func (m *memKeys) Counter(name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[name]
	if !ok {
		return -1, nil
	}
	return k.Counter, nil
}

func (m *memKeys) Wrap(name string, secret []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	done, err := m.step()
	if done && m.keys[name] == nil {
		m.keys[name] = newStoredKey()
	}
	if err != nil {
		return nil, err
	}
	return m.keys[name].aead().Seal(nil, nil, secret, []byte(name)), nil //nolint:gosec // the AEAD makes the nonce
}

func (m *memKeys) Unwrap(name string, wrapped []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[name]
	if !ok {
		return nil, errNoKey
	}
	return k.aead().Open(nil, nil, wrapped, []byte(name))
}

func (m *memKeys) Raise(name string, to int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[name]
	switch {
	case !ok:
		return errNoKey
	case to <= k.Counter:
		return errors.New("the counter is not less")
	case m.failRaise:
		return errDisk
	}
	done, err := m.step()
	if done {
		k.Counter = to
	}
	return err
}

func (m *memKeys) Destroy(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	done, err := m.step()
	if done {
		delete(m.keys, name)
	}
	return err
}

// fileKeys is a key store in a folder: a file a key.
type fileKeys struct {
	dir string
	mu  sync.Mutex
}

func newFileKeys(tb testing.TB) *fileKeys { return &fileKeys{dir: tb.TempDir()} }

func (s *fileKeys) load(name string) (*storedKey, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	k := new(storedKey)
	return k, json.Unmarshal(data, k)
}

func (s *fileKeys) save(name string, k *storedKey) error {
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	temp := filepath.Join(s.dir, name+".tmp")
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close(), os.Rename(temp, filepath.Join(s.dir, name))); err != nil {
		return err
	}
	return s.sync()
}

func (s *fileKeys) sync() error {
	f, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (s *fileKeys) Counter(name string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return k.Counter, nil
}

func (s *fileKeys) Wrap(name string, secret []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.load(name)
	if errors.Is(err, fs.ErrNotExist) {
		k = newStoredKey()
		err = s.save(name, k)
	}
	if err != nil {
		return nil, err
	}
	return k.aead().Seal(nil, nil, secret, []byte(name)), nil //nolint:gosec // the AEAD makes the nonce
}

func (s *fileKeys) Unwrap(name string, wrapped []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.load(name)
	if err != nil {
		return nil, err
	}
	return k.aead().Open(nil, nil, wrapped, []byte(name))
}

func (s *fileKeys) Raise(name string, to int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.load(name)
	if err != nil {
		return err
	}
	if to <= k.Counter {
		return errors.New("the counter is not less")
	}
	k.Counter = to
	return s.save(name, k)
}

func (s *fileKeys) Destroy(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.sync()
}
