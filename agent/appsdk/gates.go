package appsdk

import (
	"ringfence/internal/apprules"
)

// The gates by which data leaves or enters the work account.
const (
	// GateSend: a text, file or link to another app, also by the share sheet.
	GateSend = int(apprules.GateSend)
	// GateReceive: data from another app.
	GateReceive = int(apprules.GateReceive)
	// GateSaveAs: a copy of a file to a place.
	GateSaveAs = int(apprules.GateSaveAs)
	// GateOpenFrom: a file from a place into a work document.
	GateOpenFrom = int(apprules.GateOpenFrom)
	// GateCopy: work data onto the clipboard, for a peer; GatePaste: from one.
	GateCopy  = int(apprules.GateCopy)
	GatePaste = int(apprules.GatePaste)
	// GateDial and GateMessage: a phone number out of work data to an app.
	GateDial    = int(apprules.GateDial)
	GateMessage = int(apprules.GateMessage)
	// GateLink: a web link out of work data to a browser.
	GateLink   = int(apprules.GateLink)
	GateNotify = int(apprules.GateNotify)
	GatePrint  = int(apprules.GatePrint)
	GateScreen = int(apprules.GateScreen)
	GateBackup = int(apprules.GateBackup)
	// GateContacts: work contacts, events and widgets to the phone.
	GateContacts = int(apprules.GateContacts)
	// GateKeyboard: a keyboard to write with.
	GateKeyboard = int(apprules.GateKeyboard)
	// GateStorePlain: work data to the phone's storage without the SDK's files.
	GateStorePlain = int(apprules.GateStorePlain)
)

// The places of GateSaveAs and GateOpenFrom.
const (
	PlaceOneDrive     = int(apprules.OneDriveForBusiness)
	PlaceSharePoint   = int(apprules.SharePoint)
	PlaceBox          = int(apprules.Box)
	PlaceLocalStorage = int(apprules.LocalStorage)
	PlacePhotoLibrary = int(apprules.PhotoLibrary)
	PlaceIManage      = int(apprules.IManage)
	PlaceEgnyte       = int(apprules.Egnyte)
	PlaceCamera       = int(apprules.Camera)
)

// Why data goes to one of the phone's own parts.
const (
	PurposeNone       = 0
	PurposeWebView    = int(apprules.PurposeWebView)
	PurposeRingtone   = int(apprules.PurposeRingtone)
	PurposePush       = int(apprules.PurposePush)
	PurposeAddress    = int(apprules.PurposeAddress)
	PurposeFilePicker = int(apprules.PurposeFilePicker)
)

// Transfer is one wish to take data through a gate.
type Transfer struct {
	Gate int
	// Package is the app on the other side, of GateSend, GateReceive, GateCopy,
	// GatePaste, GateDial, GateMessage, GateLink and GateKeyboard.
	Package string
	// Managed: that app is under app protection for the same work account.
	Managed bool
	// Same: it is this app with this very account. The personal account of the
	// same app is another peer, and not managed.
	Same    bool
	Purpose int
	// Place is of GateSaveAs and GateOpenFrom; exactly one.
	Place int
	// Text is what is copied, of GateCopy; it is counted and not kept. What is no
	// text, such as a picture, is empty and has no allowance.
	Text string
	// Redacts: the app can show the notification without work data.
	Redacts bool
}

// GateAnswer says whether data may go through.
type GateAnswer struct {
	Allowed bool
	// Redacted: it may, without the work data in it.
	Redacted bool
	// Setting is what decided; MessageKey says why not, for the person.
	Setting    string
	MessageKey string
}

// May decides one transfer. Without a policy in force nothing may: also where the
// lease has run out, or the clock was set back; and nothing while a launch check
// shuts the account. It does not ask whether the person has unlocked the account:
// a notification may come while it is locked.
func (s *SDK) May(t *Transfer) *GateAnswer {
	shut := &GateAnswer{Setting: "policy", MessageKey: "no_policy"}
	if t == nil {
		return shut
	}
	facts, err := s.facts()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.decideWhether() != nil {
		return shut
	}
	e, err := s.inForce()
	if err != nil {
		return shut
	}
	if f := s.barrier(e, facts); f != nil {
		return &GateAnswer{Setting: string(f.Check), MessageKey: f.RemedyKey}
	}
	d := apprules.May(e, apprules.Transfer{
		Gate: enum(t.Gate, apprules.GateStorePlain), Purpose: enum(t.Purpose, apprules.PurposeFilePicker),
		Peer:     apprules.Peer{Package: t.Package, Managed: t.Managed, Same: t.Same},
		Location: place(t.Place), Characters: apprules.CountCharacters(t.Text), Redacts: t.Redacts,
		Level: facts.level(), DeviceEncrypted: facts.Encrypted,
	})
	return &GateAnswer{Allowed: d.Allowed, Redacted: d.Redacted, Setting: string(d.Setting), MessageKey: d.MessageKey}
}

// inForce gives the policy while the lease is in force.
func (s *SDK) inForce() (*apprules.Effective, error) {
	l := s.st.Lease
	if l == nil || s.st.Silence == nil {
		return nil, ErrShut
	}
	silence := s.st.Silence.Observe(s.reading())
	if silence.ClockSetBack() || l.BlockAfter > 0 && silence.Longest() >= l.BlockAfter || silence.Wipes(l.WipeAfter) {
		return nil, ErrShut
	}
	return s.policy()
}

// barrier gives the check that shuts the account; nil where none does.
func (s *SDK) barrier(e *apprules.Effective, facts *Facts) *apprules.Finding {
	r := s.reading()
	for _, f := range s.findings(e, facts, s.now(r), s.st.Silence.Observe(r)) {
		if f.Action >= apprules.ActionBlock {
			return &f
		}
	}
	return nil
}

// place gives a place; none for what is not exactly one.
func place(p int) apprules.Location {
	if p <= 0 || p > PlaceCamera || p&(p-1) != 0 {
		return 0
	}
	return apprules.Location(p)
}

// MayCopy decides whether a text may go onto the clipboard for an app.
func (s *SDK) MayCopy(text, pkg string, managed bool) bool {
	return s.May(&Transfer{Gate: GateCopy, Text: text, Package: pkg, Managed: managed}).Allowed
}

// MaySend decides whether data may be sent to an app.
func (s *SDK) MaySend(pkg string, managed bool) bool {
	return s.May(&Transfer{Gate: GateSend, Package: pkg, Managed: managed}).Allowed
}

// MayOpenLink decides whether a web link may be opened in a browser.
func (s *SDK) MayOpenLink(pkg string, managed bool) bool {
	return s.May(&Transfer{Gate: GateLink, Package: pkg, Managed: managed}).Allowed
}

// MayPrint decides whether work data may be printed.
func (s *SDK) MayPrint() bool { return s.May(&Transfer{Gate: GatePrint}).Allowed }

// MayShowScreen decides whether the phone may make pictures of the screen.
func (s *SDK) MayShowScreen() bool { return s.May(&Transfer{Gate: GateScreen}).Allowed }

// MayNotify decides about a notification; redacts says that the app can leave the
// work data out.
func (s *SDK) MayNotify(redacts bool) *GateAnswer {
	return s.May(&Transfer{Gate: GateNotify, Redacts: redacts})
}
