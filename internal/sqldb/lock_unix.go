//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqldb

import (
	"errors"
	"os"
	"syscall"

	"ringfence/internal/fault"
)

// lockFile keeps every other process from opening the same database, until
// the result is called or the process ends, however it ends. The file stays:
// removing it would let two processes lock two files of one name.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	// The runtime interrupts its own threads, so even this call may be.
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.New(fault.Refused, "DATABASE_IN_USE", "another mdm-server has %s open", path)
		}
		return nil, err
	}
	return f.Close, nil
}
