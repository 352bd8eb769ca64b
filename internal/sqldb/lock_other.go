//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqldb

import "errors"

// lockFile refuses: without a lock that ends with its process, two servers
// could write to one file.
func lockFile(string) (unlock func() error, err error) {
	return nil, errors.New("SQLite is not supported on this system: use PostgreSQL")
}
