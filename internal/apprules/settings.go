package apprules

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// Settings are what one policy says, or all of them together. The zero value
// says nothing. Settings do not change once they are made.
type Settings struct {
	// said has a value of the setting's own type for each key.
	said map[Key]any
	// bare leaves the defaults out: what is not said is the zero value.
	bare bool
}

// Saying is one setting with its value; [Setting.Is] makes it.
type Saying struct {
	key   Key
	value any
}

// Say makes settings. What is said twice is said as it was said last.
func Say(sayings ...Saying) Settings {
	s := Settings{said: make(map[Key]any, len(sayings))}
	for _, each := range sayings {
		s.said[each.key] = each.value
	}
	return s
}

// ParseSettings reads the plain form: for each key its texts, as Plain writes
// them. An unknown key or a text that is no value is an error, which names it.
func ParseSettings(plain map[Key][]string) (Settings, error) {
	byKey, _ := entries()
	s := Settings{said: make(map[Key]any, len(plain))}
	for _, key := range slices.Sorted(maps.Keys(plain)) {
		e, known := byKey[key]
		if !known {
			return Settings{}, &SettingError{key, fmt.Errorf("is no setting")}
		}
		value, err := e.parse(plain[key])
		if err != nil {
			return Settings{}, &SettingError{key, err}
		}
		s.said[key] = value
	}
	return s, nil
}

// SettingError says which setting has no value, and why.
type SettingError struct {
	Key     Key
	Problem error
}

func (e *SettingError) Error() string { return fmt.Sprintf("%s: %v", e.Key, e.Problem) }

// Unwrap gives the problem.
func (e *SettingError) Unwrap() error { return e.Problem }

// Plain gives every setting as texts. It is one form for the wire, for storage
// and for people; a list may be empty.
func (s Settings) Plain() map[Key][]string {
	byKey, _ := entries()
	plain := make(map[Key][]string, len(s.said))
	for key, value := range s.said {
		plain[key] = byKey[key].format(value)
	}
	return plain
}

// Keys gives what is said, in order.
func (s Settings) Keys() []Key { return slices.Sorted(maps.Keys(s.said)) }

// Equal reports whether both say the same.
func (s Settings) Equal(o Settings) bool {
	return bytes.Equal(s.appendTo(nil), o.appendTo(nil))
}

// Settled gives the settings in the form in which they are merged and stored:
// exceptions to a restriction that is not made are dropped, and those that a
// restriction leaves unsaid are written out. What is asked is the same.
func (s Settings) Settled() Settings {
	c := Settings{said: maps.Clone(s.said)}
	if c.said == nil {
		c.said = make(map[Key]any)
	}
	_, ordered := entries()
	for _, e := range ordered {
		e.settle(c)
	}
	return c
}

// Merge makes one of what several policies say: the strictest value of each
// setting, settled. Order and repeats do not matter, and neither does it
// whether some of them were merged before.
func Merge(said ...Settings) Settings {
	var merged Settings
	for _, s := range said {
		merged = merged.merge(s.Settled())
	}
	return merged.Settled()
}

// merge gives the strictest of two settled settings.
func (s Settings) merge(o Settings) Settings {
	byKey, _ := entries()
	merged := Settings{said: maps.Clone(s.said)}
	if merged.said == nil {
		merged.said = make(map[Key]any)
	}
	for key, value := range o.said {
		if mine, both := merged.said[key]; both {
			value = byKey[key].merge(mine, value)
		}
		merged.said[key] = value
	}
	return merged
}
