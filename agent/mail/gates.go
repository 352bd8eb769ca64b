package mail

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"ringfence/agent/appsdk"
	"ringfence/agent/phone"
)

// Answer says whether something may be done.
type Answer struct {
	Gate    string  `json:"gate"`
	Account Account `json:"account"`
	Allowed bool    `json:"allowed"`
	// Redacted: it may, without the work data in it.
	Redacted bool `json:"redacted,omitempty"`
	// Setting is what decided; empty where no policy is asked.
	Setting string `json:"setting,omitempty"`
	// MessageKey says why not; empty where it is allowed.
	MessageKey string `json:"messageKey,omitempty"`
}

// Peer is the app on the other side of a gate.
type Peer struct {
	Package string
	// Managed: it is under app protection for the same work account.
	Managed bool
}

// gates are those that have no more to them than the app on the other side, by
// their names.
var gates = map[string]int{
	"link": appsdk.GateLink, "dial": appsdk.GateDial, "message": appsdk.GateMessage, "keyboard": appsdk.GateKeyboard,
	"print": appsdk.GatePrint, "screenshot": appsdk.GateScreen, "backup": appsdk.GateBackup, "contacts": appsdk.GateContacts,
	"store-plain": appsdk.GateStorePlain,
}

var places = map[string]int{
	"onedrive-for-business": appsdk.PlaceOneDrive, "sharepoint": appsdk.PlaceSharePoint, "box": appsdk.PlaceBox,
	"local-storage": appsdk.PlaceLocalStorage, "photo-library": appsdk.PlacePhotoLibrary, "imanage": appsdk.PlaceIManage,
	"egnyte": appsdk.PlaceEgnyte, "camera": appsdk.PlaceCamera,
}

// onPhone are the places that this phone has itself.
var onPhone = []string{"local-storage", "photo-library", "camera"}

// Places names the places of Save and OpenFrom, in order.
func Places() []string { return slices.Sorted(maps.Keys(places)) }

// ask asks the SDK, for the work account; nobody is asked for the other.
func (a *App) ask(account Account, gate string, t appsdk.Transfer) (Answer, error) {
	answer := Answer{Gate: gate, Account: account, Allowed: true}
	if account != PersonalAccount && account != WorkAccount {
		return answer, ErrNoAccount
	}
	if account == PersonalAccount {
		return answer, nil
	}
	if a.Work.sdk == nil {
		answer.Allowed, answer.MessageKey = false, "not_registered"
		return answer, nil
	}
	d := a.Work.sdk.May(&t)
	answer.Allowed, answer.Redacted, answer.Setting, answer.MessageKey = d.Allowed, d.Redacted, d.Setting, d.MessageKey
	return answer, nil
}

// Gate asks whether something simple may be done in an account: link, dial,
// message, keyboard, print, screenshot, backup, contacts, store-plain.
func (a *App) Gate(account Account, gate string, to Peer) (Answer, error) {
	number, ok := gates[gate]
	if !ok {
		return Answer{}, fmt.Errorf("%.40q is no gate: there are %s", gate, strings.Join(slices.Sorted(maps.Keys(gates)), ", "))
	}
	return a.ask(account, gate, appsdk.Transfer{Gate: number, Package: to.Package, Managed: to.Managed})
}

// Notify asks whether a notification about a mail may show. Redacted: it may
// without saying what is in it, which redacts says that the app can do.
func (a *App) Notify(account Account, redacts bool) (Answer, error) {
	return a.ask(account, "notify", appsdk.Transfer{Gate: appsdk.GateNotify, Redacts: redacts})
}

// Share asks whether a mail may be sent to another app; *Shut, ErrNoMail.
func (a *App) Share(account Account, name string, to Peer) (Answer, error) {
	if _, err := a.Read(account, name); err != nil {
		return Answer{}, err
	}
	return a.ask(account, "share", appsdk.Transfer{
		Gate: appsdk.GateSend, Package: to.Package, Managed: to.Managed,
	})
}

// Save keeps a copy of a mail in a place; *Shut, ErrNoMail. Of the places the
// phone has three itself: the others take nothing here.
func (a *App) Save(account Account, name, place string) (Answer, error) {
	number, err := placeOf(place)
	if err != nil {
		return Answer{}, err
	}
	text, err := a.Read(account, name)
	if err != nil {
		return Answer{}, err
	}
	answer, err := a.ask(account, "save", appsdk.Transfer{Gate: appsdk.GateSaveAs, Place: number})
	if err == nil && answer.Allowed && slices.Contains(onPhone, place) {
		err = a.o.Phone.SaveShared(place, name, []byte(text))
	}
	return answer, err
}

// OpenFrom takes a file from a place into an account as a mail; *Shut. Text is
// what the file holds, for places that are not on the phone.
func (a *App) OpenFrom(account Account, name, place, text string) (Answer, error) {
	number, err := placeOf(place)
	if err != nil {
		return Answer{}, err
	}
	answer, err := a.ask(account, "open-from", appsdk.Transfer{Gate: appsdk.GateOpenFrom, Place: number})
	if err != nil || !answer.Allowed {
		return answer, err
	}
	if slices.Contains(onPhone, place) {
		data, err := a.o.Phone.LoadShared(place, name)
		if err != nil {
			return answer, err
		}
		text = string(data)
	}
	return answer, a.Write(account, name, text)
}

func placeOf(place string) (int, error) {
	if number, ok := places[place]; ok {
		return number, nil
	}
	return 0, fmt.Errorf("%.40q is no place: there are %s", place, strings.Join(Places(), ", "))
}

// Receive takes what another app sends into an account as a mail; *Shut.
func (a *App) Receive(account Account, name, text string, from Peer) (Answer, error) {
	answer, err := a.ask(account, "receive", appsdk.Transfer{Gate: appsdk.GateReceive, Package: from.Package, Managed: from.Managed})
	if err != nil || !answer.Allowed {
		return answer, err
	}
	return answer, a.Write(account, name, text)
}

// Copy puts a mail onto the clipboard, for another app or, with this app's own
// package, for its personal account; *Shut, ErrNoMail.
func (a *App) Copy(account Account, name string, to Peer) (Answer, error) {
	text, err := a.Read(account, name)
	if err != nil {
		return Answer{}, err
	}
	answer, err := a.ask(account, "copy", appsdk.Transfer{
		Gate: appsdk.GateCopy, Text: text, Package: to.Package, Managed: to.Managed,
	})
	if err != nil || !answer.Allowed {
		return answer, err
	}
	clip := phone.Clip{Text: text, Package: a.o.Package, Account: string(account)}
	if account == WorkAccount && to.Managed {
		// What is not for every app does not lie open where every app can look, and is
		// gone with the account.
		clip.Text, clip.Managed = "", true
		if err := a.Work.Write(clipName, text); err != nil {
			return answer, err
		}
	}
	return answer, a.o.Phone.SetClipboard(clip)
}

// ErrClipboardEmpty is a clipboard with nothing on it.
var ErrClipboardEmpty = errors.New("there is nothing on the clipboard")

// Paste writes what is on the clipboard into an account as a mail; *Shut,
// ErrClipboardEmpty.
func (a *App) Paste(account Account, name string) (Answer, error) {
	clip, err := a.o.Phone.Clipboard()
	if err != nil {
		return Answer{}, err
	}
	if clip == (phone.Clip{}) {
		return Answer{}, ErrClipboardEmpty
	}
	if clip.Managed && clip.Package == a.o.Package {
		clip.Text, err = a.Work.Read(clipName)
		if errors.Is(err, fs.ErrNotExist) { // it went with the account
			err = ErrClipboardEmpty
		}
		if err != nil {
			return Answer{}, err
		}
	}
	answer, err := a.mayPaste(account, clip)
	if err != nil || !answer.Allowed {
		return answer, err
	}
	return answer, a.Write(account, name, clip.Text)
}

func (a *App) mayPaste(account Account, clip phone.Clip) (Answer, error) {
	mine := clip.Package == a.o.Package
	if account == PersonalAccount && clip.Managed {
		// It was copied for managed apps, which this account is not. Where it is from
		// this app, its policy may say otherwise by now.
		if mine {
			answer, err := a.ask(WorkAccount, "copy", appsdk.Transfer{Gate: appsdk.GateCopy, Text: clip.Text, Package: a.o.Package})
			answer.Gate, answer.Account = "paste", account
			return answer, err
		}
		return Answer{Gate: "paste", Account: account, MessageKey: "clipboard_for_managed_apps"}, nil
	}
	return a.ask(account, "paste", appsdk.Transfer{
		Gate: appsdk.GatePaste, Package: clip.Package, Managed: clip.Managed, Same: mine && clip.Account == string(WorkAccount),
	})
}
