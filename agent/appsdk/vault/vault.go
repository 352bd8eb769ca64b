package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"ringfence/agent/appsdk/container"
)

const (
	magic      = "RFVAULT1"
	secretSize = 32
	maxWrapped = 4096
	// MaxData is how many octets a record has at most.
	MaxData = 16 << 20
)

var slots = [2]string{"slot.0", "slot.1"}

var (
	// ErrNotNewest is a record that is older than the key store knows of,
	// damaged, another's, or gone.
	ErrNotNewest = errors.New("the record is not the newest: it was restored, damaged or taken away")
	// ErrUnsure is a vault whose key store failed in the middle of a Save, or
	// which somebody else has saved to: it must be opened again.
	ErrUnsure = errors.New("the record must be opened again")
)

// Options say which record it is.
type Options struct {
	// Dir is a folder of the record's own. The folder around it must be there.
	Dir string
	// KeyName names the record's key in the key store. Nothing else uses it.
	KeyName string
	Keys    container.KeyStore
	// Progress hears of each step just before and after it; optional. Tests kill
	// the process in it.
	Progress func(step string)
}

// Vault is an open record. It is not for concurrent use, and one process has one
// at a time.
type Vault struct {
	o          Options
	dir        *os.Root
	secret     []byte
	wrapped    []byte
	generation int64
	inUse      int // index of the slot
	unsure     bool
}

// Open opens a record, or makes an empty one where its key is not in the key
// store or has never counted anything. Data is nil for an empty one.
func Open(o Options) (v *Vault, data []byte, err error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	counter, err := o.Keys.Counter(o.KeyName)
	if err != nil {
		return nil, nil, fmt.Errorf("the key store: %w", err)
	}
	if err := os.Mkdir(o.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, nil, err
	}
	dir, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, nil, err
	}
	v = &Vault{o: o, dir: dir, generation: max(counter, 0), inUse: 1}
	if counter > 0 {
		data, err = v.load()
	} else {
		err = v.begin()
	}
	if err != nil {
		_ = dir.Close()
		return nil, nil, err
	}
	return v, data, nil
}

// begin makes the secret of a new record.
func (v *Vault) begin() error {
	v.secret = make([]byte, secretSize)
	_, _ = rand.Read(v.secret) // never fails
	v.o.Progress("before wrap")
	var err error
	if v.wrapped, err = v.o.Keys.Wrap(v.o.KeyName, v.secret); err != nil {
		return fmt.Errorf("the key store: %w", err)
	}
	if len(v.wrapped) > maxWrapped {
		return fmt.Errorf("the key store wraps a secret in %d octets", len(v.wrapped))
	}
	v.o.Progress("after wrap")
	return nil
}

// load finds the slot that the counter names.
func (v *Vault) load() ([]byte, error) {
	for i, name := range slots {
		raw, err := v.dir.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		wrapped, rest, ok := split(raw)
		if !ok {
			continue
		}
		secret, err := v.o.Keys.Unwrap(v.o.KeyName, wrapped)
		if err != nil || len(secret) != secretSize {
			continue
		}
		generation, data, ok := open(secret, v.bound(wrapped), rest)
		if ok && generation == v.generation {
			v.secret, v.wrapped, v.inUse = secret, wrapped, i
			return data, nil
		}
	}
	return nil, ErrNotNewest
}

// Save replaces the record. It is durable once Save returns nil; after an error
// it is as before, save for ErrUnsure.
func (v *Vault) Save(data []byte) error {
	if v.unsure {
		return ErrUnsure
	}
	if len(data) > MaxData {
		return fmt.Errorf("a record of %d octets is too large", len(data))
	}
	if counter, err := v.o.Keys.Counter(v.o.KeyName); err != nil {
		return fmt.Errorf("the key store: %w", err)
	} else if max(counter, 0) != v.generation {
		v.unsure = true
		return ErrUnsure
	}
	next, err := after(v.generation)
	if err != nil {
		return err
	}
	slot := 1 - v.inUse
	v.o.Progress("before write")
	if err := v.write(slots[slot], v.seal(next, data)); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	v.o.Progress("before raise")
	if err := v.raise(next); err != nil {
		return err
	}
	v.o.Progress("after raise")
	v.generation, v.inUse = next, slot
	return nil
}

// after gives a generation above another.
func after(generation int64) (int64, error) {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	step := int64(binary.BigEndian.Uint32(b[:])) + 1
	if generation > math.MaxInt64-step {
		return 0, errors.New("the key store's counter is at its end")
	}
	return generation + step, nil
}

// raise makes a generation count. A key store that failed may have done it.
func (v *Vault) raise(to int64) error {
	err := v.o.Keys.Raise(v.o.KeyName, to)
	if err == nil {
		return nil
	}
	counter, asked := v.o.Keys.Counter(v.o.KeyName)
	switch {
	case asked == nil && counter == to:
		return nil
	case asked == nil && max(counter, 0) == v.generation:
		return fmt.Errorf("the key store: %w", err)
	}
	v.unsure = true
	return errors.Join(ErrUnsure, err, asked)
}

func (v *Vault) write(name string, raw []byte) error {
	f, err := v.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return v.sync()
}

func (v *Vault) sync() error {
	f, err := v.dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Close closes the vault and forgets its secret.
func (v *Vault) Close() error {
	clear(v.secret)
	v.unsure = true
	return v.dir.Close()
}

// Destroy destroys a record's key, and then what is left of it; no error where
// there is nothing. Once the key is gone no copy of the record can be read.
func Destroy(o Options) error {
	if err := o.Keys.Destroy(o.KeyName); err != nil {
		return fmt.Errorf("the key store: %w", err)
	}
	dir, err := os.OpenRoot(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	v := &Vault{dir: dir}
	for _, name := range slots {
		if removed := dir.Remove(name); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return errors.Join(err, v.sync(), dir.Close())
}

// bound is what a slot's sealed part is bound to.
func (v *Vault) bound(wrapped []byte) []byte {
	return append(header(wrapped), v.o.KeyName...)
}

func header(wrapped []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte(magic), uint16(len(wrapped))) //nolint:gosec // at most maxWrapped
	return append(b, wrapped...)
}

func split(raw []byte) (wrapped, rest []byte, ok bool) {
	const fixed = len(magic) + 2
	if len(raw) < fixed || string(raw[:len(magic)]) != magic {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(raw[len(magic):]))
	if n > maxWrapped || len(raw) < fixed+n {
		return nil, nil, false
	}
	return raw[fixed : fixed+n], raw[fixed+n:], true
}

func (v *Vault) seal(generation int64, data []byte) []byte {
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(generation)), data...) //nolint:gosec // never negative
	return aead(v.secret).Seal(header(v.wrapped), nil, plain, v.bound(v.wrapped))    //nolint:gosec // the AEAD makes the nonce
}

func open(secret, bound, sealed []byte) (generation int64, data []byte, ok bool) {
	plain, err := aead(secret).Open(nil, nil, sealed, bound)
	if err != nil || len(plain) < 8 {
		return 0, nil, false
	}
	return int64(binary.BigEndian.Uint64(plain)), plain[8:], true //nolint:gosec // what was sealed is never negative
}

func aead(secret []byte) cipher.AEAD {
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err) // the secret has 32 octets
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return a
}
