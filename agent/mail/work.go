package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ringfence/agent/appsdk"
	"ringfence/agent/phone"
)

const (
	sdkFolder  = "container"
	serverFile = "server.json"
	// sdkAccount names the account's keys.
	sdkAccount = "work"
	// clipName is the file of what was copied for managed apps; no mail has that name.
	clipName = ".clipboard"
)

// Server is where a work account signs in.
type Server struct {
	// Address is host:port.
	Address string `json:"address"`
	// Roots are its root certificates, PEM; or else Pin is the digest of one.
	Roots []byte `json:"roots,omitempty"`
	Pin   string `json:"pin,omitempty"`
}

// Work is the work account, which the SDK guards.
type Work struct {
	o      Options
	app    phone.App
	keys   appsdk.KeyStore
	dir    string
	server Server
	sdk    *appsdk.SDK // nil while nobody has said where to sign in
}

// Shut is a work account that does not open now.
type Shut struct{ Decision *appsdk.Decision }

// Error says why.
func (s *Shut) Error() string {
	return "the work account is shut: " + Say(s.Decision.MessageKey)
}

func openWork(o Options, opened *phone.OpenedApp) (*Work, error) {
	w := &Work{o: o, app: opened.App, keys: opened.Keys, dir: opened.WorkAccount}
	raw, err := os.ReadFile(filepath.Join(w.dir, serverFile))
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &w.server)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", serverFile, err)
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	return w, nil
}

// open opens the SDK.
func (w *Work) open() (err error) {
	tag, err := w.o.Phone.DeviceTag()
	if err != nil {
		return err
	}
	w.sdk, err = appsdk.Open(&appsdk.Options{
		Server: w.server.Address, Roots: w.server.Roots, Pin: w.server.Pin,
		Package: w.app.Package, SignerSHA256: w.app.SignerSHA256, AppVersion: w.app.Version,
		Folder: filepath.Join(w.dir, sdkFolder), Account: sdkAccount, DeviceTag: tag,
		Keys: w.keys, Clock: clock{w.o}, Phone: looker{w.o.Phone}, Work: outbox{w.o.Phone, w.app.Package}, Events: w.o.Events, Log: w.o.Log,
	})
	return err
}

func (w *Work) close() error {
	if w.sdk == nil {
		return nil
	}
	err := w.sdk.Close()
	w.sdk = nil
	return err
}

// SDK is the account's; nil before SignIn.
func (w *Work) SDK() *appsdk.SDK { return w.sdk }

// Server is where the account signed in last; zero before.
func (w *Work) Server() Server { return w.server }

// SignIn signs the person in at a server and registers the account there.
// appsdk.ErrRegistered where it is registered.
func (w *Work) SignIn(at Server, in appsdk.SignIn) error {
	if w.sdk != nil && w.sdk.Registered() {
		return appsdk.ErrRegistered
	}
	if err := w.close(); err != nil {
		return err
	}
	w.server = at
	if err := w.open(); err != nil { // first, for it checks what was given
		return err
	}
	if err := w.keepServer(); err != nil {
		return err
	}
	return w.sdk.Register(in)
}

func (w *Work) keepServer() error {
	raw, err := json.MarshalIndent(w.server, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(w.dir, serverFile)
	if err := os.WriteFile(name+".tmp", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}

// Decide is what the app asks the SDK before it shows anything: see
// appsdk.SDK.Decide. Without a work account it is Block.
func (w *Work) Decide(event int) *appsdk.Decision {
	if w.sdk == nil {
		return &appsdk.Decision{Outcome: appsdk.Block, MessageKey: "not_registered", TriesLeft: -1}
	}
	return w.sdk.Decide(event)
}

// enter asks for the account's files, for something that the person does.
func (w *Work) enter() error {
	if d := w.Decide(appsdk.EventActive); d.Outcome != appsdk.Proceed && d.Outcome != appsdk.Warn {
		return &Shut{d}
	}
	return nil
}

// List lists the mails by name; *Shut.
func (w *Work) List() ([]Mail, error) {
	if err := w.enter(); err != nil {
		return nil, err
	}
	return w.mails()
}

// mails lists the mails; appsdk.ErrShut while the account is shut.
func (w *Work) mails() ([]Mail, error) {
	files, err := w.sdk.Files()
	if err != nil {
		return nil, err
	}
	listing, err := files.List()
	if err != nil {
		return nil, err
	}
	mails := make([]Mail, 0, listing.Len())
	for i := range listing.Len() {
		if at := listing.At(i); at.Name != clipName {
			mails = append(mails, Mail{Name: at.Name, Size: at.Size})
		}
	}
	return mails, nil
}

// Read gives a mail's text; *Shut, fs.ErrNotExist.
func (w *Work) Read(name string) (string, error) {
	if err := w.enter(); err != nil {
		return "", err
	}
	files, err := w.sdk.Files()
	if err != nil {
		return "", err
	}
	data, err := files.ReadFile(name)
	return string(data), err
}

// Write keeps a mail; *Shut.
func (w *Work) Write(name, text string) error {
	if err := w.enter(); err != nil {
		return err
	}
	files, err := w.sdk.Files()
	if err != nil {
		return err
	}
	return files.WriteFile(name, []byte(text))
}

// Count counts the mails, for a screen that nobody has to have opened: it does
// not count as use. appsdk.ErrShut while the account is shut.
func (w *Work) Count() (int, error) {
	if w.sdk == nil {
		return 0, appsdk.ErrShut
	}
	mails, err := w.mails()
	return len(mails), err
}
