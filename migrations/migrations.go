// Package migrations holds the schema as numbered SQL, one folder a dialect.
// Both folders have the same numbers and names. A file that was released is
// never edited: the next change is the next number. There is no way down.
package migrations

import "embed"

// SQLite and Postgres are the folders in Files.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Files holds every migration of both dialects.
//
//go:embed sqlite/*.sql postgres/*.sql
var Files embed.FS
