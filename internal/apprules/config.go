package apprules

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of configuration.
const (
	maxConfig     = 512
	maxConfigText = 4096
	// maxSaid is what one policy may say, maxSent what one app may be sent, in
	// bytes.
	maxSaid = 64 << 10
	maxSent = 256 << 10
)

// TooMuch is why [Config.Fit] leaves a key out.
const TooMuch = "is more than an app can be sent"

// UpdateSource is the custom key that says where a new version of the app is
// to be had: an https address. A verdict that asks for an update names it.
const UpdateSource = "update_source"

// Grant is the answer to an Android permission. The greater is the stricter;
// the numbers are stored: do not reorder.
type Grant uint8

// The answers.
const (
	GrantAuto Grant = iota + 1
	GrantPrompt
	GrantDeny
)

var grantNames = []string{"", "grant", "prompt", "deny"}

func (g Grant) String() string { return nameOf(grantNames, g) }

// Config is what an app is told beside the settings. Texts may have tokens;
// see [Tokens].
type Config struct {
	// Values are by the keys of the app's schema, checked against it. A value
	// that is no list has one text; that of a bundle, or of an array of them, is
	// its JSON. Lists are sets.
	Values map[string][]string
	// Custom are the app's own, without a schema. Policies must agree on each.
	Custom map[string]string
	// Permissions are by Android's names. The strictest answer wins.
	Permissions map[string]Grant
	// ConnectedApps lets the app speak with itself across profiles. It does so
	// if every policy that says anything of it says true.
	ConnectedApps *bool
}

var (
	configKey         = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,127}$`)
	permissionPattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z][a-zA-Z0-9_]*)+$`)
)

// Validate checks configuration against what the app can be told. Its error is
// a [SettingError] whose key is the field and the item.
func (c Config) Validate(schema *Schema) error {
	if len(c.Values) > maxConfig || len(c.Custom) > maxConfig || len(c.Permissions) > maxConfig {
		return &SettingError{"values", fmt.Errorf("are more than %d", maxConfig)}
	}
	if c.size() > maxSaid {
		return &SettingError{"values", fmt.Errorf("are more than %d bytes together", maxSaid)}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		item, known := schema.Item(key)
		err := fmt.Errorf("is not in the app's schema")
		if known {
			err = item.Allows(c.Values[key])
		}
		if err != nil {
			return &SettingError{Key("values." + key), err}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Custom)) {
		_, known := schema.Item(key)
		if err := checkCustom(key, c.Custom[key], known); err != nil {
			return &SettingError{Key("custom." + key), err}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Permissions)) {
		if !validPermission(name, c.Permissions[name]) {
			return &SettingError{Key("permissions." + name), errPermission}
		}
	}
	return nil
}

var errPermission = errors.New("is no permission with an answer")

func validPermission(name string, g Grant) bool {
	return len(name) <= 255 && permissionPattern.MatchString(name) && g >= GrantAuto && g <= GrantDeny
}

func checkCustom(key, text string, inSchema bool) error {
	switch {
	case !configKey.MatchString(key):
		return fmt.Errorf("is no key")
	case inSchema:
		return fmt.Errorf("is in the app's schema: it is no custom key")
	case key == UpdateSource:
		if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(text, "{{") {
			return fmt.Errorf("is no https address without tokens")
		}
	}
	if err := checkConfigText(text); err != nil {
		return err
	}
	return checkTokens(text)
}

// checkConfigText refuses what is no text an app could be sent. Line breaks and
// tabs are text.
func checkConfigText(s string) error { return checkText(s, maxConfigText) }

func checkText(s string, limit int) error {
	if len(s) > limit || !utf8.ValidString(s) {
		return fmt.Errorf("is no text of at most %d bytes", limit)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
		return fmt.Errorf("has control characters")
	}
	return nil
}

// Canonical gives the one form in which configuration is compared and stored:
// lists are sorted. It shares no maps with c.
func (c Config) Canonical() Config {
	k := Config{Custom: maps.Clone(c.Custom), Permissions: maps.Clone(c.Permissions)}
	if c.Values != nil {
		k.Values = make(map[string][]string, len(c.Values))
	}
	for key, texts := range c.Values {
		k.Values[key] = sortedSet(texts)
	}
	if c.ConnectedApps != nil {
		connected := *c.ConnectedApps
		k.ConnectedApps = &connected
	}
	return k
}

// Equal reports whether both tell the same, in whatever order lists are.
func (c Config) Equal(o Config) bool {
	return bytes.Equal(c.Canonical().appendTo(nil), o.Canonical().appendTo(nil))
}
