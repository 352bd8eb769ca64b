package container

import "errors"

// What can be wrong with a container or a file in it. A file that is not there
// is fs.ErrNotExist, and so is a container that has not been made; what the
// system or the key store says otherwise is passed on.
var (
	// ErrWiped is a container whose key is gone: wiped, wholly or in part, or
	// restored from before a wipe. Nothing in it can be read. Wipe finishes what
	// is left; then a new one can be made.
	ErrWiped = errors.New("the container has been wiped")
	// ErrDamaged is content that is not what this account's container wrote:
	// damaged, exchanged, cut off, or another account's. None of it is given.
	ErrDamaged = errors.New("the container is damaged or another account's")
	// ErrRolledBack is a container that is older than what the key store knows of
	// it: a restored copy, or its files were taken away.
	ErrRolledBack = errors.New("the container is not the newest: it was restored or taken away")
	// ErrLocked is a container that another process has open.
	ErrLocked = errors.New("the container is open elsewhere")
	// ErrClosed is a container, reader or writer that was closed.
	ErrClosed = errors.New("it is closed")
	// ErrUnsure is a container whose key store failed in the middle of a change.
	// It can be read; whether the change holds is seen when it is opened again.
	ErrUnsure = errors.New("the container must be opened again: the key store failed during a change")
	// ErrChanged is a Commit on a name that was written, renamed or removed since
	// its writer was made. It changed nothing.
	ErrChanged = errors.New("the file was changed meanwhile")
	// ErrName is a name of no octets, of more than MaxName, or not of UTF-8.
	ErrName = errors.New("a name has 1 to 255 octets of UTF-8")
	// ErrTooLarge is a file above MaxSize, or above MaxWhole for ReadFile.
	ErrTooLarge = errors.New("the file is too large")
	// ErrTooMany is one file above MaxFiles.
	ErrTooMany = errors.New("the container has no room for another file")
)
