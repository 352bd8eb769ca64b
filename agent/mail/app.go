package mail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"

	"ringfence/agent/appsdk"
	"ringfence/agent/phone"
)

// DefaultPackage is the app's package name unless somebody gives another.
const DefaultPackage = "com.example.mail"

// maxMail is how long a mail may be, in octets.
const maxMail = 1 << 20

// Account is one of the app's two.
type Account string

// The accounts.
const (
	PersonalAccount Account = "personal"
	WorkAccount     Account = "work"
)

var (
	// ErrNoAccount is a word that is none of the accounts.
	ErrNoAccount = errors.New("there are two accounts: personal and work")
	// ErrNoMail is a mail that is not there.
	ErrNoMail = errors.New("there is no such mail")

	namePattern = regexp.MustCompile(`^[\p{L}\p{N}_-][\p{L}\p{N} ._-]{0,63}$`)
)

// Options are what the app is given. Events and Log may be nil.
type Options struct {
	Phone   *phone.Phone
	Package string
	Now     func() time.Time
	Events  appsdk.Events
	Log     appsdk.Log
}

// App is the app while it is open.
type App struct {
	Personal *Personal
	Work     *Work

	o      Options
	opened *phone.OpenedApp
}

// Open opens the app, which must be installed, in this process and no other;
// phone.ErrNoApp, phone.ErrAppOpen. It needs no server.
func Open(o Options) (*App, error) {
	opened, err := o.Phone.OpenApp(o.Package)
	if err != nil {
		return nil, err
	}
	a := &App{o: o, opened: opened, Personal: &Personal{opened.Personal()}}
	if a.Work, err = openWork(o, opened); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return a, nil
}

// Close closes the app. Both accounts stay as they are.
func (a *App) Close() error { return errors.Join(a.Work.close(), a.opened.Close()) }

// Mail is one mail, without its text.
type Mail struct {
	Name string `json:"name"`
	// Size is in octets.
	Size int64 `json:"size"`
}

// List lists an account's mails, by name. Work mails: *Shut while the account is
// shut.
func (a *App) List(account Account) ([]Mail, error) {
	switch account {
	case PersonalAccount:
		return a.Personal.List()
	case WorkAccount:
		return a.Work.List()
	}
	return nil, ErrNoAccount
}

// Read gives a mail's text; ErrNoMail, *Shut.
func (a *App) Read(account Account, name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	var text string
	err := ErrNoAccount
	switch account {
	case PersonalAccount:
		text, err = a.Personal.Read(name)
	case WorkAccount:
		text, err = a.Work.Read(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", name, ErrNoMail)
	}
	return text, err
}

// Write keeps a mail in an account, as if its server had sent it or the person
// had written it; *Shut.
func (a *App) Write(account Account, name, text string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(text) > maxMail {
		return fmt.Errorf("a mail has at most %d octets", maxMail)
	}
	switch account {
	case PersonalAccount:
		return a.Personal.Write(name, text)
	case WorkAccount:
		return a.Work.Write(name, text)
	}
	return ErrNoAccount
}

func checkName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("%.40q cannot name a mail: want letters, digits, blanks and . _ -, at most 64", name)
	}
	return nil
}

// Personal is the personal account: plain files, as there have been before there
// was a work account. No policy is asked.
type Personal struct{ dir *os.Root }

// List lists the mails by name.
func (p *Personal) List() ([]Mail, error) {
	entries, err := fs.ReadDir(p.dir.FS(), ".")
	if err != nil {
		return nil, err
	}
	mails := []Mail{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && namePattern.MatchString(e.Name()) {
			mails = append(mails, Mail{Name: e.Name(), Size: info.Size()})
		}
	}
	return mails, nil
}

// Read gives a mail's text; fs.ErrNotExist where there is none.
func (p *Personal) Read(name string) (string, error) {
	data, err := p.dir.ReadFile(name)
	return string(data), err
}

// Write keeps a mail.
func (p *Personal) Write(name, text string) error { return p.dir.WriteFile(name, []byte(text), 0o600) }

// Installed is what the phone knows of the app.
func (a *App) Installed() phone.App { return a.opened.App }
