package authzen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep a request's objects and lists may be nested.
const maxDepth = 16

// exact is up to which magnitude a double tells all integers apart.
const exact = 1 << 53

// errNotJSON says no more: the rest would be told in words of the program.
var errNotJSON = errors.New("the body is not JSON")

// parse reads one JSON object as strictly as I-JSON (RFC 7493) has it: text in
// UTF-8, no name twice, no lone surrogate, no number beyond a double. Two readers
// cannot take it for two different requests. The values are map[string]any,
// []any, string, bool, int64, float64 and nil. The error is for who asks.
func parse(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	if loneSurrogate(body) {
		return nil, errors.New("the body has a \\u escape that is half a character")
	}
	if !json.Valid(body) {
		return nil, errNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the body is not a JSON object")
	}
	return object, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, fmt.Errorf("the body is nested deeper than %d", maxDepth)
		}
		if t == '{' {
			return object(d, depth+1)
		}
		return list(d, depth+1)
	case json.Number:
		return number(t)
	default:
		return t, nil
	}
}

func object(d *json.Decoder, depth int) (any, error) {
	fields := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errNotJSON
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("the name %q is twice in one object", shortened(name))
		}
		if fields[name], err = value(d, depth); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return fields, err
}

func list(d *json.Decoder, depth int) (any, error) {
	items := []any{}
	for d.More() {
		v, err := value(d, depth)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := d.Token()
	return items, err
}

// number gives an int64 where that is exact, else a float64.
func number(n json.Number) (any, error) {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil && -exact <= i && i <= exact {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) {
		return nil, errors.New("the body has a number that is too large")
	}
	return f, nil
}

// loneSurrogate finds a \u escape of half a character without its other half. A
// reader of JSON may make anything of it. Backslashes are in texts alone, or
// the body is no JSON anyway.
func loneSurrogate(body []byte) bool {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		if body[i] != 'u' {
			continue
		}
		switch r := escaped(body[i+1:]); {
		case r >= 0xdc00 && r <= 0xdfff:
			return true
		case r >= 0xd800 && r <= 0xdbff:
			rest := body[i+5:]
			if !bytes.HasPrefix(rest, []byte(`\u`)) {
				return true
			}
			if low := escaped(rest[2:]); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 10
		}
	}
	return false
}

// escaped gives what four hexadecimal digits say, 0 where there are none.
func escaped(digits []byte) uint64 {
	if len(digits) < 4 {
		return 0
	}
	r, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		return 0
	}
	return r
}

// shortened keeps a message short.
func shortened(text string) string {
	const enough = 40
	if len(text) <= enough {
		return text
	}
	cut := enough
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
