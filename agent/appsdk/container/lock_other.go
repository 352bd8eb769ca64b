//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package container

import (
	"errors"
	"os"
)

// flock refuses: two processes would overwrite each other's manifest.
func flock(*os.File) error { return errors.New("a container needs a system with flock") }
