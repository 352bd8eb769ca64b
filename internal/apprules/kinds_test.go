package apprules

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestKindsMerge has each kind of setting with two values, in both orders.
func TestKindsMerge(t *testing.T) {
	tests := []struct {
		setting    entry
		a, b, want string
	}{
		{PrintBlocked, "true", "false", "true"},
		{EncryptUnlessDeviceDoes, "true", "false", "false"},
		{SendTo, "managed-apps", "none", "none"},
		{ClipboardLevel, "managed-apps-with-paste-in", "managed-apps", "managed-apps"},
		{ClipboardAllowance, "7", "70", "7"},
		{PINLength, "4", "6", "6"},
		{PINExpiresAfter, "0s", "90d", "90d"},
		{PINExpiresAfter, "30d", "90d", "30d"},
		{RecheckAfter, "30m", "2h", "30m"},
		{StorageLocations, "sharepoint|box", "box|egnyte", "box"},
		{StorageLocations, "sharepoint", "nowhere", "nowhere"},
		{Dialer, "managed-apps", "custom-app", "managed-apps|custom-app"},
		{Dialer, "managed-apps", "blocked", "blocked"},
		{Dialer, "all-apps", "custom-app", "custom-app"},
		{ManagedBrowser, "microsoft-edge", "managed-browser", "managed-browser|microsoft-edge"},
		{DialerApp, "a.a", "b.b", ""},
		{ExemptApps, "a.a|b.b=B", "b.b=A|c.c", "b.b=A"},
		{ExemptApps, "b.b", "b.b=A", "b.b=A"},
		{Manufacturers.Block, "Google|SAMSUNG", "samsung|other", "samsung"},
		{Models.Block, "Pixel 9", "pixel 9", ""},
		{AppVersion.Block, "1.9", "1.10", "1.10"},
		{OSCeiling.Block, "14", "14.5", "14.5"},
		{OSCeiling.Block, "15", "14", "14"},
		{PatchLevel.Wipe, "2026-01-05", "2025-12-31", "2026-01-05"},
		{IntegrityVerdict.Block, "basic", "basic-and-certified", "basic-and-certified"},
		{ThreatLevel.Block, "low", "high", "low"},
		{ThreatFrom, "worst", "defender-first", "worst|defender-first"},
		{AccountDisabled, "none", "wipe", "wipe"},
		{WorkingHours.Block, "UTC mon 08:00-09:00", "UTC sun 08:00-09:00", "UTC mon 08:00-09:00|UTC sun 08:00-09:00"},
	}
	for _, tt := range tests {
		read := func(text string) any {
			v, err := tt.setting.parse(strings.Split(text, "|"))
			if err != nil {
				t.Fatalf("%s: %v", tt.setting.Key(), err)
			}
			return v
		}
		a, b := read(tt.a), read(tt.b)
		for _, got := range [][]string{tt.setting.format(tt.setting.merge(a, b)), tt.setting.format(tt.setting.merge(b, a))} {
			if text := strings.Join(got, "|"); text != tt.want {
				t.Errorf("%s: %s and %s are %s, want %s", tt.setting.Key(), tt.a, tt.b, text, tt.want)
			}
		}
	}
}

// TestChangesAt: what time alone will turn is foretold.
func TestChangesAt(t *testing.T) {
	tests := []struct {
		name, said string
		change     func(*Evidence)
		in         time.Duration
	}{
		{"offline", "launch.offline.block=2d", nil, 2 * day},
		{"offline, the next threshold", "launch.offline.block=1d", func(e *Evidence) { e.Registration.OnlineAt = t0.Add(-2 * day) }, 88 * day},
		{"an update that waits", "launch.offline.block=300d; launch.agent_age.warn=10", func(e *Evidence) {
			waits := 9 * day
			e.Report.AgentUpdateWaits = &waits
		}, day + time.Microsecond},
		{"integrity", "launch.integrity.block=basic", nil, 23 * time.Hour},
		{"work begins", "launch.working_hours.warn=UTC sun 13:00-14:00", nil, time.Hour},
		{"work ends", "launch.working_hours.warn=UTC sun 11:00-14:00", nil, 2 * time.Hour},
		{"the grace after work ends", "launch.working_hours.block=UTC sun 08:00-11:00; launch.off_hours_grace=90m", nil, 30 * time.Minute},
		{"the grace after the clock ends", "launch.clocked_out=block; launch.off_hours_grace=1h", func(e *Evidence) {
			e.Registration.ClockedOutAt = t0.Add(-15 * time.Minute)
		}, 45 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(t, tt.said, tt.change).ChangesAt; !got.Equal(t0.Add(tt.in)) {
				t.Errorf("changes in %v, want %v", got.Sub(t0), tt.in)
			}
		})
	}
}

// TestSayIsParsed: what Go says is what texts say.
func TestSayIsParsed(t *testing.T) {
	said := Say(
		PrintBlocked.Is(true), SendTo.Is(ManagedApps), ExemptApps.Is([]Listed{{"a.a", "A"}}), Dialer.Is(DoorManaged|DoorListed),
		Offline.Block.Is(36*time.Hour), AppVersion.Warn.Is(Version{1, 2}), PatchLevel.Wipe.Is("2026-01-05"),
	)
	parsed, err := ParseSettings(map[Key][]string{
		"data.print_blocked": {"true"}, "data.send_to": {"managed-apps"}, "data.exempt_apps": {"a.a=A"}, "data.dialer": {"custom-app", "managed-apps"},
		"launch.offline.block": {"1d12h"}, "launch.app_version.warn": {"1.2"}, "launch.patch_level.wipe": {"2026-01-05"},
	})
	if err != nil || !said.Equal(parsed) {
		t.Errorf("%v, %v, want %v", parsed.Plain(), err, said.Plain())
	}
	if !slices.Contains(said.Keys(), Key("data.dialer")) || said.Equal(Settings{}) {
		t.Errorf("keys %v", said.Keys())
	}
}
