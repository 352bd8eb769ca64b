package apprules

import (
	"errors"
	"strings"
	"testing"
)

func TestSettingsValidate(t *testing.T) {
	for said, want := range map[string]string{
		"data.exempt_apps=a.a":                                        "data.exempt_apps",
		"data.send_to=none; data.exempt_apps=a.a":                     "data.exempt_apps",
		"data.save_as_blocked=true":                                   "data.save_as_blocked",
		"data.storage_locations=box":                                  "data.storage_locations",
		"data.clipboard_allowance=5":                                  "data.clipboard_allowance",
		"data.keyboards_restricted=true":                              "data.approved_keyboards",
		"data.dialer=custom-app":                                      "data.dialer_app",
		"data.managed_browser_required=true; data.custom_browser=a.a": "data.custom_browser",
		"launch.threat_from=worst":                                    "launch.threat_from",
		"launch.off_hours_grace=1h":                                   "launch.off_hours_grace",
		"access.biometric_timeout=5m":                                 "access.biometric_timeout",
		"launch.offline.block=2d; launch.offline.wipe=1d":             "launch.offline.wipe",
	} {
		err := specOf(t, sayings(said)).settings.Validate()
		if bad, ok := errors.AsType[*SettingError](err); !ok || string(bad.Key) != want {
			t.Errorf("%s: %v", said, err)
		}
	}
	// What Go made, and nobody parsed.
	for want, saying := range map[Key]Saying{
		"data.send_to":               SendTo.Is(7),
		"access.pin_length":          PINLength.Is(3),
		"data.approved_keyboards":    ApprovedKeyboards.Is(nil),
		"launch.models.block":        Models.Block.Is(nil),
		"launch.offline.block":       Offline.Block.Is(-1),
		"launch.patch_level.warn":    PatchLevel.Warn.Is("soon"),
		"launch.rooted":              Rooted.Is(ActionWarn),
		"launch.integrity.warn":      IntegrityVerdict.Warn.Is(IntegrityFailed),
		"data.storage_locations":     StorageLocations.Is(Camera),
		"launch.working_hours.block": WorkingHours.Block.Is(nil),
		"launch.app_version.wipe":    AppVersion.Wipe.Is(Version{}),
	} {
		if err := Say(saying).Validate(); err == nil || !strings.HasPrefix(err.Error(), string(want)+":") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestParseSettingsRefuses(t *testing.T) {
	for key, texts := range map[Key][]string{
		"data.unheard": {"true"}, "data.print_blocked": {"yes"}, "data.send_to": {"managed-apps", "none"}, "data.dialer": {"all-apps", "blocked"},
		"data.exempt_apps": {"a.a", "a.a=A"}, "access.pin_length": {"+6"}, "data.storage_locations": {"camera"},
		"launch.device_lock.warn": {"none"}, "launch.models.block": {""}, "data.managed_browser": {""}, "launch.rooted": {},
	} {
		if s, err := ParseSettings(map[Key][]string{key: texts}); err == nil || !strings.HasPrefix(err.Error(), string(key)+":") {
			t.Errorf("%s=%q is %v, %v", key, texts, s.Plain(), err)
		}
	}
}

// FuzzParseSettings: whatever is sent as a setting is refused, or is read back
// as it was read.
func FuzzParseSettings(f *testing.F) {
	for _, r := range Catalog() {
		if list := samples[r.Key]; list != nil {
			f.Add(string(r.Key), strings.ReplaceAll(list[0], "|", "\n"))
		}
	}
	f.Add("launch.app_version.warn", "1.2.3.4")
	f.Fuzz(func(t *testing.T, key, text string) {
		var texts []string
		if text != "" {
			texts = strings.Split(text, "\n")
		}
		s, err := ParseSettings(map[Key][]string{Key(key): texts})
		if err != nil {
			return
		}
		again, err := ParseSettings(s.Plain())
		if err != nil || !again.Equal(s) || !s.merge(s).Equal(s) {
			t.Errorf("%s=%q is written %v and read back as %v, %v", key, texts, s.Plain(), again.Plain(), err)
		}
	})
}
