package apprules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A bundle's plain form is one text: its JSON, with the types of its items. It
// is read item by item, so that what the schema does not have is never taken
// up, and no deeper than the schema is.

var errHidden = errors.New("is not for administrators")

func (i *Item) parseBundle(text string) (value, error) {
	if len(text) > maxSent || !utf8.ValidString(text) {
		return value{}, fmt.Errorf("is no JSON of at most %d bytes", maxSent)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := i.read(d)
	if err != nil {
		return value{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return value{}, fmt.Errorf("goes on after its end")
	}
	return v, nil
}

// read takes one value of the item from d.
func (i *Item) read(d *json.Decoder) (value, error) {
	switch i.Kind {
	case ItemBundle:
		return i.readFields(d)
	case ItemBundleArray:
		var v value
		err := readArray(d, func() error {
			entry, err := i.readFields(d)
			v.entries = append(v.entries, entry)
			return err
		})
		return v, err
	case ItemList:
		texts := []string{}
		err := readArray(d, func() error {
			text, err := readText(d, i.Kind)
			texts = append(texts, text)
			return err
		})
		if err != nil {
			return value{}, err
		}
		return i.leaf(texts)
	case ItemBool, ItemInteger, ItemString, ItemChoice:
	}
	text, err := readText(d, i.Kind)
	if err != nil {
		return value{}, err
	}
	return i.leaf([]string{text})
}

// readFields takes one bundle from d.
func (i *Item) readFields(d *json.Decoder) (value, error) {
	if err := expect(d, '{'); err != nil {
		return value{}, err
	}
	v := value{fields: make(map[string]value)}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return value{}, errJSON
		}
		key, _ := token.(string)
		item, known := itemOf(i.Items, key)
		_, twice := v.fields[key]
		switch {
		case !known:
			err = fmt.Errorf("is not in the app's schema")
		case twice:
			err = fmt.Errorf("is there twice")
		case item.Hidden:
			err = errHidden
		default:
			v.fields[key], err = item.read(d)
		}
		if err != nil {
			return value{}, fmt.Errorf("%.40q: %w", key, err)
		}
	}
	return v, expect(d, '}')
}

func readArray(d *json.Decoder, each func() error) error {
	if err := expect(d, '['); err != nil {
		return err
	}
	for n := 0; d.More(); n++ {
		if n == maxListed {
			return fmt.Errorf("has more than %d values", maxListed)
		}
		if err := each(); err != nil {
			return err
		}
	}
	return expect(d, ']')
}

var errJSON = errors.New("is no JSON of the type that the app's schema says")

func expect(d *json.Decoder, want json.Delim) error {
	if token, err := d.Token(); err != nil || token != want {
		return errJSON
	}
	return nil
}

// readText takes a value that is no bundle and no array from d.
func readText(d *json.Decoder, k ItemKind) (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", errJSON
	}
	switch text := token.(type) {
	case bool:
		if k == ItemBool {
			return fmt.Sprint(text), nil
		}
	case json.Number:
		if k == ItemInteger {
			return text.String(), nil
		}
	case string:
		if k == ItemString || k == ItemChoice || k == ItemList {
			return text, nil
		}
	}
	return "", errJSON
}

// typed gives a value with the type that JSON has for it.
func (i *Item) typed(v value) any {
	switch i.Kind {
	case ItemBool:
		return v.texts[0] == "true"
	case ItemInteger:
		return integer(v.texts)
	case ItemList:
		return append([]string{}, v.texts...) // never null
	case ItemBundle:
		object := make(map[string]any, len(v.fields))
		for key, field := range v.fields {
			item, _ := itemOf(i.Items, key)
			object[key] = item.typed(field)
		}
		return object
	case ItemBundleArray:
		array := make([]any, len(v.entries))
		for n, entry := range v.entries {
			array[n] = i.entry().typed(entry)
		}
		return array
	case ItemString, ItemChoice:
	}
	return v.texts[0]
}

// entry is the item of each bundle in an array.
func (i *Item) entry() *Item { return &Item{Key: i.Key, Kind: ItemBundle, Items: i.Items} }

// format gives the plain form of a value.
func (i *Item) format(v value) []string {
	if i.Kind != ItemBundle && i.Kind != ItemBundleArray {
		return v.texts
	}
	text, _ := json.Marshal(i.typed(v)) // of nothing that could fail
	return []string{string(text)}
}
