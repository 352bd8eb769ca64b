//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package pki

import "errors"

// lockDir refuses: without a lock two servers could each make a root. Readers
// of this package, such as agents, never lock.
func lockDir(string) (unlock func(), err error) {
	return nil, errors.New("a certificate authority needs a system with flock")
}
