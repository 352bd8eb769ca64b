package appsdktest

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

var errNoKey = errors.New("there is no such key")

// Keys is a key store: in memory, or in a folder, a file a key, where it outlives
// a process that is killed. It keeps the contract of appsdk.KeyStore.
type Keys struct {
	dir  string // "" in memory
	mu   sync.Mutex
	keys map[string][]byte
	// Fail, where set, is asked before each change; an error is the answer, and
	// nothing is changed.
	Fail func(op, name string) error
}

// NewKeys makes a key store in memory.
func NewKeys() *Keys { return &Keys{keys: map[string][]byte{}} }

// OpenKeys opens the key store in a folder, which it makes.
func OpenKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Keys{dir: dir}, nil
}

// Copy copies a key store in memory, as no phone can.
func (k *Keys) Copy() *Keys {
	k.mu.Lock()
	defer k.mu.Unlock()
	return &Keys{keys: maps.Clone(k.keys)}
}

// Names names every key, in order.
func (k *Keys) Names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir == "" {
		return slices.Sorted(maps.Keys(k.keys))
	}
	var names []string
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".tmp") {
			names = append(names, e.Name())
		}
	}
	return names
}

// wrapping is a key that wraps, with its counter.
type wrapping struct {
	Key     []byte
	Counter int64
}

func (w wrapping) aead() cipher.AEAD {
	block, err := aes.NewCipher(w.Key)
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return a
}

// Counter gives a key's counter.
func (k *Keys) Counter(name string) (int64, error) {
	w, err := k.wrapping(name)
	if errors.Is(err, errNoKey) {
		return -1, nil
	}
	return w.Counter, err
}

// Wrap wraps a secret under a key, which it makes where there is none.
func (k *Keys) Wrap(name string, secret []byte) ([]byte, error) {
	w, err := k.wrapping(name)
	if errors.Is(err, errNoKey) {
		w = wrapping{Key: make([]byte, 32)}
		_, _ = rand.Read(w.Key) // never fails
		err = k.put("wrap", name, w)
	}
	if err != nil {
		return nil, err
	}
	return w.aead().Seal(nil, nil, secret, []byte(name)), nil //nolint:gosec // the AEAD makes the nonce
}

// Unwrap gives it back.
func (k *Keys) Unwrap(name string, wrapped []byte) ([]byte, error) {
	w, err := k.wrapping(name)
	if err != nil {
		return nil, err
	}
	return w.aead().Open(nil, nil, wrapped, []byte(name))
}

// Raise raises a key's counter.
func (k *Keys) Raise(name string, to int64) error {
	w, err := k.wrapping(name)
	if err != nil {
		return err
	}
	if to <= w.Counter {
		return errors.New("the counter is not less")
	}
	w.Counter = to
	return k.put("raise", name, w)
}

// Destroy destroys a key.
func (k *Keys) Destroy(name string) error { return k.remove("destroy", name) }

// MakeKey makes a key to sign with.
func (k *Keys) MakeKey(name string) error {
	if _, err := k.signing(name); !errors.Is(err, errNoKey) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return k.write("make", name, der)
}

// PublicKey gives the public half.
func (k *Keys) PublicKey(name string) ([]byte, error) {
	key, err := k.signing(name)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(key.Public())
}

// Sign signs a digest.
func (k *Keys) Sign(name string, digest []byte) ([]byte, error) {
	key, err := k.signing(name)
	if err != nil {
		return nil, err
	}
	return key.Sign(rand.Reader, digest, crypto.SHA256)
}

// DeleteKey destroys a key to sign with.
func (k *Keys) DeleteKey(name string) error { return k.remove("delete", name) }

func (k *Keys) signing(name string) (*ecdsa.PrivateKey, error) {
	der, err := k.read(name)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errNoKey
	}
	return key, nil
}

func (k *Keys) wrapping(name string) (w wrapping, err error) {
	raw, err := k.read(name)
	if err != nil {
		return w, err
	}
	err = json.Unmarshal(raw, &w)
	return w, err
}

func (k *Keys) put(op, name string, w wrapping) error {
	raw, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return k.write(op, name, raw)
}

func (k *Keys) fails(op, name string) error {
	if k.Fail == nil {
		return nil
	}
	return k.Fail(op, name)
}

func (k *Keys) read(name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir == "" {
		raw, ok := k.keys[name]
		if !ok {
			return nil, errNoKey
		}
		return raw, nil
	}
	raw, err := os.ReadFile(filepath.Join(k.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoKey
	}
	return raw, err
}

// write is whole or not at all for a process that is killed in it.
func (k *Keys) write(op, name string, raw []byte) error {
	if err := k.fails(op, name); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir == "" {
		k.keys[name] = raw
		return nil
	}
	temp := filepath.Join(k.dir, name+".tmp")
	if err := os.WriteFile(temp, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(k.dir, name))
}

func (k *Keys) remove(op, name string) error {
	if err := k.fails(op, name); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir == "" {
		delete(k.keys, name)
		return nil
	}
	if err := os.Remove(filepath.Join(k.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
