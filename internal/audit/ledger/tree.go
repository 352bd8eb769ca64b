package ledger

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the right edge of the log: all that is needed to append to it and to
// know its root. The zero value is the empty log.
type Tree struct {
	size int64
	// peaks are the roots of the complete subtrees that the log falls into,
	// from the largest, on the left, to the smallest.
	peaks []tlog.Hash
}

// ParseTree reads a tree of so many entries from what [Tree.Peaks] gave.
func ParseTree(size uint64, peaks []byte) (*Tree, error) {
	if size > maxSize || len(peaks) != bits.OnesCount64(size)*tlog.HashSize {
		return nil, fmt.Errorf("the log's right edge does not fit %d entries", size)
	}
	hashes, err := Hashes(peaks)
	return &Tree{size: int64(size), peaks: hashes}, err
}

// maxSize is more entries than anyone will see, and safe in tlog's arithmetic.
const maxSize = 1 << 48

// Size is the number of entries.
func (t *Tree) Size() uint64 { return uint64(t.size) }

// Peaks gives the right edge for [ParseTree]: one hash after the other.
func (t *Tree) Peaks() []byte { return Bytes(t.peaks) }

// Append adds a leaf and gives the hashes to be stored with it: that of the
// leaf, then those of the subtrees which it completes, from small to large.
func (t *Tree) Append(leaf []byte) []tlog.Hash {
	h := tlog.RecordHash(leaf)
	stored := []tlog.Hash{h}
	for range bits.TrailingZeros64(uint64(t.size) + 1) {
		last := len(t.peaks) - 1
		h = tlog.NodeHash(t.peaks[last], h)
		t.peaks = t.peaks[:last]
		stored = append(stored, h)
	}
	t.peaks = append(t.peaks, h)
	t.size++
	return stored
}

// Root is the tree's root hash.
func (t *Tree) Root() tlog.Hash {
	if t.size == 0 {
		root, _ := tlog.TreeHash(0, nil) // reads nothing of an empty tree
		return root
	}
	h := t.peaks[len(t.peaks)-1]
	for i := len(t.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.peaks[i], h)
	}
	return h
}

// The hashes of a log are kept one after the other, entry by entry, each with
// those that [Tree.Append] gave: this is the order of tlog's stored hash indexes.

// FirstHash gives the stored hash index of an entry's first hash.
func FirstHash(sequence uint64) int64 { return tlog.StoredHashIndex(0, int64(sequence-1)) }

// HashOwner gives the sequence of the entry that a stored hash came with.
func HashOwner(index int64) uint64 {
	level, n := tlog.SplitStoredHashIndex(index)
	return uint64((n + 1) << level)
}

// Bytes strings hashes together.
func Bytes(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

var errHashes = errors.New("not whole hashes")

// Hashes takes apart what [Bytes] strung together.
func Hashes(b []byte) ([]tlog.Hash, error) {
	if len(b)%tlog.HashSize != 0 {
		return nil, errHashes
	}
	hashes := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], b[i*tlog.HashSize:])
	}
	return hashes, nil
}
