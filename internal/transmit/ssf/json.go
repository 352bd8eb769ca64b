package ssf

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxBody  = 1 << 20
	maxDepth = 16
)

// object is a JSON object that was read.
type object map[string]any

// given reads the body of a request.
func (c *call) given() (*given, error) {
	if kind := c.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return nil, errMedia
		}
	}
	text, err := io.ReadAll(c.Body)
	if err != nil {
		return nil, err
	}
	o, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	return &given{o: o, err: new(error)}, nil
}

// parseObject reads a JSON object: objects as object, arrays as []any, and
// texts, truths and json.Number. A member that is there twice is an error.
func parseObject(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, bad("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad("something follows the body's JSON")
	}
	o, ok := v.(object)
	if !ok {
		return nil, bad("the body is no JSON object")
	}
	return o, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, bad("the body is nested deeper than %d", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, errSyntax
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

var errSyntax = bad("the body is no JSON")

func parseMembers(d *json.Decoder, depth int) (object, error) {
	o := object{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, errSyntax
		}
		name, _ := token.(string) // the decoder lets nothing else through here
		if _, twice := o[name]; twice {
			return nil, bad("%.50q is there twice", name)
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
		return errSyntax
	}
	return nil
}

// given is an object whose members are read by what they should be. The first
// one that is something else stays in err, and the rest reads as missing. A null
// is as a member that is missing.
type given struct {
	o   object
	at  string // the way here, for errors: "delivery."
	err *error // of the whole body
}

func (g *given) complain(name, problem string) {
	if *g.err == nil {
		*g.err = bad("%s%s: %s", g.at, short(name), problem)
	}
}

// short is a member's name as it is shown: where it is the client's own, it has
// no end.
func short(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "..."
}

// member gives a member of a type, and false where it is missing or another's.
func member[T any](g *given, name, kind string) (T, bool) {
	var none T
	v, there := g.o[name]
	if !there || v == nil {
		return none, false
	}
	t, ok := v.(T)
	if !ok {
		g.complain(name, "must be "+kind)
	}
	return t, ok
}

// has says whether a member is there, and no null.
func (g *given) has(name string) bool { return g.o[name] != nil }

func (g *given) text(name string) *string {
	if text, ok := member[string](g, name, "a text"); ok {
		return &text
	}
	return nil
}

// required is a text that must be there, and not be empty.
func (g *given) required(name string) string {
	text := g.text(name)
	if text == nil || *text == "" {
		g.complain(name, "is required")
		return ""
	}
	return *text
}

func (g *given) flag(name string) bool {
	yes, _ := member[bool](g, name, "true or false")
	return yes
}

func (g *given) whole(name string) *int {
	number, ok := member[json.Number](g, name, "a whole number")
	if !ok {
		return nil
	}
	n, err := strconv.Atoi(number.String())
	if err != nil {
		g.complain(name, "must be a whole number")
		return nil
	}
	return &n
}

// texts gives a list of texts; nil where it is missing.
func (g *given) texts(name string) []string {
	list, ok := member[[]any](g, name, "a list of texts")
	if !ok {
		return nil
	}
	all := make([]string, len(list))
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			g.complain(name, "must be a list of texts")
			return nil
		}
		all[i] = text
	}
	return all
}

// object gives an object; nil where it is missing.
func (g *given) object(name string) *given {
	o, ok := member[object](g, name, "an object")
	if !ok {
		return nil
	}
	return &given{o: o, at: g.at + short(name) + ".", err: g.err}
}
