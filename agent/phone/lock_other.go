//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package phone

import (
	"errors"
	"os"
)

// flock refuses: without a lock two agents could act on one order.
func flock(*os.File, bool) error { return errors.New("a virtual phone needs a system with flock") }
