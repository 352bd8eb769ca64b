package phone

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	// unsyncedPrefix begins the settings that say how much an app of the work
	// profile has not sent to its server yet.
	unsyncedPrefix = "unsynced."
	// maxWorkApps is how many apps a posture has room for.
	maxWorkApps = 200
)

// setUnsynced notes how many changes an app has that its server does not have.
func (s *Settings) setUnsynced(name, v string) error {
	n, err := strconv.ParseUint(v, 10, 32)
	switch {
	case !wipe.ValidPackage(name):
		return errors.New("want the name of an app, for example unsynced.com.example.mail")
	case err != nil:
		return errors.New("want a number, 0 or more")
	case n == 0:
		delete(s.Unsynced, name)
		return nil
	case s.Unsynced == nil:
		s.Unsynced = make(map[string]uint32)
	}
	s.Unsynced[name] = uint32(n)
	return nil
}

// onlyWorkApps refuses changes about apps that are not in the work profile: of
// the others nothing is known, and nothing is said.
func (p *Phone) onlyWorkApps(changes map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		name, ok := strings.CutPrefix(key, unsyncedPrefix)
		if !ok || changes[key] == "0" {
			continue
		}
		packages, err := p.workPackages()
		if err != nil {
			return err
		}
		if !slices.Contains(packages, name) {
			return fmt.Errorf("%s: there is no such app in the work profile", key)
		}
	}
	return nil
}

// addWorkApps names the apps of the work profile. Where there are more than a
// posture has room for, those that would lose the most come first.
func (p *Phone) addWorkApps(posture *compliancev1.Posture, unsynced map[string]uint32) error {
	packages, err := p.workPackages()
	slices.SortStableFunc(packages, func(x, y string) int { return cmp.Compare(unsynced[y], unsynced[x]) })
	packages = packages[:min(len(packages), maxWorkApps)]
	slices.Sort(packages)
	for _, name := range packages {
		posture.WorkApps = append(posture.WorkApps, &compliancev1.WorkApp{Package: name, UnsyncedChanges: unsynced[name]})
	}
	return err
}
