package compliancedb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"ringfence/internal/sqldb"
)

// Reports and verdicts are stored in a form of their own, because each
// check-in writes them: a version, then the fields in order. Numbers are
// varints, texts and lists begin with their length, a time is 0 for none, or 1
// and its microseconds. A new field means a new version; old ones stay
// readable.

// The versions, which are the first octet of every blob: that of new ones, and
// that of reports from before there were work apps.
const (
	verdictVersion        = 1
	reportVersion         = 2
	reportWithoutWorkApps = 1
)

var errBlob = errors.New("stored blob is damaged")

// writer appends.
type writer struct{ b []byte }

func (w *writer) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) octet(v byte)    { w.b = append(w.b, v) }
func (w *writer) text(s string)   { w.number(uint64(len(s))); w.b = append(w.b, s...) }

func (w *writer) flag(v bool) {
	if v {
		w.octet(1)
		return
	}
	w.octet(0)
}

func (w *writer) time(t time.Time) {
	w.flag(!t.IsZero())
	if t.IsZero() {
		return
	}
	w.b = binary.AppendVarint(w.b, t.UnixMicro())
}

// reader reads what writer wrote. After the first error it gives zero values.
type reader struct {
	b       []byte
	version byte
	err     error
}

// newReader reads a blob of any version up to the newest.
func newReader(b []byte, newest byte) *reader {
	r := &reader{b: b}
	if r.version = r.octet(); r.err == nil && (r.version < 1 || r.version > newest) {
		r.err = fmt.Errorf("stored blob has version %d, this program knows 1 to %d", r.version, newest)
	}
	return r
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = errBlob
	}
	r.b = nil
}

func (r *reader) octet() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// small reads a number of at most 32 bits.
func (r *reader) small() uint32 {
	n := r.number()
	if n > 1<<32-1 {
		r.fail()
		return 0
	}
	return uint32(n)
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) flag() bool {
	v := r.octet()
	if v > 1 {
		r.fail()
	}
	return v == 1
}

func (r *reader) time() time.Time {
	if !r.flag() {
		return time.Time{}
	}
	us, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return time.Time{}
	}
	r.b = r.b[size:]
	return sqldb.FromMicros(us)
}

// end checks that nothing is left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail()
	}
	return r.err
}

func writeList[T any](w *writer, list []T, each func(*writer, T)) {
	w.number(uint64(len(list)))
	for _, item := range list {
		each(w, item)
	}
}

// readList reads a list; an empty one is nil. Every item has at least one
// octet, so that a damaged length cannot ask for much memory.
func readList[T any](r *reader, each func(*reader) T) []T {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	list := make([]T, 0, n)
	for range n {
		if r.err != nil {
			return nil
		}
		list = append(list, each(r))
	}
	return list
}
