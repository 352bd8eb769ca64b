package apprules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tokens are what configuration may use of a registration: {{user}} and so on
// stand for them in the texts of strings, lists and custom keys.
type Tokens struct {
	// User is the name the person signs in with, UserID the issuer's id.
	User, UserID string
	// DeviceTag groups the registrations of one phone.
	DeviceTag string
	// Package is the app.
	Package string
}

// maxToken bounds what stands for a token, in bytes.
const maxToken = 256

var tokenNames = []string{"user", "user_id", "device_tag", "package"}

func (t Tokens) value(name string) (value string, known bool) {
	i := slices.Index(tokenNames, name)
	if i < 0 {
		return "", false
	}
	return [...]string{t.User, t.UserID, t.DeviceTag, t.Package}[i], true
}

// Problem is a piece of configuration that this registration does not get.
type Problem struct{ Key, Detail string }

// Expanded gives what a registration with these tokens is sent. Its revision is
// the hash of just that. A text whose token has no value here, and what is too
// much, is left out, and named.
func (e *Effective) Expanded(t Tokens, schema *Schema) (*Effective, []Problem) {
	c := e.Config.Canonical()
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		item, known := schema.Item(key)
		if !known || !item.expands() {
			continue
		}
		v, err := item.parse(c.Values[key])
		if err == nil {
			v, err = item.expand(v, t)
		}
		if err != nil {
			problems = append(problems, Problem{"values." + key, err.Error()})
			delete(c.Values, key)
			continue
		}
		c.Values[key] = item.format(v)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Custom)) {
		text, err := expand(c.Custom[key], t)
		if err == nil {
			err = checkConfigText(text)
		}
		if err != nil {
			problems = append(problems, Problem{"custom." + key, err.Error()})
			delete(c.Custom, key)
			continue
		}
		c.Custom[key] = text
	}
	c, left := c.Fit()
	for _, key := range left {
		problems = append(problems, Problem{key, TooMuch})
	}
	return Seal(e.Settings, c, e.governed), problems
}

// expand puts the tokens' values into a value's texts, and checks what comes of
// it.
func (i *Item) expand(v value, t Tokens) (value, error) {
	switch {
	case !i.expands():
		return v, nil
	case i.Kind == ItemBundle:
		fields := make(map[string]value, len(v.fields))
		for _, key := range slices.Sorted(maps.Keys(v.fields)) {
			item, _ := itemOf(i.Items, key)
			field, err := item.expand(v.fields[key], t)
			if err != nil {
				return value{}, fmt.Errorf("%q: %w", key, err)
			}
			fields[key] = field
		}
		return value{fields: fields}, nil
	case i.Kind == ItemBundleArray:
		entries := make([]value, len(v.entries))
		for n, entry := range v.entries {
			var err error
			if entries[n], err = i.entry().expand(entry, t); err != nil {
				return value{}, err
			}
		}
		return value{entries: entries}, nil
	}
	texts := make([]string, len(v.texts))
	for n, text := range v.texts {
		var err error
		if texts[n], err = expand(text, t); err != nil {
			return value{}, err
		}
	}
	return i.leaf(texts)
}

// anyTokens has a value for each token.
var anyTokens = Tokens{"x", "x", "x", "x"}

// checkTokens finds what no registration could cure.
func checkTokens(text string) error {
	_, err := expand(text, anyTokens)
	return err
}

// expand puts values in once and never looks at them again, so that a value
// cannot hold a token, and refuses values that are no plain text.
func expand(text string, t Tokens) (string, error) {
	var b strings.Builder
	for rest := text; ; {
		plain, after, found := strings.Cut(rest, "{{")
		if strings.Contains(plain, "}}") {
			return "", fmt.Errorf(`has a "}}" without "{{"`)
		}
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		name, tail, closed := strings.Cut(after, "}}")
		value, known := t.value(name)
		switch {
		case !closed:
			return "", fmt.Errorf(`has a "{{" without "}}"`)
		case !known:
			return "", fmt.Errorf("has the unknown token %.40q: use one of %s", name, strings.Join(tokenNames, ", "))
		case value == "" || !PlainText(value, maxToken):
			return "", fmt.Errorf("{{%s}} has no value here", name)
		}
		b.WriteString(value)
		rest = tail
	}
}

// Payload gives the configuration as one JSON object, with the types of the
// schema and its own escapes: no text can end its string. Keys are in order.
func (c Config) Payload(schema *Schema) ([]byte, error) {
	object := make(map[string]any, len(c.Values)+len(c.Custom))
	for key, text := range c.Custom {
		object[key] = text
	}
	for key, texts := range c.Values {
		item, known := schema.Item(key)
		if !known {
			return nil, &SettingError{Key("values." + key), fmt.Errorf("is not in the app's schema")}
		}
		v, err := item.parse(texts)
		if err != nil {
			return nil, &SettingError{Key("values." + key), err}
		}
		object[key] = item.typed(v)
	}
	return json.Marshal(object)
}
