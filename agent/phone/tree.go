package phone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"ringfence/agent/wipe"
)

// What an app leaves behind is its own choice: names that are no text, folders
// closed to everyone, folders in folders without end. None of it may keep a
// wipe from its end, so these functions take nothing for granted. They never
// leave the folder they are given.

// countedDepth is how many folders deep files are counted. Each level keeps a
// folder open, of which a process has but so many.
const countedDepth = 200

// enter opens a folder that is about to be removed. Its owner may have closed
// it: it is opened up first. errNotPlain for what is no folder.
func enter(dir *os.Root, name string) (*os.Root, error) {
	info, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	const open = 0o700
	if info.IsDir() && info.Mode().Perm()&open != open {
		if err := dir.Chmod(name, open); err != nil {
			return nil, err
		}
	}
	return openStep(dir, name)
}

// entriesOf lists a folder, in no order.
func entriesOf(folder *os.Root) ([]fs.DirEntry, error) {
	f, err := folder.Open(".")
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	return entries, errors.Join(err, f.Close())
}

// count adds the file called name up, or the files below it, and their sizes;
// nothing where there is nothing. Links count as files and are not followed.
// What lies deeper than countedDepth is not counted.
func count(folder *os.Root, name string, t *wipe.Tally) error {
	return countTo(countedDepth, folder, name, t)
}

func countTo(depth int, folder *os.Root, name string, t *wipe.Tally) error {
	info, err := folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() && depth == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return countBelow(depth, folder, name, t)
	}
	t.Files++
	if info.Mode().IsRegular() {
		t.Bytes += uint64(max(info.Size(), 0))
	}
	return nil
}

// countIn is count for what emptyTree removes: nothing but what is in a folder.
func countIn(folder *os.Root, name string, t *wipe.Tally) error {
	return countBelow(countedDepth, folder, name, t)
}

func countBelow(depth int, folder *os.Root, name string, t *wipe.Tally) error {
	below, err := enter(folder, name)
	if err != nil {
		return err
	}
	defer func() { _ = below.Close() }()
	entries, err := entriesOf(below)
	for _, e := range entries {
		err = errors.Join(err, countTo(depth-1, below, e.Name(), t))
	}
	return err
}

// removeTree removes name and what is below it, durably. A link is removed, not
// followed.
func removeTree(folder *os.Root, name string, progress func()) error {
	err := emptyTree(folder, name, progress)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotPlain) {
		return err
	}
	if err := folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFolder(folder)
}

// emptyTree removes what is in the folder of that name, durably, and leaves the
// folder.
func emptyTree(folder *os.Root, name string, progress func()) error {
	below, err := enter(folder, name)
	if err != nil {
		return err
	}
	defer func() { _ = below.Close() }()
	return empty(below, progress)
}

// empty removes what is in a folder, durably, and leaves the folder.
//
// Folders in it are emptied by moving their own folders up into it, one after
// the other, so that a tree of any depth needs two open folders.
func empty(folder *os.Root, progress func()) error {
	moved := 0
	for {
		entries, err := entriesOf(folder)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return syncFolder(folder)
		}
		for _, e := range entries {
			if e.IsDir() {
				err = takeDown(folder, e.Name(), &moved)
			} else {
				err = folder.Remove(e.Name())
			}
			if err != nil {
				return err
			}
			progress()
		}
	}
}

// takeDown removes one folder in a folder, and moves the folders in it up.
func takeDown(folder *os.Root, name string, moved *int) error {
	below, err := enter(folder, name)
	if err != nil {
		return err
	}
	entries, err := entriesOf(below)
	for _, e := range entries {
		if err == nil && e.IsDir() {
			err = moveUp(folder, below, name, e.Name(), moved)
		} else if err == nil {
			err = below.Remove(e.Name())
		}
	}
	if err := errors.Join(err, below.Close()); err != nil {
		return err
	}
	return folder.Remove(name)
}

// moveUp moves the folder called child in the folder called name, which below
// is, up into the folder around it, under a name that nothing has.
func moveUp(folder, below *os.Root, name, child string, moved *int) error {
	opened, err := enter(below, child) // a closed folder cannot be moved
	if err != nil {
		return err
	}
	if err := opened.Close(); err != nil {
		return err
	}
	for {
		*moved++
		fresh := fmt.Sprintf(".removed-%d", *moved)
		if _, err := folder.Lstat(fresh); errors.Is(err, fs.ErrNotExist) {
			return folder.Rename(name+"/"+child, fresh)
		}
	}
}
