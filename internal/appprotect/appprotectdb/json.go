package appprotectdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"ringfence/internal/fault"
)

// Bounds of what is stored as JSON, in bytes. What does not fit is refused before
// it is written, so that what is read is within them too.
const (
	maxPolicy = 16 << 20 // also an app
	maxState  = 1 << 20  // a report, or a verdict
	maxGroups = 1 << 20
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
	return marshal(versioned[F]{formVersion, form}, limit)
}

func marshal(v any, limit int) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fault.New(fault.Internal, "", "what is to be stored has no form").WithCause(err)
	}
	if b.Len() > limit {
		return "", fault.New(fault.Invalid, "", "it is too long to be stored: %d bytes, of at most %d", b.Len(), limit)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// decode reads what encode has written, and nothing else.
func decode[F any](raw string, limit int) (F, error) {
	v, err := unmarshal[versioned[F]](raw, limit)
	if err == nil && v.V != formVersion {
		err = fmt.Errorf("has version %d, this program knows %d", v.V, formVersion)
	}
	return v.F, err
}

func unmarshal[T any](raw string, limit int) (v T, err error) {
	if len(raw) > limit {
		return v, fmt.Errorf("has %d bytes, of at most %d", len(raw), limit)
	}
	b := bytes.NewReader([]byte(raw))
	d := json.NewDecoder(b)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, err
	}
	if _, err := d.Token(); err != io.EOF {
		return v, fmt.Errorf("goes on after its end")
	}
	return v, nil
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
