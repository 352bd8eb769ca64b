package container

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

const (
	keySize   = 32
	tagSize   = 16
	nonceSize = 12

	// blockSize is how much of a file is sealed at once; only the last block of a
	// file may be shorter, and a file always has one.
	blockSize = 64 << 10
)

// id names a file or one content of it: random, and never used again.
type id [16]byte

func newID() (fresh id) {
	_, _ = rand.Read(fresh[:]) // never fails: it ends the program first
	return fresh
}

func (i id) String() string { return hex.EncodeToString(i[:]) }

// parseID is strict: one id has one spelling.
func parseID(s string) (i id, ok bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(i) {
		return i, false
	}
	copy(i[:], raw)
	return i, i.String() == s
}

// vault is the account's key and what it is bound to.
type vault struct {
	secret  []byte
	account [sha256.Size]byte
}

func newVault(secret []byte, account string) vault {
	return vault{secret: secret, account: sha256.Sum256([]byte("ringfence container account\x00" + account))}
}

// derive gives the key for one purpose. Each salt is random and used for one
// stream of writes, so no key ever sees one nonce twice.
func (v vault) derive(salt []byte, purpose string, bound []byte) (cipher.Block, error) {
	info := "ringfence container " + purpose + " v1\x00" + string(v.account[:]) + string(bound)
	key, err := hkdf.Key(sha256.New, v.secret, salt, info, keySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return aes.NewCipher(key)
}

// blocks seals and opens the blocks of one content. It is for one goroutine.
type blocks struct {
	aead  cipher.AEAD
	nonce [nonceSize]byte
	bound []byte // account, file, version; then block number and last-block flag
}

func (v vault) blocks(e entry) (*blocks, error) {
	bound, err := binary.Append(append([]byte(nil), e.file[:]...), binary.BigEndian, e.version)
	if err != nil {
		return nil, err
	}
	key, err := v.derive(e.content[:], "file", bound)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(key)
	if err != nil {
		return nil, err
	}
	bound = append(v.account[:], bound...)
	return &blocks{aead: aead, bound: append(bound, make([]byte, nonceSize)...)}, nil
}

// at sets nonce and associated data for a block.
func (b *blocks) at(number uint64, last bool) {
	binary.BigEndian.PutUint64(b.nonce[:], number)
	b.nonce[8] = 0
	if last {
		b.nonce[8] = 1
	}
	copy(b.bound[len(b.bound)-nonceSize:], b.nonce[:])
}

// seal appends a sealed block to dst. A content's block is sealed once.
func (b *blocks) seal(dst, plain []byte, number uint64, last bool) []byte {
	b.at(number, last)
	return b.aead.Seal(dst, b.nonce[:], plain, b.bound)
}

// open appends a block to dst, which may be sealed[:0]; ErrDamaged if it is not
// this block of this content.
func (b *blocks) open(dst, sealed []byte, number uint64, last bool) ([]byte, error) {
	b.at(number, last)
	plain, err := b.aead.Open(dst, b.nonce[:], sealed, b.bound)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", number, ErrDamaged)
	}
	return plain, nil
}

// lastBlock gives the number of a file's last block; the file's size is not
// negative.
func lastBlock(size int64) int64 { return max(size-1, 0) / blockSize }

// sealedSize gives the size of the sealed content of a file.
func sealedSize(size int64) int64 { return size + (lastBlock(size)+1)*tagSize }
