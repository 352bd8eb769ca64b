package phone

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"ringfence/agent/appsdk/container"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	// appKeysDir is a folder of its own: no package can have a name that the phone's
	// own keys have.
	appKeysDir   = keystoreDir + "/apps"
	secretSuffix = ".json"
	secretSize   = 32
	maxSecret    = 1 << 10
)

var errNoKey = errors.New("there is no such key")

// AppKeys is the key store as one app sees it: names are its own, and it can
// name no other's. What it has answered is on disk, outside the app's folders.
// Its methods may be called by several goroutines at once, in one process.
type AppKeys struct {
	p   *Phone
	dir string
	mu  sync.Mutex
}

var _ container.KeyStore = (*AppKeys)(nil)

// AppKeys gives the key store of an app.
func (p *Phone) AppKeys(pkg string) (*AppKeys, error) {
	if !wipe.ValidPackage(pkg) {
		return nil, fmt.Errorf("%.40q is not a package name", pkg)
	}
	dir := appKeysDir + "/" + pkg
	return &AppKeys{p: p, dir: dir}, makePlain(p.root, dir)
}

// secret is a key that wraps, and its counter, as they lie on disk.
type secret struct {
	Key     []byte `json:"key"`
	Counter int64  `json:"counter"`
}

// load gives a key that wraps; errNoKey where there is none.
func (k *AppKeys) load(name string) (s secret, err error) {
	if !keyPattern.MatchString(name) {
		return s, fmt.Errorf("%.40q cannot name a key", name)
	}
	data, err := k.p.read(k.dir, name+secretSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return s, errNoKey
	}
	if err != nil {
		return s, err
	}
	if json.Unmarshal(data, &s) != nil || len(s.Key) != secretSize {
		return s, fmt.Errorf("key %s is damaged", name)
	}
	return s, nil
}

func (k *AppKeys) save(name string, s secret) error {
	return k.p.writeJSON(k.dir, name+secretSuffix, s)
}

// Counter is part of container.KeyStore.
func (k *AppKeys) Counter(name string) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, err := k.load(name)
	if errors.Is(err, errNoKey) {
		return -1, nil
	}
	return s.Counter, err
}

// Wrap is part of container.KeyStore.
func (k *AppKeys) Wrap(name string, plain []byte) ([]byte, error) {
	if len(plain) > maxSecret {
		return nil, fmt.Errorf("a secret of %d octets is too long", len(plain))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s, err := k.load(name)
	if errors.Is(err, errNoKey) {
		s = secret{Key: make([]byte, secretSize)}
		_, _ = rand.Read(s.Key) // never fails
		err = k.save(name, s)
	}
	if err != nil {
		return nil, err
	}
	return s.aead().Seal(nil, nil, plain, k.bound(name)), nil //nolint:gosec // the AEAD makes the nonce
}

// Unwrap is part of container.KeyStore.
func (k *AppKeys) Unwrap(name string, wrapped []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, err := k.load(name)
	if err != nil {
		return nil, err
	}
	plain, err := s.aead().Open(nil, nil, wrapped, k.bound(name))
	if err != nil {
		return nil, errors.New("this key has not wrapped that")
	}
	return plain, nil
}

// bound ties what was wrapped to the app and the key's name.
func (k *AppKeys) bound(name string) []byte { return []byte(k.dir + "\x00" + name) }

func (s secret) aead() cipher.AEAD {
	block, err := aes.NewCipher(s.Key)
	if err != nil {
		panic(err) // load and Wrap give 32 octets
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return a
}

// Raise is part of container.KeyStore.
func (k *AppKeys) Raise(name string, to int64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, err := k.load(name)
	if err != nil {
		return err
	}
	if to <= s.Counter {
		return errors.New("the counter is not less")
	}
	s.Counter = to
	return k.save(name, s)
}

// Destroy is part of container.KeyStore.
func (k *AppKeys) Destroy(name string) error { return k.remove(name, secretSuffix) }

func (k *AppKeys) remove(name, suffix string) error {
	if !keyPattern.MatchString(name) {
		return fmt.Errorf("%.40q cannot name a key", name)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.p.remove(k.dir, name+suffix)
}

// MakeKey makes a P-256 key to sign with, unless there is one of that name.
func (k *AppKeys) MakeKey(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.p.makeKeyIn(k.dir, name, compliancev1.KeyType_KEY_TYPE_EC_P256)
	return err
}

// PublicKey gives the SubjectPublicKeyInfo of a key to sign with, DER;
// fs.ErrNotExist where there is none.
func (k *AppKeys) PublicKey(name string) ([]byte, error) {
	key, err := k.signer(name)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(key.Public())
}

// Sign signs a SHA-256 digest with ECDSA; ASN.1, as X.509 has it.
func (k *AppKeys) Sign(name string, digest []byte) ([]byte, error) {
	key, err := k.signer(name)
	if err != nil {
		return nil, err
	}
	return key.Sign(rand.Reader, digest, crypto.SHA256)
}

func (k *AppKeys) signer(name string) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.p.keyIn(k.dir, name)
}

// DeleteKey destroys a key to sign with; no error where there is none.
func (k *AppKeys) DeleteKey(name string) error { return k.remove(name, keySuffix) }
