package phone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Guard is how far a phone can be trusted, as an app sees it. Words are those of
// SettingKeys' choices; "unknown" is what the phone does not say.
type Guard struct {
	Manufacturer string `json:"manufacturer"`
	// Encrypted: the phone encrypts all of its storage.
	Encrypted bool `json:"encrypted"`
	// Signs that the phone's own guards are off.
	Rooted             bool `json:"rooted"`
	BootloaderUnlocked bool `json:"bootloaderUnlocked"`
	ROMModified        bool `json:"romModified"`

	Integrity  string `json:"integrity"`
	Evaluation string `json:"integrityEvaluation"`
	// IntegrityAt is when the verdict was reached; zero: whenever somebody asks.
	IntegrityAt time.Time `json:"integrityAt,omitzero"`
	AppScan     string    `json:"appScan"`
	Knox        string    `json:"knox"`
	Defender    string    `json:"defender"`
	ThirdParty  string    `json:"thirdParty"`

	// AgentVersion is the work agent's; empty without one. AgentUpdateWaits is for
	// how long an update of it has been waiting; nil: nobody says.
	AgentVersion     string         `json:"agentVersion,omitempty"`
	AgentUpdateWaits *time.Duration `json:"agentUpdateWaits,omitempty"`

	Biometric      string `json:"biometric"`
	BiometricClass int    `json:"biometricClass"`
	// BiometricSet names the fingers and faces that are enrolled: others, another
	// name.
	BiometricSet string `json:"biometricSet"`
}

// soundGuard is a phone that nobody has tampered with.
func soundGuard() Guard {
	return Guard{
		Manufacturer: "Virtual", Encrypted: true, Integrity: "certified", Evaluation: "hardware-backed", AppScan: "on",
		Knox: "unsupported", Defender: unknown, ThirdParty: unknown, Biometric: "none", BiometricClass: 3, BiometricSet: "first",
	}
}

const unknown = "unknown"

// The choices of a guard's words. A word's place is its number in package
// apprules, so that their order is fixed.
var (
	integrityWords   = []string{unknown, "failed", "basic", "certified"}
	evaluationWords  = []string{unknown, "basic", "hardware-backed"}
	appScanWords     = []string{unknown, "on", "off"}
	attestationWords = []string{unknown, "passed", "failed", "unsupported"}
	threatWords      = []string{unknown, "secured", "low", "medium", "high"}
	biometricWords   = []string{"none", "fingerprint", "face", "iris"}
)

var guardSetters = map[string]func(*Guard, string) error{
	"manufacturer": func(g *Guard, v string) error {
		return matching(&g.Manufacturer, v, `^[\p{L}\p{N} ._,()+/-]{0,64}$`, "letters, digits and . _ , ( ) + / -, at most 64")
	},
	"encrypted":                func(g *Guard, v string) error { return truth(&g.Encrypted, v) },
	"root.rooted":              func(g *Guard, v string) error { return truth(&g.Rooted, v) },
	"root.bootloader_unlocked": func(g *Guard, v string) error { return truth(&g.BootloaderUnlocked, v) },
	"root.rom_modified":        func(g *Guard, v string) error { return truth(&g.ROMModified, v) },
	"integrity":                func(g *Guard, v string) error { return word(&g.Integrity, v, integrityWords) },
	"integrity.evaluation":     func(g *Guard, v string) error { return word(&g.Evaluation, v, evaluationWords) },
	"integrity.at": func(g *Guard, v string) error {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil && v != "" {
			return errors.New("want a time, for example 2026-10-05T08:00:00Z, or nothing for now")
		}
		g.IntegrityAt = t.UTC()
		return nil
	},
	"app_scan":           func(g *Guard, v string) error { return word(&g.AppScan, v, appScanWords) },
	"knox":               func(g *Guard, v string) error { return word(&g.Knox, v, attestationWords) },
	"threat.defender":    func(g *Guard, v string) error { return word(&g.Defender, v, threatWords) },
	"threat.third_party": func(g *Guard, v string) error { return word(&g.ThirdParty, v, threatWords) },
	"agent.version": func(g *Guard, v string) error {
		return matching(&g.AgentVersion, v, `^([0-9]{1,5}(\.[0-9]{1,5}){1,3})?$`, "dotted numbers, for example 1.4, or nothing")
	},
	"agent.update_waits": func(g *Guard, v string) error {
		d, err := time.ParseDuration(v)
		switch {
		case v == "":
			g.AgentUpdateWaits = nil
			return nil
		case err != nil || d < 0:
			return errors.New("want a time span, for example 72h, or nothing")
		}
		g.AgentUpdateWaits = &d
		return nil
	},
	"biometric": func(g *Guard, v string) error { return word(&g.Biometric, v, biometricWords) },
	"biometric.class": func(g *Guard, v string) error {
		if len(v) != 1 || v < "1" || v > "3" {
			return errors.New("want 1, 2 or 3: 3 is strong")
		}
		g.BiometricClass = int(v[0] - '0')
		return nil
	},
	"biometric.set": func(g *Guard, v string) error {
		return matching(&g.BiometricSet, v, `^[a-z0-9-]{1,32}$`, "a name of a-z, 0-9 and - for what is enrolled")
	},
}

// word accepts one of the words.
func word(target *string, v string, words []string) error {
	v = strings.ToLower(strings.ReplaceAll(v, "_", "-"))
	if !slices.Contains(words, v) {
		return fmt.Errorf("want one of %s", strings.Join(words, ", "))
	}
	*target = v
	return nil
}
