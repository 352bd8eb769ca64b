package container

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// What a container holds at most.
const (
	// MaxFiles is how many files a container holds.
	MaxFiles = 100_000
	// MaxName is how many octets a file's name has.
	MaxName = 255
	// MaxSize is how many octets a file has.
	MaxSize = 1 << 40
)

// entry is what the manifest says of a file.
type entry struct {
	file    id    // stays for the life of the file
	version int64 // 1 for the first content, one more for each after it
	content id    // where the content is and under which key
	size    int64 // of the plain content
	name    string
}

func checkName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return ErrName
	}
	return nil
}

func (e entry) check() error {
	if checkName(e.name) != nil || e.version < 1 || e.size < 0 || e.size > MaxSize {
		return fmt.Errorf("the manifest has an impossible file: %w", ErrDamaged)
	}
	return nil
}

// change is one step of a record: a file is as the entry says, or it is gone
// and the entry has nothing but its id.
type change struct {
	gone bool
	entry
}

// The first octet of a change in a record; 0 is the padding behind the last.
const (
	opPut  = 1
	opGone = 2
)

func (c change) append(b []byte) []byte {
	if c.gone {
		return append(append(b, opGone), c.file[:]...)
	}
	b = append(append(b, opPut), c.file[:]...)
	b, _ = binary.Append(b, binary.BigEndian, [2]int64{c.version, c.size}) // has a fixed size: never fails
	b = append(append(b, c.content[:]...), byte(len(c.name)))              //nolint:gosec // checkName keeps it in an octet
	return append(b, c.name...)
}

// size is how many octets append adds.
func (c change) length() int {
	if c.gone {
		return 1 + len(c.file)
	}
	return 1 + len(c.file) + 16 + len(c.content) + 1 + len(c.name)
}

// cutChange takes one change off b; ok is false where there is none.
func cutChange(b []byte) (c change, rest []byte, ok bool) {
	gone := b[0] == opGone
	if !gone && b[0] != opPut || len(b) < (change{gone: gone}).length() {
		return c, b, false
	}
	c.gone = gone
	b = b[1+copy(c.file[:], b[1:]):]
	if gone {
		return c, b, true
	}
	var numbers [2]int64
	n, err := binary.Decode(b, binary.BigEndian, &numbers)
	if err != nil {
		return c, b, false
	}
	c.version, c.size = numbers[0], numbers[1]
	b = b[n:]
	b = b[copy(c.content[:], b):]
	length := int(b[0])
	if b = b[1:]; len(b) < length {
		return c, b, false
	}
	c.name = string(b[:length])
	return c, b[length:], true
}

// parseChanges reads the changes of a record, and the zeros behind them.
func parseChanges(b []byte) (changes []change, err error) {
	for len(b) > 0 && b[0] != 0 {
		c, rest, ok := cutChange(b)
		if !ok {
			return nil, fmt.Errorf("the manifest has an unknown change: %w", ErrDamaged)
		}
		changes, b = append(changes, c), rest
	}
	for _, zero := range b {
		if zero != 0 {
			return nil, fmt.Errorf("the manifest has something behind a record: %w", ErrDamaged)
		}
	}
	return changes, nil
}

// index is the manifest in memory: the only place where a name is plain.
type index struct {
	names map[string]entry
	files map[id]string
}

func newIndex() *index {
	return &index{names: make(map[string]entry), files: make(map[id]string)}
}

// apply carries out a change; ErrDamaged for one that this package does not
// make.
func (x *index) apply(c change) error {
	name, known := x.files[c.file]
	if c.gone {
		if !known {
			return fmt.Errorf("the manifest removes an unknown file: %w", ErrDamaged)
		}
		delete(x.names, name)
		delete(x.files, c.file)
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	if other, taken := x.names[c.name]; taken && other.file != c.file {
		return fmt.Errorf("the manifest has one name twice: %w", ErrDamaged)
	}
	old := x.names[name]
	switch {
	case !known && len(x.files) == MaxFiles:
		return fmt.Errorf("the manifest has too many files: %w", ErrDamaged)
	case known && c.version < old.version:
		return fmt.Errorf("the manifest goes back in a file's versions: %w", ErrDamaged)
	case known:
		delete(x.names, name)
	}
	x.names[c.name], x.files[c.file] = c.entry, c.name
	return nil
}

// contents gives the contents that files have.
func (x *index) contents() map[id]bool {
	used := make(map[id]bool, len(x.names))
	for _, e := range x.names {
		used[e.content] = true
	}
	return used
}
