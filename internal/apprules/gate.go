package apprules

import "unicode/utf16"

// Gate is a way by which data leaves or enters the work account. The numbers
// are stored: do not reorder.
type Gate uint8

// The gates.
const (
	// GateSend: a text, file or link to another app, also by the share sheet.
	GateSend Gate = iota + 1
	// GateReceive: data from another app.
	GateReceive
	// GateSaveAs: a copy of a file to a place.
	GateSaveAs
	// GateOpenFrom: a file from a place into a work document.
	GateOpenFrom
	// GateCopy: work data onto the clipboard, for a peer.
	GateCopy
	// GatePaste: the clipboard into work data, from a peer.
	GatePaste
	// GateDial and GateMessage: a phone number out of work data to an app.
	GateDial
	GateMessage
	// GateLink: a web link out of work data to a browser.
	GateLink
	GateNotify
	GatePrint
	GateScreen
	GateBackup
	// GateContacts: work contacts, events and widgets to the phone.
	GateContacts
	// GateKeyboard: a keyboard to write with.
	GateKeyboard
	// GateStorePlain: work data to the phone's storage without the app's own
	// encryption.
	GateStorePlain
)

var gateNames = []string{
	"", "send", "receive", "save-as", "open-from", "copy", "paste", "dial", "message", "link",
	"notify", "print", "screen", "backup", "contacts", "keyboard", "store-plain",
}

func (g Gate) String() string { return nameOf(gateNames, g) }

// Peer is the app on the other side of a gate.
type Peer struct {
	Package string
	// Managed: it is under app protection for the same work account.
	Managed bool
	// Same: it is this app with this very account. The personal account of the
	// same app is another peer, and not managed.
	Same bool
}

// Transfer is one wish to take data through a gate.
type Transfer struct {
	Gate Gate
	Peer Peer
	// Purpose is why, where the phone's own parts are the peer.
	Purpose Purpose
	// Location is the place, of GateSaveAs and GateOpenFrom; exactly one.
	Location Location
	// Characters is how long a copied text is; see [CountCharacters]. What is
	// no text, such as a picture, is 0 and has no allowance.
	Characters int
	// Redacts: the app can show the notification without work data.
	Redacts bool
	// Level and DeviceEncrypted are of the phone, for GateStorePlain.
	Level           Level
	DeviceEncrypted bool
}

// Decision says whether data may go through a gate.
type Decision struct {
	Allowed bool
	// Redacted: it may, without the work data in it.
	Redacted bool
	// Setting is what decided.
	Setting Key
	// MessageKey says why not, for the person; empty where it is allowed.
	MessageKey string
}

// CountCharacters counts a text as Android does: in UTF-16 code units.
func CountCharacters(text string) int {
	n := 0
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}

// May decides one transfer. A gate that is none stays shut.
func May(e *Effective, t Transfer) Decision {
	if int(t.Gate) >= len(gates) || gates[t.Gate].open == nil {
		return Decision{Setting: "gate", MessageKey: "unknown_gate"}
	}
	if !e.Governed() {
		return Decision{Setting: "policy", MessageKey: "no_policy"}
	}
	g := gates[t.Gate]
	d := g.open(e.Settings, t)
	if !d.Allowed {
		d.MessageKey = g.message
	}
	return d
}

// gates has how each gate is decided, and what a person is told.
var gates = [...]struct {
	open    func(Settings, Transfer) Decision
	message string
}{
	GateSend:       {maySend, "send_blocked"},
	GateReceive:    {mayReceive, "receive_blocked"},
	GateSaveAs:     {maySaveAs, "save_as_blocked"},
	GateOpenFrom:   {mayOpenFrom, "open_from_blocked"},
	GateCopy:       {mayCopy, "copy_blocked"},
	GatePaste:      {mayPaste, "paste_blocked"},
	GateDial:       {mayDial, "dial_blocked"},
	GateMessage:    {mayMessage, "message_blocked"},
	GateLink:       {mayOpenLink, "link_blocked"},
	GateNotify:     {mayNotify, "notification_blocked"},
	GatePrint:      {unless(PrintBlocked), "print_blocked"},
	GateScreen:     {unless(ScreenCaptureBlocked), "screen_blocked"},
	GateBackup:     {unless(BackupBlocked), "backup_blocked"},
	GateContacts:   {unless(ContactSyncBlocked), "contacts_blocked"},
	GateKeyboard:   {mayType, "keyboard_blocked"},
	GateStorePlain: {mayStorePlain, "encryption_required"},
}
