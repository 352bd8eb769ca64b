package phone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"ringfence/agent/session"
)

// The folders of a phone.
const (
	personalDir = "data/user/0"
	profileDir  = "data/user/10"
	profilesDir = "data/user"
	profileName = "10"
	workAccount = "work-account"

	keystoreDir = "misc/keystore"
	certsDir    = "misc/certs"
	cacertsDir  = "misc/cacerts"
	vpnDir      = "misc/vpn"
	policyDir   = "misc/policy"
	agentDir    = "agent"
)

// ownDirs are the folders that the agent writes in.
var ownDirs = []string{keystoreDir, certsDir, cacertsDir, vpnDir, policyDir, agentDir}

var (
	// ErrNoPhone is a folder without a phone in it.
	ErrNoPhone = errors.New("there is no phone there")
	// ErrLocked is a phone that another agent works on.
	ErrLocked = errors.New("another agent is working on this phone")
)

// Options say how to open a phone.
type Options struct {
	// Create makes the phone where there is none. What the folder holds already
	// stays: a person's side may have been there before.
	Create bool
	Now    func() time.Time
	// Wait is as in session.Options; optional.
	Wait func(ctx context.Context, d time.Duration) error
	// Uptime tells for how long the phone is on, asleep or not, and names this
	// life of it. Optional: a phone that does not know wipes under no lease.
	Uptime func() (boot string, up time.Duration)
}

// Phone is a phone in a folder. Its methods may be called by one agent at a
// time, which has claimed it, save for those that say otherwise.
type Phone struct {
	root   *os.Root
	now    func() time.Time
	wait   func(ctx context.Context, d time.Duration) error
	uptime func() (boot string, up time.Duration)
	seen   fs.FileInfo // the settings file, as Changed saw it last
}

// Open opens the phone in a folder; ErrNoPhone where there is none and none is
// to be made.
func Open(dir string, o Options) (*Phone, error) {
	if o.Create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoPhone)
	}
	if err != nil {
		return nil, err
	}
	p := &Phone{root: root, now: o.Now, wait: o.Wait, uptime: o.Uptime}
	if p.wait == nil {
		p.wait = session.Wait
	}
	if err := p.prepare(o.Create); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if err := p.shift(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	p.seen = p.settingsFile()
	return p, nil
}

func (p *Phone) prepare(create bool) error {
	if !create {
		if _, err := p.root.Lstat(agentDir); errors.Is(err, fs.ErrNotExist) {
			return ErrNoPhone
		}
		return nil
	}
	for _, dir := range append([]string{personalDir}, ownDirs...) {
		if err := makePlain(p.root, dir); err != nil {
			return err
		}
	}
	return nil
}

// Close releases the folder.
func (p *Phone) Close() error { return p.root.Close() }

// Claim makes this process the one agent of the phone until release is called or
// the process dies; ErrLocked where there is another. It clears away what an
// agent that died left half written.
func (p *Phone) Claim() (release func(), err error) {
	release, err = p.lockFile("lock", false)
	if err != nil {
		return nil, err
	}
	if err := p.sweep(); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// lockFile locks a file in the agent's folder, waiting for it or not.
func (p *Phone) lockFile(name string, wait bool) (unlock func(), err error) {
	var f *os.File
	err = p.in(agentDir, func(folder *os.Root) error {
		f, err = folder.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := flock(f, wait); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// sweep removes temporary files. Nobody else is writing: agents have claimed the phone,
// and whoever changes settings holds the other one.
func (p *Phone) sweep() error {
	unlock, err := p.lockFile(settingsLock, true)
	if err != nil {
		return err
	}
	defer unlock()
	for _, dir := range ownDirs {
		err := p.in(dir, func(folder *os.Root) error {
			entries, err := fs.ReadDir(folder.FS(), ".")
			if err != nil {
				return err
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), tempSuffix) {
					if err := folder.Remove(e.Name()); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
