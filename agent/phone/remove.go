package phone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"ringfence/agent/wipe"
)

// The steps of a removal. Keys go early: with them goes what the company's
// servers would still accept, should the rest take long.
const (
	stepVPN         = "vpn"
	stepCredentials = "credentials"
	stepRoots       = "roots"
	stepPolicy      = "policy"
	stepProfile     = "profile"  // what is in the profile beside packages, and the profile
	packagePrefix   = "package:" // one package of the work profile
	appPrefix       = "app:"     // the work data of one app, wherever it is

	stepRestrictions = "restrictions" // what the company restricts on its phone
	stepLock         = "work-lock"    // takes nothing
)

// Steps names the steps for a scope.
func (p *Phone) Steps(s wipe.Scope) ([]string, error) {
	switch s.Kind {
	case wipe.AppData:
		var steps []string
		for _, name := range s.Packages {
			if !wipe.ValidPackage(name) {
				return nil, fmt.Errorf("%.40q is not a package name", name)
			}
			steps = append(steps, appPrefix+name)
		}
		return steps, nil
	case wipe.WorkProfile:
		return p.profileSteps()
	case wipe.Relinquish:
		steps, err := p.profileSteps()
		return append(steps, stepRestrictions), err
	case wipe.Lock:
		return []string{stepLock}, nil
	default:
		return nil, fmt.Errorf("%.40q is no scope of this phone", s.Kind)
	}
}

// profileSteps names the steps that take the work profile.
func (p *Phone) profileSteps() ([]string, error) {
	packages, err := p.workPackages()
	if err != nil {
		return nil, err
	}
	steps := []string{stepVPN, stepCredentials}
	for _, name := range packages {
		steps = append(steps, packagePrefix+name)
	}
	return append(steps, stepRoots, stepPolicy, stepProfile), nil
}

// workPackages lists the packages of the work profile, in order. A link is not
// a package.
func (p *Phone) workPackages() ([]string, error) {
	var packages []string
	err := p.inProfile(func(profile *os.Root) error {
		entries, err := fs.ReadDir(profile.FS(), ".")
		for _, e := range entries {
			if e.IsDir() && wipe.ValidPackage(e.Name()) {
				packages = append(packages, e.Name())
			}
		}
		return err
	})
	slices.Sort(packages)
	return packages, err
}

// inProfile runs fn on the work profile, if there is one, whatever its mode says.
func (p *Phone) inProfile(fn func(*os.Root) error) error {
	return p.within(profilesDir, func(users *os.Root) error {
		profile, err := enter(users, profileName)
		if err != nil {
			return err
		}
		defer func() { _ = profile.Close() }()
		return fn(profile)
	})
}

// within runs fn on the folder at a path, if there is one. What is not a plain
// folder holds nothing.
func (p *Phone) within(dir string, fn func(*os.Root) error) error {
	err := p.in(dir, fn)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotPlain) {
		return nil
	}
	return err
}

// Measure counts what a step would remove now.
func (p *Phone) Measure(step string) (wipe.Tally, error) {
	var t wipe.Tally
	switch {
	case step == stepVPN, step == stepRoots, step == stepPolicy, step == stepRestrictions, step == stepLock:
		return t, nil // settings, not data: they are not counted
	case step == stepCredentials:
		return p.countCredentials()
	case step == stepProfile:
		return p.countLoose()
	}
	if name, ok := packageOf(step, packagePrefix); ok {
		t.Packages = []string{name}
		err := p.inProfile(func(profile *os.Root) error { return count(profile, name, &t) })
		return t, err
	}
	if name, ok := packageOf(step, appPrefix); ok {
		return p.countApp(name)
	}
	return t, fmt.Errorf("%q is not a step", step)
}

// packageOf gives the package that a step is about.
func packageOf(step, prefix string) (string, bool) {
	name, ok := strings.CutPrefix(step, prefix)
	return name, ok && wipe.ValidPackage(name)
}

func (p *Phone) countCredentials() (wipe.Tally, error) {
	keys, err := p.keysWith(clientPrefix)
	if err != nil {
		return wipe.Tally{}, err
	}
	records, err := p.Certificates()
	t := wipe.Tally{Keys: uint64(len(keys))}
	for _, r := range records {
		if r.Current != nil {
			t.Certificates++
		}
	}
	return t, err
}

// countLoose counts what lies in the profile and is not a package.
func (p *Phone) countLoose() (t wipe.Tally, err error) {
	packages, err := p.workPackages()
	if err != nil {
		return t, err
	}
	err = p.inProfile(func(profile *os.Root) error {
		entries, err := fs.ReadDir(profile.FS(), ".")
		for _, e := range entries {
			if !slices.Contains(packages, e.Name()) {
				err = errors.Join(err, count(profile, e.Name(), &t))
			}
		}
		return err
	})
	return t, err
}

func (p *Phone) countApp(name string) (t wipe.Tally, err error) {
	err = errors.Join(
		p.inProfile(func(profile *os.Root) error { return countIn(profile, name, &t) }),
		p.within(personalDir+"/"+name, func(app *os.Root) error { return count(app, workAccount, &t) }),
	)
	if t.Files > 0 {
		t.Packages = []string{name}
	}
	return t, err
}

// Remove takes a step.
func (p *Phone) Remove(step string, progress func()) error {
	switch step {
	case stepVPN:
		return p.within(vpnDir, func(f *os.Root) error { return empty(f, progress) })
	case stepCredentials:
		return p.removeCredentials(progress)
	case stepRoots:
		return p.within(cacertsDir, func(f *os.Root) error { return empty(f, progress) })
	case stepPolicy:
		return p.within(policyDir, func(f *os.Root) error { return empty(f, progress) })
	case stepProfile:
		return p.within(profilesDir, func(f *os.Root) error { return removeTree(f, profileName, progress) })
	case stepRestrictions:
		return p.liftRestrictions()
	case stepLock:
		return p.lockByOrder()
	}
	if name, ok := packageOf(step, packagePrefix); ok {
		return p.inProfile(func(profile *os.Root) error { return removeTree(profile, name, progress) })
	}
	if name, ok := packageOf(step, appPrefix); ok {
		return errors.Join(
			p.inProfile(func(profile *os.Root) error { return emptyTree(profile, name, progress) }),
			p.within(personalDir+"/"+name, func(app *os.Root) error { return removeTree(app, workAccount, progress) }),
		)
	}
	return fmt.Errorf("%q is not a step", step)
}

// removeCredentials destroys keys before the records that name them.
func (p *Phone) removeCredentials(progress func()) error {
	keys, err := p.keysWith(clientPrefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := p.DeleteKey(key); err != nil {
			return err
		}
		progress()
	}
	return p.within(certsDir, func(f *os.Root) error { return empty(f, progress) })
}
