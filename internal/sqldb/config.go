package sqldb

import (
	"errors"
	"path/filepath"
	"strings"
	"time"
)

// Dialect says which database it is.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Config says what to open.
type Config struct {
	// DSN is "sqlite:PATH", or a "postgres://" or "postgresql://" URL as
	// libpq takes it. A missing SQLite file is made, folder and all, for the
	// owner's eyes only.
	DSN string
	// MaxConns bounds the connections: PostgreSQL's, or SQLite's readers.
	// 0 means 16 for PostgreSQL and 8 for SQLite.
	MaxConns int
	// Now is the clock. Required.
	Now func() time.Time
	// Recorded, where given, is called after each commit that has added to the
	// record. It must return at once.
	Recorded func()
}

// The default pool sizes.
const (
	defaultPostgresConns = 16
	defaultSQLiteReaders = 8
)

// recorded tells that the record has grown.
func (c Config) recorded() func() {
	if c.Recorded == nil {
		return func() {}
	}
	return c.Recorded
}

// parse gives the dialect, and for SQLite the absolute path. Its errors never
// hold the DSN, which may hold a password.
func (c Config) parse() (d Dialect, path string, err error) {
	if c.Now == nil {
		return "", "", errors.New("open database: no clock given")
	}
	if c.MaxConns < 0 {
		return "", "", errors.New("open database: the number of connections is negative")
	}
	if strings.HasPrefix(c.DSN, "postgres://") || strings.HasPrefix(c.DSN, "postgresql://") {
		return Postgres, "", nil
	}
	path, ok := strings.CutPrefix(c.DSN, "sqlite:")
	switch {
	case !ok:
		return "", "", errors.New(`open database: want "sqlite:PATH" or "postgres://..."`)
	case path == "" || strings.ContainsRune(path, 0):
		return "", "", errors.New(`open database: "sqlite:" needs a path`)
	}
	path, err = filepath.Abs(path)
	return SQLite, path, err
}

// conns is MaxConns or the default.
func (c Config) conns(byDefault int) int {
	if c.MaxConns == 0 {
		return byDefault
	}
	return c.MaxConns
}
