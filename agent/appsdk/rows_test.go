package appsdk

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringfence/agent/appsdk/appsdktest"
	"ringfence/internal/apprules"
)

var mailSchema = &apprules.Schema{Package: pkg, Items: []apprules.Item{
	{Key: "server", Kind: apprules.ItemString},
	{Key: "sync", Kind: apprules.ItemBool, Merge: apprules.MergeAll},
	{Key: "days", Kind: apprules.ItemInteger, Merge: apprules.MergeLeast, Min: 1, Max: 365},
	{Key: "mode", Kind: apprules.ItemChoice, Merge: apprules.MergeStrictest, Choices: []string{"push", "poll", "manual"}},
	{Key: "domains", Kind: apprules.ItemList, Merge: apprules.MergeCommon},
	{Key: "vpn", Kind: apprules.ItemBundle, Items: []apprules.Item{
		{Key: "server", Kind: apprules.ItemString},
		{Key: "port", Kind: apprules.ItemInteger, Merge: apprules.MergeLeast, Min: 1, Max: 65535},
		{Key: "split", Kind: apprules.ItemBool, Merge: apprules.MergeAll},
		{Key: "domains", Kind: apprules.ItemList, Merge: apprules.MergeCommon},
	}},
	{Key: "accounts", Kind: apprules.ItemBundleArray, Items: []apprules.Item{
		{Key: "name", Kind: apprules.ItemString},
		{Key: "keep", Kind: apprules.ItemBundle, Items: []apprules.Item{{Key: "days", Kind: apprules.ItemInteger}}},
	}},
}}

// TestRows plays every line of the catalog's test data through the SDK: the
// policy goes over the wire, and what the app is told changes with the setting.
func TestRows(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred servers")
	}
	raw, err := os.ReadFile("../../internal/apprules/testdata/rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(line, " | ")
		key, said, scene, without, with := c[1], c[2], c[3], c[4], c[5]
		t.Run(key+" "+scene, func(t *testing.T) {
			t.Parallel()
			policy := sayings(said)
			if got := play(t, policy, scene); got != with {
				t.Errorf("with the setting: %s, want %s", got, with)
			}
			maps.DeleteFunc(policy, func(k string, _ []string) bool { return k == key || strings.HasPrefix(k, key+".") })
			if got := play(t, policy, scene); got != without {
				t.Errorf("without the setting: %s, want %s", got, without)
			}
		})
	}
}

// sayings splits "key=text; key=text" by key.
func sayings(text string) map[string][]string {
	said := make(map[string][]string)
	for part := range strings.SplitSeq(text, "; ") {
		key, value, _ := strings.Cut(part, "=")
		said[key] = append(said[key], value)
	}
	return said
}

// effective is what the server makes of the only policy.
func effective(t *testing.T, said map[string][]string) *apprules.Effective {
	plain := map[apprules.Key][]string{}
	c := apprules.Config{Values: map[string][]string{}, Custom: map[string]string{}, Permissions: map[string]apprules.Grant{}}
	for key, texts := range said {
		part, rest, _ := strings.Cut(key, ".")
		field, name, _ := strings.Cut(rest, ".")
		switch {
		case part != "config":
			plain[apprules.Key(key)] = texts
		case field == "values":
			c.Values[name] = texts
		case field == "custom":
			c.Custom[name] = texts[0]
		case field == "permissions":
			c.Permissions[name] = map[string]apprules.Grant{"grant": apprules.GrantAuto, "prompt": apprules.GrantPrompt, "deny": apprules.GrantDeny}[texts[0]]
		case field == "connected_apps":
			connected := texts[0] == "true"
			c.ConnectedApps = &connected
		}
	}
	s, err := apprules.ParseSettings(plain)
	if err != nil {
		t.Fatal(err)
	}
	e, problems := apprules.Seal(apprules.Merge(s), c, true).Expanded(apprules.Tokens{
		User: appsdktest.User, UserID: "u-1", DeviceTag: "tag-1", Package: pkg,
	}, mailSchema)
	if problems != nil {
		t.Fatal(problems)
	}
	return e
}

// fields are the "name=value" words of a scene.
type fields map[string]string

func (f fields) has(name string) bool { _, has := f[name]; return has }

// ago gives how long ago something was.
func (f fields) ago(name string, otherwise time.Duration) time.Duration {
	text, has := f[name]
	if !has {
		return otherwise
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil {
			panic(err)
		}
		return time.Duration(n) * day
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

func (f fields) one(name string, otherwise int, names ...string) int {
	if !f.has(name) {
		return otherwise
	}
	return slices.Index(names, f[name])
}

func (f fields) text(name, otherwise string) string {
	if f.has(name) {
		otherwise = f[name]
	}
	return strings.ReplaceAll(otherwise, "_", " ")
}

// play sets a scene, and says in one line what the SDK comes to.
func play(t *testing.T, said map[string][]string, scene string) string {
	words := strings.Fields(scene)
	f := fields{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		f[name] = value
	}
	b := newBench(t)
	defer func() { _ = b.Close() }()
	b.server.SetPolicy(effective(t, said))
	b.app, b.sdkV = f.text("app", "9.0"), f.text("sdk", "9.0")
	if words[0] == "gate" {
		b.app = "9.0"
	}
	b.reopen()
	b.register()
	switch words[0] {
	case "gate":
		return b.playGate(words[1], f)
	case "launch":
		return b.playLaunch(f)
	case "access":
		return b.playAccess(f)
	case "pin":
		return b.playPIN(words[1], f)
	}
	return b.playConfig()
}

var gates = []string{
	"", "send", "receive", "save-as", "open-from", "copy", "paste", "dial", "message", "link",
	"notify", "print", "screen", "backup", "contacts", "keyboard", "store-plain",
}

func (b *bench) playGate(gate string, f fields) string {
	b.phone.edit(func(p *Facts) {
		p.Level = f.one("level", Unenrolled, "", "unenrolled", "work-profile", "fully-managed")
		p.Encrypted = f.has("encrypted")
	})
	chars, _ := strconv.Atoi(f["chars"])
	place := 0
	if f.has("place") {
		place = 1 << f.one("place", 0, "onedrive-for-business", "sharepoint", "box", "local-storage", "photo-library", "imanage", "egnyte", "camera")
	}
	a := b.May(&Transfer{
		Gate: slices.Index(gates, gate), Package: f["app"], Managed: f.has("managed"), Same: f.has("same"), Place: place,
		Text: strings.Repeat("x", chars), Redacts: f.has("redacts"),
	})
	switch {
	case a.Redacted:
		return "redacted"
	case a.Allowed:
		return "allow"
	}
	return "refuse " + a.MessageKey
}

func (b *bench) playPIN(given string, f fields) string {
	ago, _ := strconv.Atoi(f["ago"])
	b.expect(EventLaunch, "need-pin set-pin")
	problems := ""
	if ago == 0 {
		var err error
		if problems, err = b.SetPIN(given); err != nil {
			b.t.Fatal(err)
		}
	} else {
		b.setPIN(given)
		present := given
		for i := range ago - 1 {
			next := strconv.Itoa(86420 + i)
			if got, err := b.ChangePIN(present, next); err != nil || got != "" {
				b.t.Fatal(got, err)
			}
			present = next
		}
		var err error
		if problems, err = b.ChangePIN(present, given); err != nil {
			b.t.Fatal(err)
		}
	}
	if problems == "" {
		return "good"
	}
	return problems
}

func (b *bench) playConfig() string {
	told := b.Configuration()
	c := apprules.Config{Values: map[string][]string{}, Custom: map[string]string{}}
	for i := range told.Keys().Len() {
		key := told.Keys().At(i)
		for j := range told.Values(key).Len() {
			c.Values[key] = append(c.Values[key], told.Values(key).At(j))
		}
	}
	for i := range told.CustomKeys().Len() {
		key := told.CustomKeys().At(i)
		c.Custom[key] = told.Custom(key)
	}
	payload, err := c.Payload(mailSchema)
	if err != nil {
		b.t.Fatal(err)
	}
	text := string(payload)
	for i := range told.Permissions().Len() {
		name := told.Permissions().At(i)
		text += " " + name + "=" + told.Permission(name)
	}
	if told.ConnectedAppsSaid() {
		text += " connected=" + strconv.FormatBool(told.ConnectedApps())
	}
	return text
}
