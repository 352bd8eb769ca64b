package phone

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ringfence/agent/wipe"
)

// The beginnings of the settings that say how much an app has not sent to its
// server yet: one in the work profile, and the work account of one on the
// person's side. The same package may be in both.
const (
	unsyncedPrefix        = "unsynced."
	accountUnsyncedPrefix = "account.unsynced."
)

// setUnsynced notes how many changes an app has that its server does not have.
func setUnsynced(counts *map[string]uint32, name, v string) error {
	n, err := strconv.ParseUint(v, 10, 32)
	switch {
	case !wipe.ValidPackage(name):
		return errors.New("want the name of an app, for example com.example.mail")
	case err != nil:
		return errors.New("want a number, 0 or more")
	case n == 0:
		delete(*counts, name)
		return nil
	case *counts == nil:
		*counts = make(map[string]uint32)
	}
	(*counts)[name] = uint32(n)
	return nil
}

// onlyTheirs refuses changes about apps that are not in the work profile, or not
// installed on the person's side: of the others nothing is known, and nothing is
// said.
func (p *Phone) onlyTheirs(changes map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if changes[key] == "0" {
			continue
		}
		var err error
		if name, ok := strings.CutPrefix(key, unsyncedPrefix); ok {
			err = p.inWorkProfile(name)
		} else if name, ok := strings.CutPrefix(key, accountUnsyncedPrefix); ok {
			_, err = p.App(name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (p *Phone) inWorkProfile(name string) error {
	packages, err := p.workPackages()
	if err == nil && !slices.Contains(packages, name) {
		err = errors.New("there is no such app in the work profile")
	}
	return err
}

// AccountUnsynced counts the changes in the work account of an app on the
// person's side that the app's server does not have yet. Safe beside a running
// agent.
func (p *Phone) AccountUnsynced(pkg string) (uint32, error) {
	s, err := p.Settings()
	return s.AccountUnsynced[pkg], err
}
