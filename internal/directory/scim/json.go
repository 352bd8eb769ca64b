package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	maxBody  = 1 << 20
	maxDepth = 16
)

// object is a JSON object. One that was read has its names in lower case, for
// attributes are told apart without it (RFC 7643, 2.1).
type object map[string]any

// parseObject reads a JSON object: objects as object, arrays as []any, and
// texts, truths and json.Number. A name that is there twice is an error, in
// whatever case: which of the two counts is nothing to guess at.
func parseObject(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, bad(invalidSyntax, "the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad(invalidSyntax, "something follows the body's JSON")
	}
	o, ok := v.(object)
	if !ok {
		return nil, bad(invalidSyntax, "the body is no JSON object")
	}
	return o, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, bad(invalidSyntax, "the body is nested deeper than %d", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, bad(invalidSyntax, "the body is no JSON")
	}
	switch token {
	case json.Delim('{'):
		return parseMembers(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, closed(d)
	default:
		return token, nil
	}
}

func parseMembers(d *json.Decoder, depth int) (object, error) {
	o := object{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, bad(invalidSyntax, "the body is no JSON")
		}
		name, _ := token.(string) // the decoder lets nothing else through here
		name = strings.ToLower(name)
		if _, twice := o[name]; twice {
			return nil, bad(invalidSyntax, "%.50q is there twice", name)
		}
		if o[name], err = parseValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	return o, closed(d)
}

// closed reads the end of an object or array.
func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return bad(invalidSyntax, "the body is no JSON")
	}
	return nil
}

// textOf reads a text; nothing is the empty one. Entra ID has put single values
// into a list of objects.
func textOf(attribute string, v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []any:
		if len(v) == 1 {
			if o, ok := v[0].(object); ok {
				if text, ok := o["value"].(string); ok {
					return text, nil
				}
			}
		}
	}
	return "", bad(invalidValue, "%s: must be a text", attribute)
}

// truthOf reads true or false, which Entra ID writes as "True" and "False".
func truthOf(attribute string, v any) (bool, error) {
	if yes, ok := v.(bool); ok {
		return yes, nil
	}
	text, err := textOf(attribute, v)
	switch {
	case err == nil && strings.EqualFold(text, "true"):
		return true, nil
	case err == nil && strings.EqualFold(text, "false"):
		return false, nil
	default:
		return false, bad(invalidValue, "%s: must be true or false", attribute)
	}
}
