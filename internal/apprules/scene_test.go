package apprules

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// t0 is a Sunday at noon in Greenwich.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var adasTokens = Tokens{User: "ada@example.com", UserID: "u-1", DeviceTag: "tag-1", Package: "com.example.mail"}

var mailSchema = &Schema{Package: "com.example.mail", Items: []Item{
	{Key: "server", Kind: ItemString},
	{Key: "sync", Kind: ItemBool, Merge: MergeAll},
	{Key: "beta", Kind: ItemBool, Merge: MergeAny},
	{Key: "days", Kind: ItemInteger, Merge: MergeLeast, Min: 1, Max: 365},
	{Key: "key_bits", Kind: ItemInteger, Merge: MergeMost},
	{Key: "mode", Kind: ItemChoice, Merge: MergeStrictest, Choices: []string{"push", "poll", "manual"}},
	{Key: "domains", Kind: ItemList, Merge: MergeCommon},
	{Key: "denied", Kind: ItemList, Merge: MergeUnion},
	{Key: "secret", Kind: ItemString, Hidden: true},
	{Key: "vpn", Kind: ItemBundle, Items: []Item{
		{Key: "server", Kind: ItemString},
		{Key: "port", Kind: ItemInteger, Merge: MergeLeast, Min: 1, Max: 65535},
		{Key: "split", Kind: ItemBool, Merge: MergeAll},
		{Key: "mode", Kind: ItemChoice, Merge: MergeStrictest, Choices: []string{"fast", "safe"}},
		{Key: "domains", Kind: ItemList, Merge: MergeCommon},
		{Key: "key", Kind: ItemString, Hidden: true},
	}},
	{Key: "accounts", Kind: ItemBundleArray, Items: []Item{
		{Key: "name", Kind: ItemString},
		{Key: "keep", Kind: ItemBundle, Items: []Item{{Key: "days", Kind: ItemInteger}}},
	}},
}}

// sayings splits "key=text; key=text" by key.
func sayings(text string) map[string][]string {
	said := make(map[string][]string)
	for part := range strings.SplitSeq(text, "; ") {
		if part != "" {
			key, value, _ := strings.Cut(part, "=")
			said[key] = append(said[key], value)
		}
	}
	return said
}

// policy is what a scene's policy says of the app.
type policy struct {
	settings Settings
	config   Config
}

// specOf makes a policy of sayings, all of which must be valid.
func specOf(t testing.TB, said map[string][]string) policy {
	t.Helper()
	var p policy
	plain := make(map[Key][]string)
	for key, texts := range said {
		part, rest, _ := strings.Cut(key, ".")
		if part != "config" {
			plain[Key(key)] = texts
			continue
		}
		field, name, _ := strings.Cut(rest, ".")
		switch field {
		case "values":
			put(&p.config.Values, name, texts)
		case "custom":
			put(&p.config.Custom, name, texts[0])
		case "permissions":
			put(&p.config.Permissions, name, Grant(slices.Index(grantNames, texts[0])))
		case "connected_apps":
			connected := texts[0] == "true"
			p.config.ConnectedApps = &connected
		}
	}
	var err error
	if p.settings, err = ParseSettings(plain); err != nil {
		t.Fatal(err)
	}
	return p
}

// effective is what holds where this is the only policy.
func (p policy) effective() *Effective { return Seal(Merge(p.settings), p.config, true) }

// merged is what holds where policies say these settings.
func merged(policies ...Settings) *Effective {
	return Seal(Merge(policies...), Config{}, len(policies) > 0)
}

// fields are the "name=value" words of a scene; underscores are spaces.
type fields map[string]string

func (f fields) has(name string) bool { _, has := f[name]; return has }

func (f fields) ago(name string, otherwise time.Duration) time.Time {
	if !f.has(name) {
		return t0.Add(-otherwise)
	}
	d, err := parseSpan(f[name])
	if err != nil {
		panic(name + " " + err.Error())
	}
	return t0.Add(-d)
}

func (f fields) index(name string, names []string, otherwise int) int {
	if !f.has(name) {
		return otherwise
	}
	i := slices.Index(names, f[name])
	if i < 0 {
		panic(name + " has no value " + f[name])
	}
	return i
}

func (f fields) number(name string) uint32 {
	n, err := strconv.ParseUint(f[name], 10, 32)
	if err != nil && f.has(name) {
		panic(err)
	}
	return uint32(n)
}

func (f fields) version(name, otherwise string) Version {
	if f.has(name) {
		otherwise = f[name]
	}
	v, err := ParseVersion(otherwise)
	if err != nil {
		panic(err)
	}
	return v
}

func (f fields) text(name, otherwise string) string {
	if f.has(name) {
		otherwise = f[name]
	}
	return strings.ReplaceAll(otherwise, "_", " ")
}

// play gives in one line what is decided in a scene.
func play(t testing.TB, p policy, scene string) string {
	t.Helper()
	words := strings.Fields(scene)
	f := fields{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		f[name] = value
	}
	e := p.effective()
	switch words[0] {
	case "gate":
		return playGate(e, words[1], f)
	case "launch":
		return playLaunch(e, f)
	case "access":
		return playAccess(e, f)
	case "pin":
		return playPIN(e, words[1], f)
	case "config":
		return playConfig(t, e)
	}
	t.Fatalf("no such scene: %s", scene)
	return ""
}

func playGate(e *Effective, gate string, f fields) string {
	d := May(e, Transfer{
		Gate:     Gate(slices.Index(gateNames, gate)),
		Peer:     Peer{Package: f["app"], Managed: f.has("managed"), Same: f.has("same")},
		Location: 1 << f.index("place", locationNames, 15), Characters: int(f.number("chars")), Redacts: f.has("redacts"),
		Level: Level(f.index("level", levelNames, int(Unenrolled))), DeviceEncrypted: f.has("encrypted"),
	})
	switch {
	case d.Redacted:
		return "redacted"
	case d.Allowed:
		return "allow"
	}
	return "refuse " + d.MessageKey
}

// wellReport is of an app and a phone with nothing wrong; f says otherwise.
func wellReport(f fields) *Report {
	waits := t0.Sub(f.ago("waits", 0))
	r := &Report{
		ObservedAt: t0,
		AppVersion: f.version("app", "9.0"), SDKVersion: f.version("sdk", "9.0"), AgentVersion: f.version("agent", "9.0"),
		AgentUpdateWaits: &waits, OSVersion: f.version("os", "15"), Patch: Patch(f.text("patch", "2026-02-05")),
		Manufacturer: f.text("maker", "Google"), Model: f.text("model", "Pixel 9"),
		Lock: Lock(f.index("devicelock", lockNames, int(LockHigh))), RootChecked: true,
		Integrity: IntegrityReport{
			Verdict:    Integrity(f.index("integrity", integrityNames, int(IntegrityCertified))),
			Evaluation: Evaluation(f.index("evaluation", evaluationNames, int(EvaluationHardware))), At: t0.Add(-time.Hour),
		},
		AppScan: AppScanState(f.index("scan", appScanNames, int(AppScanOn))),
		Knox:    Attestation(f.index("knox", attestationNames, int(AttestationPassed))),
		PIN:     PINState{Set: true, Failures: f.number("failures")},
	}
	r.Defender = Threat(f.index("defender", threatNames, int(ThreatSecured)))
	r.ThirdParty = Threat(f.index("thirdparty", threatNames, 0))
	if f.has("root") {
		r.RootSignals = 1 << f.index("root", rootSignalNames, 0)
	}
	return r
}

func playLaunch(e *Effective, f fields) string {
	registration := Registration{OnlineAt: f.ago("online", time.Minute), AccountDisabled: f.has("disabled")}
	if f.has("clockedout") {
		registration.ClockedOutAt = f.ago("clockedout", 0)
	}
	v := Evaluate(Evidence{Effective: e, Report: wellReport(f), Registration: registration}, t0)
	text := v.Standing.String()
	for _, found := range v.Findings {
		text += " " + string(found.Check)
		if f.has("link") && found.Link != "" {
			text += " " + found.Link
		}
	}
	return text
}

func playAccess(e *Effective, f fields) string {
	a := Access(e, Session{
		Level: Level(f.index("level", levelNames, int(Unenrolled))), DeviceLock: f.has("lock"),
		CheckedAt: f.ago("checked", time.Minute), PINSet: true, PINChangedAt: f.ago("changed", day),
		PINUsedAt: f.ago("used", time.Minute), Failures: f.number("failures"),
		Biometric: Biometric{
			Kind:    BiometricKind(f.index("biometric", []string{"", "fingerprint", "face", "iris"}, 0)),
			Class:   uint8(3 - 3*boolNumber(f.has("class")) + int(f.number("class"))),
			Changed: f.has("new"),
		},
	}, t0)
	var words []string
	if a.Wipe {
		words = append(words, "wipe")
	}
	for _, p := range a.Prompts {
		words = append(words, p.String())
	}
	if a.ConnectVPN {
		words = append(words, "vpn")
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, " ")
}

func boolNumber(v bool) int { return int(flagByte(v)) }

func playPIN(e *Effective, pin string, f fields) string {
	problems := CheckPIN(e, pin, f.number("ago"))
	if problems == nil {
		return "good"
	}
	words := make([]string, len(problems))
	for i, p := range problems {
		words[i] = string(p)
	}
	return strings.Join(words, " ")
}

func playConfig(t testing.TB, e *Effective) string {
	t.Helper()
	expanded, problems := e.Expanded(adasTokens, mailSchema)
	payload, err := expanded.Config.Payload(mailSchema)
	if err != nil || problems != nil {
		t.Fatalf("payload: %v, problems %v", err, problems)
	}
	text := string(payload)
	for name, grant := range expanded.Config.Permissions {
		text += " " + name + "=" + grant.String()
	}
	if connected := expanded.Config.ConnectedApps; connected != nil {
		text += " connected=" + strconv.FormatBool(*connected)
	}
	return text
}
