package appprotect

import (
	"strings"
	"testing"

	"ringfence/internal/apprules"
)

const signer = "ab0000000000000000000000000000000000000000000000000000000000cdef"

var ada = Subject{
	User: "ada@example.com", Package: "com.example.mail", SignerSHA256: signer, Level: apprules.Unenrolled,
}

var mailSchema = &apprules.Schema{Package: "com.example.mail", Items: []apprules.Item{
	{Key: "server", Kind: apprules.ItemString},
	{Key: "sync", Kind: apprules.ItemBool, Merge: apprules.MergeAll},
	{Key: "beta", Kind: apprules.ItemBool, Merge: apprules.MergeAny},
	{Key: "days", Kind: apprules.ItemInteger, Merge: apprules.MergeLeast, Min: 1, Max: 365},
	{Key: "key_bits", Kind: apprules.ItemInteger, Merge: apprules.MergeMost},
	{Key: "mode", Kind: apprules.ItemChoice, Merge: apprules.MergeStrictest, Choices: []string{"push", "poll", "manual"}},
	{Key: "domains", Kind: apprules.ItemList, Merge: apprules.MergeCommon},
	{Key: "denied", Kind: apprules.ItemList, Merge: apprules.MergeUnion},
	{Key: "secret", Kind: apprules.ItemString, Hidden: true},
}}

// everyone is a target that has every subject.
func everyone() Target {
	return Target{AppGroups: []string{AllAppsGroup}, Include: Audience{Everyone: true}}
}

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

// specOf makes a policy of sayings, all of which must be valid.
func specOf(t testing.TB, said map[string][]string) Spec {
	t.Helper()
	spec := Spec{Target: everyone()}
	plain := make(map[apprules.Key][]string)
	for key, texts := range said {
		part, rest, _ := strings.Cut(key, ".")
		switch part {
		case "config":
			field, name, _ := strings.Cut(rest, ".")
			switch field {
			case "values":
				put(&spec.Config.Values, name, texts)
			case "custom":
				put(&spec.Config.Custom, name, texts[0])
			case "permissions":
				put(&spec.Config.Permissions, name, grantOf(texts[0]))
			case "connected_apps":
				connected := texts[0] == "true"
				spec.Config.ConnectedApps = &connected
			}
		case "target":
			aim(&spec, rest, texts[0])
		default:
			plain[apprules.Key(key)] = texts
		}
	}
	var err error
	if spec.Settings, err = apprules.ParseSettings(plain); err != nil {
		t.Fatal(err)
	}
	return spec
}

func aim(spec *Spec, field, text string) {
	target := &spec.Target
	name, grouped := strings.CutPrefix(text, "group:")
	switch {
	case field == "apps" && grouped:
		target.AppGroups = []string{name}
	case field == "apps":
		target.Apps, target.AppGroups = []TargetApp{{Package: text, SignerSHA256: []string{signer}}}, nil
	case field == "fallback":
		spec.Fallback = text == "true"
	case field == "people":
		target.Include = Audience{Groups: []string{name}}
	case field == "levels":
		target.Levels = []apprules.Level{levelOf(text)}
	}
}

func levelOf(text string) apprules.Level {
	for l := apprules.Unenrolled; l <= apprules.FullyManaged; l++ {
		if l.String() == text {
			return l
		}
	}
	panic("no level " + text)
}

func grantOf(text string) apprules.Grant {
	for g := apprules.GrantAuto; g <= apprules.GrantDeny; g++ {
		if g.String() == text {
			return g
		}
	}
	panic("no grant " + text)
}

// configured makes a policy for everyone of sayings.
func configured(name, said string, t testing.TB) Named {
	return Named{Name: name, Spec: specOf(t, sayings(said))}
}

func merged(policies ...Named) *Merged { return Merge(policies, ada, mailSchema) }
