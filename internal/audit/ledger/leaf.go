package ledger

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"ringfence/internal/audit"
)

// leafVersion is the first byte of every leaf. Another version is another
// meaning: a reader refuses what it does not know.
const leafVersion = 1

// MaxLeaf bounds the size of one leaf, in bytes. It is far above what an entry
// takes: see [MaxText].
const MaxLeaf = 1 << 20

// MaxText bounds each text of a new entry, in bytes.
const MaxText = 16 << 10

var errLeaf = errors.New("not an entry of the record")

// texts gives the texts of an entry in the order of its leaf.
func texts(e *audit.Entry) []*string {
	return []*string{&e.Actor, &e.Action, &e.Target, &e.Detail, &e.RequestID, &e.Peer, &e.Credential}
}

// Leaf encodes an entry, version 1: the byte 1; the sequence as 8 bytes, big
// endian; the time as 8 bytes, big endian, microseconds since 1970 UTC; then
// actor, action, target, detail, request id, peer and credential, each as its
// length in 4 bytes, big endian, and its UTF-8. Two entries that differ have
// leaves that differ.
func Leaf(e audit.Entry) []byte {
	size := 1 + 8 + 8
	for _, t := range texts(&e) {
		size += 4 + len(*t)
	}
	b := make([]byte, 0, size)
	b = append(b, leafVersion)
	b = binary.BigEndian.AppendUint64(b, e.Sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMicro()))
	for _, t := range texts(&e) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(*t)))
		b = append(b, *t...)
	}
	return b
}

// ParseLeaf reads a leaf. It takes only what [Leaf] makes, so that an entry has
// one encoding.
func ParseLeaf(b []byte) (audit.Entry, error) {
	if len(b) < 17 || len(b) > MaxLeaf || b[0] != leafVersion {
		return audit.Entry{}, errLeaf
	}
	e := audit.Entry{
		Sequence: binary.BigEndian.Uint64(b[1:]),
		Time:     time.UnixMicro(int64(binary.BigEndian.Uint64(b[9:]))).UTC(),
	}
	b = b[17:]
	for _, t := range texts(&e) {
		if len(b) < 4 {
			return audit.Entry{}, errLeaf
		}
		n := uint64(binary.BigEndian.Uint32(b))
		if b = b[4:]; n > uint64(len(b)) {
			return audit.Entry{}, errLeaf
		}
		if *t = string(b[:n]); !utf8.ValidString(*t) {
			return audit.Entry{}, errLeaf
		}
		b = b[n:]
	}
	if len(b) > 0 || e.Sequence == 0 || e.Sequence > math.MaxInt64 {
		return audit.Entry{}, errLeaf
	}
	return e, nil
}

// Storable gives the entry as it can be stored and hashed on any database:
// PostgreSQL takes neither broken UTF-8 nor NUL, and an odd or endless name must
// not keep a change from its record. Times are cut to microseconds.
func Storable(e audit.Entry) audit.Entry {
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	for _, t := range texts(&e) {
		*t = strings.ReplaceAll(strings.ToValidUTF8(*t, "\uFFFD"), "\x00", "\uFFFD")
		if len(*t) > MaxText {
			*t = strings.ToValidUTF8((*t)[:MaxText-len("…")], "") + "…"
		}
	}
	return e
}
