package accessdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"ringfence/internal/fault"
)

// Bounds of what is stored as JSON, in bytes. What does not fit is refused before
// it is written, so that what is read is within them too.
const (
	maxSpec     = 4 << 20
	maxLocation = 1 << 20
	maxFacts    = 256 << 10 // a sample, or a moment
)

// formVersion is that of every form. Who changes one makes the next, and goes on
// reading this one.
const formVersion = 1

// versioned is how a form is stored.
type versioned[F any] struct {
	V int `json:"v"`
	F F   `json:"is"`
}

// encode writes a form.
func encode[F any](form F, limit int) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(versioned[F]{formVersion, form}); err != nil {
		return "", fault.New(fault.Internal, "", "what is to be stored has no form").WithCause(err)
	}
	if b.Len() > limit {
		return "", fault.New(fault.Invalid, "", "it is too long to be stored: %d bytes, of at most %d", b.Len(), limit)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// decode reads what encode has written, and nothing else.
func decode[F any](raw string, limit int) (F, error) {
	var v versioned[F]
	if len(raw) > limit {
		return v.F, fmt.Errorf("has %d bytes, of at most %d", len(raw), limit)
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v.F, err
	}
	if _, err := d.Token(); err != io.EOF {
		return v.F, fmt.Errorf("goes on after its end")
	}
	if v.V != formVersion {
		return v.F, fmt.Errorf("has version %d, this program knows %d", v.V, formVersion)
	}
	return v.F, nil
}

// damaged says which row cannot be read.
func damaged(err error, row string, args ...any) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Internal, "", "the stored "+row+" cannot be read", args...).WithCause(err)
}

// list converts a list; an empty one becomes nil.
func list[A, B any](from []A, convert func(A) B) []B {
	if len(from) == 0 {
		return nil
	}
	to := make([]B, len(from))
	for i, item := range from {
		to[i] = convert(item)
	}
	return to
}

// number is how a number that has a name is stored: as itself. Lists of bytes
// would be written as a text.
func number[T ~uint8](n T) int { return int(n) }

// named reads number. What is no byte becomes one that has no name.
func named[T ~uint8](n int) T {
	if n < 0 || n > math.MaxUint8 {
		n = math.MaxUint8
	}
	return T(n)
}
