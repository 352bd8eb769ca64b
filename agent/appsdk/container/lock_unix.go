//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package container

import (
	"errors"
	"os"
	"syscall"
)

// flock locks an open folder until it is closed; ErrLocked where another holder
// has it, in this process or another one.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		default:
			return err
		}
	}
}
