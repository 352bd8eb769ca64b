package apprules

import "slices"

// because allows or refuses, and names the setting that says so.
func because(allowed bool, key Key) Decision { return Decision{Allowed: allowed, Setting: key} }

// unless makes a gate that a flag shuts.
func unless(blocked *Setting[bool]) func(Settings, Transfer) Decision {
	return func(s Settings, _ Transfer) Decision { return because(!blocked.Of(s), blocked.Key()) }
}

func maySend(s Settings, t Transfer) Decision {
	reach := SendTo.Of(s)
	switch {
	case t.Peer.Same, reach == AllApps, reach == ManagedApps && t.Peer.Managed:
		return because(true, SendTo.Key())
	case reach == ManagedApps && builtInExemption(t.Peer.Package, t.Purpose):
		return because(true, SendTo.Key())
	case reach == ManagedApps && lists(ExemptApps.Of(s), t.Peer.Package):
		return because(true, ExemptApps.Key())
	}
	return because(false, SendTo.Key())
}

func mayReceive(s Settings, t Transfer) Decision {
	reach := ReceiveFrom.Of(s)
	return because(t.Peer.Same || reach == AllApps || reach == ManagedApps && t.Peer.Managed, ReceiveFrom.Key())
}

func maySaveAs(s Settings, t Transfer) Decision {
	if !savingBlocked(s) {
		return because(true, SaveAsBlocked.Key())
	}
	return because(inside(t.Location, StorageLocations.Of(s)), StorageLocations.Key())
}

func mayOpenFrom(s Settings, t Transfer) Decision {
	if !ingestionBlocked(s) {
		return because(true, IngestionBlocked.Key())
	}
	return because(inside(t.Location, IngestionLocations.Of(s)), IngestionLocations.Key())
}

func inside(place, places Location) bool { return place != 0 && place&^places == 0 }

// mayCopy: the allowance is for each text that is copied, whatever the level.
func mayCopy(s Settings, t Transfer) Decision {
	level := ClipboardLevel.Of(s)
	switch {
	case t.Peer.Same, level == ClipboardAllApps, level != ClipboardBlocked && t.Peer.Managed:
		return because(true, ClipboardLevel.Key())
	case t.Characters > 0 && uint64(t.Characters) <= uint64(ClipboardAllowance.Of(s)):
		return because(true, ClipboardAllowance.Key())
	}
	return because(false, ClipboardLevel.Key())
}

func mayPaste(s Settings, t Transfer) Decision {
	level := ClipboardLevel.Of(s)
	allowed := t.Peer.Same || level <= ClipboardPasteIn || level == ClipboardManagedApps && t.Peer.Managed
	return because(allowed, ClipboardLevel.Key())
}

func mayDial(s Settings, t Transfer) Decision {
	return because(fits(Dialer.Of(s), DialerApp.Of(s), t.Peer), Dialer.Key())
}

func mayMessage(s Settings, t Transfer) Decision {
	return because(fits(Messaging.Of(s), MessagingApp.Of(s), t.Peer), Messaging.Key())
}

func mayOpenLink(s Settings, t Transfer) Decision {
	if !ManagedBrowserRequired.Of(s) {
		return because(true, ManagedBrowserRequired.Key())
	}
	return because(fits(ManagedBrowser.Of(s), CustomBrowser.Of(s), t.Peer), ManagedBrowser.Key())
}

// edge is the package of Microsoft Edge.
const edge = "com.microsoft.emmx"

// fits reports whether an app meets every demand of a door.
func fits(d Door, listed []Listed, p Peer) bool {
	return d&DoorShut == 0 &&
		(d&DoorManaged == 0 || p.Managed) &&
		(d&DoorListed == 0 || lists(listed, p.Package)) &&
		(d&DoorEdge == 0 || p.Package == edge)
}

func mayNotify(s Settings, t Transfer) Decision {
	d := because(false, NotificationLevel.Key())
	switch NotificationLevel.Of(s) {
	case NotifyAll:
		d.Allowed = true
	case NotifyWithoutWorkData:
		d.Allowed, d.Redacted = t.Redacts, t.Redacts
	case NotifyNothing:
	}
	return d
}

func mayType(s Settings, t Transfer) Decision {
	allowed := !KeyboardsRestricted.Of(s) || lists(ApprovedKeyboards.Of(s), t.Peer.Package)
	return because(allowed, KeyboardsRestricted.Key())
}

func mayStorePlain(s Settings, t Transfer) Decision {
	if EncryptUnlessDeviceDoes.Of(s) && t.Level.enrolled() && t.DeviceEncrypted {
		return because(true, EncryptUnlessDeviceDoes.Key())
	}
	return because(!Encrypt.Of(s), Encrypt.Key())
}

// Purpose is why data goes to one of the phone's own parts. The numbers are
// stored: do not reorder.
type Purpose uint8

// The purposes. Zero is any.
const (
	PurposeWebView Purpose = iota + 1
	PurposeRingtone
	PurposePush
	PurposeAddress
	PurposeFilePicker
)

// builtIn are the phone's own parts, without which managed apps do not work. A
// part that is there for purposes is exempt for those alone. Other vendors'
// apps are for a policy to exempt.
var builtIn = map[string][]Purpose{
	"com.android.phone":                      nil,
	"com.android.vending":                    nil,
	"com.google.android.webview":             nil,
	"com.android.webview":                    nil,
	"com.google.android.tts":                 nil,
	"com.android.providers.settings":         nil,
	"com.android.settings":                   nil,
	"com.android.providers.contacts":         nil,
	"com.samsung.android.providers.contacts": nil,
	"com.android.providers.blockednumber":    nil,
	"com.android.chrome":                     {PurposeWebView},
	"com.android.providers.media":            {PurposeRingtone},
	"com.google.android.gms":                 {PurposePush},
	"com.google.android.gsf":                 {PurposePush},
	"com.google.android.apps.maps":           {PurposeAddress},
	"com.android.documentsui":                {PurposeFilePicker},
	"com.google.android.documentsui":         {PurposeFilePicker},
}

func builtInExemption(pkg string, why Purpose) bool {
	purposes, exempt := builtIn[pkg]
	return exempt && (len(purposes) == 0 || slices.Contains(purposes, why))
}
