package phone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"ringfence/agent/session"
	"ringfence/agent/wipe"
)

// The steps of a reset that no other removal has.
const (
	stepPersonal = "personal-side"
	stepRest     = "everything-else"
)

// reset is a phone that can be put back to how it left the factory. There is no
// other way to the steps that do it, and only an enrolment of a company's phone
// yields one.
type reset struct {
	phone   *Phone
	company *session.Company
}

// companyDevice gives the phone as its company's own; nil on any other.
func (p *Phone) companyDevice(e *session.Enrollment) wipe.CompanyDevice {
	c := e.Company()
	if c == nil {
		return nil
	}
	return &reset{phone: p, company: c}
}

// HasPersonalSide reports whether the phone keeps a personal side apart.
func (r *reset) HasPersonalSide() bool { return r.company.HasPersonalSide() }

// ResetSteps names the steps: those of a work profile, the other side, and
// whatever else there is on the phone but the agent and its keys.
func (r *reset) ResetSteps() ([]string, error) {
	steps, err := r.phone.profileSteps()
	return append(steps, stepPersonal, stepRest), err
}

// Measure counts what a step would remove now. What is on the person's side is
// counted, not named.
func (r *reset) Measure(step string) (t wipe.Tally, err error) {
	switch step {
	case stepPersonal:
		err = r.phone.within(path.Dir(personalDir), func(users *os.Root) error {
			return gone(countIn(users, path.Base(personalDir), &t))
		})
		return t, err
	case stepRest:
		err = r.rest(func(folder *os.Root, name string) error { return count(folder, name, &t) })
		return t, err
	default:
		return r.phone.Measure(step)
	}
}

// Remove takes a step.
func (r *reset) Remove(step string, progress func()) error {
	switch step {
	case stepPersonal:
		return r.phone.within(path.Dir(personalDir), func(users *os.Root) error {
			return gone(emptyTree(users, path.Base(personalDir), progress))
		})
	case stepRest:
		return r.rest(func(folder *os.Root, name string) error { return removeTree(folder, name, progress) })
	default:
		return r.phone.Remove(step, progress)
	}
}

// gone takes what is not there, and what is no folder, for nothing to do.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotPlain) {
		return nil
	}
	return err
}

// rest calls fn for what lies in no place that the phone's layout knows, by the
// folder it is in and its name.
func (r *reset) rest(fn func(folder *os.Root, name string) error) error {
	for _, level := range []struct {
		dir  string
		keep func(name string) bool
	}{
		{".", named("data", "misc", agentDir)},
		{"data", named(path.Base(profilesDir))},
		{profilesDir, named(path.Base(personalDir), profileName)},
		{"misc", named(base(ownDirs)...)},
		{keystoreDir, func(name string) bool {
			return strings.HasSuffix(name, keySuffix) && slices.ContainsFunc([]string{identityPrefix, receiptPrefix, clientPrefix},
				func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		}},
	} {
		err := r.phone.within(level.dir, func(folder *os.Root) error {
			entries, err := entriesOf(folder)
			if err != nil {
				return err
			}
			for _, e := range entries {
				// A known place that is no folder is none of the phone's.
				if level.keep(e.Name()) && (e.IsDir() || level.dir == keystoreDir) {
					continue
				}
				if err := fn(folder, e.Name()); err != nil {
					return fmt.Errorf("%s: %w", level.dir, err)
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

func named(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func base(dirs []string) (names []string) {
	for _, dir := range dirs {
		names = append(names, path.Base(dir))
	}
	return names
}
