//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package phone

import (
	"errors"
	"os"
	"syscall"
)

// flock locks a file for this process until it is closed. Without wait,
// ErrLocked where another holds it.
func flock(f *os.File, wait bool) error {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		default:
			return err
		}
	}
}
