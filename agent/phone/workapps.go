package phone

import (
	"cmp"
	"slices"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// maxWorkApps is how many apps a posture has room for.
const maxWorkApps = 200

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
