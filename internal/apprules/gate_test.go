package apprules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMay(t *testing.T) {
	tests := []struct{ name, said, scene, want string }{
		{"to a managed app", "data.send_to=managed-apps", "gate send app=a.a managed", "allow"},
		{"to itself", "data.send_to=none", "gate send app=a.a same", "allow"},
		{"an exemption is of managed-apps alone", "data.send_to=none; data.exempt_apps=a.a", "gate send app=a.a", "refuse send_blocked"},
		{"the phone's own parts", "data.send_to=managed-apps", "gate send app=com.android.settings", "allow"},
		{"the phone's own parts where nothing may out", "data.send_to=none", "gate send app=com.android.settings", "refuse send_blocked"},
		{"a part without its purpose", "data.send_to=managed-apps", "gate send app=com.google.android.apps.maps", "refuse send_blocked"},
		{"saving where nothing may out", "data.send_to=none", "gate save-as place=local-storage", "refuse save_as_blocked"},
		{"saving while saving is not blocked", "data.send_to=managed-apps", "gate save-as place=local-storage", "allow"},
		{"saving to no place", "data.send_to=none; data.storage_locations=box", "gate save-as", "refuse save_as_blocked"},
		{"opening from a place of the default", "data.receive_from=none", "gate open-from place=sharepoint", "allow"},
		{"opening from another place", "data.receive_from=none", "gate open-from place=box", "refuse open_from_blocked"},
		{"one character too many", "data.clipboard=blocked; data.clipboard_allowance=8", "gate copy app=a.a chars=9", "refuse copy_blocked"},
		{"a picture has no allowance", "data.clipboard=blocked; data.clipboard_allowance=8", "gate copy app=a.a", "refuse copy_blocked"},
		{"the allowance is for what goes out", "data.clipboard=blocked; data.clipboard_allowance=8", "gate paste app=a.a chars=3", "refuse paste_blocked"},
		{"paste-in", "data.clipboard=managed-apps-with-paste-in", "gate paste app=a.a chars=3", "allow"},
		{"pasting between managed apps", "data.clipboard=managed-apps", "gate paste app=a.a managed chars=3", "allow"},
		{"copying where it is blocked for all", "data.clipboard=blocked", "gate copy app=a.a managed chars=3", "refuse copy_blocked"},
		{"both demands of a door", "data.dialer=custom-app; data.dialer=managed-apps; data.dialer_app=a.a", "gate dial app=a.a", "refuse dial_blocked"},
		{"both demands met", "data.dialer=custom-app; data.dialer=managed-apps; data.dialer_app=a.a", "gate dial app=a.a managed", "allow"},
		{"a shut door", "data.messaging=blocked; data.messaging=managed-apps", "gate message app=a.a managed", "refuse message_blocked"},
		{"a managed browser by default", "data.managed_browser_required=true", "gate link app=a.a managed", "allow"},
		{"edge", "data.managed_browser_required=true; data.managed_browser=microsoft-edge", "gate link app=com.microsoft.emmx", "allow"},
		{"work data that cannot be left out", "data.notifications=block-organizational-data", "gate notify", "refuse notification_blocked"},
		{"encryption of a phone nobody vouches for", "data.encrypt=true; data.encrypt_unless_device_does=true", "gate store-plain encrypted", "refuse encryption_required"},
		{"no such gate", "", "gate tunnel", "refuse unknown_gate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := play(t, specOf(t, sayings(tt.said)), tt.scene); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestUngovernedIsShut: without a policy nothing goes anywhere.
func TestUngovernedIsShut(t *testing.T) {
	for g := range gates {
		if d := May(merged(), Transfer{Gate: Gate(g), Peer: Peer{Same: true}}); d.Allowed || d.MessageKey == "" {
			t.Errorf("%v: %+v", Gate(g), d)
		}
	}
	if len(gateNames) != len(gates) {
		t.Errorf("%d gates have %d names", len(gates), len(gateNames))
	}
}

func TestPurposes(t *testing.T) {
	e := effective(t, "data.send_to=managed-apps")
	maps := Transfer{Gate: GateSend, Peer: Peer{Package: "com.google.android.apps.maps"}, Purpose: PurposeAddress}
	if d := May(e, maps); !d.Allowed {
		t.Errorf("an address to maps: %+v", d)
	}
	maps.Purpose = PurposePush
	if d := May(e, maps); d.Allowed {
		t.Errorf("a push to maps: %+v", d)
	}
}

func TestCountCharacters(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "äö": 2, "𝄞": 2, "\xff\xfe": 2} {
		if got := CountCharacters(text); got != want {
			t.Errorf("CountCharacters(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestSimplePIN(t *testing.T) {
	for pin, want := range map[string]bool{
		"1235": true, "1112": true, "1122": false, "9876": true, "2468": false, "7305": false, "xyz!": true, "": false, "12": false,
	} {
		if got := simple([]rune(pin)); got != want {
			t.Errorf("simple(%q) = %v", pin, got)
		}
	}
}

func TestAccess(t *testing.T) {
	tests := []struct{ name, said, scene, want string }{
		{"fresh", "", "access", "none"},
		{"a wrong PIN too often, though fresh", "", "access failures=5", "reset-pin"},
		{"both prompts, the sign-in first", "access.sign_in_required=true", "access checked=1h biometric=face", "sign-in biometric"},
		{"the phone's lock stands in only where it is enrolled", "access.pin_required=true; access.pin_unless_device_lock=true", "access checked=1h lock", "pin"},
		{"and only where there is one", "access.pin_required=true; access.pin_unless_device_lock=true", "access checked=1h level=work-profile", "pin"},
		{"the PIN was given too long ago for a biometric", "", "access checked=1h used=30m biometric=face", "pin"},
		{"a face where fingers are blocked", "access.fingerprint_blocked=true", "access checked=1h biometric=face", "biometric"},
		{"a strong biometric that has not changed", "access.class3_biometrics=true; access.pin_after_biometric_change=true", "access checked=1h biometric=face class=3", "biometric"},
		{"expired, though fresh", "access.pin_expires_after=1d", "access changed=1d", "change-pin"},
		{"never expires", "access.pin_expires_after=0s", "access changed=3650d", "none"},
		{"so many wrong PINs that it wipes", "access.pin_retries.block=3; access.pin_retries.wipe=6", "access failures=6", "wipe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := play(t, specOf(t, sayings(tt.said)), tt.scene); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestClockSetBack: a session from the future proves nothing.
func TestClockSetBack(t *testing.T) {
	e := effective(t, "access.pin_expires_after=90d")
	s := Session{CheckedAt: t0, PINSet: true, PINChangedAt: t0.Add(-day), PINUsedAt: t0, Biometric: Biometric{Kind: Face, Class: 3}}
	if got := Access(e, s, t0.Add(-1)).Prompts; !cmp.Equal(got, []Prompt{PromptPIN}) {
		t.Errorf("a moment back: %v", got)
	}
	if got := Access(e, s, t0.Add(-2*day)).Prompts; !cmp.Equal(got, []Prompt{PromptChangePIN}) {
		t.Errorf("before the PIN was set: %v", got)
	}
	s.PINSet = false
	if got := Access(e, s, t0).Prompts; !cmp.Equal(got, []Prompt{PromptSetPIN}) {
		t.Errorf("without a PIN: %v", got)
	}
}
