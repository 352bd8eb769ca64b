package appprotect

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
// the hash of just that. A text whose token has no value here is left out, and
// named.
func (e *Effective) Expanded(t Tokens, schema *Schema) (*Effective, []Problem) {
	c := e.Config.canonical()
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		item, known := schema.item(key)
		if !known || !item.expands() {
			continue
		}
		texts, err := expandAll(c.Values[key], t)
		if err == nil {
			err = item.check(texts)
		}
		if err != nil {
			problems = append(problems, Problem{"values." + key, err.Error()})
			delete(c.Values, key)
			continue
		}
		c.Values[key] = sortedSet(texts)
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
	expanded := *e
	expanded.Config = c
	expanded.seal()
	return &expanded, problems
}

func expandAll(list []string, t Tokens) ([]string, error) {
	expanded := make([]string, len(list))
	for i, text := range list {
		var err error
		if expanded[i], err = expand(text, t); err != nil {
			return nil, err
		}
	}
	return expanded, nil
}

// checkTokens finds what no registration could cure.
func checkTokens(text string) error {
	_, err := expand(text, Tokens{"x", "x", "x", "x"})
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
		case value == "" || !plainText(value, maxName):
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
		item, known := schema.item(key)
		if !known {
			return nil, &SettingError{Key("values." + key), fmt.Errorf("is not in the app's schema")}
		}
		if err := item.check(texts); err != nil {
			return nil, &SettingError{Key("values." + key), err}
		}
		switch item.Kind {
		case ItemBool:
			object[key] = texts[0] == "true"
		case ItemInteger:
			object[key] = integer(texts)
		case ItemList:
			object[key] = append([]string{}, texts...) // never null
		case ItemString, ItemChoice:
			object[key] = texts[0]
		}
	}
	return json.Marshal(object)
}
