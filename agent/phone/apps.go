package phone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"ringfence/agent/wipe"
)

const (
	appsDir      = "data/app"
	appFile      = "app.json"
	personalName = "personal"
)

var (
	// ErrNoApp is an app that is not installed.
	ErrNoApp = errors.New("there is no such app on this phone")
	// ErrAppOpen is an app that another process has open.
	ErrAppOpen = errors.New("the app is open elsewhere")

	appVersionPattern = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$`)
	signerPattern     = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// App is what is known of an installed app.
type App struct {
	Package string `json:"package"`
	Version string `json:"version"`
	// SignerSHA256 is the digest of the certificate that signed it, hex.
	SignerSHA256 string    `json:"signerSha256"`
	InstalledAt  time.Time `json:"installedAt"`
}

// Check tells what is wrong with what is said of an app.
func (a App) Check() error {
	switch {
	case !wipe.ValidPackage(a.Package):
		return fmt.Errorf("%.40q is not a package name: want for example com.example.mail", a.Package)
	case !appVersionPattern.MatchString(a.Version):
		return fmt.Errorf("%.40q is no version: want dotted numbers, for example 4.2", a.Version)
	case !signerPattern.MatchString(a.SignerSHA256):
		return errors.New("a signer is the SHA-256 of its certificate: 64 hex digits, lower case")
	}
	return nil
}

// InstallApp installs an app, or another version of it, and makes its folder on
// the person's side with a place for a personal account in it. What is in there
// already stays.
func (p *Phone) InstallApp(a App) error {
	if err := a.Check(); err != nil {
		return err
	}
	a.InstalledAt = p.now().UTC().Truncate(time.Microsecond)
	for _, dir := range []string{appsDir + "/" + a.Package, personalDir + "/" + a.Package + "/" + personalName} {
		if err := makePlain(p.root, dir); err != nil {
			return err
		}
	}
	return p.writeJSON(appsDir+"/"+a.Package, appFile, a)
}

// App tells what is known of an app; ErrNoApp where it is not installed.
func (p *Phone) App(pkg string) (App, error) {
	if !wipe.ValidPackage(pkg) {
		return App{}, fmt.Errorf("%.40q is not a package name", pkg)
	}
	var a App
	err := p.readJSON(appsDir+"/"+pkg, appFile, &a)
	if errors.Is(err, fs.ErrNotExist) || err == nil && a.Package != pkg {
		return App{}, fmt.Errorf("%s: %w", pkg, ErrNoApp)
	}
	return a, err
}

// OpenedApp is an app that this process runs.
type OpenedApp struct {
	App

	Keys *AppKeys
	// Folder is the app's on the person's side, as a path.
	Folder string
	// WorkAccount is where its work data goes, in Folder. It is there.
	WorkAccount string

	personal *os.Root
	release  func()
}

// OpenApp opens an app in this process, and in no other until Close; ErrNoApp,
// ErrAppOpen.
func (p *Phone) OpenApp(pkg string) (*OpenedApp, error) {
	a, err := p.App(pkg)
	if err != nil {
		return nil, err
	}
	release, err := p.lockFile("app."+pkg+".lock", false)
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("%s: %w", pkg, ErrAppOpen)
	}
	if err != nil {
		return nil, err
	}
	o := &OpenedApp{App: a, release: release}
	if err := o.open(p); err != nil {
		release()
		return nil, err
	}
	return o, nil
}

// open finds the app's folders, which must be plain ones.
func (o *OpenedApp) open(p *Phone) (err error) {
	dir := personalDir + "/" + o.Package
	for _, sub := range []string{personalName, workAccount} {
		if err := makePlain(p.root, dir+"/"+sub); err != nil {
			return err
		}
	}
	if err := p.in(dir+"/"+workAccount, func(*os.Root) error { return nil }); err != nil {
		return err
	}
	o.Folder = filepath.Join(p.root.Name(), filepath.FromSlash(dir))
	o.WorkAccount = filepath.Join(o.Folder, workAccount)
	if o.Keys, err = p.AppKeys(o.Package); err != nil {
		return err
	}
	o.personal, err = openPlain(p.root, dir+"/"+personalName)
	return err
}

// Personal is the folder of the app's personal account. No file in it is opened
// before somebody asks for one.
func (o *OpenedApp) Personal() *os.Root { return o.personal }

// Close lets others open the app.
func (o *OpenedApp) Close() error {
	err := o.personal.Close()
	o.release()
	return err
}
